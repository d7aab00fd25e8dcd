# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: plain data and back, and a digest over exactly the set to change."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import (
    OmittedChange,
    PackageChange,
    PackageSource,
    Plan,
    Reboot,
    Space,
    because,
    digest_of,
    earlier_digest_of,
    in_order,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import LEFT_OUT

TOOL = PackageChange(
    *("labtool", "all", "upgrade", "1.0-1", "1.0-1+deb12u1", True, ("a label",), ("DSA-1",), ("CVE-1",)),
    origin="Debian:12/stable",
    checksum="sha256:aa",
)
OTHER = PackageChange("other", "amd64", "install", "", "2:1.0~rc1-1", None)


def whole() -> Plan:
    source = PackageSource(
        "http://m/d", "stable", "bookworm", "Debian", "Debian", "main", "2026-11-01T00:00:00Z", 24, True, False
    )
    return Plan(
        verdict="updates",
        unknown_because=("a mirror is old",),
        changes=(TOOL, OTHER),
        omitted=tuple(OmittedChange(kind, TOOL, f"it is {kind}", "2026-12-01") for kind in LEFT_OUT),
        sources=(source,),
        space=(Space("/", 10, 20),),
        reboot=Reboot(True, ("a newer kernel",)),
        services=("ssh.service",),
        unattended_updaters=("apt-daily-upgrade.timer is enabled",),
        run={"run_id": "r1", "stage": "staged"},
    )


def test_a_plan_comes_back_from_json_as_it_was() -> None:
    assert Plan.from_result(json.loads(json.dumps(whole().as_result()))) == whole()


def test_a_plan_speaks_the_words_of_the_module() -> None:
    told = whole().as_result()
    assert told["changes"][0]["from"] == "1.0-1"
    assert told["changes"][0]["to"] == "1.0-1+deb12u1"
    assert "old" not in told["changes"][0]
    assert told["held"][0]["reason"] == "it is held"
    assert told["space"] == [{"path": "/", "free_bytes": 10, "needed_bytes": 20, "enough": False}]


def test_the_digest_does_not_depend_on_the_order() -> None:
    assert digest_of([TOOL, OTHER]) == digest_of([OTHER, TOOL])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(TOOL, new="1.0-1+deb12u2"), id="to"),
        pytest.param(replace(TOOL, old="1.0-0"), id="from"),
        pytest.param(replace(TOOL, arch="amd64"), id="arch"),
        pytest.param(replace(TOOL, name="labtools"), id="name"),
        pytest.param(replace(TOOL, change="downgrade"), id="change"),
        pytest.param(replace(TOOL, origin="Theirs:12/stable"), id="origin"),
        pytest.param(replace(TOOL, checksum="sha256:bb"), id="bytes"),
    ],
)
def test_the_digest_differs_where_the_set_differs(other: PackageChange) -> None:
    assert digest_of([other]) != digest_of([TOOL])


def test_the_digest_is_over_nothing_else() -> None:
    told = replace(TOOL, why=("another reason",), severity="kev", days_left=1, download_bytes=5)
    assert digest_of([told]) == digest_of([TOOL])
    assert replace(whole(), omitted=(), services=(), run={}).digest == whole().digest


def test_what_was_planned_without_checksums_keeps_the_digest_that_it_had() -> None:
    earlier = replace(TOOL, checksum="")
    assert digest_of([earlier]) == earlier_digest_of([earlier]) == earlier_digest_of([TOOL])
    assert digest_of([TOOL]) != earlier_digest_of([TOOL])


def test_the_empty_set_has_a_digest_of_its_own() -> None:
    assert digest_of([]).startswith("sha256:")
    assert digest_of([]) != digest_of([TOOL])


def test_changes_are_listed_by_name() -> None:
    assert in_order([OTHER, TOOL]) == (TOOL, OTHER)


def test_a_reason_is_told_once() -> None:
    assert because(TOOL, "a label", "a tracker").why == ("a label", "a tracker")
