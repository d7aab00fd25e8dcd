# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only door to the machine: what the core may ask of a host, as a protocol.

Everything above this file speaks to a ``Host``; ``real`` is the machine itself, unit tests hand in a fake one. Whatever
cannot be done raises ClinicalError, or HostWriteError where the machine itself cannot be written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ContextManager, Protocol, TypeVar

from .._errors import ExchangedError
from .._text.lines import split_lines

T = TypeVar("T")
#: Words by which daemons' own checkers mark the lines that say what is wrong.
_TELLING = re.compile(r"error|emerg|alert|fail|invalid|unknown|unexpected|cannot|could not|not found", re.IGNORECASE)

#: What is left beside the target by a run that was killed in the middle of a write.
TEMPORARY_SUFFIX = ".healthops-tmp"
#: What passwd, useradd and PAM lock before they write an account file.
ACCOUNTS_LOCK = "/etc/.pwd.lock"
#: A larger file is not read, in bytes.
READ_LIMIT = 16 * 1024 * 1024
#: Why an owner or a mode is not set.
EXCHANGED = "it is not what it was when this was planned: somebody has exchanged it"
GIVEN_AWAY = "it is root's, and lies where others can exchange it"
EXCHANGED_ADVICE = "Find out who can write to its folder."


def exchanged(path: str, observed: str = EXCHANGED, doing: str = "Setting owner and mode of") -> ExchangedError:
    """Return the error of what is left to whoever exchanges it."""
    return ExchangedError(doing, path, observed, EXCHANGED_ADVICE)


@dataclass(frozen=True)
class Stat:
    """One directory entry, not followed. ``kind`` is file, dir, link or other; ``mode`` the twelve permission bits.

    ``target`` is where a link points, ``ctime`` when the entry was last changed, in seconds since 1970; ``mtime`` when
    its content was, in nanoseconds. ``size`` is that of a regular file, in bytes. ``inode`` tells it from all others
    of its file system.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    target: str = ""
    ctime: float = 0.0
    mtime: int = 0
    size: int = 0
    inode: int = 0


def is_exchanged(planned: Stat, now: Stat) -> bool:
    """Return whether something is of another kind, owner or mode than what was planned from."""
    return (planned.kind, planned.mode, planned.uid, planned.gid) != (now.kind, now.mode, now.uid, now.gid)


@dataclass(frozen=True)
class ScanEntry:
    """One file or folder that a scan met; ``kind`` is file or dir, ``mode`` the twelve permission bits."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class CommandResult:
    """A command that has ended: its exit code and what it wrote to its output and to its error output."""

    argv: tuple[str, ...]
    rc: int
    out: str
    err: str

    @property
    def err_line(self) -> str:
        """Its first words of complaint, for people: at most 300 characters."""
        lines = [line.strip() for line in split_lines(self.err or self.out) if line.strip()]
        return lines[0][:300] if lines else "it said nothing"

    @property
    def complaint(self) -> str:
        """The lines that say what is wrong, and where, of a program that says much; at most 500 characters."""
        lines = [line.strip() for line in f"{self.err}\n{self.out}".split("\n") if line.strip()]
        telling = [line for line in lines if _TELLING.search(line)]
        return " ".join(dict.fromkeys(telling or lines[:3]))[:500] or f"it ended with {self.rc} and said nothing"


class Host(Protocol):
    """What the core may ask of a machine. Paths are absolute; nothing here follows a link at its last component."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a regular file, or None where there is none."""

    def read_text(self, path: str, errors: str = "replace") -> str:
        """Return the text of a regular file, empty where there is none.

        ``errors`` says, as in ``bytes.decode``, what becomes of bytes that are not UTF-8: ``surrogateescape`` for a
        text that is written back.
        """
        return (self.read(path) or b"").decode("utf-8", errors)

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a regular file of any size, in hexadecimal."""

    def stat(self, path: str) -> Stat | None:
        """Return what is at the path, or None where there is nothing."""

    def xattrs(self, path: str) -> dict[str, bytes]:
        """Return the extended attributes by name, ACLs among them."""

    def listdir(self, path: str) -> list[str]:
        """Return the names in a directory, sorted; none where it is not one."""

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match, sorted."""

    def scan(
        self,
        roots: Sequence[str],
        avoided: frozenset[str],
        uids: frozenset[int],
        gids: frozenset[int],
        budget: int,
    ) -> list[ScanEntry] | None:
        """Return every file and folder that everybody may write, that lends rights, or whose owner is not known.

        Known are the owners in ``uids`` and the groups in ``gids``. Folders in ``avoided`` are not entered. None where
        there are more than ``budget`` entries.
        """

    def resolve(self, path: str) -> str:
        """Return the path with every link followed, for reading what a link means."""

    def write(self, path: str, content: bytes, mode: int, uid: int, gid: int, xattrs: dict[str, bytes]) -> None:
        """Replace or create a regular file in one step: after a crash the old or the new bytes are there."""

    def append(self, path: str, content: bytes) -> None:
        """Add to a regular file that only its owner may read, and make it where there is none."""

    def write_value(self, path: str, text: str) -> None:
        """Write into a kernel file in place."""

    def set_meta(self, path: str, mode: int, uid: int, gid: int, planned: Stat, taken: int = 0) -> None:
        """Set mode and owner of what is there, provided that it is still as ``planned`` has it.

        An owner that stays is not set. Raises ClinicalError where somebody has exchanged it meanwhile, and where a file
        of root's would be given away in a folder in which others can exchange it; but the inode ``taken`` was theirs,
        and goes back to them.
        """

    def set_mtime(self, path: str, mtime: int) -> None:
        """Set when the content of what is there was last changed, in nanoseconds since 1970."""

    def symlink(self, path: str, target: str) -> None:
        """Lay a link in one step, over a link that may be there."""

    def set_xattrs(self, path: str, xattrs: dict[str, bytes]) -> None:
        """Give a directory exactly these extended attributes."""

    def mkdir(self, path: str, mode: int, uid: int, gid: int) -> None:
        """Make a directory, or give one that is there this mode and owner."""

    def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory, unless it, or the folder around it, is gone already."""

    def accounts_locked(self) -> ContextManager[None]:
        """Keep every other tool from changing accounts meanwhile, as lckpwdf(3) does."""

    def gather(self, readers: Sequence[Callable[[], T]]) -> list[T]:
        """Return what each reader returns, in their order. They only read, and may run at the same time."""

    def is_root(self) -> bool:
        """Return True where this process may do what root may."""

    def can_write(self, path: str) -> bool:
        """Ask the kernel, without writing, for permission to write there."""

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        """Run a program with its arguments as they are, no shell; raises ClinicalError after ``timeout`` seconds."""

    def spawn(self, argv: Sequence[str]) -> None:
        """Start a program that outlives this process and is bound to nothing of it."""

    def which(self, name: str) -> str | None:
        """Return the path of a program, or None."""

    def uid(self, name: str) -> int | None:
        """Return the number of a user, or None."""

    def gid(self, name: str) -> int | None:
        """Return the number of a group, or None."""

    def owner_name(self, uid: int) -> str:
        """Return the name of a user, or the number where it has none."""

    def group_name(self, gid: int) -> str:
        """Return the name of a group, or the number where it has none."""

    def since_boot(self, microseconds: int) -> float:
        """Return the wall-clock time, in seconds, of a moment given in microseconds of the monotonic clock."""

    def now(self) -> float:
        """Return the wall-clock time, in seconds since 1970; somebody may set it."""

    def monotonic(self) -> float:
        """Return the seconds on the clock that nobody can set, which begins anew at each boot."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
