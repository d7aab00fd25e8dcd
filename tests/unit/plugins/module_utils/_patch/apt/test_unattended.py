# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What on a Debian installs or restarts by itself."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import unattended
from fake_host import FakeHost
from fake_programs import FakeUnit


def test_unattended_upgrades_count_only_where_their_timer_runs() -> None:
    host = FakeHost()
    host.programs |= {"unattended-upgrade", "apt-config"}
    dump = 'APT::Periodic::Unattended-Upgrade "1";\nUnattended-Upgrade::Automatic-Reboot "true";\n'
    host.answers[("apt-config", "dump")] = CommandResult((), 0, dump, "")
    assert unattended.unattended_updaters(host) == ()
    host.units[unattended.TIMER] = FakeUnit(active=True)
    assert len(unattended.unattended_updaters(host)) == 2


@pytest.mark.parametrize(
    ("text", "number"),
    [("#$nrconf{restart} = 'a';\n", 0), ("$nrconf{restart} = 'a';\n", 1), ("  $nrconf{'restart'} = \"a\";\n", 1)],
)
def test_needrestart_that_restarts_by_itself(text: str, number: int) -> None:
    host = FakeHost()
    host.programs |= {"needrestart", "apt-config"}
    host.answers[("apt-config", "dump")] = CommandResult((), 0, "", "")
    host.add_file("/etc/needrestart/needrestart.conf", text)
    assert len(unattended.unattended_updaters(host)) == number
    host.add_file("/etc/needrestart/conf.d/site.conf", "$nrconf{restart} = 'l';\n")
    assert unattended.unattended_updaters(host) == ()
