# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with dnf and nothing of apt, through all four states."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch import run as patch_run
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import holds
from ansible_collections.healthops.clinical.plugins.module_utils._patch.request import PatchRequest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.roll_back import roll_back
from dnf_host import NOW, OF_APT, DnfHost, UpdatingHost, dnf_on
from patched_host import request


def request_for(run_id: str = "run", **more: Any) -> PatchRequest:
    return request(run_id, now=NOW, **more)


def test_a_host_without_apt_goes_the_whole_way() -> None:
    host = UpdatingHost()
    manager, before = dnf_on(host), dict(host.versions)
    planned = patch_run.report_plan(host, manager, request_for()).plan
    assert (planned["verdict"], planned["unknown_because"], planned["own_will"]) == ("updates", [], [])
    staged = patch_run.stage(host, manager, request_for(digest=planned["digest"]))
    assert (staged.run["stage"], host.versions) == ("staged", before)
    applied = patch_run.apply(host, manager, request_for(digest=planned["digest"]))
    assert applied.run["stage"] == "applied"
    assert (host.versions["lab-security"], host.versions["lab-held"]) == ("1.0-3", before["lab-held"])
    assert applied.restarted == ("lab-daemon.service",)
    back = roll_back(host, manager, request_for())
    assert (back.run["stage"], host.versions) == ("rolled_back", before)
    assert [argv for argv in host.ran if argv[0] in OF_APT] == []


@pytest.mark.parametrize("arch", ["noarch", "x86_64"])
def test_holds_of_ours_end_and_those_of_the_site_are_as_before(arch: str) -> None:
    host, later = UpdatingHost(arch), NOW + timedelta(days=15)
    manager = dnf_on(host)
    host.add_file(holds.VERSIONLOCK, "theirs-*\n")
    digest = patch_run.report_plan(host, manager, request_for()).plan["digest"]
    patch_run.apply(host, manager, request_for(digest=digest))
    assert host.text(holds.VERSIONLOCK) == "theirs-*\n", "what is excluded elsewhere is no hold of this list"
    roll_back(host, manager, request_for())
    assert "lab-security-0:1.0-1.*" in host.text(holds.VERSIONLOCK)
    on_hold = patch_run.report_plan(host, manager, request_for()).plan["held"]
    assert {"lab-security", "lab-held"} <= {out["name"] for out in on_hold}
    plans = [patch_run.report_plan(host, manager, request("run", now=later)).plan["digest"] for _time in range(2)]
    assert plans == [digest, digest], "looking at a host ends no hold"
    patch_run.apply(host, manager, request("next", now=later, digest=digest))
    assert host.versions["lab-security"] == "1.0-3"
    assert host.text(holds.VERSIONLOCK) == "theirs-*\n"


def test_the_fake_host_has_nothing_of_apt() -> None:
    host = DnfHost()
    assert [name for name in OF_APT if host.which(name)] == []
    assert host.glob("/etc/apt*") == host.glob("/var/lib/dpkg*") == []
    with pytest.raises(ClinicalError, match="there is no such command"):
        host.run(["apt-config", "dump"])
