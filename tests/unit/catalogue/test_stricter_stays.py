# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardening never weakens: what a site has stricter than the catalogue passes, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.config import Config
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue
from fake_host import FakeHost
from look import plan

DIRECTORY = Path(__file__).resolve().parents[3] / "roles" / "hardening" / "catalogue"
SENT: dict[str, dict[str, Any]] = {
    control["id"]: control for control in catalogue.select(catalogue.load([DIRECTORY]), "strict").controls
}


def host_with(settings: dict[str, Any], value: str) -> FakeHost:
    """Return a host whose main file sets the key of a control of the kind config."""
    written = {
        "ini": f"[{settings.get('section')}]\n{settings['key']}={value}\n",
        "login_defs": f"{settings['key']} {value}\n",
    }
    made = FakeHost()
    made.add_file(settings["file"], written.get(settings["format"], f"{settings['key']} = {value}\n"))
    return made


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("login_umask", "077"),
        ("login_umask", "0137"),
        ("login_home_mode", "0700"),
        ("login_home_mode", "0500"),
        ("login_home_mode", "0750"),
        ("login_retries", "0x2"),
        ("adduser_home_mode", "'700' "),
        ("login_password_hash", "YESCRYPT"),
        ("login_success_logged", "YES"),
        ("login_retries", "2"),
        ("login_password_warning", "30"),
        ("console_idle_sessions", "5min"),
        ("coredumps_not_processed", "0B"),
        ("journal_compressed", "on"),
        ("journal_size", "512M"),
        ("journal_size", "1.5G"),
        ("journal_memory_size", "64M"),
        ("journal_keep_free", "8G"),
        ("journal_file_age", "1day 6h"),
        ("pam_lockout_after", "3"),
        ("pam_lockout_for", "never"),
        ("pam_lockout_for", "0"),
        ("pam_lockout_for", "86400"),
        ("pam_lockout_counts", "3600"),
        ("pam_password_length", "20"),
        ("pam_password_dictionary", "2"),
        ("pam_password_repeats", "1"),
    ],
)
def test_a_stricter_value_of_a_file_stays(control: str, value: str) -> None:
    settings = SENT[control]["settings"]
    planned = plan(host_with(settings, value), "config", settings)
    assert [assessment.verdicts.on_disk.state for assessment in planned.assessments] == ["ok"]
    assert [step for group in planned.groups for step in group.steps if "file" in step.subject.type] == []


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("login_umask", "022"),
        ("login_home_mode", "0755"),
        ("login_home_mode", "700"),  # to shadow it is decimal, and so 01274
        ("login_password_hash", "MD5"),
        ("console_idle_sessions", "0"),
        ("console_idle_sessions", "infinity"),
        ("journal_size", "0"),
        ("journal_size", "8G"),
        ("journal_file_age", "0"),
        ("pam_lockout_after", "0"),
        ("pam_lockout_for", "30"),
        ("pam_password_repeats", "0"),
    ],
)
def test_a_weaker_value_and_one_without_end_are_mended(control: str, value: str) -> None:
    settings = SENT[control]["settings"]
    planned = plan(host_with(settings, value), "config", settings)
    assert (planned.assessments[0].result, len(planned.groups)) == ("fail", 1)


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("kernel_lowest_page_unused", "131072"),
        ("kernel_performance_counters_for_administrators", "4"),
        ("kernel_mappings_random", "33"),
        ("kernel_pointers_hidden", "2"),
        ("kernel_console_key_limited", "0"),
    ],
)
def test_a_stricter_kernel_value_stays(control: str, value: str) -> None:
    settings = SENT[control]["settings"]
    made = FakeHost()
    made.kernel[settings["key"]] = value
    made.add_file("/etc/sysctl.d/50-site.conf", f"{settings['key']} = {value}\n")
    planned = plan(made, "sysctl", settings)
    assert (planned.assessments[0].result, planned.groups) == ("pass", ())


def test_every_number_of_the_catalogue_that_a_site_may_choose_has_an_order() -> None:
    """A number that is only ever equal to itself weakens whoever has a better one."""
    unordered = {
        name
        for name, control in SENT.items()
        if control["kind"] == Config.name
        and isinstance(control["settings"]["value"], int)
        and control["settings"]["value"]
        and control["settings"].get("op", "equal") == "equal"
    }
    assert unordered == set()
