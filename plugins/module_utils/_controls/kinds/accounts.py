# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups, people's homes and what their shells read: looked at once for all controls. Private.

Nothing here ever holds a password or its hash. The account that runs this and the break-glass accounts are never
locked, aged or deprived of their shell.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group
from ..._host import login
from ..._host.door import Host, Stat
from ..._host.dropin import read_text
from ..._host.processes import processes
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable
from ..support.account_checks import FILE_CHECKS, Check, Home, Look, Wrong
from ..support.account_files import Account, Accounts, read_accounts
from ..support.home_checks import HOME_CHECKS, LOGIN_KEYS, PROFILES, ROOT_PROFILES, SHELL_CHECKS, SHELLS, path_folders

CHECKS: dict[str, tuple[Check, str]] = {**FILE_CHECKS, **HOME_CHECKS, **SHELL_CHECKS}
AGEING = frozenset({"password_longest", "password_inactive"})
#: File systems on which a look may wait for another machine.
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "autofs", "fuse.sshfs", "afs", "9p"})
DAY = 86400
TOLD = 8


@dataclass(frozen=True)
class State:
    """One look at the host, with what only some of the controls ask for left empty where none does."""

    files: Accounts
    spared: frozenset[str]
    busy: frozenset[str]
    homes: tuple[Home, ...]
    texts: Mapping[str, str]
    folders: Mapping[str, Stat | None]
    today: int


class AccountsKind(Kind):
    name = "accounts"
    SETTINGS = {
        "check": Setting("str", choices=tuple(CHECKS)),
        "value": Setting("int", required=False),
        "groups": Setting("list", required=False, default=()),
        "except": Setting("list", required=False, default=()),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"accounts {settings['check']}",)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        asked = {control.settings["check"] for control in controls}
        files = read_accounts(host)
        homes = _homes(host, files) if asked & {*HOME_CHECKS, "system_shells"} else ()
        texts = _texts(host) if asked & SHELL_CHECKS.keys() else {}
        runs_this = login.people_above(host)
        spared = {account.name for account in files.accounts if account.uid in runs_this}
        spared.update(name for control in controls for name in control.settings.get("spared", ()))
        return State(
            files=files,
            spared=frozenset(spared),
            busy=_busy(host, files) if "system_shells" in asked else frozenset(),
            homes=homes,
            texts=texts,
            folders={folder: host.stat(folder) for folder in path_folders(texts)},
            today=int(host.now()) // DAY,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        found = [(control, tuple(CHECKS[control.settings["check"]][0](_look(control, state)))) for control in controls]
        groups = tuple(group for control, wrongs in found for group in _groups(control, wrongs))
        return KindPlan(tuple(_assess(control, wrongs) for control, wrongs in found), groups)


def _look(control: Control, state: State) -> Look:
    people = {account.name for account in state.files.people()}
    return Look(
        control=control.id,
        settings=control.settings,
        files=state.files,
        spared=state.spared,
        today=state.today,
        busy=state.busy,
        keyed=frozenset(home.account.name for home in state.homes if home.keys),
        homes=[home for home in state.homes if home.account.name in people or home.account.uid == 0],
        texts=state.texts,
        folders=state.folders,
    )


def _groups(control: Control, wrongs: Sequence[Wrong]) -> list[Group]:
    steps = tuple(wrong.step for wrong in wrongs if wrong.step is not None)
    return [Group(f"accounts {control.settings['check']}", steps)] if steps else []


def _assess(control: Control, wrongs: Sequence[Wrong]) -> Assessment:
    check, wanted = control.settings["check"], CHECKS[control.settings["check"]][1]
    if check in AGEING and not control.settings.get("groups"):
        reason = "no group of people is named in accounts_people_groups, and service accounts never age"
        return not_applicable(control, check, wanted, reason)
    saw = _told([wrong.what for wrong in wrongs]) or "nothing wrong"
    verdict = judge(not wrongs, saw)
    advised = [wrong for wrong in wrongs if wrong.step is None]
    reason = _told([f"{wrong.what}: {wrong.advice}" for wrong in advised])
    after = _told([wrong.what for wrong in advised]) or wanted
    return Assessment(
        control.id, f"accounts: {wanted}", wanted, saw, after, Verdicts(verdict, verdict, verdict), reason
    )


def _told(words: Sequence[str]) -> str:
    more = f"; and {len(words) - TOLD} more" if len(words) > TOLD else ""
    return "; ".join(words[:TOLD]) + more


def _homes(host: Host, files: Accounts) -> tuple[Home, ...]:
    """The homes of people, of root and of accounts of the system that open a shell, on local disks only."""
    remote = _remote(host)
    wanted = [a for a in files.accounts if a.has_shell and a.home.startswith("/") and a.home != "/"]
    local = [a for a in wanted if not any(f"{a.home}/".startswith(f"{folder}/") for folder in remote)]
    return tuple(_home(host, account) for account in local)


def _home(host: Host, account: Account) -> Home:
    path = posixpath.normpath(account.home)
    info = host.stat(path)
    if info is None or info.kind != "dir":
        return Home(account, path, info, {})
    paths = [posixpath.join(path, name) for name in host.listdir(path) if name.startswith(".")]
    keys = posixpath.join(path, ".ssh")
    seen = {one: host.stat(one) for one in paths}
    folder = seen.get(keys)
    if folder is not None and folder.kind == "dir":
        seen.update({one: host.stat(one) for one in (posixpath.join(keys, name) for name in host.listdir(keys))})
    entries = {one: found for one, found in seen.items() if found is not None}
    lists = [p for p, s in entries.items() if s.kind == "file" and posixpath.dirname(p) == keys and _lists_keys(p)]
    return Home(account, path, info, entries, {one: read_text(host, one) or "" for one in lists})


def _lists_keys(path: str) -> bool:
    return bool(LOGIN_KEYS.match(posixpath.basename(path)))


def _remote(host: Host) -> list[str]:
    lines = host.read_text("/proc/self/mounts").splitlines()
    rows = [line.split(" ") for line in lines]
    return [row[1] for row in rows if len(row) > 2 and (row[2] in REMOTE or row[2].startswith("fuse."))]


def _busy(host: Host, files: Accounts) -> frozenset[str]:
    """The accounts of the system to which a process belongs now."""
    opened = {a.uid: a.name for a in files.accounts if a.uid < files.first_uid and a.uid != 0 and a.has_shell}
    if not opened:
        return frozenset()
    owners = {process.uid() for process in processes(host)}
    return frozenset(name for uid, name in opened.items() if uid in owners)


def _texts(host: Host) -> dict[str, str]:
    """What shells read at login, in the order in which they read it."""
    paths = [path for pattern in PROFILES for path in (host.glob(pattern) if "*" in pattern else [pattern])]
    found = {path: read_text(host, path) for path in [*paths, "/etc/environment", *ROOT_PROFILES, SHELLS]}
    texts = {path: text for path, text in found.items() if text is not None}
    defined = [line for line in (read_text(host, "/etc/login.defs") or "").splitlines() if "ENV_SUPATH" in line]
    return {**texts, "/etc/login.defs": "\n".join(defined)}
