# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which package manager a host has. Private to the collection."""

from __future__ import annotations

from datetime import datetime

from .._errors import ClinicalError
from .._host.door import Host
from .._host.facts import read_facts
from .manager import Manager

_FAMILIES = {"Debian": "apt", "RedHat": "dnf"}


def manager_of(host: Host, now: datetime, name: str = "auto", lock_wait: int = 300, check: bool = False) -> Manager:
    """The package manager of that name, or the one of the host's family."""
    if name == "auto":
        family = read_facts(host)["family"]
        name = _FAMILIES.get(family, "")
        if not name:
            raise ClinicalError("Patching", family or "this host", "no package manager of this family is known")
    if name == "apt":
        from .apt.manager import Apt  # each host reads only its own

        return Apt(host, now, lock_wait, check)
    if name == "dnf":
        from .dnf.manager import Dnf

        return Dnf(host, now, lock_wait, check)
    raise ClinicalError("Patching", "this host", f"the package manager {name} is not known")
