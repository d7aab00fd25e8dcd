# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the upgrade, with what that part needs."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import observe as look
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.narrow import narrow
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import OmittedChange, PackageChange
from apt_host import AptHost

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)
ALONE = "Inst lab-main [1.0-1] (1.0-2 Debian:12/stable [all])\n"
WITH_AUTO = ALONE + "Inst lab-auto [0.9-1] (0.9-2 Debian:12/stable [all])\n"


def allowed(_change: PackageChange) -> OmittedChange | None:
    return None


def not_auto(change: PackageChange) -> OmittedChange | None:
    return OmittedChange("excluded", change, "no") if change.name == "lab-auto" else None


def solver(host: AptHost, rc: int, out: str) -> None:
    host.says[("apt-get", "-s")] = CommandResult((), rc, out, "")


def test_nothing_is_asked_for_nothing() -> None:
    host = AptHost()
    observed = look.observe(host, NOW)
    host.runs.clear()
    assert narrow(host, observed, (), allowed) == ((), ())
    assert host.runs == []


def test_what_others_need_comes_along_and_says_so() -> None:
    host = AptHost()
    observed = look.observe(host, NOW)
    chosen = [change for change in observed.changes if change.name == "lab-main"]
    solver(host, 0, WITH_AUTO)
    found, missing = narrow(host, observed, chosen, allowed)
    assert {change.name: "the others need it" in change.why for change in found} == {
        "lab-auto": True,
        "lab-main": False,
    }
    assert missing == ()
    assert "lab-main=1.0-2" in host.runs[-1]


def test_what_needs_something_barred_stays_away_and_says_so() -> None:
    host = AptHost()
    observed = look.observe(host, NOW)
    chosen = [change for change in observed.changes if change.name in ("lab-main", "lab-conf")]
    solver(host, 100, "")
    assert narrow(host, observed, chosen, not_auto)[0] == ()
    solver(host, 0, WITH_AUTO)
    found, missing = narrow(host, observed, chosen, not_auto)
    assert [out.change.name for out in missing] == ["lab-conf"]
    assert "may not come" in missing[0].reason
    assert any("Package: lab-auto\nPin: version 0.9-1\nPin-Priority: 1001" in pinned for _argv, pinned in host.asked)
    assert host.operations == []
    assert [change.name for change in found] == ["lab-auto", "lab-main"]
