# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration is there as a whole or not at all; it stays where it was confirmed, and goes where it is removed."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal
from ansible_collections.healthops.clinical.plugins.module_utils._change.apply import Undone
from ansible_collections.healthops.clinical.plugins.module_utils._change.start_policy import ASIDE, POLICY
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Group, Step
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects import files
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File, file_image
from ansible_collections.healthops.clinical.plugins.module_utils._configuration import manifest, transaction
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import parse
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.transaction import (
    ConfigurationRequest,
    ConfigurationResult,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import reverter
from ansible_collections.healthops.clinical.plugins.module_utils._guard import run as guarded_run
from ansible_collections.healthops.clinical.plugins.module_utils._host import acl
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, Killed
from fake_programs import FakePackage, FakeUnit

CHECK = ("/usr/sbin/haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg")
PLAIN = {
    "name": "gateway",
    "packages": ["haproxy"],
    "folders": [{"path": "/var/lib/gateway", "owner": "haproxy", "group": "haproxy", "mode": "0750", "data": True}],
    "files": [
        {
            "path": "/etc/haproxy/haproxy.cfg",
            "text": "ours\n",
            "group": "haproxy",
            "mode": "0640",
            "reload": ["haproxy.service"],
        },
        {"path": "/etc/systemd/system/gateway-rules.service", "text": "[Install]\nWantedBy=multi-user.target\n"},
        {"path": "/etc/gateway/key", "text": "hush\n", "mode": "0600", "secret": True},
        {"path": "/etc/gateway/drained", "text": "1\n", "once": True},
    ],
    "links": [{"path": "/etc/gateway/current", "target": "key"}],
    "kernel": {"net.ipv4.ip_nonlocal_bind": "1"},
    "units": [
        {"name": "haproxy.service", "enabled": True, "state": "started"},
        {"name": "gateway-rules.service", "enabled": True, "state": "started"},
    ],
    "checks": [list(CHECK)],
}


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.mirror["haproxy"] = FakePackage(
        "2.6", conffiles={"/etc/haproxy/haproxy.cfg": "Debian's\n"}, unit="haproxy.service"
    )
    made.add_dir("/var/lib/apt")
    made.add_dir("/usr/sbin")
    made.add_link("/etc/systemd/system/sysinit.target.wants/some.service", "../some.service")
    made.kernel["net.ipv4.ip_nonlocal_bind"] = "0"
    made.users["haproxy"] = made.groups["haproxy"] = 111
    made.programs |= {"haproxy", "openssl", "cat"}
    made.answers[CHECK] = CommandResult(CHECK, 0, "", "")
    return made


def sent(**changes: Any) -> dict[str, Any]:
    """Return the configuration as the control node sends it, with other values for some keys."""
    whole = copy.deepcopy({**PLAIN, **changes})
    for file in whole.get("files", ()):
        if "text" in file:
            file["content"] = base64.b64encode(file.pop("text").encode()).decode()
    return whole


def request(run_id: str = "r1", within: int = 0, **changes: Any) -> ConfigurationRequest:
    return ConfigurationRequest(run_id=run_id, configuration=parse(sent(**changes)), confirm_within=within)


def applied(host: FakeHost, run_id: str = "r1", within: int = 0, **changes: Any) -> ConfigurationResult:
    host.clock += 10
    return transaction.apply(host, request(run_id, within, **changes), check=False)


def foretold(host: FakeHost, **changes: Any) -> ConfigurationResult:
    return transaction.apply(host, request("check", **changes), check=True)


def differences(before: dict[str, Any], host: FakeHost) -> dict[str, tuple[Any, Any]]:
    """Return what is different, by path; of the guard's own alarm a run that is cut may leave half a file."""
    now = host.state()
    paths = [path for path in {**before["files"], **now["files"]} if "healthops-guard" not in path]
    files = {path: (before["files"].get(path), now["files"].get(path)) for path in paths}
    rest = {key: (before[key], now[key]) for key in before if key not in ("files", "units")}
    return {key: pair for key, pair in {**files, **rest}.items() if pair[0] != pair[1]}


def reverted(host: FakeHost, run_id: str, later_runs: bool = False) -> _baseline.Report:
    """Take a confirmed run back, as the playbook rollback does."""
    host.clock += 10
    return _baseline.revert(
        host, _baseline.BaselineRequest(run_id=f"back-{run_id}", later_runs=later_runs), run_id, False
    )


def with_file(text: str) -> list[dict[str, Any]]:
    return [{**PLAIN["files"][0], "text": text}, *PLAIN["files"][1:]]  # type: ignore[index,misc]


def test_check_run_check_run_says_changed_changed_ok_ok(host: FakeHost) -> None:
    before = host.state()
    first = foretold(host)
    assert host.state() == before
    second = applied(host)
    assert (first.changed, second.changed) == (True, True)
    assert first.changes == second.changes
    assert foretold(host).changes == applied(host, "r2").changes == []
    assert not applied(host, "r3").changed


def test_check_mode_refuses_what_a_run_could_not_take_back(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.add_file("/etc/haproxy/haproxy.cfg", "somebody's, and too large to be kept\n")
    monkeypatch.setattr(files, "READ_LIMIT", 10)
    before = host.state()
    refused = []
    for attempt in (foretold, applied):
        with pytest.raises(ClinicalError, match="could not be taken back") as caught:
            attempt(host)
        refused.append(str(caught.value))
        assert host.state()["files"].keys() - before["files"].keys() <= {"/var/lib/healthops"}
    assert refused[0] == refused[1]


def test_a_bare_host_gets_all_of_it(host: FakeHost) -> None:
    applied(host)
    node = host.nodes["/etc/haproxy/haproxy.cfg"]
    assert (node.content, node.mode, node.uid, node.gid) == (b"ours\n", 0o640, 0, 111)
    assert host.nodes["/var/lib/gateway"].gid == 111
    assert host.nodes["/etc/gateway/current"].target == "key"
    assert host.kernel["net.ipv4.ip_nonlocal_bind"] == "1"
    assert host.text("/etc/sysctl.d/60-healthops-gateway.conf") == "net.ipv4.ip_nonlocal_bind = 1\n"
    assert host.units["haproxy.service"].active
    assert host.units["gateway-rules.service"].active
    assert host.enabled("gateway-rules.service") == "enabled"


def test_a_service_does_not_start_before_its_configuration_is_there(host: FakeHost) -> None:
    site = "#!/bin/sh\nexit 0\n"
    host.add_file(POLICY, site, 0o755)
    applied(host)
    written = host.operations.index("write /etc/haproxy/haproxy.cfg")
    assert "systemctl start haproxy.service" in host.operations[written:]
    assert host.units["haproxy.service"].starts == 1
    assert (host.text(POLICY), ASIDE in host.nodes) == (site, False)


def test_a_service_whose_package_starts_it_all_the_same_reads_the_new_file(host: FakeHost) -> None:
    host.mirror["haproxy"].asks_no_policy = True
    applied(host)
    written = host.operations.index("write /etc/haproxy/haproxy.cfg")
    assert "systemctl restart haproxy.service" in host.operations[written:]


@pytest.mark.parametrize("how", ["killed", "killed_after"])
@pytest.mark.parametrize("guarded", [False, True])
def test_whatever_ends_a_first_run_no_service_ran_unconfigured_and_no_policy_stays(
    host: FakeHost, how: str, guarded: bool
) -> None:
    host.users.pop("haproxy")
    ended = 0
    for at in range(1, 200):
        trial = copy.deepcopy(host)
        trial.users["haproxy"] = 111
        trial.clock += 10
        trial.strike(at, how, lasting=True)
        try:
            transaction.apply(trial, request("r1", within=30 if guarded else 0), check=False)
            ended += 1
        except Killed:
            pass
        trial.fault = None
        daemon = trial.units.get("haproxy.service")
        assert daemon is None or not daemon.active or trial.text("/etc/haproxy/haproxy.cfg") == "ours\n", at
        trial.uptime += 60
        if guarded:
            reverter.settle(trial, "r2")
        if ended:
            break
        if "haproxy" in trial.packages and not daemon:  # dpkg itself was cut, and whoever mends it goes first
            trial.unfinished["haproxy"] = "unpacked"
            with pytest.raises(ClinicalError, match="haproxy is unpacked"):
                transaction.apply(trial, request("r3"), check=False)
            del trial.unfinished["haproxy"]
            trial.units["haproxy.service"] = FakeUnit()
        transaction.apply(trial, request("r3"), check=False)
        assert trial.units["haproxy.service"].active
        assert [path for path in trial.nodes if path.startswith(POLICY)] == [], at
    assert ended == 1


def test_a_changed_file_reloads_what_reads_it_and_nothing_else(host: FakeHost) -> None:
    applied(host)
    begun = len(host.operations)
    changed = applied(host, "r2", files=with_file("newer\n"))
    verbs = [operation for operation in host.operations[begun:] if operation.startswith("systemctl")]
    assert verbs == ["systemctl reload-or-restart haproxy.service"]
    before, after = changed.changes[0]["before"], changed.changes[0]["after"]
    assert re.fullmatch(r"sha256 [0-9a-f]{12} root:haproxy 0640", before)
    assert re.fullmatch(r"sha256 [0-9a-f]{12} root:haproxy 0640", after)
    assert before != after
    difference = transaction.as_result(changed, with_diff=True, check=False)["diff"][0]
    header = "file /etc/haproxy/haproxy.cfg"
    assert difference == {"before_header": header, "after_header": header, "before": "ours\n", "after": "newer\n"}


def test_what_a_file_holds_is_in_a_difference_alone(host: FakeHost) -> None:
    shown = transaction.as_result(applied(host), with_diff=True, check=False)
    assert "ours" in str(shown.pop("diff"))
    assert "ours" not in str(shown)
    assert "hush" not in str(shown)


def test_a_run_that_was_cut_before_the_reload_is_completed_by_the_next(host: FakeHost) -> None:
    applied(host)
    host.clock += 10
    host.add_file("/etc/haproxy/haproxy.cfg", "newer\n", mode=0o640, gid=111)  # it was written, and nobody was told
    host.clock += 10
    applied(host, "r2", files=with_file("newer\n"))
    assert "systemctl reload-or-restart haproxy.service" in host.operations
    assert not applied(host, "r3", files=with_file("newer\n")).changed


def test_what_a_package_brings_and_nobody_wants_goes_in_the_same_run(host: FakeHost) -> None:
    host.mirror["haproxy"].touches["/etc/haproxy/welcome"] = "a page"
    absent = {"absent": ["/etc/haproxy/welcome"]}
    first = foretold(host, **absent)
    assert applied(host, **absent).changes == first.changes
    assert "/etc/haproxy/welcome" not in host.nodes
    assert not applied(host, "r2", **absent).changed


def test_a_secret_is_never_shown(host: FakeHost) -> None:
    told = str(transaction.as_result(applied(host), with_diff=True, check=False))
    assert "hush" not in told
    assert base64.b64encode(b"hush\n").decode() not in told
    assert "/etc/gateway/key" in told


def test_what_was_made_once_is_left_to_who_changed_it(host: FakeHost) -> None:
    applied(host)
    host.add_file("/etc/gateway/drained", "2\n")
    assert not applied(host, "r2").changed
    assert host.text("/etc/gateway/drained") == "2\n"


@pytest.mark.parametrize("configured", [False, True], ids=["bare", "configured"])
def test_a_check_that_fails_puts_everything_back(host: FakeHost, configured: bool) -> None:
    if configured:
        applied(host)
    before = host.state()
    refusal = "[ALERT] (1) : config : parsing [/etc/haproxy/haproxy.cfg:7]: unknown keyword 'ours'"
    host.answers[CHECK] = CommandResult(CHECK, 1, "", f"[NOTICE] haproxy version is 2.6\n{refusal}\n")
    with pytest.raises(Undone, match=r"haproxy.cfg:7") as error:
        applied(host, "r2", files=with_file("wrong\n"))
    assert error.value.entirely
    after = host.state()
    changed = {
        path
        for path, file in {**before["files"], **after["files"]}.items()
        if before["files"].get(path) != after["files"].get(path)
    }
    assert changed == set()
    assert after == before
    assert str(error.value).startswith("Applying the configuration gateway: ")


def test_a_daemon_that_dies_has_its_earlier_configuration_back_and_runs(host: FakeHost) -> None:
    applied(host)
    before = host.state()
    restart = [
        {**PLAIN["files"][0], "text": "deadly\n", "reload": [], "restart": ["haproxy.service"]},
        *PLAIN["files"][1:],
    ]  # type: ignore[index,misc]
    daemon = host.units["haproxy.service"]
    write = host.write

    def write_and_judge(path: str, content: bytes, *more: Any) -> None:
        """Write; the daemon dies of what it does not like."""
        if path == "/etc/haproxy/haproxy.cfg":
            daemon.dies = "cannot bind 10.0.0.9:2575" if content == b"deadly\n" else ""
        write(path, content, *more)

    host.write = write_and_judge  # type: ignore[method-assign]
    with pytest.raises(Undone, match="cannot bind"):
        applied(host, "r2", files=restart)
    assert host.text("/etc/haproxy/haproxy.cfg") == "ours\n"
    assert host.units["haproxy.service"].active
    assert dict(host.state().items()) == before


def test_what_the_next_configuration_has_no_longer_goes_and_what_was_there_before_comes_back(host: FakeHost) -> None:
    host.add_file("/etc/issue", "the site's\n")
    more = [*PLAIN["files"], {"path": "/etc/issue", "text": "ours\n"}, {"path": "/etc/gateway/more", "text": "x\n"}]  # type: ignore[misc]
    applied(host, files=more)
    assert host.text("/etc/issue") == "ours\n"
    applied(host, "r2")
    assert host.text("/etc/issue") == "the site's\n"
    assert "/etc/gateway/more" not in host.nodes


def test_removing_takes_all_but_the_data(host: FakeHost) -> None:
    applied(host)
    host.add_file("/var/lib/gateway/queue", "a message\n")
    removed = transaction.remove(host, request("r2"), check=False)
    assert [path for path in host.nodes if path.startswith(("/etc/gateway", "/etc/sysctl.d/60"))] == []
    assert "gateway-rules.service" not in host.units
    assert host.text("/var/lib/gateway/queue") == "a message\n"
    assert "/var/lib/gateway" in removed.remaining
    assert manifest.names(host) == []


def test_a_configuration_that_nobody_confirms_is_taken_back_with_its_service_on_the_earlier_one(host: FakeHost) -> None:
    applied(host)
    before = host.state()
    result = applied(host, "r2", within=30, files=with_file("newer\n"))
    assert result.guard["state"] == "armed"
    taken = transaction.take_back(host, request("r2"), check=False)
    assert taken.changed
    assert taken.guard["state"] == "reverted"
    assert host.text("/etc/haproxy/haproxy.cfg") == "ours\n"
    assert differences(before, host) == {}


def test_one_that_was_confirmed_stays(host: FakeHost) -> None:
    applied(host, "r1", within=30)
    kept = transaction.confirm(host, request("r1"), check=False)
    assert kept.guard["state"] == "confirmed"
    with pytest.raises(ClinicalError, match="it was confirmed already"):
        transaction.take_back(host, request("r1"), check=False)


def test_a_held_unit_is_named_and_not_restarted(host: FakeHost) -> None:
    held = [{**PLAIN["units"][0], "held": True}, PLAIN["units"][1]]  # type: ignore[index]
    files = [{**PLAIN["files"][0], "reload": [], "restart": ["haproxy.service"]}, *PLAIN["files"][1:]]  # type: ignore[index,misc]
    applied(host, files=files, units=held)
    files[0] = {**files[0], "text": "newer\n"}
    begun = len(host.operations)
    result = applied(host, "r2", files=files, units=held)
    assert result.restarts_due == ["haproxy.service"]
    assert [operation for operation in host.operations[begun:] if operation.startswith("systemctl")] == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_held_unit_is_restarted_on_the_way_back_only_where_it_has_read_what_goes(
    host: FakeHost, restarted: bool
) -> None:
    held = [{**PLAIN["units"][0], "held": True}, PLAIN["units"][1]]  # type: ignore[index]
    files = [{**PLAIN["files"][0], "reload": [], "restart": ["haproxy.service"]}, *PLAIN["files"][1:]]  # type: ignore[index,misc]
    applied(host, files=files, units=held)
    files[0] = {**files[0], "text": "newer\n"}
    assert applied(host, "r2", 60, files=files, units=held).guard["state"] == "armed"
    if restarted:
        host.run(["systemctl", "--no-ask-password", "restart", "haproxy.service"])
    begun = len(host.operations)
    transaction.take_back(host, request("r2"), check=False)
    restarts = [it for it in host.operations[begun:] if it.startswith(("systemctl restart", "systemctl reload"))]
    assert restarts == (["systemctl restart haproxy.service"] if restarted else [])


@pytest.mark.parametrize("drained_before", [False, True])
def test_a_drain_that_the_run_began_is_lifted_on_the_way_back(host: FakeHost, drained_before: bool) -> None:
    host.units["drain.service"] = FakeUnit(active=drained_before)
    wanted = replace(request("r1", 60), drains=("drain.service", "unknown.service"))
    transaction.apply(host, wanted, check=False)
    for verb in ("enable", "start"):
        host.run(["systemctl", "--no-ask-password", verb, "drain.service"])
    transaction.take_back(host, request("r1"), check=False)
    assert host.units["drain.service"].active == drained_before
    assert (host.enabled("drain.service") == "enabled") == drained_before


def test_a_source_on_the_host_is_copied_or_foretold_or_missed(host: FakeHost) -> None:
    copied = [{"path": "/etc/gateway/cert.pem", "source": "/etc/ssl/given.pem", "reload": ["haproxy.service"]}]
    units = [PLAIN["units"][0]]  # type: ignore[index]
    assert foretold(host, files=copied, units=units).changed
    with pytest.raises(ClinicalError, match=r"there is no /etc/ssl/given.pem on this host; nothing was changed"):
        applied(host, files=copied, units=units)
    host.add_file("/etc/ssl/given.pem", "PEM\n")
    applied(host, "r2", files=copied, units=units)
    assert host.text("/etc/gateway/cert.pem") == "PEM\n"


def test_accounts_are_made_and_go_with_the_run(host: FakeHost) -> None:
    host.add_file("/etc/passwd", "root:x:0:0::/root:/bin/bash\n")
    host.add_file("/etc/group", "root:x:0:\n")
    before = host.state()
    account = [{"name": "relay", "comment": "TURN"}]
    assert applied(host, accounts=account, within=30).changed
    assert "relay:x:" in host.text("/etc/passwd")
    assert not foretold(host, accounts=account).changed
    transaction.take_back(host, request("r1"), check=False)
    assert host.text("/etc/passwd") == before["files"]["/etc/passwd"][4].decode()


def test_a_generated_file_is_made_once_and_again_when_it_is_not_fresh(host: FakeHost) -> None:
    key, fresh = ("/usr/bin/openssl", "genpkey"), ("/usr/bin/openssl", "x509", "-checkend", "1")
    host.answers[key] = CommandResult(key, 0, "KEY\n", "")
    host.answers[fresh] = CommandResult(fresh, 0, "", "")
    copied = ("/bin/cat", "/etc/gateway/ca.key")
    host.answers[copied] = CommandResult(copied, 0, "KEY\n", "")
    files = [
        {"path": "/etc/gateway/ca.key", "generate": list(key), "fresh": list(fresh), "mode": "0600", "secret": True},
        {"path": "/etc/gateway/copy.key", "source": "/etc/gateway/ca.key", "mode": "0600", "secret": True},
    ]
    wanted: dict[str, Any] = {"files": files, "units": [PLAIN["units"][0]]}  # type: ignore[index]
    first = foretold(host, **wanted)
    second = applied(host, **wanted)
    assert first.changes == second.changes
    assert "KEY" not in str(second)
    assert host.text("/etc/gateway/ca.key") == host.text("/etc/gateway/copy.key") == "KEY\n"
    assert not applied(host, "r2", **wanted).changed
    host.answers[fresh] = CommandResult(fresh, 1, "", "")
    host.answers[key] = CommandResult(key, 0, "NEWER\n", "")
    host.answers[copied] = CommandResult(copied, 0, "NEWER\n", "")
    assert applied(host, "r3", **wanted).changed
    assert host.text("/etc/gateway/copy.key") == "NEWER\n"


def test_a_derived_file_follows_what_it_is_made_of_and_its_input_stands_nowhere(host: FakeHost) -> None:
    secret, login = ("/bin/secret", "/etc/gateway/env"), ("/bin/login", "/etc/gateway/env")

    def keep_or_make(asked: FakeHost, argv: Sequence[str]) -> CommandResult:
        known = asked.text(argv[1]) if argv[1] in asked.nodes else "first\n"
        return CommandResult(tuple(argv), 0, known, "")

    def log_in(asked: FakeHost, argv: Sequence[str]) -> CommandResult:
        if argv[1] not in asked.nodes:
            return CommandResult(tuple(argv), 1, "", f"cat: {argv[1]}: No such file or directory\n")
        return CommandResult(tuple(argv), 0, f"{asked.text(argv[1]).strip()}+{len(asked.stdin)}\n", "")

    host.programs |= {"secret", "login"}
    host.answers.update({secret: keep_or_make, login: log_in})
    files = [
        {"path": "/etc/gateway/env", "derive": list(secret), "mode": "0600", "secret": True},
        {"path": "/etc/gateway/login", "derive": list(login), "stdin": "pass-phrase", "secret": True},
    ]
    wanted: dict[str, Any] = {"files": files, "units": [PLAIN["units"][0]]}  # type: ignore[index]
    before = foretold(host, **wanted)
    result = applied(host, **wanted)
    assert before.changes == result.changes
    assert host.text("/etc/gateway/login") == "first+11\n"
    everywhere = [node.content for node in host.nodes.values() if node.kind == "file"]
    assert not any(b"pass-phrase" in content for content in everywhere)
    assert not foretold(host, **wanted).changed
    assert not applied(host, "r2", **wanted).changed
    host.add_file("/etc/gateway/env", "second\n", mode=0o600)
    assert [change["subject"] for change in applied(host, "r3", **wanted).changes] == ["file /etc/gateway/login"]
    assert host.text("/etc/gateway/login") == "second+11\n"


def test_a_derived_file_that_cannot_be_made_puts_everything_back(host: FakeHost) -> None:
    login = ("/bin/login", "/etc/gateway/env")
    host.programs.add("login")
    host.answers[login] = CommandResult(login, 1, "", "there is no secret")
    before = host.state()
    with pytest.raises(Undone, match="there is no secret"):
        applied(host, files=[{"path": "/etc/gateway/login", "derive": list(login)}], units=[])
    assert host.state() == before


def test_what_a_file_requires_first_refuses_also_in_check_mode(host: FakeHost) -> None:
    applied(host)
    before = host.state()
    argv = ("/usr/bin/test", "!", "-s", "/etc/gateway/drained")
    host.programs.add("test")
    host.answers[argv] = CommandResult(argv, 1, "", "engine-1 is drained")
    required = [{**PLAIN["files"][0], "requires": list(argv)}, *PLAIN["files"][1:]]  # type: ignore[index,misc]
    assert not applied(host, "r2", files=required).changed
    required[0]["text"] = "newer\n"
    for attempt in (foretold, applied):
        with pytest.raises(ClinicalError, match=r"engine-1 is drained\. Nothing was changed"):
            attempt(host, files=required)
    assert host.state() == before


#: All that a configuration can change but packages: files that come, change and go, a link, kernel values, units.
ANOTHER: dict[str, Any] = {
    "files": [
        {**PLAIN["files"][0], "text": "newer\n"},  # type: ignore[index]
        {"path": "/etc/gateway/new", "text": "added\n", "mode": "0600"},
        {"path": "/etc/systemd/system/gateway-watch.service", "text": "[Install]\nWantedBy=multi-user.target\n"},
    ],
    "links": [{"path": "/etc/gateway/current", "target": "new"}],
    "kernel": {"net.ipv4.ip_nonlocal_bind": "2", "vm.swappiness": "10"},
    "units": [
        PLAIN["units"][0],  # type: ignore[index]
        {"name": "gateway-watch.service", "enabled": True, "state": "started"},
    ],
}


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
def test_a_run_that_is_killed_at_any_write_is_taken_back_whole(host: FakeHost, guarded: bool) -> None:
    """Before the next write is after the last one, so that being killed before each write is both."""
    host.kernel["vm.swappiness"] = "60"
    applied(host)
    before = host.state()
    ended = 0
    for at in range(1, 200):
        trial = copy.deepcopy(host)
        trial.clock += 10
        trial.strike(at, "killed")
        try:
            transaction.apply(trial, request("r2", within=30 if guarded else 0, **ANOTHER), check=False)
            ended += 1
        except Killed:
            pass
        trial.fault = None
        if guarded:
            trial.uptime += 60
            reverter.settle(trial, "r3")
        elif "r2" in [run.run_id for run in journal.runs(trial)]:  # before it is there, nothing is changed
            reverted(trial, "r2")
        assert differences(before, trial) == {}, at
        units = {name: unit for name, unit in trial.state()["units"].items() if "healthops-guard" not in name}
        assert units == before["units"], at
        assert [path for path in trial.leftovers() if "healthops-guard" not in path] == [], at
        if ended:
            break
    assert ended == 1  # it was killed at every operation, and then at none any more


WITH_ACL = {
    "folders": [{"path": "/srv/page", "mode": "0750", "acl": ["user:haproxy:r-x", "default:user:haproxy:r--"]}],
    "files": [{"path": "/etc/page.key", "text": "hush\n", "mode": "0600", "acl": ["user:haproxy:r--"], "secret": True}],
    "units": [],
}


def test_an_access_control_list_is_given_foretold_mended_and_taken_back(host: FakeHost) -> None:
    host.add_file("/etc/page.key", "hush\n", mode=0o600)
    before = host.state()
    first = foretold(host, **WITH_ACL)
    assert host.state()["files"] == before["files"]
    assert applied(host, **WITH_ACL).changes == first.changes
    key = next(change for change in first.changes if change["subject"] == "file /etc/page.key")
    shown = "user::rw- user:haproxy:r-- group::--- mask::r-- other::---"
    assert (key["before"], key["after"]) == ("root:root 0600", f"root:root 0640 {shown}")
    assert [user for user, node in host.nodes.items() if acl.ATTRIBUTE in node.xattrs] == ["/etc/page.key", "/srv/page"]
    assert acl.DEFAULT_ATTRIBUTE in host.nodes["/srv/page"].xattrs
    assert not applied(host, "r2", **WITH_ACL).changed
    host.nodes["/etc/page.key"].xattrs = {}
    assert [change["subject"] for change in applied(host, "r3", **WITH_ACL).changes] == ["file /etc/page.key"]
    reverted(host, "r3")
    assert host.nodes["/etc/page.key"].xattrs == {}
    applied(host, "r4", **WITH_ACL)
    none = {**WITH_ACL, "files": [{**WITH_ACL["files"][0], "acl": []}]}  # type: ignore[dict-item]
    assert applied(host, "r5", **none).changed
    assert host.nodes["/etc/page.key"].xattrs == {}
    assert host.nodes["/etc/page.key"].mode == 0o600


def test_a_list_that_nobody_speaks_of_stays(host: FakeHost) -> None:
    given = {"system.posix_acl_access": acl.read_by_group(7)}
    host.add_file("/etc/issue", "site\n", mode=0o640)
    host.nodes["/etc/issue"].xattrs = given
    issue = [{"path": "/etc/issue", "text": "ours\n", "mode": "0640"}]
    applied(host, files=issue, units=[])
    assert host.text("/etc/issue") == "ours\n"
    assert host.nodes["/etc/issue"].xattrs == given


SECOND = {"name": "page", "files": [{"path": "/etc/page.conf", "text": "page\n"}], "units": [], "folders": []}


def test_hardening_goes_alone_and_with_the_later_systems_of_its_play_the_last_first(host: FakeHost) -> None:
    host.add_file("/etc/issue", "site\n")
    before = host.state()
    step = Step(File("/etc/issue"), file_image(b"ours\n"), "site", "ours", "a control", ("banner",))
    guarded_run.carry_out(host, "play", [Group("file", (step,))], None)
    hardened = host.state()
    applied(host, "play-gateway")
    applied(host, "play-page", **{**PLAIN, **bare(), **SECOND})
    alone = _baseline.revert(host, _baseline.BaselineRequest(run_id="check"), "play", True)
    assert [item["subject"] for item in alone.restored] == ["file /etc/issue"]
    report = reverted(host, "play", later_runs=True)
    assert report.reverted_runs == ["play-page", "play-gateway", "play"]
    assert report.left == []
    assert left_behind(before, host) == []
    again = reverted(host, "back-play")
    assert again.reverted_runs == ["back-play"]
    assert host.text("/etc/issue") == hardened["files"]["/etc/issue"][4].decode()
    assert host.text("/etc/page.conf") == "page\n"


def left_behind(before: dict[str, Any], host: FakeHost) -> list[str]:
    """Return the paths that are otherwise than before, but for the journal and what apt makes by itself."""
    own = ("/var/lib/healthops", "/var/lib/apt/extended_states")
    return sorted(path for path in differences(before, host) if not path.startswith(own))


def bare() -> dict[str, Any]:
    return {"packages": [], "links": [], "kernel": {}, "checks": []}


@pytest.mark.parametrize("first", ["play-gateway", "play-page"])
def test_systems_of_a_play_are_taken_back_alone_in_any_order(host: FakeHost, first: str) -> None:
    before = host.state()
    applied(host, "play-gateway")
    applied(host, "play-page", **{**PLAIN, **bare(), **SECOND})
    paths = {"play-gateway": "/etc/haproxy/haproxy.cfg", "play-page": "/etc/page.conf"}
    report = reverted(host, first)
    assert report.reverted_runs == [first]
    assert paths[first] not in host.nodes
    second = next(run for run in paths if run != first)
    assert paths[second] in host.nodes
    assert reverted(host, "play").reverted_runs == [second]  # what of the play still holds
    assert left_behind(before, host) == []


def test_a_folder_that_two_systems_laid_something_into_stays_for_the_other(host: FakeHost) -> None:
    before = host.state()
    folder = "/etc/systemd/system/nftables.service.d"
    rules, page = ({"path": f"{folder}/{name}.conf", "text": "[Service]\n"} for name in ("rules", "page"))
    units = [{"name": "page.service", "state": "started", "enabled": True}]
    unit = {"path": "/etc/systemd/system/page.service", "text": "[Install]\nWantedBy=multi-user.target\n"}
    applied(host, "play-gateway", files=[*PLAIN["files"], rules])
    applied(host, "play-page", **{**PLAIN, **bare(), **SECOND, "files": [unit, page], "units": units})
    assert reverted(host, "play-gateway").reverted_runs == ["play-gateway"]
    assert (rules["path"] in host.nodes, page["path"] in host.nodes) == (False, True)
    assert reverted(host, "play-page").reverted_runs == ["play-page"]
    # Empty, since the run that made them had to leave them.
    assert left_behind(before, host) == sorted(["/etc/systemd/system/multi-user.target.wants", folder])
    assert [path for path in host.nodes if path.startswith(f"{folder}/")] == []


def test_the_run_of_a_play_that_only_configured_takes_its_systems_back_and_no_others(host: FakeHost) -> None:
    before = host.state()
    applied(host, "play-gateway")
    applied(host, "play-page", **{**PLAIN, **bare(), **SECOND})
    third = {
        **PLAIN,
        **bare(),
        "name": "third",
        "files": [{"path": "/etc/third", "text": "x\n"}],
        "units": [],
        "folders": [],
    }
    applied(host, "play-x-third", **third)
    assert reverted(host, "play").reverted_runs == ["play-page", "play-gateway"]
    assert "/etc/third" in host.nodes
    assert reverted(host, "play-x").reverted_runs == ["play-x-third"]
    assert left_behind(before, host) == []
    with pytest.raises(ClinicalError, match="the journal does not hold it"):
        reverted(host, "play")
