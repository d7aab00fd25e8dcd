# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key in a program's configuration: where it comes from, and whether the daemon has read it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost
from fake_programs import FakeUnit
from look import look, plan, states, subjects

UMASK: dict[str, Any] = {
    "file": "/etc/login.defs",
    "format": "login_defs",
    "key": "UMASK",
    "value": "027",
    "accept": ["077"],
}
STORAGE: dict[str, Any] = {
    "file": "/etc/systemd/journald.conf",
    "drop_in": "/etc/systemd/journald.conf.d/50-ours.conf",
    "format": "ini",
    "section": "Journal",
    "key": "Storage",
    "value": "persistent",
    "unit": "journald.service",
}


def host(text: str = "", since: float = 1000.0) -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/login.defs", text)
    made.units["journald.service"] = FakeUnit(active=True, since=since)
    return made


@pytest.mark.parametrize(
    ("text", "settings", "result", "before"),
    [
        pytest.param("UMASK 027\n", {}, "pass", "027", id="equal"),
        pytest.param("UMASK 077\n", {}, "pass", "077", id="accepted"),
        pytest.param("UMASK 022\n", {}, "fail", "022", id="other"),
        pytest.param("", {}, "fail", "not set", id="not set"),
        pytest.param("N 365\n", {"key": "N", "value": 365, "op": "at_most"}, "pass", "365", id="at most"),
        pytest.param("N 366\n", {"key": "N", "value": 365, "op": "at_most"}, "fail", "366", id="too much"),
        pytest.param("N 7\n", {"key": "N", "value": 7, "op": "at_least"}, "pass", "7", id="at least"),
        pytest.param("N 6\n", {"key": "N", "value": 7, "op": "at_least"}, "fail", "6", id="too little"),
        pytest.param("N many\n", {"key": "N", "value": 7, "op": "at_least"}, "fail", "many", id="no number"),
        pytest.param("N yes\n", {"key": "N", "value": True}, "pass", "yes", id="a boolean"),
    ],
)
def test_verdicts(text: str, settings: dict[str, Any], result: str, before: str) -> None:
    seen = look(host(text), "config", {**UMASK, **settings})
    assert (seen.result, seen.before) == (result, before)
    assert len(set(states(seen))) == 1


def test_a_later_drop_in_overrides_ours_and_is_named() -> None:
    made = host()
    made.add_file("/etc/systemd/journald.conf.d/90-site.conf", "[Journal]\nStorage=none\n")
    seen = look(made, "config", STORAGE)
    assert seen.result == "fail"
    assert seen.reason == "/etc/systemd/journald.conf.d/90-site.conf sets it to none after our drop-in; change it there"


def test_what_a_later_file_overrides_is_written_once_and_restarts_nothing_again() -> None:
    made = host()
    made.add_file("/etc/systemd/journald.conf.d/90-site.conf", "[Journal]\nStorage=none\n")
    request = _baseline.BaselineRequest("e1", (Control("one", "config", STORAGE),))
    assert _baseline.enforce(made, request).changed
    runs = len(made.operations)
    again = _baseline.enforce(made, replace(request, run_id="e2"))
    assert (again.changed, again.findings[0]["result"], len(made.operations)) == (False, "fail", runs)


def test_an_earlier_file_is_overridden_by_ours() -> None:
    made = host()
    made.add_file("/usr/lib/systemd/journald.conf.d/10-vendor.conf", "[Journal]\nStorage=none\n")
    seen = look(made, "config", STORAGE)
    assert (seen.result, seen.before, seen.reason) == ("fail", "none", "")


def test_the_vendors_file_counts_where_etc_has_none() -> None:
    made = host()
    made.add_file("/usr/lib/systemd/journald.conf", "[Journal]\nStorage=persistent\n")
    assert look(made, "config", STORAGE).result == "pass"
    made.add_file("/etc/systemd/journald.conf", "[Journal]\n")
    assert look(made, "config", STORAGE).result == "fail"


