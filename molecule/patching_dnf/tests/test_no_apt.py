# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host has nothing of apt, as an Enterprise Linux has not, so that whatever asks for it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host


@pytest.mark.parametrize(
    "program", ["apt-get", "apt-cache", "apt-config", "apt-mark", "dpkg", "dpkg-deb", "dpkg-query"]
)
def test_no_program_of_apt_is_there(host: Host, program: str) -> None:
    assert not host.exists(program)


@pytest.mark.parametrize("path", ["/etc/apt", "/var/lib/apt", "/var/lib/dpkg"])
def test_nothing_that_apt_knows_is_there(host: Host, path: str) -> None:
    assert not host.file(path).exists
