# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups, people's homes and what their shells read: looked at once for all controls.

Nothing here ever holds a password or its hash. The account that runs this and the break-glass accounts are never
locked, aged or deprived of their shell.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import groups_by_owner
from ..._errors import ClinicalError
from ..._host import login
from ..._host.door import Host, Stat
from ..._host.dropin import read_text
from ..._host.processes import processes
from ..._text.lines import split_lines
from ..context import SurveyContext
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown
from ..support.account_checks import FILE_CHECKS, AccountsView, Check, Home, Violation
from ..support.account_files import PASSWD, Account, Accounts, read_accounts
from ..support.home_checks import HOME_CHECKS, LOGIN_KEYS, PROFILES, ROOT_PROFILES, SHELL_CHECKS, SHELLS, path_folders

CHECKS: dict[str, tuple[Check, str]] = {**FILE_CHECKS, **HOME_CHECKS, **SHELL_CHECKS}
AGEING = frozenset({"password_longest", "password_inactive"})
#: File systems on which a look may wait for another machine.
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "autofs", "fuse.sshfs", "afs", "9p"})
DAY = 86400
#: So many violations stand in a finding.
LISTED = 8


@dataclass(frozen=True)
class State:
    """Everything that the checks may need; what only some of them need is left empty where none of those is made.

    ``today`` counts the days since 1970. ``protected`` are accounts that no control changes, ``busy`` those that run a
    program now.
    """

    files: Accounts
    protected: frozenset[str]
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

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        checks = {control.settings["check"] for control in controls}
        files = read_accounts(host)
        homes = _homes(host, files) if checks & {*HOME_CHECKS, "system_shells"} else ()
        texts = _texts(host) if checks & SHELL_CHECKS.keys() else {}
        runs_this = login.people_above(host)
        above = {account.name for account in files.readable_accounts if account.uid in runs_this}
        return State(
            files=files,
            protected=context.protected_accounts | above,
            busy=_busy(host, files) if "system_shells" in checks else frozenset(),
            homes=homes,
            texts=texts,
            folders={folder: host.stat(folder) for folder in path_folders(texts)},
            today=int(host.now()) // DAY,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        plans = [_plan_control(control, state) for control in controls]
        return KindPlan.of(
            (assessment for plan in plans for assessment in plan.assessments),
            (group for plan in plans for group in plan.groups),
        )


def _plan_control(control: Control, state: State) -> KindPlan:
    """Return the plan of one control: an error where a file that its check looks into has a line nobody can read."""
    check, wanted = CHECKS[control.settings["check"]]
    try:
        if control.settings["check"] in HOME_CHECKS:
            state.files.require(PASSWD)  # else the home of an account in such a line would not be looked into
        violations = list(check(_view(control, state)))
    except ClinicalError as error:
        return KindPlan((unknown(control, f"accounts: {wanted}", wanted, str(error)),))
    mended = ((violation.owner, violation.step) for violation in violations if violation.step is not None)
    groups = groups_by_owner(f"accounts {control.settings['check']}", mended)
    return KindPlan((_assess(control, violations),), groups)


def _view(control: Control, state: State) -> AccountsView:
    return AccountsView(
        control=control.id,
        settings=control.settings,
        files=state.files,
        protected=state.protected,
        today=state.today,
        busy=state.busy,
        keyed=frozenset(home.account.name for home in state.homes if home.keys),
        homes=[home for home in state.homes if state.files.is_person(home.account) or home.account.uid == 0],
        texts=state.texts,
        folders=state.folders,
    )


def _assess(control: Control, violations: Sequence[Violation]) -> Assessment:
    check, wanted = control.settings["check"], CHECKS[control.settings["check"]][1]
    if check in AGEING and not control.settings.get("groups"):
        reason = "no group of people is named in accounts_people_groups, and service accounts never age"
        return not_applicable(control, check, wanted, reason)
    verdict = judge(not violations, _listed([violation.what for violation in violations]) or "nothing wrong")
    for_people = [violation for violation in violations if violation.step is None]
    return Assessment(
        control=control.id,
        subject=f"accounts: {wanted}",
        wanted=wanted,
        before=verdict.observed,
        after=_listed([violation.what for violation in for_people]) or wanted,
        verdicts=Verdicts.same(verdict),
        remark=_listed([f"{violation.what}: {violation.advice}" for violation in for_people]),
    )


def _listed(sentences: Sequence[str]) -> str:
    more = f"; and {len(sentences) - LISTED} more" if len(sentences) > LISTED else ""
    return "; ".join(sentences[:LISTED]) + more


def _homes(host: Host, files: Accounts) -> tuple[Home, ...]:
    """Return the homes of people, of root and of accounts of the system that open a shell, on local disks only."""
    remote = _remote(host)
    wanted = [a for a in files.readable_accounts if a.has_shell and a.home.startswith("/") and a.home != "/"]
    local = [a for a in wanted if not any(f"{a.home}/".startswith(f"{folder}/") for folder in remote)]
    return tuple(_home(host, account) for account in local)


def _home(host: Host, account: Account) -> Home:
    path = posixpath.normpath(account.home)
    info = host.stat(path)
    if info is None or info.kind != "dir":
        return Home(account, path, info, {})
    keys_folder = posixpath.join(path, ".ssh")
    entries = _entries(host, path, [name for name in host.listdir(path) if name.startswith(".")])
    if keys_folder in entries and entries[keys_folder].kind == "dir":
        entries.update(_entries(host, keys_folder, host.listdir(keys_folder)))
    lists = [
        p for p, s in entries.items() if s.kind == "file" and posixpath.dirname(p) == keys_folder and _lists_keys(p)
    ]
    return Home(
        account=account,
        path=path,
        stat=info,
        entries=entries,
        keys={key_list: _key_list(host, key_list) for key_list in lists},
    )


def _key_list(host: Host, path: str) -> str | None:
    """Return the text of a list of keys, None where its owner made something of it that is not read."""
    try:
        return read_text(host, path) or ""
    except ClinicalError:
        return None


def _entries(host: Host, folder: str, names: Sequence[str]) -> dict[str, Stat]:
    """Return what lies in a folder under some names, by path."""
    stats = {path: host.stat(path) for path in (posixpath.join(folder, name) for name in names)}
    return {path: info for path, info in stats.items() if info is not None}


def _lists_keys(path: str) -> bool:
    return bool(LOGIN_KEYS.match(posixpath.basename(path)))


def _remote(host: Host) -> list[str]:
    """Return the folders that other machines or programs serve."""
    lines = split_lines(host.read_text("/proc/self/mounts"))
    rows = [line.split(" ") for line in lines]
    return [row[1] for row in rows if len(row) > 2 and (row[2] in REMOTE or row[2].startswith("fuse."))]


def _busy(host: Host, files: Accounts) -> frozenset[str]:
    """Return the accounts of the system to which a process belongs now."""
    system = [a for a in files.readable_accounts if a.uid < files.first_uid and a.uid != 0]
    opened = {account.uid: account.name for account in system if account.has_shell}
    if not opened:
        return frozenset()
    owners = {process.uid() for process in processes(host)}
    return frozenset(name for uid, name in opened.items() if uid in owners)


def _texts(host: Host) -> dict[str, str]:
    """Return the files that shells read at login, by path, in the order in which they read them."""
    paths = [path for pattern in PROFILES for path in (host.glob(pattern) if "*" in pattern else [pattern])]
    read = {path: read_text(host, path) for path in [*paths, "/etc/environment", *ROOT_PROFILES, SHELLS]}
    texts = {path: text for path, text in read.items() if text is not None}
    defined = [line for line in split_lines(read_text(host, "/etc/login.defs") or "") if "ENV_SUPATH" in line]
    return {**texts, "/etc/login.defs": "\n".join(defined)}