@pytest.mark.parametrize(
    ("since", "active", "running"),
    [(1000.0, True, "ok"), (999.0, True, "deviates"), (999.0, False, "notapplicable")],
)
def test_whether_the_daemon_has_read_it(since: float, active: bool, running: str) -> None:
    made = host(since=since)
    made.units["journald.service"].active = active
    made.add_file(STORAGE["drop_in"], "[Journal]\nStorage=persistent\n")
    seen = look(made, "config", STORAGE)
    assert states(seen) == (running, "ok", "ok")
    groups = plan(made, "config", STORAGE).groups
    assert subjects(groups) == (["unit journald.service"] if running == "deviates" else [])


def test_a_daemon_that_is_behind_is_restarted_and_then_passes() -> None:
    made = host(since=999.0)
    made.add_file(STORAGE["drop_in"], "[Journal]\nStorage=persistent\n")
    wish = _baseline.BaselineRequest("e1", (Control("one", "config", STORAGE),))
    report = _baseline.enforce(made, wish)
    assert (report.findings[0]["result"], report.changes[0]["after"]) == ("fixed", "has read its settings")
    assert "systemctl restart journald.service" in made.operations


def test_a_file_that_cannot_be_read_is_an_error_for_its_controls_only() -> None:
    made = host()
    made.add_dir("/etc/pam.conf")
    broken = {**UMASK, "file": "/etc/pam.conf"}
    one, two = plan(made, "config", broken, UMASK).assessments
    assert (one.result, two.result) == ("error", "fail")
    assert "not a regular file" in one.reason


def test_two_keys_of_one_file_are_written_at_once() -> None:
    (group,) = plan(host("UMASK 022\n"), "config", UMASK, {**UMASK, "key": "HOME_MODE", "value": "0700"}).groups
    assert subjects([group]) == ["file /etc/login.defs"]
    assert group.steps[0].after == "UMASK\t027\nHOME_MODE\t0700"
    assert group.controls == ("c1", "c2")


def test_a_missing_folder_for_drop_ins_is_made_first() -> None:
    (group,) = plan(host(), "config", STORAGE).groups
    assert subjects([group]) == ["file /etc/systemd/journald.conf.d", "file /etc/systemd/journald.conf.d/50-ours.conf"]


PWQUALITY = {
    "file": "/etc/security/pwquality.conf",
    "drop_in": "/etc/security/pwquality.conf.d/zz-healthops.conf",
    "drop_in_read": "before",
    "format": "key_value",
    "key": "minlen",
    "value": 14,
    "op": "at_least",
}


def test_where_the_main_file_is_read_last_it_has_the_last_word() -> None:
    made = FakeHost()
    made.add_file("/etc/security/pwquality.conf", "# minlen = 8\n")
    made.add_file("/etc/security/pwquality.conf.d/zz-healthops.conf", "minlen = 14\n")
    assert look(made, "config", PWQUALITY).result == "pass"
    made.add_file("/etc/security/pwquality.conf", "minlen = 8\n")
    found = look(made, "config", PWQUALITY)
    assert (found.result, found.before) == ("fail", "8")
    assert "/etc/security/pwquality.conf sets it to 8 after our drop-in" in found.reason


@pytest.mark.parametrize(("text", "result"), [("deny = 5", "pass"), ("deny = 0", "fail"), ("deny = 9", "fail")])
def test_a_limit_that_nought_switches_off(text: str, result: str) -> None:
    made = FakeHost()
    made.add_file("/etc/security/faillock.conf", f"{text}\n")
    settings = {"file": "/etc/security/faillock.conf", "format": "key_value", "key": "deny", "value": 5, "op": "up_to"}
    assert look(made, "config", settings).result == result


def test_a_word_that_stands_alone_is_written_alone() -> None:
    made = FakeHost()
    made.add_file("/etc/security/faillock.conf", "# audit\n")
    settings = {"file": "/etc/security/faillock.conf", "format": "key_value", "key": "audit", "value": ""}
    (group,) = plan(made, "config", settings).groups
    assert group.steps[0].after == "audit"
    group.steps[0].subject.put(made, group.steps[0].wanted or {})
    assert made.text("/etc/security/faillock.conf") == "# audit\naudit\n"
    assert look(made, "config", settings).result == "pass"


