# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host would do, and what of that is written down; what it says of itself for the advisories."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._patch import plan
from ansible_collections.healthops.clinical.plugins.module_utils._patch import run as patch_run
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import versions
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import InstalledPackage
from fake_host import FakeHost, fixture
from patched_host import (
    NOW,
    machine,
    noted,
    request,
)


def test_a_plan_writes_down_what_is_seen_and_nothing_else() -> None:
    host, manager = machine()
    before = host.state()
    answer = patch_run.report_plan(host, manager, request())
    assert (answer.changed, answer.plan["verdict"]) == (False, "updates")
    assert noted(host, "seen") == ["a", "b", "new", "service"]
    assert host.state() == before


def test_a_plan_in_check_mode_writes_nothing_at_all() -> None:
    host, manager = machine()
    patch_run.report_plan(host, manager, request(check=True))
    assert host.operations == []


def test_a_mirror_that_does_not_answer_makes_the_verdict_unknown() -> None:
    host, manager = machine()
    manager.mirror = False
    wanted = request()
    answer = patch_run.report_plan(host, manager, replace(wanted, inputs=replace(wanted.inputs, refresh=True)))
    assert answer.plan["verdict"] == "unknown"
    assert "Failed to fetch" in answer.plan["unknown_because"][0]


def test_a_host_with_packages_that_are_installed_in_part_cannot_tell_and_names_them() -> None:
    host, manager = machine()
    manager.half.add("a")
    answer = patch_run.report_plan(host, manager, request(check=True))
    assert answer.plan["verdict"] == "unknown"
    assert answer.plan["unknown_because"] == ["a is installed only in part"]


def test_a_deadline_begins_when_the_update_was_first_seen_and_not_anew_with_the_next_version() -> None:
    host, manager = machine()
    patch_run.report_plan(host, manager, request())
    manager.wanted["a"] = "3"
    later = NOW + timedelta(days=20)
    change = patch_run.report_plan(host, manager, request(now=later)).plan["changes"][0]
    assert (change["first_seen"], change["days_left"]) == ("2026-11-25T08:00:00Z", -6)


def test_a_host_tells_its_release_and_the_earliest_version_of_each_source() -> None:
    installed = [
        InstalledPackage("linux-image-6.1.0-40-amd64", "amd64", "6.1.153-1", "linux", "6.1.153-1"),
        InstalledPackage("linux-image-6.1.0-9-amd64", "amd64", "6.1.27-1", "linux", "6.1.27-1"),
        InstalledPackage("linux-libc-dev", "amd64", "6.1.158-1", "linux", "6.1.158-1"),
        InstalledPackage("libssl3", "amd64", "3.0.15-1~deb12u1", "openssl", "3.0.15-1~deb12u1"),
    ]
    manager: Any = SimpleNamespace(
        installed=lambda: {package.name: package for package in installed},
        brings=versions.brings,
        cves=lambda refresh: (),
    )
    host = FakeHost("debian-12")
    host.add_file("/etc/os-release", fixture("os_release", "debian-12"))
    assert plan.rating_inputs(host, manager, refresh=True) == {
        "codename": "bookworm",
        "sources": {"linux": "6.1.27-1", "openssl": "3.0.15-1~deb12u1"},
        "cves": [],
    }
