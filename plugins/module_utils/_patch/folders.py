# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories on the host for what a run downloads, keeps and asks."""

from __future__ import annotations

from .._host.door import Host


def make_folders(host: Host, path: str, mode: int) -> None:
    """Make a directory with those above it; one that exists already keeps its mode and owner."""
    above = ""
    for part in path.strip("/").split("/"):
        above = f"{above}/{part}"
        if host.stat(above) is None:
            host.mkdir(above, mode, 0, 0)
