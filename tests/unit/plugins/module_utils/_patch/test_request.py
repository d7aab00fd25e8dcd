# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller is told of a plan that is no longer what was approved."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch import request as patch_request
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import KeptPackage
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import OmittedChange, PackageChange, Plan
from patched_host import request

CHANGE = PackageChange("lab", "all", "upgrade", "1", "2")


def plan_of(*changes: PackageChange) -> Plan:
    return Plan("updates", changes=changes)


def test_a_request_knows_its_time_as_a_stamp() -> None:
    assert request().at == "2026-11-25T08:00:00Z"


def test_what_no_longer_comes_is_named_with_its_reason() -> None:
    held = replace(plan_of(), omitted=(OmittedChange("held", CHANGE, "it is on hold"),))
    assert patch_request.differences(plan_of(CHANGE), held) == "lab no longer comes (it is on hold)"
    assert patch_request.differences(plan_of(CHANGE), plan_of()) == "lab no longer comes (nothing is to be done)"


def test_what_comes_as_well_and_what_goes_elsewhere_is_named() -> None:
    other = replace(CHANGE, name="other", old="", new="1")
    newer = replace(CHANGE, new="3")
    gone = replace(CHANGE, new="")
    assert patch_request.differences(plan_of(CHANGE), plan_of(newer, other)) == (
        "other comes as well; lab would go from 1 to 3"
    )
    assert patch_request.differences(plan_of(CHANGE), plan_of(gone)) == "lab would go from 1 to nothing"
    assert patch_request.differences(plan_of(CHANGE), plan_of(CHANGE)) == ""


def test_another_origin_and_other_bytes_are_differences() -> None:
    ours = replace(CHANGE, origin="Lab", checksum="sha256:aa")
    assert patch_request.differences(plan_of(ours), plan_of(replace(ours, origin="Theirs", checksum="sha256:bb"))) == (
        "lab 2 would come from Theirs, not from Lab"
    )
    assert patch_request.differences(plan_of(ours), plan_of(replace(ours, checksum="sha256:bb"))) == (
        "lab 2 would be another file: sha256:bb"
    )
    assert patch_request.differences(plan_of(replace(ours, checksum="")), plan_of(ours)) == ""


def test_of_a_kernel_one_version_comes_and_another_goes() -> None:
    comes = replace(CHANGE, name="kernel-core", change="install", old="", new="5.4")
    goes = replace(comes, change="remove", old="5.1", new="")
    assert patch_request.differences(plan_of(comes, goes), plan_of(goes, comes)) == ""
    assert patch_request.differences(plan_of(comes, goes), plan_of(comes)) == (
        "kernel-core no longer comes (nothing is to be done)"
    )


def test_of_many_differences_ten_are_named() -> None:
    many = [replace(CHANGE, name=f"lab{number}") for number in range(12)]
    text = patch_request.differences(plan_of(), plan_of(*many))
    assert text.count("comes as well") == 10
    assert text.endswith("lab9 comes as well; and 2 more")


def test_a_failure_bears_the_result() -> None:
    result = patch_request.PatchResult(changed=True, down=("a.service",))
    error = patch_request.PatchFailed(ClinicalError("Applying", "x", "saw", "try"), result)
    assert (str(error), error.result) == ("Applying x: saw. try", result)


def test_changes_and_kept_packages_in_the_least_words() -> None:
    assert patch_request.summarise([CHANGE]) == (
        {"name": "lab", "arch": "all", "change": "upgrade", "from": "1", "to": "2"},
    )
    package = KeptPackage("lab", "all", "1", "/kept/lab.deb", "mirror", "aa")
    assert patch_request.describe_kept([package]) == (
        {"name": "lab", "arch": "all", "version": "1", "how": "mirror", "path": "/kept/lab.deb"},
    )
