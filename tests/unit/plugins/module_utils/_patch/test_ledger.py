# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: only ever added to, and whole after a write that was cut anywhere."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._patch import ledger as patch_ledger
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.versions import brings
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange
from fake_host import FakeHost

LAB = PackageChange("lab", "all", "upgrade", "1.0", "1.2")
MORNING, EVENING = "2026-11-25T08:00:00Z", "2026-11-25T20:00:00Z"


def seen(version: str, at: str) -> dict[str, object]:
    return {"what": "seen", "at": at, "name": "lab", "arch": "all", "version": version}


def test_what_was_added_is_read_in_its_order() -> None:
    host = FakeHost()
    patch_ledger.add(host, [seen("1.1", MORNING)])
    patch_ledger.add(host, [seen("1.2", EVENING)])
    assert [entry["version"] for entry in patch_ledger.read(host).entries] == ["1.1", "1.2"]
    assert host.nodes[patch_ledger.LEDGER].mode == 0o600


def test_a_write_that_was_cut_anywhere_is_as_if_it_never_was() -> None:
    whole = FakeHost()
    patch_ledger.add(whole, [seen("1.1", MORNING)])
    first = whole.nodes[patch_ledger.LEDGER].content
    patch_ledger.add(whole, [seen("1.2", MORNING)])
    content = whole.nodes[patch_ledger.LEDGER].content
    for end in range(len(first), len(content)):
        host = FakeHost()
        host.add_file(patch_ledger.LEDGER, content[:end])
        known = [entry["version"] for entry in patch_ledger.read(host).entries]
        assert known in (["1.1"], ["1.1", "1.2"] if end == len(content) - 1 else ["1.1"])
        patch_ledger.add(host, [seen("1.3", EVENING)])
        assert [entry["version"] for entry in patch_ledger.read(host).entries] == [*known, "1.3"]


def test_a_line_that_somebody_changed_does_not_count() -> None:
    host = FakeHost()
    patch_ledger.add(host, [seen("1.1", MORNING)])
    host.nodes[patch_ledger.LEDGER].content = host.nodes[patch_ledger.LEDGER].content.replace(b"08:00", b"23:00")
    assert patch_ledger.read(host) == patch_ledger.Ledger((), 1)


def test_the_deadline_of_a_newer_version_begins_with_the_older_one_that_is_still_to_come() -> None:
    ledger = patch_ledger.Ledger((seen("1.0", "2026-01-01T00:00:00Z"), seen("1.1", MORNING), seen("1.2", EVENING)))
    assert ledger.first_seen(LAB, brings) == MORNING
    assert ledger.first_seen(PackageChange("lab", "amd64", "upgrade", "1.0", "1.2"), brings) == ""
    assert ledger.first_seen(PackageChange("lab", "all", "install", "", "1.2"), brings) == EVENING


def test_a_hold_ends_with_its_day_or_with_its_release() -> None:
    hold = {"what": "held", "at": MORNING, "name": "lab", "version": "1.2", "until": EVENING, "run": "r"}
    ledger = patch_ledger.Ledger((hold,))
    assert (ledger.expired(MORNING), ledger.expired(EVENING)) == ((), ("lab",))
    assert patch_ledger.Ledger((hold, {"what": "released", "at": EVENING, "name": "lab"})).expired(EVENING) == ()
