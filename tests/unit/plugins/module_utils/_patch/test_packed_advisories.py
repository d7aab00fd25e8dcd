# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The advisories on their way to a host."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._patch.packed_advisories import pack, unpack

ADVISORIES = {"sources": {"curl": [{"cve": "CVE-2026-0001", "epss": 0.5, "kev_due": None}]}, "cves": {}}


def test_advisories_come_out_as_they_went_in_and_cannot_be_read_on_the_way() -> None:
    option = pack(ADVISORIES)
    assert unpack(option) == ADVISORIES
    assert "CVE" not in option
    assert "curl" not in option


def test_without_advisories_there_are_none() -> None:
    assert unpack("") == {}