def test_what_the_site_has_not_chosen_is_left_alone() -> None:
    host = FakeHost()
    host.add_file("/etc/rsyslog.conf", "*.* /var/log/syslog\n")
    forward = {
        "file": "/etc/rsyslog.conf",
        "drop_in": "/etc/rsyslog.d/zz-healthops.conf",
        "format": "rsyslog_forward",
        "key": "*.*",
        "unset": "none",
    }
    planned = plan(host, "config", {**forward, "value": "none"})
    assert planned.assessments[0].reason == "the site has not chosen a value for it"
    assert planned.groups == ()
    (group,) = plan(host, "config", {**forward, "value": "@@log.hospital.example:6514"}).groups
    assert group.steps[-1].after == "*.* @@log.hospital.example:6514"


APT = {
    "file": "/etc/apt/apt.conf",
    "drop_in": "/etc/apt/apt.conf.d/zz-healthops.conf",
    "drop_in_read": "before",
    "format": "apt_conf",
    "key": "APT::Get::AllowUnauthenticated",
    "value": "false",
    "measure": "apt_boolean",
}


def test_apt_is_asked_and_its_word_is_the_verdict() -> None:
    made = FakeHost()
    made.add_file(APT["drop_in"], 'APT::Get::AllowUnauthenticated "false";\n')
    made.add_file("/etc/apt/apt.conf.d/zz-site", "APT { Get { AllowUnauthenticated 1; }; };\n")
    made.add_file("/etc/apt/apt.conf.d/zz-site.conf", "APT { Get { AllowUnauthenticated 1; }; };\n")
    assert look(made, "config", APT).result == "pass"
    dumped = 'APT "";\nAPT::get "";\nAPT::get::AllowUnauthenticated "1";\n'
    made.answers[("apt-config", "dump")] = CommandResult(("apt-config",), 0, dumped, "")
    seen = look(made, "config", APT)
    assert (seen.result, seen.before) == ("fail", "1")
    assert seen.reason == "/etc/apt/apt.conf.d/zz-site.conf may set it after our drop-in; look there"
    assert plan(made, "config", APT).groups == ()


def test_an_apt_that_does_not_answer_is_an_error_with_its_words() -> None:
    made = FakeHost()
    refusal = "E: Syntax error /etc/apt/apt.conf:1: Extra junk at end of file"
    made.answers[("apt-config", "dump")] = CommandResult(("apt-config",), 100, "", refusal)
    with pytest.raises(ClinicalError, match="Extra junk at end of file"):
        look(made, "config", APT)


MINLEN = {**PWQUALITY, "format": "pwquality"}


@pytest.mark.parametrize(
    ("main", "result", "before"),
    [
        pytest.param("minlen 14\n", "pass", "14", id="no ="),
        pytest.param("MinLen=14 # of the site\n", "pass", "14", id="any case and a comment after"),
        pytest.param("nosuch = 1\nminlen = 14\n", "fail", "not set", id="it stops at what it does not know"),
        pytest.param("minlen = 14\ndifok = many\n", "pass", "14", id="what stands before counts"),
    ],
)
def test_pwquality_is_read_as_libpwquality_reads_it(main: str, result: str, before: str) -> None:
    made = FakeHost()
    made.add_file(MINLEN["file"], main)
    seen = look(made, "config", MINLEN)
    assert (seen.result, seen.before) == (result, before)


def test_a_line_that_stops_its_program_is_named() -> None:
    made = FakeHost()
    made.add_file("/etc/security/pwquality.conf.d/10-site.conf", "difok = 3\nminlen = fourteen\n")
    made.add_file(MINLEN["drop_in"], "minlen = 14\n")
    seen = look(made, "config", MINLEN)
    assert (seen.result, plan(made, "config", MINLEN).groups) == ("fail", ())
    assert "reads no further than /etc/security/pwquality.conf.d/10-site.conf:2" in seen.reason


