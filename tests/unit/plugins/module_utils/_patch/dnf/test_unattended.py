# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What on an Enterprise Linux installs or restarts by itself."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import unattended
from dnf_host import DnfHost
from fake_programs import FakeUnit

#: The file as dnf-automatic 4.14 ships it, without most of its comments.
SHIPPED = """[commands]
#  What kind of upgrade to perform:
upgrade_type = default
random_sleep = 0
download_updates = yes
# Whether updates should be applied when they are available
apply_updates = no
# reboot = when-needed
reboot = never
reboot_command = "shutdown -r +5 'Rebooting after applying package updates'"

[emitters]
emit_via = stdio
"""


def updaters(timer: str, text: str = SHIPPED, active: bool = True) -> tuple[str, ...]:
    host = DnfHost()
    host.units[timer] = FakeUnit(active=active)
    host.add_file(unattended.CONFIGURATION, text)
    return unattended.unattended_updaters(host)


def test_a_host_without_dnf_automatic_has_none() -> None:
    assert unattended.unattended_updaters(DnfHost()) == ()


def test_the_timer_that_installs_does_so_whatever_the_configuration_says() -> None:
    assert updaters(unattended.INSTALLING_TIMER) == (
        "dnf-automatic installs by itself: dnf-automatic-install.timer is active",
    )
    assert updaters(unattended.INSTALLING_TIMER, active=False) == ()


@pytest.mark.parametrize(
    ("value", "installs"), [("no", False), ("yes", True), ("True", True), ("1", True), ("off", False)]
)
def test_the_other_timer_does_as_it_is_configured(value: str, installs: bool) -> None:
    text = SHIPPED.replace("apply_updates = no", f"apply_updates={value}")
    assert bool(updaters(unattended.CONFIGURED_TIMER, text)) is installs


@pytest.mark.parametrize("timer", ["dnf-automatic-download.timer", "dnf-automatic-notifyonly.timer"])
def test_what_only_downloads_or_tells_is_none(timer: str) -> None:
    assert updaters(timer, SHIPPED.replace("apply_updates = no", "apply_updates = yes")) == ()


def test_a_restart_of_the_host_is_named_where_anything_is_installed() -> None:
    text = SHIPPED.replace("\nreboot = never", "\nreboot = when-needed")
    assert updaters(unattended.INSTALLING_TIMER, text)[1:] == (
        "dnf-automatic restarts the host by itself, when-needed",
    )
    assert updaters(unattended.CONFIGURED_TIMER, text) == ()
