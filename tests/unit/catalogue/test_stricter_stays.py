# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardening never weakens: what a site has stricter than the catalogue passes, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
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


#: The largest value that the kernel takes for a key whose larger values are stricter; all others it refuses.
LARGEST = {
    "fs.protected_fifos": 2,
    "fs.protected_hardlinks": 1,
    "fs.protected_regular": 2,
    "fs.protected_symlinks": 1,
    "kernel.dmesg_restrict": 1,
    "kernel.io_uring_disabled": 2,
    "kernel.kptr_restrict": 2,
    "kernel.randomize_va_space": 2,
    "kernel.unprivileged_bpf_disabled": 2,
    "kernel.yama.ptrace_scope": 3,
    "net.core.bpf_jit_harden": 2,
    "net.ipv4.conf.all.log_martians": 1,
    "net.ipv4.conf.all.rp_filter": 2,
    "net.ipv4.conf.default.log_martians": 1,
    "net.ipv4.conf.default.rp_filter": 2,
    "net.ipv4.icmp_echo_ignore_broadcasts": 1,
    "net.ipv4.icmp_ignore_bogus_error_responses": 1,
    "net.ipv4.tcp_rfc1337": 1,
    "net.ipv4.tcp_syncookies": 2,
}
#: Each bit lets something be done, so fewer are stricter.
BITS = {"kernel.sysrq"}
#: Seconds of which none is stricter than another; only nought, which waits for ever, is refused.
WITHOUT_ORDER = {"kernel.panic"}
WITH_NUMBERS = [name for name, control in SENT.items() if control["kind"] in ("config", "sysctl", "sudo", "sshd")]


def stricter_ones(key: str, value: int) -> set[int]:
    """Return all values of a kernel key that are stricter than this value."""
    if key in BITS:
        return {bits for bits in range(value) if not bits & ~value}
    return set(range(value + 1, LARGEST[key] + 1))


@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_every_number_of_the_catalogue_that_a_site_may_choose_has_an_order(name: str) -> None:
    """A number that is only ever equal to itself weakens whoever has a better one."""
    settings = SENT[name]["settings"]
    value = settings.get("value")
    is_number = isinstance(value, int) and not isinstance(value, bool) and value != 0
    if not is_number or settings.get("op", "equal") != "equal" or settings.get("key") in WITHOUT_ORDER:
        return
    assert SENT[name]["kind"] == "sysctl", "an operation says which numbers are stricter"
    assert stricter_ones(settings["key"], value) <= set(settings.get("accept", ()))


@pytest.mark.parametrize("name", [name for name in WITH_NUMBERS if SENT[name]["kind"] in ("sudo", "sshd")])
def test_no_number_stands_in_a_text_that_is_only_compared(name: str) -> None:
    settings = SENT[name]["settings"]
    text = settings.get("value")
    if isinstance(text, str) and settings.get("op", "equal") == "equal":
        assert not text[:1].isdecimal(), "an operation says which numbers are stricter"
