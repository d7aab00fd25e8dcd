# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner and mode: too many bits are taken, none is given, and links are not followed."""

from __future__ import annotations

from typing import Any

import pytest
from fake_host import FakeHost
from look import look, plan, subjects

SHADOW: dict[str, Any] = {"path": "/etc/shadow", "mode": "0640", "owner": "root", "group": ["shadow", "root"]}


def host(mode: int = 0o640, uid: int = 0, gid: int = 42) -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/shadow", mode=mode, uid=uid, gid=gid)
    return made


@pytest.mark.parametrize(
    ("made", "change"),
    [
        pytest.param(host(), None, id="as wanted"),
        pytest.param(host(0o600), None, id="stricter"),
        pytest.param(host(0o640, gid=0), None, id="the other group"),
        pytest.param(host(0o644), {"mode": 0o640}, id="readable by all"),
        pytest.param(host(0o604), {"mode": 0o600}, id="no bit is given"),
        pytest.param(host(0o4640), {"mode": 0o640}, id="set-user"),
        pytest.param(host(uid=1000), {"uid": 0}, id="owner"),
        pytest.param(host(gid=1000), {"gid": 42}, id="group"),
        pytest.param(host(0o666, 1000, 1000), {"mode": 0o640, "uid": 0, "gid": 42}, id="all"),
    ],
)
def test_what_changes(made: FakeHost, change: dict[str, int] | None) -> None:
    planned = plan(made, "file", SHADOW)
    assert planned.assessments[0].result == ("fail" if change else "pass")
    images = [step.wanted for group in planned.groups for step in group.steps]
    assert images == ([{"kind": "file", **change}] if change else [])


def test_a_pattern_names_each_that_is_wrong() -> None:
    made = FakeHost()
    for name, mode in (("a", 0o644), ("b", 0o600), ("c", 0o666)):
        made.add_file(f"/etc/ssh/ssh_host_{name}_key", mode=mode)
    settings = {"path": "/etc/ssh/ssh_host_*_key", "mode": "0600"}
    assert look(made, "file", settings).before == (
        "/etc/ssh/ssh_host_a_key root:root 0644; /etc/ssh/ssh_host_c_key root:root 0666"
    )
    wanted = ["owner and mode of /etc/ssh/ssh_host_a_key", "owner and mode of /etc/ssh/ssh_host_c_key"]
    assert subjects(plan(made, "file", settings).groups) == wanted


def test_a_link_is_told_and_not_followed() -> None:
    made = FakeHost()
    made.add_file("/srv/shadow", mode=0o666)
    made.add_link("/etc/shadow", "/srv/shadow")
    seen = look(made, "file", SHADOW)
    assert (seen.result, "is a link to /srv/shadow, which is not followed" in seen.reason) == ("error", True)
    assert plan(made, "file", SHADOW).groups == ()


def test_what_is_not_there_is_not_applicable() -> None:
    assert look(FakeHost(), "file", SHADOW).result == "notapplicable"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"owner": "nobody-here"}, "there is no user nobody-here"), ({"group": ["x", "y"]}, "there is no group x")],
)
def test_names_that_the_host_does_not_know(settings: dict[str, Any], reason: str) -> None:
    seen = look(host(0o666), "file", {**SHADOW, **settings})
    assert (seen.result, reason in seen.reason) == ("error", True)


def test_one_of_several_groups_is_enough() -> None:
    made = host(gid=1000)
    del made.groups["shadow"]
    ((step,),) = [group.steps for group in plan(made, "file", SHADOW).groups]
    assert step.wanted == {"kind": "file", "gid": 0}


@pytest.mark.parametrize("kind", ["file", "link", "dir", "nothing"])
def test_what_must_not_be_there(kind: str) -> None:
    made = FakeHost()
    path = "/etc/hosts.equiv"
    {"file": made.add_file, "dir": made.add_dir}.get(kind, lambda _path: None)(path)
    if kind == "link":
        made.add_link(path, "/dev/null")
    planned = plan(made, "file", {"path": path, "state": "absent"})
    (seen,) = planned.assessments
    assert seen.result == ("pass" if kind == "nothing" else "fail")
    assert subjects(planned.groups) == ([f"file {path}"] if kind in ("file", "link") else [])
    assert ("never removed" in seen.reason) == (kind == "dir")


LOGS = {"path": "/var/log/audit/*", "mode": "0640", "owner": "root", "group": ["root", "adm"], "readers": True}


def with_collector(members: str = "", gid: int = 900, mode: int = 0o640) -> FakeHost:
    made = FakeHost()
    made.groups["siem"] = 900
    made.add_file("/etc/group", f"root:x:0:\nadm:x:4:\nsiem:x:900:{members}\nempty:x:901:\n")
    made.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\ncollector:x:900:900::/:/usr/sbin/nologin\n")
    made.add_file("/var/log/audit/audit.log", "", mode=mode, gid=gid)
    return made


@pytest.mark.parametrize(
    ("made", "blocked"),
    [
        pytest.param(with_collector(), True, id="an account's own group"),
        pytest.param(with_collector("shipper"), True, id="a member"),
        pytest.param(with_collector(gid=901), False, id="nobody is in it"),
        pytest.param(with_collector(mode=0o604), False, id="it may not read"),
    ],
)
def test_who_reads_a_log_by_its_group_goes_on_reading(made: FakeHost, blocked: bool) -> None:
    planned = plan(made, "file", LOGS)
    assert planned.assessments[0].result == "fail"
    assert bool(planned.groups) != blocked
    assert ("collector (siem)" in planned.assessments[0].reason) == blocked
    assert plan(made, "file", LOGS, allow_stop=["c1"]).groups


def test_readers_are_only_asked_for_where_a_group_is_another() -> None:
    made = with_collector(gid=4)
    del made.nodes["/etc/passwd"]
    assert look(made, "file", LOGS).result == "pass"
