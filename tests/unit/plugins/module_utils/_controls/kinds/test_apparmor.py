# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AppArmor: loaded at boot, and what only complains."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.apparmor import parse_profiles
from fake_host import FakeHost
from fake_programs import FakeUnit
from look import look, plan, states, subjects

PROFILES = "/usr/sbin/chronyd (enforce)\nlsb_release (enforce)\nnvidia_modprobe//kmod (enforce)\n"


def host(profiles: str = PROFILES, in_kernel: bool = True, active: bool = True, enabled: bool = True) -> FakeHost:
    made = FakeHost()
    made.add_file("/sys/module/apparmor/parameters/enabled", "Y\n" if in_kernel else "N\n")
    made.add_file("/sys/kernel/security/apparmor/profiles", profiles)
    made.units["apparmor.service"] = FakeUnit(active=active)
    if enabled:
        made.add_link(
            "/etc/systemd/system/sysinit.target.wants/apparmor.service", "/lib/systemd/system/apparmor.service"
        )
    return made


def test_profiles_have_blanks_and_parentheses_in_their_names() -> None:
    assert parse_profiles("a b (x) (complain)\n/usr/bin/man (enforce)\n") == {
        "a b (x)": "complain",
        "/usr/bin/man": "enforce",
    }


@pytest.mark.parametrize(
    ("made", "wanted", "steps", "reason"),
    [
        pytest.param(host(), ("ok", "ok", "ok"), 0, "", id="all"),
        pytest.param(host(enabled=False), ("ok", "deviates", "deviates"), 2, "", id="not at boot"),
        pytest.param(host(active=False), ("deviates", "ok", "ok"), 1, "", id="not now"),
        pytest.param(host(in_kernel=False), ("deviates", "ok", "ok"), 0, "started without AppArmor", id="kernel"),
    ],
)
def test_enabled(made: FakeHost, wanted: tuple[str, str, str], steps: int, reason: str) -> None:
    planned = plan(made, "apparmor", {"state": "enabled"})
    assert states(planned.assessments[0]) == wanted
    assert len(subjects(planned.groups)) == steps
    assert reason in planned.assessments[0].reason
    assert bool(reason) == bool(planned.assessments[0].reason)


@pytest.mark.parametrize(
    ("profiles", "result", "reason"),
    [
        (PROFILES, "pass", ""),
        (PROFILES + "/opt/viewer (complain)\n", "fail", "only complaining: /opt/viewer"),
        ("", "fail", "no profile is loaded"),
    ],
)
def test_a_complaining_profile_is_told_and_left(profiles: str, result: str, reason: str) -> None:
    planned = plan(host(profiles), "apparmor", {"state": "enforcing"})
    assert planned.assessments[0].result == result
    assert reason in planned.assessments[0].reason
    assert planned.groups == ()


def test_what_the_kernel_does_not_tell_is_not_good() -> None:
    made = host()
    del made.nodes["/sys/kernel/security/apparmor/profiles"]
    assert look(made, "apparmor", {"state": "enforcing"}).result == "error"


@pytest.mark.parametrize("state", ["enabled", "enforcing"])
def test_a_container_is_confined_by_its_machine(state: str) -> None:
    made = host()
    made.in_container()
    assert look(made, "apparmor", {"state": state}).reason == "a container is confined by its machine"
