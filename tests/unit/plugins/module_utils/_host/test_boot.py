# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot this is."""

from __future__ import annotations

import re

from ansible_collections.healthops.clinical.plugins.module_utils._host.boot import BOOT_ID, boot_id
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from fake_host import FakeHost


def test_the_kernel_names_each_boot() -> None:
    host = FakeHost()
    assert boot_id(host) == "boot-1"
    host.add_file(BOOT_ID, "boot-2\n")
    assert boot_id(host) == "boot-2"


def test_a_machine_without_proc_names_none() -> None:
    host = FakeHost()
    del host.nodes[BOOT_ID]
    assert boot_id(host) == ""


def test_this_machine_says_the_same_twice() -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", boot_id(RealHost()))
    assert boot_id(RealHost()) == boot_id(RealHost())
