# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the homes of people, and of what their shells read at login."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Iterator, Mapping

from ..._change.steps import Step
from ..._change.subjects.account_file import AccountFile
from ..._change.subjects.files import ABSENT, File, Meta, file_image, narrower_image
from ..._host.door import Stat
from ..._host.dropin import HEADER, encode
from ..._text.lines import split_lines, split_lines_with_ends
from ..._text.quoting import from_shell_assignment
from .account_checks import AccountsView, Check, Home, Violation

OF_ANOTHER = "find out who wrote it; then chown it"
#: Files that hold secrets, or commands with secrets in them.
PRIVATE = re.compile(
    r"^(\.netrc|\.pgpass|\.my\.cnf|\.git-credentials|\.Xauthority|\.viminfo|\.lesshst|\.\w+_history|\.python_history)$"
)
LOGIN_KEYS = re.compile(r"^authorized_keys2?$")
_PRIVATE_KEY = re.compile(r"^(id_\w+|\w+\.pem|\w+\.key)$")
_KEY = re.compile(r"(?:^|\s)(ssh-rsa|ssh-dss)\s+([A-Za-z0-9+/=]+)")
RSA_BITS = 2048

PROFILES = ("/etc/profile", "/etc/bash.bashrc", "/etc/profile.d/*.sh")
ROOT_PROFILES = ("/root/.profile", "/root/.bash_profile", "/root/.bash_login", "/root/.bashrc")
SHELLS = "/etc/shells"
TIMEOUT_FILE = "/etc/profile.d/zz-healthops-timeout.sh"
_TMOUT = re.compile(r"^[^#\n]*?\bTMOUT=[\"']?([0-9]{1,10})", re.MULTILINE)
_UMASK = re.compile(r"^([ \t]*umask[ \t]+)(0?[0-7]{3})\b", re.MULTILINE)
_PATH = re.compile(r"^[ \t]*(?:export[ \t]+)?(?:ENV_SUPATH[ \t]+)?PATH=(\S+)", re.MULTILINE)


def homes_exist(view: AccountsView) -> Iterator[Violation]:
    """Yield people whose home is not there."""
    for home in view.homes:
        if _is_person(home, view) and (home.stat is None or home.stat.kind != "dir"):
            advice = "make the folder for the account, or remove the account"
            yield Violation(f"{home.account.name}'s home {home.path} is not there", advice=advice)


def homes_owned(view: AccountsView) -> Iterator[Violation]:
    """Yield homes that belong to somebody else."""
    for home in view.homes:
        if _is_person(home, view) and home.stat is not None and home.stat.uid != home.account.uid:
            advice = "find out whose it is; then chown it, or give the account another home"
            yield Violation(f"{home.account.name}'s home {home.path} belongs to somebody else", advice=advice)


def homes_closed(view: AccountsView) -> Iterator[Violation]:
    """Yield homes that others can look into."""
    for home in view.homes:
        if _is_person(home, view) and home.stat is not None and home.stat.uid == home.account.uid:
            yield from _narrower(view, home, home.path, home.stat, 0o027)


def dot_files(view: AccountsView) -> Iterator[Violation]:
    """Yield files beginning with a dot that others can change."""
    for home in view.homes:
        for path, info in _files(home):
            yield from _narrower(view, home, path, info, 0o022)


def private_files(view: AccountsView) -> Iterator[Violation]:
    """Yield files with secrets that others can read."""
    for home in view.homes:
        for path, info in home.entries.items():
            folder, name = posixpath.split(path)
            keys = posixpath.basename(folder) == ".ssh" and info.kind == "file" and _PRIVATE_KEY.match(name)
            secret = folder == home.path and info.kind == "file" and PRIVATE.match(name)
            if keys or secret or (name == ".ssh" and info.kind == "dir" and home.account.uid != 0):
                yield from _narrower(view, home, path, info, 0o077)


def login_keys(view: AccountsView) -> Iterator[Violation]:
    """Yield lists of keys that others can add to."""
    for home in view.homes:
        for path, info in home.entries.items():
            if home.account.uid == 0 or not LOGIN_KEYS.match(posixpath.basename(path)):
                continue
            if info.uid not in (0, home.account.uid):
                yield Violation(f"{path} belongs to another account", advice=OF_ANOTHER)
            else:
                yield from _narrower(view, home, path, info, 0o022)


