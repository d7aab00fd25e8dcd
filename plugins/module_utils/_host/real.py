# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that this process runs on, as a ``Host``: read, write atomically, run."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob as globbing
import grp
import hashlib
import os
import posixpath
import pwd
import signal
import stat as statbits
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from .._errors import ClinicalError, ExchangedError, HostWriteError, ReadOnlyError
from .acl import ATTRIBUTE as ACL
from .door import (
    ACCOUNTS_LOCK,
    EXCHANGED_ADVICE,
    GIVEN_AWAY,
    READ_LIMIT,
    TEMPORARY_SUFFIX,
    CommandResult,
    Host,
    ScanEntry,
    Stat,
    T,
    exchanged,
    is_exchanged,
)
from .safe_paths import open_parent

PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
#: Of the environment of the play that is all that commands get.
PROXIES = tuple(
    name for scheme in ("http", "https", "ftp", "no", "all") for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
)
READ_PIECE = 64 * 1024
#: How many readers run at the same time: while two wait for a program or the disk, one can think.
AT_ONCE = 3
#: How long another program may keep the lock on the account files, in seconds.
ACCOUNTS_LOCK_WAIT = 15.0
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Characters; each can be four bytes, and the kernel takes fewer than 4096. So many names of 255 bytes always fit.
LONG_PATH = 1000
PARTS_AT_ONCE = 15
_KINDS = {0o040000: "dir", 0o100000: "file"}
MACHINE_REFUSES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


def _as_clinical(doing: str, path: str, error: OSError) -> ClinicalError:
    if error.errno == errno.EROFS:
        advice = "Remount it writable and run again, or leave the control alone: hardening_skip, with the reason."
        return ReadOnlyError(doing, path, error.strerror or str(error), advice)
    if error.errno in MACHINE_REFUSES:
        return HostWriteError(doing, path, error.strerror or str(error), "Free space or mend the disk, then retry.")
    hint = "Run it as root (become: true)." if error.errno in (errno.EACCES, errno.EPERM) else ""
    return ClinicalError(doing, path, error.strerror or str(error), hint)


@contextlib.contextmanager
def _os_errors_as_clinical(doing: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _as_clinical(doing, path, error) from error


#: What the kernel answers where something was looked at a moment ago, and is of another kind or gone by now.
_RACES = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP, errno.ENXIO)


