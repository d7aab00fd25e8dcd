# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB: arguments of the kernel, and a password that never asks whoever just starts the server."""

from __future__ import annotations

import json

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.boot import Boot, kernel_words
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from dirty_host import BOOT_HASH
from fake_host import FakeHost, fixture
from look import look, plan, states

AUDIT = {"argument": "audit=1"}
PASSWORD = {"password_hash": BOOT_HASH}
DROP_IN = "/etc/default/grub.d/zz-healthops.cfg"


def host(system: str = "debian-12", started: str = "", more: str = "") -> FakeHost:
    made = FakeHost(system)
    made.add_file("/boot/grub/grub.cfg", fixture("grub_menu", system) + more, mode=0o644)
    made.add_file("/etc/default/grub", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n')
    made.add_file("/proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro quiet {started}\n")
    made.add_dir("/etc/grub.d")
    made.add_dir("/etc/default/grub.d")
    return made


def enforce(made: FakeHost, settings: dict[str, str]) -> tuple[str, str]:
    (finding,) = _baseline.enforce(made, _baseline.BaselineRequest("e1", (Control("one", "boot", settings),))).findings
    return finding["result"], finding["reason"]


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_an_argument_waits_for_the_next_boot_and_says_so(system: str) -> None:
    made = host(system)
    seen = look(made, "boot", AUDIT)
    assert (states(seen), seen.reason) == (("deviates",) * 3, "it takes effect at the next boot")
    assert enforce(made, AUDIT) == ("fail", "it takes effect at the next boot")
    assert made.text(DROP_IN).endswith('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX audit=1"\n')
    again = plan(made, "boot", AUDIT)
    assert (states(again.assessments[0]), again.groups) == (("deviates", "ok", "ok"), ())
    made.add_file("/proc/cmdline", "ro audit=1\n")
    assert look(made, "boot", AUDIT).result == "pass"


def test_update_grub_without_an_effect_is_no_change() -> None:
    made = host()
    made.answers[("update-grub",)] = CommandResult(("update-grub",), 0, "", "")
    before = made.state()
    for run_id in ("e1", "e2"):
        report = _baseline.enforce(made, _baseline.BaselineRequest(run_id, (Control("one", "boot", AUDIT),)))
        (finding,) = report.findings
        assert (report.changed, finding["result"], made.state()) == (False, "error", before)
        assert "it ended well and left /boot/grub/grub.cfg as it was" in finding["reason"]


def test_what_is_written_and_not_in_the_menu_is_shown_as_a_difference() -> None:
    made = host()
    made.add_file(DROP_IN, 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX audit=1"\n')
    report = _baseline.enforce(made, _baseline.BaselineRequest("e1", (Control("one", "boot", AUDIT),)))
    (change,) = report.changes
    assert change["before"] != change["after"]
    assert not _baseline.enforce(made, _baseline.BaselineRequest("e2", (Control("one", "boot", AUDIT),))).changed


def test_an_entry_that_update_grub_does_not_make_is_named_and_left() -> None:
    made = host()
    enforce(made, AUDIT)
    made.clock += 60
    menu = made.text("/boot/grub/grub.cfg")
    made.add_file("/boot/grub/grub.cfg", f"{menu}menuentry 'Rescue' {{\n\tlinux /boot/rescue ro\n}}\n")
    planned = plan(made, "boot", AUDIT)
    assert (planned.assessments[0].result, planned.groups) == ("fail", ())
    assert "not to 1 of 2; add it where these are written" in planned.assessments[0].reason


def test_in_a_container_with_a_menu_the_kernel_is_the_machines() -> None:
    made = host()
    made.in_container()
    assert enforce(made, AUDIT) == ("fixed", "")


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (['GRUB_CMDLINE_LINUX="a=1"'], ["a=1"]),
        (['GRUB_CMDLINE_LINUX="a=1"', 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX b"'], ["a=1", "b"]),
        (['GRUB_CMDLINE_LINUX="a"\nGRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX} b c=2"'], ["a", "b", "c=2"]),
        (['GRUB_CMDLINE_LINUX="a"', 'GRUB_CMDLINE_LINUX="b"'], ["b"]),
        (['GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n# GRUB_CMDLINE_LINUX="x"'], []),
    ],
)
def test_files_build_on_each_other(texts: list[str], words: list[str]) -> None:
    assert kernel_words(texts) == words


def test_the_last_word_counts_and_a_larger_number_will_do() -> None:
    backlog = {"argument": "audit_backlog_limit=8192", "op": "at_least"}
    made = host()
    made.add_file("/etc/default/grub", 'GRUB_CMDLINE_LINUX="audit=1 audit_backlog_limit=16384 audit=0"\n')
    assert look(made, "boot", backlog).verdicts.on_disk.state == "ok"
    assert look(made, "boot", AUDIT).verdicts.on_disk.observed == "audit=0"


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_a_password_and_every_entry_still_starts_without_it(system: str) -> None:
    made = host(system)
    before = made.state()
    assert enforce(made, PASSWORD) == ("fixed", "")
    script = made.nodes["/etc/grub.d/01_healthops_password"]
    assert (script.mode, made.nodes["/boot/grub/grub.cfg"].mode) == (0o700, 0o600)
    menu = made.text("/boot/grub/grub.cfg")
    assert menu.index('menuentry_id_option="--unrestricted $menuentry_id_option"') < menu.index("menuentry 'Debian")
    _baseline.revert(made, _baseline.BaselineRequest("r1"), "", False)
    assert made.state() == before


def test_the_hash_is_told_nowhere() -> None:
    made = host()
    report = _baseline.enforce(made, _baseline.BaselineRequest("e1", (Control("one", "boot", PASSWORD),)))
    told = json.dumps([_baseline.result(report, True, False), report.warnings])
    assert "pbkdf2" not in told
    assert '"set' in told


def test_without_a_hash_nothing_is_done() -> None:
    planned = plan(host(), "boot", {"password_hash": "none"})
    assert planned.groups == ()
    assert "no hash was supplied" in planned.assessments[0].reason


SITES_OWN = 'set superusers="root"\npassword_pbkdf2 root grub.pbkdf2.sha512.1.A.B\n'


@pytest.mark.parametrize(
    ("more", "result", "reason"),
    [
        (SITES_OWN, "fail", "an unattended reboot would wait for the password"),
        (SITES_OWN + 'menuentry_id_option="--unrestricted --id"\n', "pass", ""),
    ],
)
def test_a_password_of_the_sites_own(more: str, result: str, reason: str) -> None:
    made = host(more=more)
    for settings in (PASSWORD, {"password_hash": "none"}):
        planned = plan(made, "boot", settings)
        assert planned.groups == ()
        assert planned.assessments[0].result == result
        assert planned.assessments[0].reason.startswith(reason)


def test_another_hash_takes_the_place_of_the_old_one() -> None:
    made = host()
    enforce(made, PASSWORD)
    other = BOOT_HASH.replace("AB", "CD")
    (finding,) = _baseline.enforce(
        made, _baseline.BaselineRequest("e2", (Control("one", "boot", {"password_hash": other}),))
    ).findings
    assert finding["result"] == "fixed"
    assert other in made.text("/boot/grub/grub.cfg")


def test_where_grub_does_not_start_the_host() -> None:
    assert look(FakeHost(), "boot", AUDIT).reason == "this host does not start with GRUB by itself"


def test_without_update_grub_nothing_is_written() -> None:
    made = host()
    made.programs -= {"update-grub"}
    for settings in (AUDIT, PASSWORD):
        planned = plan(made, "boot", settings)
        assert planned.groups == ()
        assert "no update-grub" in planned.assessments[0].reason


@pytest.mark.parametrize("settings", [{}, {**AUDIT, **PASSWORD}, {"argument": "audit=1 quiet"}, {"password_hash": "x"}])
def test_settings_that_will_not_do(settings: dict[str, str]) -> None:
    assert Boot().validate(settings)
