# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files in folders that hold a site's data: one may name a patient, so people are told the folder and a count.

Files of the system and of its programs are told by name, and so are what begins with a dot: settings of an account.
"""

from __future__ import annotations

from collections.abc import Iterable

#: The folders of the system, of programs and of what programs say of themselves.
_SYSTEM = (
    *("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc", "root", "run", "sbin", "sys"),
    *("usr", "var/backups", "var/cache", "var/log"),
    *(f"var/lib/{name}" for name in ("apt", "aide", "dpkg", "healthops", "pam", "systemd")),
)
_PREFIXES = tuple(f"/{folder}/" for folder in _SYSTEM)
#: Below these each service has a folder of its own.
_OF_SERVICES = ("/var/lib/", "/var/spool/")

#: Stands for names that are not told.
SOMETHING = "something"


def data_folder(path: str, is_folder: bool = False) -> str | None:
    """Return the folder by which a file of a site's data is told; None for a path that may be told itself."""
    parts = path.strip("/").split("/")
    if f"{path}/".startswith(_PREFIXES) or any(part.startswith(".") for part in parts) or len(parts) == 1:
        return None
    depth = 3 if path.startswith(_OF_SERVICES) else 2
    if is_folder and len(parts) <= depth:
        return None
    return "/" + "/".join(parts[: min(depth, len(parts) - 1)])


def named(path: str, is_folder: bool = False) -> str:
    """Return a path as people are told it: a file of a site's data by its folder, however many are meant."""
    folder = data_folder(path, is_folder)
    return path if folder is None else f"{SOMETHING} in {folder}"


def counted(folders: Iterable[str | None]) -> dict[str, int]:
    """Return how often each folder is among those that ``data_folder`` returned."""
    counts: dict[str, int] = {}
    for folder in folders:
        if folder is not None:
            counts[folder] = counts.get(folder, 0) + 1
    return counts


def describe(folder: str, count: int) -> str:
    """Return ``3 entries in /srv/exchange``."""
    return f"{count} {'entry' if count == 1 else 'entries'} in {folder}"
