# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM on Debian: its stacks as they are in use, profiles of our own, and edits that pam-auth-update cannot keep."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._text.lines import split_lines
from ..._text.quoting import from_pam_option

PROFILES = "/usr/share/pam-configs"
FIRST, LAST, HISTORY, UMASK = (
    "healthops-faillock-first",
    "healthops-faillock-last",
    "healthops-history",
    "healthops-umask",
)
#: The one of the package libpam-pwquality.
QUALITY = "pwquality"
ALL = (FIRST, LAST, HISTORY, UMASK, QUALITY)
#: Profiles through which a host takes its accounts from a directory.
DIRECTORIES = frozenset({"sss", "winbind", "krb5", "ldap", "ldapd", "fprintd-sss", "libpam-heimdal"})
_DIRECTORY_SOURCES = frozenset({"sss", "winbind", "ldap", "nis", "nisplus"})
_BLANKS = " \t"
#: A word, or what stands in brackets, in which a bracket is written with a backslash.
_TOKEN = re.compile(r"\[(?:\\\]|[^\]])*\]?|[^ \t]+")
_JUMP = re.compile(r"(\[[^0-9\]]*)(?:[0-9]+|end)([^\]]*\])")


@dataclass(frozen=True)
class PamRule:
    """One line of a stack: what it is for, what its answer does, its module and the options of that."""

    type: str
    control: str
    module: str
    options: tuple[str, ...]


def parse(text: str, path: str = "") -> list[PamRule]:
    """Return the rules of one stack in their order, without comments and includes: pam.conf(5).

    Raises ClinicalError, which names ``path``, for a stack of which PAM takes no line at all.
    """
    rows = [_TOKEN.findall(line) for line in _joined(text, path)]
    return [
        PamRule(
            type=row[0].lstrip("-").lower(),
            control=row[1].lower(),
            module=posixpath.basename(row[2]),
            options=tuple(from_pam_option(token) for token in row[3:]),
        )
        for row in rows
        if len(row) > 2
    ]


def _joined(text: str, path: str) -> list[str]:
    """Return the lines of a stack without comments; a backslash at the end goes on in the next that says anything."""
    lines, going_on = [""], False
    for line in split_lines(text):
        said = line.strip(_BLANKS)
        if not said or said.startswith("#"):
            continue
        said = said.partition("#")[0].rstrip(_BLANKS)
        if not going_on:
            lines.append("")
        going_on = said.endswith("\\")
        lines[-1] += f"{said[:-1]} " if going_on else said
    if going_on:
        raise ClinicalError(
            "Reading the rules of",
            path or "PAM",
            "its last line ends in a backslash, and PAM takes none of them",
            "End that line first.",
        )
    return lines


def profile(name: str, priority: int, *blocks: tuple[str, str, Sequence[str], Sequence[str]], more: str = "") -> str:
    """Return a profile as pam-auth-update reads it.
    Each block says the type, its place, its lines, and its lines where it comes first.
    """
    text = f"Name: {name}\nDefault: no\nPriority: {priority}\n{more}"
    for kind, place, lines, initial in blocks:
        text += f"{kind}-Type: {place}\n{kind}:\n" + "".join(f"\t{line}\n" for line in lines)
        if initial:
            text += f"{kind}-Initial:\n" + "".join(f"\t{line}\n" for line in initial)
    return text


def faillock(protected: Sequence[str]) -> dict[str, str]:
    """Return two profiles by name: the look before the password is asked, and the count after it was wrong.

    Accounts that must always get in jump over both. pam-auth-update finds its own lines again by what stands in
    brackets, so the words are the same in both.
    """
    jump = [f"[success=1 default=ignore]\tpam_succeed_if.so quiet user in {':'.join(protected)}"] if protected else []
    after = [*jump, "[default=die]\tpam_faillock.so authfail"]
    before = [*jump, "requisite\tpam_faillock.so preauth"]
    title = "Wrong passwords lock an account for a while (healthops.clinical)"
    cleared = ("Account", "Primary", ["required\tpam_faillock.so"], ())
    return {
        FIRST: profile(f"{title}, before", 1024, ("Auth", "Primary", before, ()), cleared),
        LAST: profile(f"{title}, after", 0, ("Auth", "Primary", after, ())),
    }


def history(remember: int) -> dict[str, str]:
    """Return the profile, by name, that refuses the last ``remember`` passwords."""
    line = f"requisite\tpam_pwhistory.so remember={remember} enforce_for_root"
    title = "Former passwords are not taken again (healthops.clinical)"
    return {HISTORY: profile(title, 1023, ("Password", "Primary", [f"{line} use_authtok"], [line]))}


def umask() -> dict[str, str]:
    """Return the profile, by name, that has the mask of login.defs hold for logins."""
    title = "The mask of login.defs holds for logins (healthops.clinical)"
    block = ("Session", "Additional", ["optional\tpam_umask.so"], ())
    return {UMASK: profile(title, 128, block, more="Session-Interactive-Only: yes\n")}


def directory(enabled: frozenset[str], nsswitch: str) -> str | None:
    """Return how this host is joined to a directory, None where its accounts are its own."""
    joining = sorted(enabled & DIRECTORIES)
    if joining:
        return f"the PAM profile {joining[0]}"
    for line in split_lines(nsswitch):
        fields = line.split("#")[0].split()
        if fields[:1] == ["passwd:"] and _DIRECTORY_SOURCES & set(fields):
            return f"{sorted(_DIRECTORY_SOURCES & set(fields))[0]} in /etc/nsswitch.conf"
    return None


def edited(live: Mapping[str, str], saved: Mapping[str, str], own_texts: Sequence[str] = ()) -> tuple[str | None, bool]:
    """Return where a person edited the generated files in a way that pam-auth-update does not keep, None if nowhere.

    It keeps options and lines taken away. A line that came from no profile, or a lost marker, makes it give up. The
    second answer says that such lines are those of our profiles (``own_texts``): a run was cut before they were noted.
    """
    torn = False
    ours = {_signature(line) for text in own_texts for line in split_lines(text) if line[:1].isspace()}
    for stack, text in live.items():
        block = _managed(text)
        if block is None:
            return f"/etc/pam.d/common-{stack} has lost the marks of pam-auth-update", False
        waiting = [_signature(line) for line in split_lines(saved.get(stack, "")) if not line.startswith("Module: ")]
        for line in block:
            bare = _signature(re.sub(r"^-?\w+\s+", "", line))
            if bare in waiting:
                waiting = waiting[waiting.index(bare) + 1 :]
            elif bare in ours:
                torn = True
            else:
                return f"the line '{' '.join(line.split())}' in /etc/pam.d/common-{stack} comes from no profile", False
    return None, torn


def _managed(text: str) -> list[str] | None:
    """Return the lines between the marks, without comments; None where a mark is missing."""
    marks = (
        "# here are the per-package modules",
        "# here's the fallback",
        "# and here are more per-package",
        "# end of",
    )
    managed: list[str] = []
    reached = 0
    for line in split_lines(text):
        if reached < len(marks) and line.startswith(marks[reached]):
            reached += 1
        elif reached in (1, 3) and line.strip():
            managed.append(line)
    if reached >= 3:
        return managed
    return None


def _signature(line: str) -> str:
    """Return what tells one line from another: control and module, without how far it jumps and without options."""
    match = re.match(r"^(\[[^\]]*\]|\w+)\s+(\S+)", line.strip())
    return _JUMP.sub(r"\1\2", match[1]) + " " + match[2] if match else line.strip()
