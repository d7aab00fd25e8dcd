# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock: who sets it, from where, and how."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from dirty_host import bare
from fake_host import FakeHost, fixture
from fake_programs import FakePackage, FakeUnit
from look import look, plan, states

OWN = ["ntp1.hospital.example", "ntp2.hospital.example"]


def chrony(system: str = "debian-12", more: str = "") -> FakeHost:
    host = FakeHost(system)
    host.add_file("/etc/chrony/chrony.conf", bare(fixture("chrony", system)) + more)
    host.add_dir("/etc/chrony/conf.d")
    host.add_dir("/etc/chrony/sources.d")
    host.units["chrony.service"] = FakeUnit(active=True, since=2000.0)
    host.add_link("/etc/systemd/system/multi-user.target.wants/chrony.service", "/lib/systemd/system/chrony.service")
    return host


def enforced(host: FakeHost, aspect: str, **more: Any) -> str:
    control = Control("one", "time", {"aspect": aspect, **more})
    (finding,) = _baseline.enforce(host, _baseline.BaselineRequest("e1", (control,))).findings
    return str(finding["result"])


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
@pytest.mark.parametrize("aspect", ["daemon", "step", "account", "not_served", "servers"])
def test_what_debian_brings_is_fine(aspect: str, system: str) -> None:
    assert look(chrony(system), "time", {"aspect": aspect, "servers": ["distribution"]}).result == "pass"


@pytest.mark.parametrize(
    ("aspect", "line", "wanted"),
    [("step", "makestep 1 -1", "makestep 1 3"), ("account", "user root", "user _chrony")],
)
def test_one_line_is_changed_where_it_stands(aspect: str, line: str, wanted: str) -> None:
    host = chrony(more=f"{line}\n")
    text = host.text("/etc/chrony/chrony.conf")
    assert enforced(host, aspect) == "fixed"
    assert host.text("/etc/chrony/chrony.conf") == text.replace(line, wanted)
    assert ("systemctl", "--no-ask-password", "restart", "chrony.service") in host.runs


def test_a_line_in_a_file_of_the_site_is_told() -> None:
    host = chrony()
    host.add_file("/etc/chrony/conf.d/10-site.conf", "user root\n")
    planned = plan(host, "time", {"aspect": "account"})
    assert planned.assessments[0].reason == "/etc/chrony/conf.d/10-site.conf sets it to root; change it there"
    assert planned.groups == ()


def test_the_sites_servers_take_the_place_of_all_others() -> None:
    host = chrony()
    host.add_file("/etc/chrony/sources.d/vendor.sources", "server time.vendor.example iburst\n")
    assert enforced(host, "servers", servers=OWN) == "fixed"
    assert "# healthops: pool 2.debian.pool.ntp.org iburst" in host.text("/etc/chrony/chrony.conf")
    assert host.text("/etc/chrony/sources.d/vendor.sources").startswith("# healthops: server time.vendor.example")
    assert [line for line in host.text("/etc/chrony/sources.d/healthops.sources").splitlines() if line[0] != "#"] == [
        f"server {name} iburst" for name in OWN
    ]
    assert look(host, "time", {"aspect": "servers", "servers": OWN}).result == "pass"


def test_timesyncd_stays_and_gets_the_sites_servers() -> None:
    host = FakeHost()
    host.units["systemd-timesyncd.service"] = FakeUnit(active=True, since=1000.0)
    assert look(host, "time", {"aspect": "servers", "daemon": "timesyncd"}).result == "pass"
    assert enforced(host, "servers", daemon="timesyncd", servers=OWN) == "fixed"
    text = host.text("/etc/systemd/timesyncd.conf.d/zz-healthops.conf")
    assert text.endswith(f"[Time]\nNTP=\nNTP={' '.join(OWN)}\n")
    assert look(host, "time", {"aspect": "step"}).reason == "chrony is not on this host"