def trust_files(view: AccountsView) -> Iterator[Violation]:
    """Yield files that name trusted machines."""
    why = "no machine is trusted without a password"
    for home in view.homes:
        for path, info in home.entries.items():
            if posixpath.basename(path) in (".rhosts", ".shosts") and home.account.uid != 0 and info.kind == "file":
                if info.uid != home.account.uid:
                    if info.uid not in _sharing(view, home):
                        yield Violation(f"{path} is there, and belongs to another account", advice=OF_ANOTHER)
                    continue
                step = Step(
                    subject=AccountFile(path),
                    wanted=dict(ABSENT),
                    before="present",
                    after="absent",
                    why=why,
                    controls=(view.control,),
                )
                yield Violation(f"{path} is there", step, owner=info.uid)


def forward_files(view: AccountsView) -> Iterator[Violation]:
    """Yield files that pass mail on."""
    yield from _present(view, ".forward", "ask the person; mail about the server may hold health information")


def netrc_files(view: AccountsView) -> Iterator[Violation]:
    """Yield files with passwords for transfers."""
    yield from _present(view, ".netrc", "a transfer may read the password there; move it to keys, then remove the file")


def login_key_strength(view: AccountsView) -> Iterator[Violation]:
    """Yield keys that are too weak to open an account."""
    for home in view.homes:
        for path, text in home.keys.items():
            if text is None:
                yield Violation(f"{path} cannot be read", advice="look at what it is, and have its owner make it anew")
                continue
            for number, line in enumerate(split_lines(text), 1):
                weak = _weak_key(line)
                if weak:
                    yield Violation(
                        f"{path}:{number} is {weak}", advice="have its owner make an ed25519 key in its place"
                    )


def _weak_key(line: str) -> str:
    match = None if line.lstrip().startswith("#") else _KEY.search(line)
    if match is None:
        return ""
    if match[1] == "ssh-dss":
        return "a DSA key"
    bits = rsa_bits(match[2])
    if 0 < bits < RSA_BITS:
        return f"an RSA key of {bits} bits"
    return ""


def rsa_bits(encoded: str) -> int:
    """Return the length of an RSA key (three numbers, each with its length before it); 0 where it cannot be read."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return 0
    pieces = []
    while len(blob) >= 4:
        size = int.from_bytes(blob[:4], "big")
        pieces.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    if len(pieces) == 3:
        return int.from_bytes(pieces[2], "big").bit_length()
    return 0


def shells_list(view: AccountsView) -> Iterator[Violation]:
    """Yield nologin, where it is listed as a shell."""
    text = view.texts.get(SHELLS, "")
    shells = [line for line in split_lines_with_ends(text) if posixpath.basename(line.strip()) != "nologin"]
    if "".join(shells) != text:
        what, why = "nologin is listed as a shell", "services let everybody in who has a listed shell"
        image = file_image(encode("".join(shells)))
        yield Violation(
            what,
            Step(
                subject=File(SHELLS),
                wanted=image,
                before=what,
                after="it is not listed",
                why=why,
                controls=(view.control,),
            ),
        )


def shell_timeout(view: AccountsView) -> Iterator[Violation]:
    """Yield files that let a shell wait longer than ``value`` seconds, or that no file ends one."""
    limit = int(view.settings["value"])
    timeouts = [(path, int(m[1])) for path, text in view.texts.items() for m in _TMOUT.finditer(text)]
    for path, seconds in timeouts:
        if path != TIMEOUT_FILE and not 0 < seconds <= limit:
            yield Violation(f"{path} sets {seconds} seconds", advice=f"change it there, to {limit} or less")
            return
    if not any(0 < seconds <= limit for _path, seconds in timeouts):
        before = "; ".join(f"{path} sets {seconds} seconds" for path, seconds in timeouts) or "a shell waits for ever"
        step = Step(
            subject=File(TIMEOUT_FILE),
            wanted=file_image(encode(_timeout_text(limit))),
            before=before,
            after=f"a shell that waits ends after {limit} seconds",
            why="shells read it at login",
            controls=(view.control,),
        )
        yield Violation(before, step)


def _timeout_text(limit: int) -> str:
    interactive = f"case $- in\n*i*) TMOUT={limit} && readonly TMOUT && export TMOUT ;;\nesac\n"
    return f"{HEADER}# Shells that wait for a person end by themselves.\n{interactive}"


def shell_umask(view: AccountsView) -> Iterator[Violation]:
    """Yield each mask that is weaker than 027 in a file that everybody's shell reads."""
    for path, text in view.texts.items():
        if path in ROOT_PROFILES:
            continue
        for match in _UMASK.finditer(text):
            if _is_weak(match[2]):
                advice = "take the line out; PAM sets the mask of login.defs"
                yield Violation(f"{path} sets the mask {match[2]}", advice=advice)


def _is_weak(mask: str) -> bool:
    return bool(0o027 & ~int(mask, 8))