MASK = {**UMASK, "op": "at_least", "measure": "login_mode", "accept": ()}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("UMASK 027\n", "pass", id="both read it"),
        pytest.param("UMASK 022\nUMASK 027\n", "fail", id="PAM takes the first"),
        pytest.param("UMASK 027\nUMASK 022\n", "fail", id="shadow takes the last"),
        pytest.param("UMASK=027\n", "fail", id="shadow knows no ="),
        pytest.param("UMASK 027 # mine\n", "fail", id="shadow knows no comment after"),
        pytest.param("umask 022\nUMASK 077\n", "fail", id="PAM takes any case"),
        pytest.param('UMASK "027"\n', "fail", id="PAM knows no quotes"),
    ],
)
def test_login_defs_has_to_be_right_for_all_its_readers(text: str, result: str) -> None:
    made = host(text)
    assert look(made, "config", MASK).result == result
    for group in plan(made, "config", MASK).groups:
        for step in group.steps:
            step.subject.put(made, step.wanted or {})
    assert look(made, "config", MASK).result == "pass"


@pytest.mark.parametrize("text", ["max_log_file_action = rotate", "MAX_LOG_FILE_ACTION  =  Rotate"])
def test_words_of_auditd_are_taken_in_any_case(text: str) -> None:
    made = FakeHost()
    made.add_file("/etc/audit/auditd.conf", f"{text}\n")
    settings = {"file": "/etc/audit/auditd.conf", "format": "auditd", "key": "max_log_file_action", "value": "ROTATE"}
    assert look(made, "config", settings).result == "pass"
    made.add_file("/etc/audit/auditd.conf", "num_logs=5\nmax_log_file_action = rotate\n")
    assert "reads no further than /etc/audit/auditd.conf:1" in look(made, "config", settings).reason


def test_a_measure_reads_the_value_that_is_wanted() -> None:
    config = KINDS["config"]
    assert config.validate(MASK) == []
    assert config.validate({**MASK, "value": "27"}) == [
        "settings.value is '27', which settings.measure login_mode does not read"
    ]


ACTION = {
    "file": "/etc/audit/auditd.conf",
    "format": "key_value",
    "key": "space_left_action",
    "value": "SYSLOG",
    "in_use": "program",
}
LOG_GROUP = {**ACTION, "key": "log_group", "value": "adm", "accept": ["root"], "in_use": "readers"}


def auditd(text: str) -> FakeHost:
    made = FakeHost()
    made.groups["siem"], made.groups["empty"] = 900, 901
    made.add_file("/etc/group", "root:x:0:\nsiem:x:900:collector\nempty:x:901:\n")
    made.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    made.add_file("/etc/audit/auditd.conf", text, mode=0o640)
    return made


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        pytest.param(
            "space_left_action = exec /opt/page-on-call now\n", ACTION, "/opt/page-on-call is run by it", id="a program"
        ),
        pytest.param("space_left_action = IGNORE\n", ACTION, "", id="no program"),
        pytest.param("log_group = siem\n", LOG_GROUP, "collector (siem) reads it", id="who collects it"),
        pytest.param("log_group = empty\n", LOG_GROUP, "", id="nobody"),
        pytest.param("log_group = gone\n", LOG_GROUP, "", id="no such group"),
    ],
)
def test_what_somebody_relies_on_stays_until_a_person_consents(text: str, settings: dict[str, Any], words: str) -> None:
    made = auditd(text)
    planned = plan(made, "config", settings)
    assert planned.assessments[0].result == "fail"
    assert bool(planned.groups) != bool(words)
    assert planned.assessments[0].reason.startswith(words)
    assert plan(made, "config", settings, allow_stop=["c1"]).groups


def test_what_is_left_is_not_written_beside_what_is_set() -> None:
    made = auditd("space_left_action = exec /opt/page\ndisk_full_action = HALT\n")
    controls = [
        Control("one", "config", ACTION),
        Control("two", "config", {**ACTION, "key": "disk_full_action", "value": "ROTATE"}),
    ]
    _baseline.enforce(made, _baseline.BaselineRequest("e1", tuple(controls)))
    assert made.text("/etc/audit/auditd.conf") == "space_left_action = exec /opt/page\ndisk_full_action = ROTATE\n"