def test_chrony_that_comes_with_the_run_serves_the_site_at_once() -> None:
    host = FakeHost()
    conf = bare(fixture("chrony", "debian-12"))
    folder = {"/etc/chrony/sources.d/README": "", "/etc/chrony/conf.d/README": ""}
    host.mirror["chrony"] = FakePackage("4.3", {"/etc/chrony/chrony.conf": conf, **folder}, unit="chrony.service")
    host.add_file("/var/lib/apt/extended_states", "")
    untouched = host.state()
    needs = {"requires_package": ["chrony"]}
    controls = (
        Control("servers", "time", {"aspect": "servers", "servers": OWN}, applies=needs),
        Control("daemon", "time", {"aspect": "daemon"}, applies=needs),
        Control("package", "package", {"name": "chrony", "state": "present"}),
    )
    first = _baseline.audit(host, _baseline.BaselineRequest("a1", controls))
    second = _baseline.enforce(host, _baseline.BaselineRequest("e1", controls))
    assert first.changes == second.changes
    assert {finding["result"] for finding in second.findings} == {"fixed"}
    assert not _baseline.audit(host, _baseline.BaselineRequest("a2", controls)).changed
    _baseline.revert(host, _baseline.BaselineRequest("r1"), "", False)
    assert host.state() == untouched


def test_two_daemons_are_told_and_neither_is_stopped() -> None:
    host = chrony()
    host.units["systemd-timesyncd.service"] = FakeUnit(active=True)
    planned = plan(host, "time", {"aspect": "daemon"})
    assert planned.groups == ()
    assert "chrony.service and systemd-timesyncd.service would fight over the clock" in planned.assessments[0].reason


def test_a_daemon_that_is_off_is_switched_on() -> None:
    host = FakeHost()
    host.units["systemd-timesyncd.service"] = FakeUnit()
    assert enforced(host, "daemon") == "fixed"
    assert host.units["systemd-timesyncd.service"].active
    assert host.enabled("systemd-timesyncd.service") == "enabled"


def test_without_a_daemon_a_person_is_asked_for_one() -> None:
    assert "install chrony" in look(FakeHost(), "time", {"aspect": "daemon"}).reason


def test_time_that_others_get_here_is_told() -> None:
    planned = plan(chrony(more="allow 10.0.0.0/8\n"), "time", {"aspect": "not_served"})
    assert planned.assessments[0].result == "fail"
    assert "it may be in use" in planned.assessments[0].reason
    assert planned.groups == ()


def test_the_clock_of_a_container_is_its_machines() -> None:
    host = FakeHost()
    host.in_container()
    assert look(host, "time", {"aspect": "daemon"}).reason == "the clock belongs to the machine"
    host = chrony()
    host.in_container()
    host.units["chrony.service"].active = False
    assert states(look(host, "time", {"aspect": "daemon"})) == ("notapplicable", "ok", "ok")


def test_a_daemon_that_has_not_read_its_file_is_told_to() -> None:
    host = chrony()
    host.units["chrony.service"].since = 10.0
    planned = plan(host, "time", {"aspect": "step"})
    assert planned.assessments[0].result == "fail"
    assert [effect.verb for group in planned.groups for effect in group.effects] == ["restart"]


@pytest.mark.parametrize(
    ("files", "result"),
    [
        pytest.param({"/etc/systemd/timesyncd.conf": "NTP=a b\n"}, "pass", id="in one line"),
        pytest.param({"/etc/systemd/timesyncd.conf": "NTP=a\nNTP=b\n"}, "pass", id="lines add to each other"),
        pytest.param({"/etc/systemd/timesyncd.conf": "NTP=x\nNTP=\nNTP=a b\n"}, "pass", id="an empty one takes away"),
        pytest.param(
            {"/etc/systemd/timesyncd.conf": "NTP=x\n", "/run/systemd/timesyncd.conf.d/9.conf": "NTP=a b\n"},
            "fail",
            id="files add to each other",
        ),
    ],
)
def test_servers_of_timesyncd_add_up_and_ours_replace_them(files: dict[str, str], result: str) -> None:
    host = FakeHost()
    for path, text in files.items():
        host.add_file(path, f"[Time]\n{text}")
    host.units["systemd-timesyncd.service"] = FakeUnit(active=True, since=1000.0)
    settings = {"aspect": "servers", "daemon": "timesyncd", "servers": ["a", "b"]}
    assert look(host, "time", settings).result == result
    if result == "fail":
        assert enforced(host, "servers", daemon="timesyncd", servers=["a", "b"]) == "fixed"
