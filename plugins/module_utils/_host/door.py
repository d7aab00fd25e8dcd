# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only door to the machine: read, write atomically, run. Private to the collection.

Everything above this file speaks to a ``Host``; unit tests hand it a fake one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob as globbing
import grp
import os
import posixpath
import pwd
import signal
import stat as statbits
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import (
    BinaryIO,
    Callable,
    ContextManager,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from .._errors import ClinicalError, HostWriteError

T = TypeVar("T")

PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
READ_LIMIT = 16 * 1024 * 1024
READ_PIECE = 64 * 1024
#: How many looks are made at the same time: while two wait for a program or the disk, one can think.
AT_ONCE = 3
#: What is left beside the target by a run that was killed in the middle of a write.
TEMPORARY_SUFFIX = ".healthops-tmp"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: What passwd, useradd and PAM lock before they write an account file; how long they are waited for, in seconds.
ACCOUNTS_LOCK = "/etc/.pwd.lock"
ACCOUNTS_LOCK_WAIT = 15.0
_KINDS = {0o040000: "dir", 0o100000: "file"}
MACHINE_REFUSES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


@dataclass(frozen=True)
class Stat:
    """One directory entry, not followed. ``kind`` is file, dir, link or other; ``mode`` the twelve permission bits."""

    kind: str
    mode: int
    uid: int
    gid: int
    target: str = ""
    ctime: float = 0.0


@dataclass(frozen=True)
class Entry:
    """One file or folder that a scan met; ``kind`` is file or dir, ``mode`` the twelve permission bits."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class Completed:
    """What a command answered; ``err_line`` is its first words of complaint."""

    argv: Tuple[str, ...]
    rc: int
    out: str
    err: str

    @property
    def err_line(self) -> str:
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[0][:300] if lines else "it said nothing"


class Host(Protocol):
    """What the core may ask of a machine. Paths are absolute; nothing here follows a link at its last component."""

    def read(self, path: str) -> Optional[bytes]:
        """The bytes of a regular file, or None where there is none."""

    def stat(self, path: str) -> Optional[Stat]:
        """What is at the path, or None where there is nothing."""

    def xattrs(self, path: str) -> Dict[str, bytes]:
        """Extended attributes, ACLs among them."""

    def listdir(self, path: str) -> List[str]:
        """The names in a directory, sorted; none where it is not one."""

    def glob(self, pattern: str) -> List[str]:
        """The paths that match, sorted."""

    def scan(
        self,
        roots: Sequence[str],
        avoided: FrozenSet[str],
        uids: FrozenSet[int],
        gids: FrozenSet[int],
        budget: int,
    ) -> Optional[List[Entry]]:
        """Every file and folder that everybody may write, that lends rights, or whose owner or group is not known.

        Folders in ``avoided`` are not entered. None where there are more than ``budget`` entries.
        """

    def resolve(self, path: str) -> str:
        """The path with every link followed, for reading what a link means."""

    def write(self, path: str, content: bytes, mode: int, uid: int, gid: int, xattrs: Dict[str, bytes]) -> None:
        """Replace or create a regular file in one step: after a crash the old or the new bytes are there."""

    def append(self, path: str, content: bytes) -> None:
        """Add to a regular file that only its owner may read, and make it where there is none."""

    def write_value(self, path: str, text: str) -> None:
        """Write into a kernel file in place."""

    def set_meta(self, path: str, mode: int, uid: int, gid: int) -> None:
        """Set mode and owner of what is there."""

    def symlink(self, path: str, target: str) -> None:
        """Lay a link in one step, over a link that may be there."""

    def mkdir(self, path: str, mode: int, uid: int, gid: int) -> None:
        """Make a directory, or give one that is there this mode and owner."""

    def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory, unless it, or the folder around it, is gone already."""

    def accounts_locked(self) -> ContextManager[None]:
        """Keep every other tool from changing accounts meanwhile, as lckpwdf(3) does."""

    def together(self, looks: Sequence[Callable[[], T]]) -> List[T]:
        """What each look finds, in their order. They only read, and may be made at the same time."""

    def is_root(self) -> bool:
        """Whether this process may do what root may."""

    def can_write(self, path: str) -> bool:
        """Whether the kernel would let this process write there, asked without writing."""

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: Optional[Dict[str, str]] = None
    ) -> Completed:
        """Run a program with its words as they are, no shell; raises ClinicalError after ``timeout`` seconds."""

    def spawn(self, argv: Sequence[str]) -> None:
        """Start a program that outlives this process and is bound to nothing of it."""

    def which(self, name: str) -> Optional[str]:
        """The path of a program, or None."""

    def uid(self, name: str) -> Optional[int]:
        """The number of a user, or None."""

    def gid(self, name: str) -> Optional[int]:
        """The number of a group, or None."""

    def owner_name(self, uid: int) -> str:
        """The name of a user, or the number where it has none."""

    def group_name(self, gid: int) -> str:
        """The name of a group, or the number where it has none."""

    def since_boot(self, microseconds: int) -> float:
        """The wall-clock time, in seconds, of a moment given in microseconds of the monotonic clock."""

    def monotonic(self) -> float:
        """Seconds on the clock that nobody can set, which begins anew at each boot."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


def _telling(doing: str, path: str, error: OSError) -> ClinicalError:
    if error.errno in MACHINE_REFUSES:
        return HostWriteError(
            doing, path, error.strerror or str(error), "Free space or remount it writable, then retry."
        )
    hint = "Run it as root (become: true)." if error.errno in (errno.EACCES, errno.EPERM) else ""
    return ClinicalError(doing, path, error.strerror or str(error), hint)


@contextlib.contextmanager
def _told(doing: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _telling(doing, path, error) from error


class RealHost:
    """The machine this process runs on."""

    def read(self, path: str) -> Optional[bytes]:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None
        except OSError as error:
            raise _telling("Reading", path, error) from error
        if not statbits.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ClinicalError("Reading", path, "it is not a regular file")
        with os.fdopen(fd, "rb", buffering=READ_PIECE) as file, _told("Reading", path):
            return _whole(path, file)

    def stat(self, path: str) -> Optional[Stat]:
        try:
            info = os.lstat(path)
            target = os.readlink(path) if statbits.S_ISLNK(info.st_mode) else ""
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _telling("Looking at", path, error) from error
        return Stat(
            _kind(info.st_mode), statbits.S_IMODE(info.st_mode), info.st_uid, info.st_gid, target, info.st_ctime
        )

    def xattrs(self, path: str) -> Dict[str, bytes]:
        try:
            return {n: os.getxattr(path, n, follow_symlinks=False) for n in os.listxattr(path, follow_symlinks=False)}
        except OSError as error:
            if error.errno in (errno.ENOTSUP, errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                return {}
            raise _telling("Reading the attributes of", path, error) from error

    def listdir(self, path: str) -> List[str]:
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _telling("Listing", path, error) from error

    def glob(self, pattern: str) -> List[str]:
        return sorted(globbing.glob(pattern))

    def scan(
        self,
        roots: Sequence[str],
        avoided: FrozenSet[str],
        uids: FrozenSet[int],
        gids: FrozenSet[int],
        budget: int,
    ) -> Optional[List[Entry]]:
        found: List[Entry] = []
        waiting = [root for root in roots if root not in avoided]
        never = avoided.union(roots)
        seen = 0
        while waiting:
            folder = waiting.pop()
            inside = _inside(folder)
            seen += len(inside)
            if seen > budget:
                return None
            for entry, info in inside:
                mode = info.st_mode
                name = _KINDS.get(mode & 0o170000)
                if name == "dir" and entry.path not in never:
                    waiting.append(entry.path)
                odd = mode & 0o6002 or info.st_uid not in uids or info.st_gid not in gids
                if odd and name:  # of a link only what it leads to counts
                    found.append(Entry(entry.path, name, mode & 0o7777, info.st_uid, info.st_gid))
        return sorted(found, key=lambda entry: entry.path)

    def resolve(self, path: str) -> str:
        return os.path.realpath(path)

    def write(self, path: str, content: bytes, mode: int, uid: int, gid: int, xattrs: Dict[str, bytes]) -> None:
        with _told("Writing", path), _parent(path) as (parent, name):
            temporary = f".{name}{TEMPORARY_SUFFIX}"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)
            try:
                _write_new(parent, temporary, content, mode, uid, gid, xattrs)
                os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=parent)
                raise
            os.fsync(parent)

    def append(self, path: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with _told("Adding to", path), _parent(path) as (parent, name):
            with os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.fsync(parent)

    def write_value(self, path: str, text: str) -> None:
        with _told("Setting", path):
            fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_TRUNC)
            try:
                os.write(fd, (text + "\n").encode())
            finally:
                os.close(fd)

    def set_meta(self, path: str, mode: int, uid: int, gid: int) -> None:
        with _told("Setting owner and mode of", path), _parent(path) as (parent, name):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            try:
                os.fchown(fd, uid, gid)
                os.fchmod(fd, mode)
                os.fsync(fd)
            finally:
                os.close(fd)

    def symlink(self, path: str, target: str) -> None:
        with _told("Linking", path), _parent(path) as (parent, name):
            temporary = f".{name}{TEMPORARY_SUFFIX}"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)
            os.symlink(target, temporary, dir_fd=parent)
            try:
                os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            except OSError:
                os.unlink(temporary, dir_fd=parent)
                raise
            os.fsync(parent)

    def mkdir(self, path: str, mode: int, uid: int, gid: int) -> None:
        with _told("Making the directory", path), _parent(path) as (parent, name):
            if os.path.lexists(path):
                _set_folder(parent, name, mode, uid, gid)
                return
            temporary = f".{name}{TEMPORARY_SUFFIX}"
            with contextlib.suppress(FileExistsError):
                os.mkdir(temporary, 0o700, dir_fd=parent)
            _set_folder(parent, temporary, mode, uid, gid)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            os.fsync(parent)

    def remove(self, path: str) -> None:
        with _told("Removing", path), contextlib.suppress(FileNotFoundError), _parent(path) as (parent, name):
            if statbits.S_ISDIR(os.lstat(path).st_mode):
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
            os.fsync(parent)

    @contextlib.contextmanager
    def accounts_locked(self) -> Iterator[None]:
        with _told("Locking", ACCOUNTS_LOCK):
            fd = os.open(ACCOUNTS_LOCK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd)
            yield
        finally:
            os.close(fd)

    def together(self, looks: Sequence[Callable[[], T]]) -> List[T]:
        found: Dict[int, T] = {}
        failed: List[BaseException] = []
        waiting = iter(list(enumerate(looks)))

        def work() -> None:
            try:
                for number, look in waiting:
                    found[number] = look()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where they meet again
                failed.append(error)

        helpers = [threading.Thread(target=work) for _helper in range(AT_ONCE - 1)]
        for helper in helpers:
            helper.start()
        work()
        for helper in helpers:
            helper.join()
        if failed:
            raise failed[0]
        return [found[number] for number in range(len(looks))]

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def can_write(self, path: str) -> bool:
        return os.access(path, os.W_OK)

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: Optional[Dict[str, str]] = None
    ) -> Completed:
        program = self.which(argv[0])
        if program is None:
            raise ClinicalError("Running", argv[0], "there is no such command on this host")
        environment = {"PATH": ":".join(PATH), "LC_ALL": "C", "LANG": "C", "HOME": "/root", **(env or {})}
        try:
            process = subprocess.Popen(
                [program, *argv[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise _telling("Running", program, error) from error
        try:
            out, err = process.communicate(stdin.encode(), timeout=timeout)
        except subprocess.TimeoutExpired as expired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # a daemon that it left may hold its output open
                process.communicate(timeout=1.0)
            saw = f"no answer within {timeout:.0f} s, so it was ended"
            raise ClinicalError("Running", " ".join(argv), saw, "Look on the host for what it waits for.") from expired
        return Completed(tuple(argv), process.returncode, _text(out), _text(err))

    def spawn(self, argv: Sequence[str]) -> None:
        nowhere = subprocess.DEVNULL
        try:
            subprocess.Popen(argv, stdin=nowhere, stdout=nowhere, stderr=nowhere, cwd="/", start_new_session=True)
        except OSError as error:
            raise _telling("Starting", argv[0], error) from error

    def which(self, name: str) -> Optional[str]:
        candidates = [name] if name.startswith("/") else [posixpath.join(folder, name) for folder in PATH]
        return next((path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)), None)

    def uid(self, name: str) -> Optional[int]:
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            return None

    def gid(self, name: str) -> Optional[int]:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None

    def owner_name(self, uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)

    def group_name(self, gid: int) -> str:
        try:
            return grp.getgrgid(gid).gr_name
        except KeyError:
            return str(gid)

    def since_boot(self, microseconds: int) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + microseconds / 1e6

    def monotonic(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _inside(folder: str) -> List[Tuple[os.DirEntry[str], os.stat_result]]:
    """What is in a folder; what goes away meanwhile was never there."""
    try:
        with os.scandir(folder) as entries:
            found = []
            for entry in entries:
                try:
                    found.append((entry, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue
            return found
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _telling("Scanning", folder, error) from error


def _lock(fd: int) -> None:
    """Wait for the lock on the account files; the kernel opens it again when the process ends, however that is."""
    end = time.monotonic() + ACCOUNTS_LOCK_WAIT
    while True:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise _telling("Locking", ACCOUNTS_LOCK, error) from error
        if time.monotonic() >= end:
            saw = f"another program has kept it for {ACCOUNTS_LOCK_WAIT:.0f} s"
            raise ClinicalError("Locking", ACCOUNTS_LOCK, saw, "Is a passwd or vipw waiting for somebody?")
        time.sleep(0.1)


def _whole(path: str, file: BinaryIO) -> bytes:
    """Read in small pieces: /proc/sys reserves kernel memory for as much as it is asked for."""
    pieces: list[bytes] = []
    size = 0
    while piece := file.read(READ_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > READ_LIMIT:
            raise ClinicalError("Reading", path, f"it is larger than {READ_LIMIT} bytes")
    return b"".join(pieces)


def _kind(mode: int) -> str:
    if statbits.S_ISREG(mode):
        return "file"
    if statbits.S_ISDIR(mode):
        return "dir"
    return "link" if statbits.S_ISLNK(mode) else "other"


def _text(data: Union[bytes, None]) -> str:
    return (data or b"").decode("utf-8", "replace")


def _write_new(parent: int, name: str, content: bytes, mode: int, uid: int, gid: int, xattrs: Dict[str, bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=parent)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
        for attribute, value in xattrs.items():  # after fchmod, which would rewrite the mask of an ACL
            os.setxattr(fd, attribute, value)
        os.fsync(fd)


def _set_folder(parent: int, name: str, mode: int, uid: int, gid: int) -> None:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _parent(path: str) -> Iterator[Tuple[int, str]]:
    """Open the directory that holds ``path``, one component at a time.

    A link on the way is followed only where root made it in a directory that nobody else can write: /var/run is
    fine, a link that a user laid into a shared directory is not.
    """
    if not path.startswith("/") or posixpath.normpath(path) != path or path == "/":
        raise ClinicalError("Changing", path, "it is not a plain absolute path")
    folder, name = posixpath.split(path)
    fd = _open_folder(folder)
    try:
        yield fd, name
    finally:
        os.close(fd)


def _open_folder(folder: str, links: int = 0) -> int:
    """Walk there from the root by descriptors, so that nobody can exchange a step between the look and the use."""
    parts = [part for part in folder.split("/") if part]
    fd = os.open("/", _FOLDER)
    for number, part in enumerate(parts):
        try:
            if statbits.S_ISLNK(os.stat(part, dir_fd=fd, follow_symlinks=False).st_mode):
                target = _trusted_target(fd, part, "/" + "/".join(parts[: number + 1]), links)
                walked = posixpath.join("/", *parts[:number], target, *parts[number + 1 :])
                return _open_folder(posixpath.normpath(walked), links + 1)
            below = os.open(part, _FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


def _trusted_target(fd: int, part: str, path: str, links: int) -> str:
    own = os.stat(part, dir_fd=fd, follow_symlinks=False).st_uid
    if own != 0 or os.fstat(fd).st_mode & 0o022 or links > 8:
        raise ClinicalError("Changing a file below", path, "it is a link that somebody else than root could move")
    return os.readlink(part, dir_fd=fd)
