# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the applied configuration of a system put on this host, so that the next one knows what is not wanted any more.

It lies below ``/var/lib/healthops/configurations`` in a file for each system, that only root may read, and it is a step
of the run like any other file: taking the run back brings the earlier one back.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .._change.run_store import CONFIGURATIONS, STATE, line, misfit, unline
from .._errors import ClinicalError
from .._host.door import Host
from .expected import Expected

FOLDER = CONFIGURATIONS
#: The version of what is written; a newer one is refused, not guessed at.
VERSION = 1
#: An earlier file that is larger is not kept, in bytes.
ORIGINAL_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What one system has on the host.

    ``files`` are the paths of its files and links; ``originals`` are images, by path, of what stood there before the
    system came; ``units`` those that it made run or start at boot; ``packages`` those that came with it; ``data`` the
    folders that outlive it. ``expected`` is what an audit holds the host against; ``run_id`` and ``configured`` are
    the run that wrote it, and when, which do not make it another one.
    """

    name: str
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    originals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    expected: Expected = field(default_factory=dict)
    run_id: str = field(default="", compare=False)
    configured: str = field(default="", compare=False)

    @property
    def paths(self) -> list[str]:
        """Every path that the system put there itself, files and links before folders, deepest first."""
        return sorted(self.files, reverse=True) + sorted(self.folders, reverse=True)


def path_of(name: str) -> str:
    """Return where the manifest of a system lies."""
    return posixpath.join(FOLDER, name)


def names(host: Host) -> list[str]:
    """Return the names of all systems that were configured on this host, sorted."""
    return [name for name in host.listdir(FOLDER) if not name.startswith(".")]


def neighbours(host: Host, name: str) -> list[Manifest]:
    """Return what the other systems have on this host. Raises ClinicalError where that cannot be read."""
    return [load(host, other) for other in names(host) if other != name]


def make_folder(host: Host) -> None:
    """Make the folder of the manifests, for root alone."""
    for folder in (STATE, FOLDER):
        host.mkdir(folder, 0o700, 0, 0)


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as it lies on the disk: one line with its own checksum."""
    return line({"version": VERSION, **asdict(manifest)})


def load(host: Host, name: str) -> Manifest:
    """Return the manifest of a system, an empty one where it was never configured here.

    Raises ClinicalError where it is damaged, or was written by a newer release.
    """
    content = host.read(path_of(name))
    if content is None:
        return Manifest(name)
    record = unline(content.rstrip(b"\n"))
    doing, advice = "Reading what was configured by", "Apply it with the release that wrote it, or move the file away."
    if record is None:
        raise ClinicalError(doing, path_of(name), "the file is damaged", advice)
    if record.pop("version", 0) != VERSION:
        raise ClinicalError(doing, path_of(name), "another release wrote it in another form", advice)
    if trouble := misfit(Manifest, record):
        raise ClinicalError(doing, path_of(name), f"another release wrote it in another form: {trouble}", advice)
    for key in ("files", "folders", "data", "units", "packages", "accounts"):
        record[key] = tuple(record.get(key, ()))
    return Manifest(**record)
