# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit expects of a host that has a configuration: flat, without any content, kept in the manifest.

By the type of a subject and its name, each entry has the value that is wanted, as text; nothing here reads a host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from .model import STARTED, UNMANAGED, Configuration, Owner, WantedAccount, WantedFile, WantedUnit, sysctl_file

#: The types of subjects.
FILE, UNIT, KERNEL, PACKAGE, ACCOUNT, GROUP = "file", "unit", "kernel value", "package", "account", "group"
#: By entry, the wanted values of one subject.
Entries = dict[str, Any]
#: By type and name.
Expected = dict[str, dict[str, Entries]]
#: The entry of a file whose bytes, and whose digest, are never shown.
SECRET = "content not shown"
NO_ACL = "none"


def expectations(configuration: Configuration) -> Expected:
    """Return what a host has that has this configuration."""
    by_type: Expected = {
        FILE: dict(_paths(configuration)),
        UNIT: {unit.name: _unit(configuration, unit) for unit in configuration.units},
        KERNEL: {key: {"value": value} for key, value in configuration.kernel},
        PACKAGE: {name: {"kind": "installed"} for name in configuration.packages},
        ACCOUNT: {account.name: _account(account) for account in configuration.accounts},
        GROUP: {name: {"kind": "there"} for name in _groups(configuration)},
    }
    return {subject: named for subject, named in by_type.items() if named}


def digest(content: bytes) -> str:
    """Return by what content is compared."""
    return f"sha256 {hashlib.sha256(content).hexdigest()}"


def reads(configuration: Configuration, unit: WantedUnit) -> tuple[list[str], list[str]]:
    """Return the paths for which a unit is restarted, and those for which it is reloaded."""
    restart = [file.path for file in configuration.files if unit.name in file.restart]
    reload = [file.path for file in configuration.files if unit.name in file.reload]
    reload += [link.path for link in configuration.links if unit.name in link.reload]
    return [*restart, *unit.restart_on], [*reload, *unit.reload_on]


def _paths(configuration: Configuration) -> Iterator[tuple[str, Entries]]:
    for folder in configuration.folders:
        yield folder.path, {"kind": "dir", **_access(folder.owner)}
    for file in configuration.files:
        yield file.path, {"kind": "file", **_access(file.owner), **_content(file)}
    for link in configuration.links:
        yield link.path, {"kind": "link", "target": link.target}
    for path in configuration.absent:
        yield path, {"kind": "absent"}
    if configuration.kernel:
        path, content = sysctl_file(configuration)
        yield path, {"kind": "file", "content": digest(content)}


def _access(owner: Owner) -> Entries:
    access = {"owner": f"{owner.user}:{owner.group}", "mode": f"{owner.mode:04o}"}
    return access if owner.acl is None else {**access, "ACL": " ".join(owner.acl) or NO_ACL}


def _content(file: WantedFile) -> Entries:
    """Return by what the bytes of a file are judged; by nothing where the host makes or others change them."""
    if file.once or file.generate or file.derive:
        return {}
    if file.source:
        return {"copy of": file.source}
    return {SECRET if file.secret else "content": digest(file.content)}


def _unit(configuration: Configuration, unit: WantedUnit) -> Entries:
    entries: Entries = {"unit file": "read"}
    if unit.enabled is not None:
        entries["at boot"] = "enabled" if unit.enabled else "disabled"
    if unit.state != UNMANAGED:
        entries["state"] = "started" if unit.state == STARTED else "stopped"
    if unit.table:
        entries["table"] = unit.table
    restart, reload = reads(configuration, unit)
    if restart or reload:
        entries["settings"] = sorted({*restart, *reload})
    return entries


def _account(account: WantedAccount) -> Entries:
    return {
        "kind": "there",
        "group": account.group,
        "groups": " ".join(sorted(account.groups)),
        "home": account.home,
        "shell": account.shell,
        "comment": account.comment,
    }


def _groups(configuration: Configuration) -> list[str]:
    return [*configuration.groups, *(account.group for account in configuration.accounts)]
