# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the evidence of a run can be written when the run has ended, asked before any host is touched. Private."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import failed, make_dirs
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.sign import sign
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.store import LATEST
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import check_host_name

#: Bytes that a record and its share of the bundle take at the least; a disk with less than that is full.
SHARE_OF_A_HOST = 200_000


def evidence_problems(
    evidence_dir: Path, own_writes: OwnWrites, hosts: Iterable[str], fleet: str, key: Path | None
) -> list[ClinicalError]:
    """Return all that would keep the evidence of these hosts from being written, signed and chained."""
    names = list(hosts)
    checks: list[Callable[[], object]] = [
        *(partial(check_host_name, name) for name in names),
        lambda: _check_writable(evidence_dir / chain.NOTES),
        lambda: _check_space(evidence_dir, SHARE_OF_A_HOST * len(names)),
        lambda: _check_link(evidence_dir / LATEST),
        lambda: _check_writable(own_writes.folder),
        lambda: _check_seal(evidence_dir, fleet, key, own_writes),
    ]
    problems: dict[str, ClinicalError] = {}
    for check in checks:
        try:
            check()
        except ClinicalError as exc:
            problems.setdefault(str(exc), exc)
    return list(problems.values())


def _check_writable(folder: Path) -> None:
    """Raise ClinicalError where no file can be written in a folder; it is created."""
    make_dirs(folder)
    place = folder / f".{os.getpid()}.tmp"
    try:
        place.write_bytes(b"")
        place.unlink()
    except OSError as exc:
        raise failed("Writing to", folder, exc) from exc


def _check_space(folder: Path, wanted: int) -> None:
    """Raise ClinicalError where the file system of a folder has less room than the records of a run take."""
    if not folder.is_dir():  # it could not be created, which is told
        return
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    if free < wanted:
        few = f"{free // 1_000_000} MB are free, and the evidence of this run takes {wanted // 1_000_000} MB or more"
        raise ClinicalError("Writing to", str(folder), few, "Free space there, or name another directory.")


def _check_link(link: Path) -> None:
    if link.exists() and not link.is_symlink():
        raise ClinicalError("Pointing", str(link), "it is not a symbolic link", "Move it away.")


def _check_seal(evidence_dir: Path, fleet: str, key: Path | None, own_writes: OwnWrites) -> None:
    """Raise ClinicalError where the chain of the fleet cannot go on, or the key cannot sign."""
    if evidence_dir.is_dir():
        chain.next_seal(evidence_dir, chain.check_fleet(fleet), key, own_writes)
    if key:
        sign(key, b"preflight")
