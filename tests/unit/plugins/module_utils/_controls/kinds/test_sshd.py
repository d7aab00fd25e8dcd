# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sshd: its own word counts, the file that decides is named, and a daemon that has not read it is no pass."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Effect
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.sshd import parse_effective
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, fixture
from fake_programs import FakeUnit
from fake_sockets import listen, process
from look import look, plan, states, subjects

MAIN = "/etc/ssh/sshd_config"
ASKED = ("sshd", "-T", "-C", "lport=1")
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"
TRIES: dict[str, Any] = {"option": "MaxAuthTries", "value": 4, "op": "at_most"}


def host(main: str = INCLUDE, since: float = 1000.0, **drop_ins: str) -> FakeHost:
    made = FakeHost()
    made.add_file(MAIN, main)
    made.add_dir("/etc/ssh/sshd_config.d")
    for name, text in drop_ins.items():
        made.add_file(f"/etc/ssh/sshd_config.d/{name.replace('_', '-')}.conf", text)
    made.units["ssh.service"] = FakeUnit(active=True, since=since)
    return made


@pytest.mark.parametrize(
    ("system", "option", "value"),
    [
        ("debian-12", "maxauthtries", "6"),
        ("debian-13", "maxauthtries", "6"),
        ("debian-12", "permitrootlogin", "without-password"),
        ("debian-12", "acceptenv", "LANG,LC_*"),
        ("debian-13", "x11forwarding", "yes"),
        ("debian-12", "subsystem", "sftp /usr/lib/openssh/sftp-server"),
    ],
)
def test_what_sshd_says(system: str, option: str, value: str) -> None:
    assert parse_effective(fixture("sshd", system))[option] == value


@pytest.mark.parametrize(
    ("made", "settings", "result", "before", "reason"),
    [
        pytest.param(host(), TRIES, "fail", "6", "", id="default is too much"),
        pytest.param(host(a="MaxAuthTries 3\n"), TRIES, "pass", "3", "", id="fewer is fine"),
        pytest.param(
            host("MaxAuthTries 9\n" + INCLUDE),
            TRIES,
            "fail",
            "9",
            "/etc/ssh/sshd_config:1 sets it to 9 before our drop-in is read; take it out there",
            id="set before the Include",
        ),
        pytest.param(
            host("Include /etc/ssh/early/*.conf\n" + INCLUDE),
            TRIES,
            "fail",
            "6",
            "",
            id="an Include that sets nothing",
        ),
        pytest.param(host("Port 22\n"), TRIES, "fail", "6", "has no line 'Include", id="no Include"),
        pytest.param(
            host(INCLUDE + "MaxAuthTries 3\nMatch User vendor\n  MaxAuthTries 10\n"),
            TRIES,
            "fail",
            "3",
            "/etc/ssh/sshd_config:4 sets 10 for Match User vendor; take it out there",
            id="a Match that deviates",
        ),
        pytest.param(
            host(INCLUDE + "MaxAuthTries 3\nMatch User vendor\n  MaxAuthTries 2\n"),
            TRIES,
            "pass",
            "3",
            "",
            id="a Match that is stricter",
        ),
        pytest.param(
            host(),
            {"option": "PermitRootLogin", "value": "prohibit-password"},
            "pass",
            "prohibit-password",
            "",
            id="synonym",
        ),
        pytest.param(
            host(),
            {"option": "NoSuchThing", "value": "x"},
            "notapplicable",
            "absent",
            "does not know",
            id="unknown option",
        ),
        pytest.param(
            host(),
            {"option": "LoginGraceTime", "value": 60, "accept": [30]},
            "fail",
            "120",
            "",
            id="not among the accepted",
        ),
    ],
)
def test_verdicts(made: FakeHost, settings: dict[str, Any], result: str, before: str, reason: str) -> None:
    seen = look(made, "sshd", settings)
    assert seen.result == result
    if result != "notapplicable":
        assert seen.before == before
    assert (reason in seen.reason) if reason else seen.reason == ""
    if reason:
        assert plan(made, "sshd", settings).groups == ()


def test_an_earlier_include_is_named() -> None:
    made = host("Include /etc/ssh/early/*.conf\n" + INCLUDE)
    made.add_file("/etc/ssh/early/site.conf", "# ours\nMaxAuthTries 8\n")
    seen = look(made, "sshd", TRIES)
    assert seen.reason == "/etc/ssh/early/site.conf:2 sets it to 8 before our drop-in is read; take it out there"


