# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walking to a place that is to be changed, so that nobody can exchange a step between the look and the use."""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat as statbits
from collections.abc import Iterator

from .._errors import ClinicalError, ExchangedError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def open_parent(path: str) -> Iterator[tuple[int, str]]:
    """Open the directory that holds ``path``, one component at a time; yield its descriptor and the last name.

    A link on the way is followed only where root made it in a directory that nobody else can write: /var/run is
    fine, a link that a user laid into a shared directory is not.
    """
    if not path.startswith("/") or posixpath.normpath(path) != path or path == "/":
        raise ClinicalError("Changing", path, "it is not a plain absolute path")
    folder, name = posixpath.split(path)
    fd = _open_folder(folder)
    try:
        yield fd, name
    finally:
        os.close(fd)


def _open_folder(folder: str, links: int = 0) -> int:
    """Walk there from the root by descriptors, so that nobody can exchange a step between the look and the use."""
    parts = [part for part in folder.split("/") if part]
    fd = os.open("/", _FOLDER)
    for number, part in enumerate(parts):
        try:
            if statbits.S_ISLNK(os.stat(part, dir_fd=fd, follow_symlinks=False).st_mode):
                target = _trusted_target(fd, part, "/" + "/".join(parts[: number + 1]), links)
                walked = posixpath.join("/", *parts[:number], target, *parts[number + 1 :])
                return _open_folder(posixpath.normpath(walked), links + 1)
            below = os.open(part, _FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


def _trusted_target(fd: int, part: str, path: str, links: int) -> str:
    """Return where a link points; raises ClinicalError where somebody else than root could have moved it."""
    owner = os.stat(part, dir_fd=fd, follow_symlinks=False).st_uid
    if owner != 0 or os.fstat(fd).st_mode & 0o022 or links > 8:
        raise ExchangedError("Changing a file below", path, "it is a link that somebody else than root could move")
    return os.readlink(part, dir_fd=fd)
