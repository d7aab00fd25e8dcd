# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a program makes out of others: they are made anew, never put back over what others have made since.

What is no file of anybody's, such as the history of a version control system, stands here too.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host


@dataclass(frozen=True)
class Maker:
    """The program that makes some files; without ``argv`` whoever changes their sources runs it by itself.

    An ``exact`` file may hold more than the program would make, so it is put back to the byte where nobody has had it
    made anew since.
    """

    patterns: tuple[str, ...]
    argv: tuple[str, ...] = ()
    exact: bool = False


MAKERS = (
    Maker(("/etc/ld.so.cache",), ("ldconfig",)),
    Maker(
        ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/java/cacerts", "/etc/ssl/certs/????????.[0-9]"),
        ("update-ca-certificates",),
    ),
    Maker(("/etc/pki/ca-trust/extracted/*",), ("update-ca-trust", "extract")),
    Maker(("/etc/udev/hwdb.bin", "/usr/lib/udev/hwdb.bin"), ("systemd-hwdb", "update")),
    Maker(("/usr/lib/locale/locale-archive",), ("locale-gen",)),
    Maker(("/boot/initrd.img-*",), ("update-initramfs", "-u", "-k", "all")),
    Maker(("/etc/aliases.db",), ("newaliases",)),
    Maker(("/etc/xml/catalog", "/etc/xml/*.xml", "/etc/sgml/catalog", "/etc/console-setup/cached_*")),
    Maker(("/etc/alternatives/*", "/etc/dictionaries-common/*"), exact=True),
    Maker(("/etc/pam.d/common-*", "/var/lib/pam/*"), exact=True),
    Maker(("/etc/audit/audit.rules", "/etc/audit/audit.rules.prev"), exact=True),
    Maker(("/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"), exact=True),
    Maker(("/etc/.pwd.lock", "/etc/.updated", "/etc/adjtime", "/etc/lvm/archive/*", "/etc/lvm/backup/*"), exact=True),
)
#: Where versions of /etc are kept; what lies there is the tool's business.
VERSION_CONTROL = frozenset({".git", ".hg", ".bzr", ".svn", "_darcs", ".etckeeper"})


def maker_of(path: str) -> Maker | None:
    """Return what makes the file at a path, or None where it is written by people and packages."""
    if not path.startswith(_BEGINNINGS):
        return None
    for maker in MAKERS:
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in maker.patterns):
            return maker
    return None


_BEGINNINGS = tuple({pattern[:5] for maker in MAKERS for pattern in maker.patterns})


def belongs_to_nobody(path: str) -> bool:
    """Return True for what version control keeps below /etc: no image holds it, and no undo touches it."""
    return path.startswith("/etc/") and not VERSION_CONTROL.isdisjoint(path.split("/"))


def make_anew(host: Host, paths: Iterable[str]) -> None:
    """Run, once each, the programs that make these files, where the host has them."""
    makers = [maker for maker in map(maker_of, paths) if maker is not None]
    for argv in dict.fromkeys(maker.argv for maker in makers if maker.argv):
        if host.which(argv[0]) is None:
            continue
        done = host.run(argv, timeout=600.0)
        if done.rc != 0:
            program = posixpath.basename(argv[0])
            raise ClinicalError(
                "Making files anew with", program, done.err_line, f"Try it on the host: {' '.join(argv)}"
            )