@pytest.mark.parametrize("op", ["equal", "at_most"])
def test_nought_is_no_limit(op: str) -> None:
    """sshd waits for ever where LoginGraceTime is 0, so that is not at most anything."""
    seen = look(host(a="LoginGraceTime 0\n"), "sshd", {"option": "LoginGraceTime", "value": 60, "op": op})
    assert seen.result == "fail"


def test_a_daemon_that_has_not_read_its_file() -> None:
    made = host(since=900.0, a="MaxAuthTries 3\n")
    seen = look(made, "sshd", TRIES)
    assert states(seen) == ("deviates", "ok", "ok")
    assert seen.verdicts.running.observed == "sshd has not read it yet"
    (group,) = plan(made, "sshd", TRIES).groups
    assert [(effect.verb, effect.unit) for effect in group.effects] == [("reload", "ssh.service")]
    assert subjects([group]) == ["unit ssh.service"]


def test_started_on_demand_it_reads_its_file_each_time() -> None:
    made = host(since=900.0, a="MaxAuthTries 3\n")
    made.units["ssh.service"].active = False
    assert states(look(made, "sshd", TRIES)) == ("notapplicable", "ok", "ok")


def test_with_a_socket_of_systemd_each_start_reads_the_files_and_a_reload_would_end_it() -> None:
    made = host(a="MaxAuthTries 3\n")
    made.units["ssh.service"].active = False
    made.units["ssh.socket"] = FakeUnit(active=True)
    assert states(look(made, "sshd", TRIES)) == ("ok", "ok", "ok")
    assert plan(host(), "sshd", TRIES).groups[0].effects == (Effect("reload", "ssh.service"),)


def test_a_file_that_tells_ports_apart_is_asked_for_a_port_that_none_is_about() -> None:
    made = host()
    look(made, "sshd", TRIES)
    assert [argv for argv in made.runs if "-T" in argv] == [ASKED]


SECOND = "sshd: /usr/sbin/sshd -D -f /etc/ssh/second [listener] 0 of 10-100 startups\0"


