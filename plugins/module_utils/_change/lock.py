# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on a host."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator

from .._errors import ClinicalError
from .._vocabulary.stamp import stamp_of

LOCK = "/run/healthops/baseline.lock"


class LockHeld(ClinicalError):
    """Another run is at work; ``run_id`` is its name, empty where that is not yet written."""

    def __init__(self, path: str, run_id: str, holder: str) -> None:
        super().__init__("Locking", path, f"another run is at work: {holder}", "Wait for it.")
        self.run_id = run_id


@contextlib.contextmanager
def held(run_id: str, path: str = LOCK, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock while the body runs; raise LockHeld, which names the holder, where another run has it.

    It is waited for up to ``patience`` seconds. The kernel drops the lock with the process that holds it, so what a
    killed run left behind is taken over.
    """
    fd = _open(path)
    try:
        if not _taken(fd, patience):
            raise _lock_held(fd, path)
        note = {"pid": os.getpid(), "run_id": run_id, "since": stamp_of(time.time())}
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(note).encode(), 0)
        yield
    finally:
        os.close(fd)


def _open(path: str) -> int:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ClinicalError("Locking", path, error.strerror or str(error), "Run it as root (become: true).") from error


def _taken(fd: int, patience: float) -> bool:
    give_up = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                return False
            time.sleep(0.2)
        else:
            return True


def _lock_held(fd: int, path: str) -> LockHeld:
    try:
        note = json.loads(os.pread(fd, 4096, 0))
        return LockHeld(path, note["run_id"], f"run {note['run_id']}, process {note['pid']}, since {note['since']}")
    except (ValueError, KeyError, TypeError):
        return LockHeld(path, "", "its name is not yet written")
