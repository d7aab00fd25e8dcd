# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the report about packages."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.page import render
from unit_tests.plugin_utils._evidence import patch_samples, samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_run

TEMPLATE = (Path(__file__).resolve().parents[6] / "roles" / "evidence" / "templates" / "report.html.j2").resolve()


def patch_page(hosts: t.Optional[t.Dict[str, patch_samples.Json]] = None) -> str:
    return render(patch_run(hosts), TEMPLATE.read_text(encoding="utf-8"), "d")


def test_the_report_tells_each_change_once_with_its_hosts() -> None:
    told = patch_page()
    assert told.count("<b>libssl3</b>") == 1
    assert "3.0.15-1~deb12u1 → 3.0.17-1~deb12u3" in told
    assert "2 days over" in told
    assert "restarts nginx.service, postgresql@15-main.service" in told
    assert "and 31 more" in told
    assert "The vendor of the archive tests it first." in told
    assert "the list of bookworm-security is 41 days old" in told
    assert told.count("The vendor tests it first.") == 1
    assert "until 2026-12-24, 29 days left" in told
    assert "There is nothing to undo: a plan changes nothing." in told
    assert "Enforcing cuts" not in told


def test_the_report_of_what_was_installed_says_who_let_it_and_how_to_undo_it() -> None:
    told = patch_page({"a": patch_samples.applied()})
    assert "Tomas Brandt, security officer, CHG-118" in told
    assert f"-e patching_run_id={patch_samples.RUN_ID}" in told
    assert "<b>2</b> of 2 packages installed" in told


def test_the_report_of_what_was_taken_back_says_what_is_open_again() -> None:
    told = patch_page({"a": patch_samples.rolled_back()})
    assert "What 1 host took back is open again" in told
    assert "CVE-2026-1001, CVE-2026-1002" in told
    assert "3.0.17-1~deb12u3 → 3.0.15-1~deb12u1" in told


def test_what_a_mirror_says_cannot_break_the_page() -> None:
    bad = patch_samples.change("<script>alert(1)</script>", "1", "2", why=["<b>"], cves=["CVE-<i>"], origin="<u>")
    told = patch_page({"a": patch_samples.result(patch_samples.plan(bad))})
    assert "<script>" not in told
    assert "CVE-<i>" not in told
    assert "&lt;script&gt;" in told


def test_a_run_without_packages_has_no_word_of_updates() -> None:
    made = bundle(samples.RUN_ID, {"a": record.clean_result(samples.result(0, 6), "a")})
    assert 'id="updates"' not in render(made, TEMPLATE.read_text(encoding="utf-8"), "d")