def with_second_server(out: str, rc: int = 0, err: str = "") -> FakeHost:
    made = host(a="MaxAuthTries 3\n")
    listen(made, 2222, 900, "sshd-legacy.service", "sshd")
    made.add_file("/proc/900/cmdline", SECOND)
    process(made, 901, "ssh.service", "sshd")
    made.add_file("/proc/901/cmdline", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\0")
    argv = ("sshd", "-T", "-f", "/etc/ssh/second", "-C", "lport=1")
    made.answers[argv] = CommandResult(argv, rc, out, err)
    return made


def test_a_second_server_with_weaker_settings_is_named() -> None:
    seen = look(with_second_server("maxauthtries 6\n"), "sshd", TRIES)
    assert (states(seen), seen.before) == (("deviates", "deviates", "deviates"), "3")
    where = "the SSH server at tcp 2222 (sshd-legacy.service), started with -f /etc/ssh/second,"
    assert seen.reason == f"{where} has MaxAuthTries 6; change it there"
    assert plan(with_second_server("maxauthtries 6\n"), "sshd", TRIES).groups == ()


def test_a_second_server_with_settings_as_good_is_no_matter() -> None:
    assert look(with_second_server("maxauthtries 4\n"), "sshd", TRIES).result == "pass"


#: What was asked for the output in tests/fixtures/sshd_second: for everybody it says MaxAuthTries 3, for alice 9.
SECOND_FILE = """Port 2223
MaxAuthTries 3
Include /etc/ssh/more.conf
Match User alice
  MaxAuthTries 9
  X11Forwarding yes
"""


@pytest.mark.parametrize("system", ["sshd_second", "sshd_second_alice"])
def test_a_second_server_has_blocks_for_some_of_its_own(system: str) -> None:
    made = with_second_server(fixture(system, "debian-12"))
    assert look(made, "sshd", TRIES).result == ("pass" if system == "sshd_second" else "fail")
    made.add_file("/etc/ssh/second", SECOND_FILE)
    seen = look(made, "sshd", TRIES)
    assert (seen.result, seen.before) == ("fail", "3")
    if system == "sshd_second":
        where = "the SSH server at tcp 2222 (sshd-legacy.service), started with -f /etc/ssh/second,"
        assert seen.reason == f"{where} reads /etc/ssh/second:5 sets 9 for Match User alice; change it there"
    assert plan(made, "sshd", TRIES).groups == ()


def test_a_block_in_a_file_that_a_second_server_includes_counts_as_well() -> None:
    made = with_second_server(fixture("sshd_second", "debian-12"))
    made.add_file("/etc/ssh/second", "MaxAuthTries 3\nInclude more.conf\n")
    made.add_file("/etc/ssh/more.conf", "Match Address 192.0.2.0/24\nMaxAuthTries 8\n")
    assert "/etc/ssh/more.conf:2 sets 8 for Match Address 192.0.2.0/24" in look(made, "sshd", TRIES).reason
    made.add_file("/etc/ssh/more.conf", "Match Address 192.0.2.0/24\nMaxAuthTries 2\n")
    assert look(made, "sshd", TRIES).result == "pass"


def test_a_second_server_that_cannot_be_asked_is_never_a_pass() -> None:
    seen = look(with_second_server("", 255, "/etc/ssh/second: No such file"), "sshd", TRIES)
    assert seen.result == "fail"
    assert "could not be asked: sshd -T says: /etc/ssh/second: No such file" in seen.reason


def test_a_configuration_that_sshd_refuses_is_an_error() -> None:
    seen = look(host(INCLUDE + "Nonsense yes\n"), "sshd", TRIES)
    assert seen.result == "error"
    assert "Bad configuration option: nonsense" in seen.reason


def test_no_ssh_server() -> None:
    made = host()
    made.programs.discard("sshd")
    assert look(made, "sshd", TRIES).result == "notapplicable"


def test_algorithms_are_taken_away_by_pattern() -> None:
    made = host()
    wish = {"option": "MACs", "value": ["*sha1*", "umac-64*"], "op": "excludes"}
    seen = look(made, "sshd", wish)
    assert seen.before.startswith("offers umac-64-etm@openssh.com, hmac-sha1-etm@openssh.com, umac-64@openssh.com")
    (group,) = plan(made, "sshd", wish).groups
    assert group.steps[0].after == "MACs -*sha1*,umac-64*"
    assert group.checks == (("sshd", "-t"),)


def test_an_unanswering_sshd_is_never_a_pass() -> None:
    made = host(a="MaxAuthTries 3\n")
    made.answers[ASKED] = CommandResult(ASKED, 1, "", "sshd: no hostkeys available -- exiting.\n")
    seen = look(made, "sshd", TRIES)
    assert (seen.result, "no hostkeys available" in seen.reason) == ("error", True)


# --- options that sshd -T does not print while they are not set, and lists that add up ---

GROUPS = {"option": "AllowGroups", "op": "named"}
STARTUPS = {"option": "MaxStartups", "value": "10:30:60", "op": "each_at_most"}
VARIABLES = {"option": "AcceptEnv", "value": ["LANG", "LC_*", "COLORTERM", "NO_COLOR"], "op": "only"}
BANNER = {"option": "DebianBanner", "value": "no"}


def told(line: str, settings: dict[str, Any], system: str = "debian-12") -> Any:
    made = ssh_host(system, line)
    printed = fixture("sshd", system)
    name = line.split(" ", 1)[0].lower()
    kept = [one for one in printed.splitlines() if one.split(" ")[0] != name or name == "acceptenv"]
    extra = [line.replace(line.split(" ")[0], name)] if line and name != "debianbanner" else []
    answer = CommandResult(ASKED, 0, "".join(f"{one}\n" for one in [*kept, *extra]), "")
    made.answers[ASKED] = answer
    return made, look(made, "sshd", settings)


def ssh_host(system: str, line: str) -> FakeHost:
    made = FakeHost(system)
    made.add_file("/etc/ssh/sshd_config", f"Include /etc/ssh/sshd_config.d/*.conf\n{line}\n")
    made.add_dir("/etc/ssh/sshd_config.d")
    return made


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_nobody_is_shut_out_by_a_list_that_the_site_has_not_given(system: str) -> None:
    made, found = told("", {**GROUPS, "value": "none"}, system)
    assert (found.result, found.before) == ("fail", "not set")
    assert "name them in sshd_allow_groups" in found.reason
    assert plan(made, "sshd", {**GROUPS, "value": "none"}).groups == ()


def test_a_list_that_the_site_has_given_is_set() -> None:
    made, found = told("", {**GROUPS, "value": "staff automation"})
    assert (found.result, found.reason) == ("fail", "")
    (group,) = plan(made, "sshd", {**GROUPS, "value": "staff automation"}).groups
    assert group.steps[0].after == "AllowGroups staff automation"


@pytest.mark.parametrize("line", ["AllowGroups staff", "AllowUsers alice", "DenyGroups web", "DenyUsers web"])
def test_any_list_of_who_may_log_in_will_do(line: str) -> None:
    assert told(line, {**GROUPS, "value": "none"})[1].result == "pass"


@pytest.mark.parametrize(
    ("value", "result"),
    [("10:30:60", "pass"), ("10:90:60", "pass"), ("5:30:20", "pass"), ("10:30:100", "fail"), ("20:30:60", "fail")],
)
def test_each_number_of_a_triple_is_a_limit_but_the_rate(value: str, result: str) -> None:
    assert told(f"MaxStartups {value}", STARTUPS)[1].result == result


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_variables_beyond_those_of_the_terminal_are_told_with_their_line(system: str) -> None:
    assert told("", VARIABLES, system)[1].result == "pass"
    made, found = told("AcceptEnv LD_PRELOAD", VARIABLES, system)
    assert (found.result, found.before) == ("fail", "takes LD_PRELOAD")
    assert "/etc/ssh/sshd_config:2 adds LD_PRELOAD; take it out there" in found.reason
    assert plan(made, "sshd", VARIABLES).groups == ()


def test_what_sshd_never_prints_is_read_from_its_files() -> None:
    assert told("", BANNER)[1].before == "yes"
    assert told("DebianBanner no", BANNER)[1].result == "pass"


def test_where_sshd_takes_the_last_value_a_later_line_is_told_and_nothing_is_promised() -> None:
    made, found = told("MaxStartups 100:30:200", STARTUPS)
    assert (found.result, found.after) == ("fail", found.before)
    assert "/etc/ssh/sshd_config:2 sets it to 100:30:200, and of this sshd takes the last" in found.reason
    assert plan(made, "sshd", STARTUPS).groups == ()


REKEY = {"option": "RekeyLimit", "value": "1073741824 3600", "op": "each_at_most"}
STARTUPS = {"option": "MaxStartups", "value": "10:30:60", "op": "each_at_most"}


@pytest.mark.parametrize(
    ("present", "settings", "written"),
    [
        pytest.param("RekeyLimit 536870912 1800", REKEY, "", id="both stricter"),
        pytest.param("RekeyLimit 536870912 0", REKEY, "RekeyLimit 536870912 3600", id="one is without end"),
        pytest.param("RekeyLimit 0 0", REKEY, "RekeyLimit 1073741824 3600", id="both without end"),
        pytest.param("MaxStartups 5:50:100", STARTUPS, "MaxStartups 5:50:60", id="one of three"),
        pytest.param("MaxSessions 0", {"option": "MaxSessions", "value": 10, "op": "at_most"}, "", id="no session"),
        pytest.param(
            "LoginGraceTime 0",
            {"option": "LoginGraceTime", "value": 60, "op": "at_most"},
            "LoginGraceTime 60",
            id="no limit",
        ),
    ],
)
def test_what_is_stricter_is_never_weakened(present: str, settings: dict[str, Any], written: str) -> None:
    last_wins = settings["option"] == "MaxStartups"
    made = host(f"{present}\n{INCLUDE}" if last_wins else f"{INCLUDE}{present}\n")
    assert look(made, "sshd", settings).result == ("fail" if written else "pass")
    groups = plan(made, "sshd", settings).groups
    assert [step.after for group in groups for step in group.steps] == ([written] if written else [])


@pytest.mark.parametrize("value", ["1m30s", "90 # seconds", '"90"', "1M30S"])
def test_a_match_block_is_read_as_sshd_reads_it(value: str) -> None:
    made = host(INCLUDE + f"ClientAliveInterval 60\nMatch User vendor\n  ClientAliveInterval = {value}\n")
    assert look(made, "sshd", {"option": "ClientAliveInterval", "value": 300, "op": "at_most"}).result == "pass"
    assert look(made, "sshd", {"option": "ClientAliveInterval", "value": 60, "op": "at_most"}).result == "fail"


def test_each_at_most_is_for_options_of_several_numbers() -> None:
    assert KINDS["sshd"].validate({"option": "MaxSessions", "value": 10, "op": "each_at_most"}) == [
        "settings.op each_at_most is for maxstartups and rekeylimit"
    ]
