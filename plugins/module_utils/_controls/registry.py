# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every resource kind by its name, in the order in which they are applied.

Packages bring what others configure. Owner and mode come before content, which keeps them: set afterwards, they would
make a daemon's files look newer than what it has read.
"""

from __future__ import annotations

from .kinds.accounts import AccountsKind
from .kinds.aide import Aide
from .kinds.apparmor import AppArmor
from .kinds.audit_rules import AuditRules
from .kinds.banner import Banner
from .kinds.boot import Boot
from .kinds.config import Config
from .kinds.cron import Cron
from .kinds.file import FileKind
from .kinds.firewall import Firewall
from .kinds.kernel_module import KernelModule
from .kinds.mount import Mount
from .kinds.package import Package
from .kinds.pam import Pam
from .kinds.path_scan import PathScan
from .kinds.service import Service
from .kinds.sshd import Sshd
from .kinds.sudo import Sudo
from .kinds.sysctl import Sysctl
from .kinds.time import Time
from .model import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Package(),
        FileKind(),
        PathScan(),
        KernelModule(),
        Sysctl(),
        Mount(),
        Banner(),
        Config(),
        AccountsKind(),
        Pam(),
        Cron(),
        Time(),
        AuditRules(),
        Aide(),
        Boot(),
        Sudo(),
        Service(),
        AppArmor(),
        Firewall(),
        Sshd(),
    )
}