@contextlib.contextmanager
def _races_as_exchanged(doing: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _RACES:
            raise
        raise exchanged(path, f"{error.strerror}: somebody has exchanged it meanwhile", doing) from error


class RealHost(Host):
    """The machine this process runs on; what each method promises stands in ``Host``."""

    def read(self, path: str) -> bytes | None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None
        except OSError as error:
            raise _as_clinical("Reading", path, error) from error
        if not statbits.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ClinicalError("Reading", path, "it is not a regular file")
        with os.fdopen(fd, "rb", buffering=READ_PIECE) as file, _os_errors_as_clinical("Reading", path):
            return _read_all(path, file)

    def digest(self, path: str) -> str:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with _os_errors_as_clinical("Reading", path), os.fdopen(os.open(path, flags), "rb") as file:
            hashed = hashlib.sha256()
            while piece := file.read(READ_PIECE):
                hashed.update(piece)
            return hashed.hexdigest()

    def stat(self, path: str) -> Stat | None:
        try:
            info = os.lstat(path)
            target = os.readlink(path) if statbits.S_ISLNK(info.st_mode) else ""
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _as_clinical("Looking at", path, error) from error
        return _stat_of(info, target)

    def xattrs(self, path: str) -> dict[str, bytes]:
        try:
            return {n: os.getxattr(path, n, follow_symlinks=False) for n in os.listxattr(path, follow_symlinks=False)}
        except OSError as error:
            if error.errno in (errno.ENOTSUP, errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                return {}
            raise _as_clinical("Reading the attributes of", path, error) from error

    def listdir(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _as_clinical("Listing", path, error) from error

    def glob(self, pattern: str) -> list[str]:
        return sorted(globbing.glob(pattern))

    def scan(
        self,
        roots: Sequence[str],
        avoided: frozenset[str],
        uids: frozenset[int],
        gids: frozenset[int],
        budget: int,
    ) -> list[ScanEntry] | None:
        met: list[ScanEntry] = []
        waiting: list[tuple[str, os.stat_result | None]] = [(root, None) for root in roots if root not in avoided]
        never = avoided.union(roots)
        count = 0
        while waiting:
            inside = _list_entries(*waiting.pop())
            count += len(inside)
            if count > budget:
                return None
            for path, info in inside:
                mode = info.st_mode
                kind = _KINDS.get(mode & 0o170000)
                if kind == "dir" and path not in never:
                    waiting.append((path, info))
                odd = mode & 0o6002 or info.st_uid not in uids or info.st_gid not in gids
                if odd and kind:  # of a link only what it leads to counts
                    met.append(ScanEntry(path, kind, mode & 0o7777, info.st_uid, info.st_gid))
        return sorted(met, key=lambda entry: entry.path)

    def resolve(self, path: str) -> str:
        return os.path.realpath(path)

    def write(self, path: str, content: bytes, mode: int, uid: int, gid: int, xattrs: dict[str, bytes]) -> None:
        with _os_errors_as_clinical("Writing", path), open_parent(path) as (parent, name):
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
        with _os_errors_as_clinical("Adding to", path), open_parent(path) as (parent, name):
            with os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.fsync(parent)

    def write_value(self, path: str, text: str) -> None:
        with _os_errors_as_clinical("Setting", path):
            fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_TRUNC)
            try:
                os.write(fd, (text + "\n").encode())
            finally:
                os.close(fd)

    def set_meta(self, path: str, mode: int, uid: int, gid: int, planned: Stat, taken: int = 0) -> None:
        doing = "Setting owner and mode of"
        with _os_errors_as_clinical(doing, path), _races_as_exchanged(doing, path), open_parent(path) as (parent, name):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            try:
                info = os.fstat(fd)
                if is_exchanged(planned, _stat_of(info)):
                    raise exchanged(path)
                _set_owner(parent, path, fd, uid, gid, taken)
                os.fchmod(fd, mode)
                if planned.kind in ("file", "dir"):  # a pipe has nothing that could be written to a disk
                    os.fsync(fd)
            finally:
                os.close(fd)

    def set_mtime(self, path: str, mtime: int) -> None:
        with _os_errors_as_clinical("Setting the time of", path), open_parent(path) as (parent, name):
            os.utime(name, ns=(mtime, mtime), dir_fd=parent, follow_symlinks=False)

    def set_xattrs(self, path: str, xattrs: dict[str, bytes]) -> None:
        with _os_errors_as_clinical("Setting the attributes of", path), open_parent(path) as (parent, name):
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                for attribute in set(os.listxattr(fd)) - set(xattrs):
                    os.removexattr(fd, attribute)
                for attribute, value in xattrs.items():
                    os.setxattr(fd, attribute, value)
            finally:
                os.close(fd)

    def symlink(self, path: str, target: str) -> None:
        with _os_errors_as_clinical("Linking", path), open_parent(path) as (parent, name):
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
        with _os_errors_as_clinical("Making the directory", path), open_parent(path) as (parent, name):
            if _is_there(parent, name):
                with _opened_folder(parent, name) as fd:
                    _set_owner(parent, path, fd, uid, gid)
                    os.fchmod(fd, mode)
                return
            temporary = f".{name}{TEMPORARY_SUFFIX}"
            with contextlib.suppress(FileExistsError):
                os.mkdir(temporary, 0o700, dir_fd=parent)
            with _opened_folder(parent, temporary) as fd:
                os.fchown(fd, uid, gid)
                os.fchmod(fd, mode)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
            os.fsync(parent)

    def remove(self, path: str) -> None:
        with (
            _os_errors_as_clinical("Removing", path),
            _races_as_exchanged("Removing", path),
            contextlib.suppress(FileNotFoundError),
            open_parent(path) as (parent, name),
        ):
            if statbits.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
            os.fsync(parent)

    @contextlib.contextmanager
    def accounts_locked(self) -> Iterator[None]:
        with _os_errors_as_clinical("Locking", ACCOUNTS_LOCK):
            fd = os.open(ACCOUNTS_LOCK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd)
            yield
        finally:
            os.close(fd)

    def gather(self, readers: Sequence[Callable[[], T]]) -> list[T]:
        results: dict[int, T] = {}
        failed: list[BaseException] = []
        waiting = iter(list(enumerate(readers)))

        def work() -> None:
            try:
                for number, reader in waiting:
                    results[number] = reader()
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
        return [results[number] for number in range(len(readers))]

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def can_write(self, path: str) -> bool:
        return os.access(path, os.W_OK)

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        program = self.which(argv[0])
        if program is None:
            raise ClinicalError("Running", argv[0], "there is no such command on this host")
        environment = {"PATH": ":".join(PATH), "LC_ALL": "C", "LANG": "C", "HOME": "/root", **_proxies(), **(env or {})}
        try:
            with _memory_file(stdin) as file:
                process = subprocess.Popen(
                    [program, *argv[1:]],
                    stdin=file,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environment,
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as error:
            raise _as_clinical("Running", program, error) from error
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as expired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # a daemon that it left may hold its output open
                process.communicate(timeout=1.0)
            reason = f"no answer within {timeout:.0f} s, so it was ended"
            raise ClinicalError(
                "Running", " ".join(argv), reason, "Look on the host for what it waits for."
            ) from expired
        return CommandResult(argv=tuple(argv), rc=process.returncode, out=_decode(out), err=_decode(err))

    def spawn(self, argv: Sequence[str]) -> None:
        nowhere = subprocess.DEVNULL
        try:
            subprocess.Popen(argv, stdin=nowhere, stdout=nowhere, stderr=nowhere, cwd="/", start_new_session=True)
        except OSError as error:
            raise _as_clinical("Starting", argv[0], error) from error

    def which(self, name: str) -> str | None:
        candidates = [name] if name.startswith("/") else [posixpath.join(folder, name) for folder in PATH]
        return next((path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK)), None)

    def uid(self, name: str) -> int | None:
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            return None

    def gid(self, name: str) -> int | None:
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

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.clock_gettime(time.CLOCK_MONOTONIC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _stat_of(info: os.stat_result, target: str = "") -> Stat:
    return Stat(
        kind=_kind(info.st_mode),
        mode=statbits.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        target=target,
        ctime=info.st_ctime,
        mtime=info.st_mtime_ns,
        size=info.st_size,
        inode=info.st_ino,
    )


def _set_owner(parent: int, path: str, fd: int, uid: int, gid: int, taken: int = 0) -> None:
    """Set the owner of what is open, where it is another one.

    What is root's is given away only where root put it, or where it is the inode that was ``taken`` from others.
    """
    info, folder = os.fstat(fd), os.fstat(parent)
    if (uid, gid) == (info.st_uid, info.st_gid):
        return
    exchangeable = folder.st_uid != 0 or folder.st_mode & 0o022
    if info.st_uid == 0 and exchangeable and info.st_ino != taken:
        raise ExchangedError("Giving away", path, GIVEN_AWAY, EXCHANGED_ADVICE)
    os.fchown(fd, uid, gid)


def _list_entries(folder: str, met: os.stat_result | None) -> list[tuple[str, os.stat_result]]:
    """Return what is in a folder, not followed; what goes away meanwhile was never there.

    Nor is a folder that is not the one that was ``met`` under this path any more: its owner exchanged it for a link.
    """
    inside: list[tuple[str, os.stat_result]] = []
    prefix = folder if folder.endswith("/") else f"{folder}/"
    fd = None
    try:
        fd = _open_at_any_depth(folder)
        if met is not None and not os.path.samestat(met, os.fstat(fd)):
            return inside
        with os.scandir(fd) as entries:
            for entry in entries:
                try:
                    inside.append((prefix + entry.name, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        return inside
    except OSError as error:
        if met is not None and error.errno == errno.ELOOP:  # a link on the way, which was none before
            return inside
        raise _as_clinical("Scanning", folder, error) from error
    finally:
        if fd is not None:
            os.close(fd)
    return inside


def _open_at_any_depth(folder: str) -> int:
    """Return a descriptor of a folder, opened in several steps where its path is longer than the kernel takes one."""
    if len(folder) < LONG_PATH:
        return os.open(folder, FOLDER_FLAGS)
    parts = folder.strip("/").split("/")
    fd = os.open("/", FOLDER_FLAGS)
    for first in range(0, len(parts), PARTS_AT_ONCE):
        try:
            below = os.open("/".join(parts[first : first + PARTS_AT_ONCE]), FOLDER_FLAGS, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd


def _lock(fd: int) -> None:
    """Wait for the lock on the account files; the kernel opens it again when the process ends, however that is."""
    end = time.monotonic() + ACCOUNTS_LOCK_WAIT
    while True:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise _as_clinical("Locking", ACCOUNTS_LOCK, error) from error
        if time.monotonic() >= end:
            reason = f"another program has kept it for {ACCOUNTS_LOCK_WAIT:.0f} s"
            raise ClinicalError("Locking", ACCOUNTS_LOCK, reason, "Is a passwd or vipw waiting for somebody?")
        time.sleep(0.1)


def _read_all(path: str, file: BinaryIO) -> bytes:
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


def _proxies() -> dict[str, str]:
    """Return what a play's ``environment`` says of proxies, which package managers need to reach their mirrors."""
    return {name: os.environ[name] for name in PROXIES if name in os.environ}


def _memory_file(text: str) -> BinaryIO:
    """Return a file in memory at its beginning: unlike a pipe, a program can open it by the name /dev/stdin."""
    file = os.fdopen(os.memfd_create("stdin"), "w+b")
    file.write(text.encode())
    file.seek(0)
    return file


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _write_new(parent: int, name: str, content: bytes, mode: int, uid: int, gid: int, xattrs: dict[str, bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=parent)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
        for attribute, value in xattrs.items():  # after fchmod, which would rewrite the mask of an ACL
            os.setxattr(fd, attribute, value)
        if ACL not in xattrs:
            _remove_inherited(fd)
        os.fsync(fd)


def _remove_inherited(fd: int) -> None:
    """Take the access control list from a new file that its folder has handed down to it."""
    try:
        os.removexattr(fd, ACL)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOTSUP):
            raise


def _is_there(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def _opened_folder(parent: int, name: str) -> Iterator[int]:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)