def root_umask(view: AccountsView) -> Iterator[Violation]:
    """Yield files that give root a mask weaker than 027."""
    for path in ROOT_PROFILES:
        text = view.texts.get(path, "")
        new = _UMASK.sub(lambda m: m[1] + ("027" if _is_weak(m[2]) else m[2]), text)
        if new != text:
            before = ", ".join(m[2] for m in _UMASK.finditer(text))
            step = Step(
                subject=File(path),
                wanted=file_image(encode(new)),
                before=f"mask {before}",
                after="mask 027",
                why="what root makes is not for everybody",
                controls=(view.control,),
            )
            yield Violation(f"{path} sets the mask {before}", step)


def root_path(view: AccountsView) -> Iterator[Violation]:
    """Yield folders in root's path that others can write to."""
    for path, text in view.texts.items():
        for match in _PATH.finditer(text):
            for folder in from_shell_assignment(match[1]).split(":"):
                why = _untrusted(folder, view.folders)
                if why:
                    yield Violation(f"{path}: {why}", advice="take it out of the path, or close the folder")


def path_folders(texts: Mapping[str, str]) -> list[str]:
    """Return every folder that root's path names."""
    values = (from_shell_assignment(m[1]) for text in texts.values() for m in _PATH.finditer(text))
    return sorted({folder for value in values for folder in value.split(":") if folder.startswith("/")})


def _untrusted(folder: str, folders: Mapping[str, Stat | None]) -> str:
    if "$" in folder:
        return ""
    if not folder.startswith("/"):
        return f"root's path holds {folder or 'an empty entry'}, which is taken from the current folder"
    info = folders.get(folder)
    if info is not None and info.kind == "dir" and (info.uid != 0 or info.mode & 0o022):
        return f"others can write to {folder}, which is in root's path"
    return ""


def _present(view: AccountsView, name: str, advice: str) -> Iterator[Violation]:
    for home in view.homes:
        for path in home.entries:
            if posixpath.basename(path) == name and home.account.name not in view.excepted:
                yield Violation(f"{path} is there", advice=advice)


def _files(home: Home) -> Iterator[tuple[str, Stat]]:
    pairs = home.entries.items()
    return ((path, info) for path, info in pairs if info.kind == "file" and posixpath.dirname(path) == home.path)


def _is_person(home: Home, view: AccountsView) -> bool:
    return home.account.uid != 0 and home.account.name not in view.excepted


def _sharing(view: AccountsView, home: Home) -> set[int]:
    """Return the numbers of the accounts that have this home."""
    return {other.account.uid for other in view.homes if other.path == home.path}


def _narrower(view: AccountsView, home: Home, path: str, info: Stat, bits: int) -> Iterator[Violation]:
    """Yield what others may do too much with; only what is the account's own is mended.

    Of accounts that share a home, the one that owns the file is asked.
    """
    if not info.mode & bits or (info.uid != home.account.uid and info.uid in _sharing(view, home)):
        return
    what = f"{path} has mode {info.mode:04o}"
    if info.uid != home.account.uid:
        yield Violation(f"{what} and belongs to another account", advice=OF_ANOTHER)
        return
    step = Step(
        subject=Meta(path),
        wanted=narrower_image(info.kind, bits, info.uid),
        before=f"{info.mode:04o}",
        after=f"{info.mode & ~bits:04o}",
        why="others could read or write more than they should",
        controls=(view.control,),
    )
    yield Violation(what, step, owner=info.uid)


HOME_CHECKS: dict[str, tuple[Check, str]] = {
    "homes_exist": (homes_exist, "the home of each person is there"),
    "homes_owned": (homes_owned, "each home belongs to its account"),
    "homes_closed": (homes_closed, "others cannot look into a home"),
    "dot_files": (dot_files, "others cannot change what programs read at start"),
    "private_files": (private_files, "files with secrets are closed to others"),
    "login_keys": (login_keys, "others cannot add a key to an account"),
    "trust_files": (trust_files, "no home names trusted machines"),
    "forward_files": (forward_files, "no mail is passed on from a home"),
    "netrc_files": (netrc_files, "no home holds passwords for transfers"),
    "login_key_strength": (login_key_strength, "no account is opened by a weak key"),
}
SHELL_CHECKS: dict[str, tuple[Check, str]] = {
    "shells_list": (shells_list, "nologin is not listed as a shell"),
    "shell_timeout": (shell_timeout, "shells that wait end by themselves"),
    "shell_umask": (shell_umask, "no file for shells opens the mask"),
    "root_umask": (root_umask, "root's mask is 027 or stricter"),
    "root_path": (root_path, "only root can write to the folders in root's path"),
}
