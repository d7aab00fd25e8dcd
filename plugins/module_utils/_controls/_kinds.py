# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every resource kind by its name, in the order in which they are applied. Private to the collection.

Packages bring what others configure. Owner and mode come before content, which keeps them: set afterwards, they would
make a daemon's files look newer than what it has read.
"""

from __future__ import annotations

from ._model import Kind
from .accounts import AccountsKind
from .aide import Aide
from .apparmor import AppArmor
from .audit_rules import AuditRules
from .banner import Banner
from .boot import Boot
from .config import Config
from .cron import Cron
from .file import FileKind
from .firewall import Firewall
from .kernel_module import KernelModule
from .mount import Mount
from .package import Package
from .pam import Pam
from .path_scan import PathScan
from .service import Service
from .sshd import Sshd
from .sudo import Sudo
from .sysctl import Sysctl
from .time import Time

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
