# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a bundle may be believed: those that its newest manifest names, and what this account wrote since.

Whatever is read in order to be sealed again is asked here first. Private to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import sha256
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites

RECORDS = "hosts/"


@dataclass(frozen=True)
class KnownFiles:
    """Paths in a bundle with their hashes: as the manifest with this ``number`` has them, and as written since.

    With ``take_over``, somebody answers for whatever else lies there.
    """

    sealed: Mapping[str, str]
    number: int
    unsealed: Mapping[str, str]
    take_over: bool = False

    def fault(self, name: str, data: bytes) -> str:
        """Return why the content of a file may not be sealed; empty where it may."""
        if self.take_over or self.is_known(name, sha256(data)):
            return ""
        if name in self.sealed:
            return f"it is not what number {self.number} has sealed, nor what this account wrote"
        return "no manifest names it, and this account did not write it"

    def is_known(self, name: str, digest: str) -> bool:
        """Return True if a file of this hash was sealed last, or written by this account since."""
        return digest in (self.sealed.get(name), self.unsealed.get(name))

    def hosts_with_record(self) -> dict[str, str]:
        """Return the hosts of which a record was written, each with what names it."""
        sealed = dict.fromkeys(self.sealed, f"number {self.number} has sealed it")
        names = {**dict.fromkeys(self.unsealed, "this account wrote it"), **sealed}
        return {_host(name): why for name, why in names.items() if name.startswith(RECORDS)}


def known_files(bundle: Path, run_id: str, own_writes: OwnWrites, take_over: bool = False) -> KnownFiles:
    """Return what may be believed of a bundle. Raises ClinicalError where a manifest of it is none."""
    newest = chain.newest(bundle)
    return KnownFiles(
        sealed=newest.manifest["files"] if newest else {},
        number=newest.number if newest else 0,
        unsealed=own_writes.unsealed(run_id),
        take_over=take_over,
    )


def record_name(host: str) -> str:
    """Return the path of a host's record in its bundle."""
    return f"{RECORDS}{host}.json"


def _host(name: str) -> str:
    return name[len(RECORDS) : -len(".json")]
