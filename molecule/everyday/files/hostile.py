# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account with a shell can do against whoever looks after its files: ``hostile.py PASSWORD``.

It runs as that account until it is ended. Whatever is looked at is exchanged meanwhile: for a link to a file of root's,
another name of one, a pipe, a folder. In its home, ``rounds`` counts how often.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HOME = Path.home()
#: Files of root's, which nobody but root may change, and where a trap leaves its trace.
SENTINELS, TRACES = Path("/srv/sentinels"), "/srv/traces"
#: Other names of a file of root's; made by root when the kernel still let people make them.
OTHER_NAMES = HOME / "names"
SHELL_TRAP = f'#!/bin/sh\n: > "{TRACES}/$(id -un).$$"\n'
PYTHON_TRAP = f'import os\nopen(f"{TRACES}/{{os.getuid()}}.{{os.getpid()}}", "w").close()\n'
DOT_FILES = (".bashrc", ".profile", ".netrc", ".rhosts", ".forward", ".pgpass", ".pam_environment", ".python_history")
#: As programs of root's name what they write, or look for: ours, Ansible's, apt's, Python's.
LOOKED_FOR = (
    *(".passwd.healthops-tmp", ".sshd_config.healthops-tmp", "healthops", "healthops-guard", "ansible-tmp-1-2-3"),
    *("apt.conf", "apt.data", "fileutl.message", "json.py", "sitecustomize.py", "dpkg", "systemctl", "sshd", "python3"),
)
NAMES = (
    *(b"R\xf6ntgen\xff", b"two\nlines", b"\x1b]0;title\x07\x1b[2J", "line\u2028end".encode()),
    *(b"n" * 255, b"-rf", b"{{ 7 * 7 }}"),
)
GECOS = ("Ward 3", "x\u2028root:x:0:0", "&", "{{ 7 * 7 }}", "$(id)", "R\xf6ntgen")
LARGEST = 20 << 20
PR_SET_NAME = 15


def main(password: str) -> None:
    os.nice(10)
    os.umask(0)
    litter()
    tricks = [exchange(path, number) for number, path in enumerate(places())]
    tricks += [grow(), lock_folder(), listen(), pretend(), rename(password)]
    for number in itertools.count(1):
        for trick in tricks:
            next(trick)
            time.sleep(0.002)
        (HOME / "rounds").write_text(f"{number}\n")


def places() -> Iterator[Path]:
    folders = (".ssh", ".ssh/authorized_keys", "bin", "data", "data/list", "shared/open")
    yield from (HOME / name for name in (*DOT_FILES, *folders))
    yield from (Path(folder, name) for folder in ("/tmp", "/var/tmp") for name in LOOKED_FOR)


def exchange(path: Path, number: int) -> Iterator[None]:
    """Put one thing after another at a place, each in one step where that can be; not everywhere the same one."""
    other_name = OTHER_NAMES / str(number % 10)
    kinds: tuple[Callable[[Path], None], ...] = (
        open_file,
        lambda new: new.symlink_to(SENTINELS / "list"),
        lambda new: new.symlink_to(SENTINELS),
        lambda new: os.rename(other_name, new),
        os.mkfifo,
        open_folder,
        lambda new: new.symlink_to("/etc/shadow"),
        lambda new: new.symlink_to("/dev/zero"),
        trap,
    )
    for make in itertools.islice(itertools.cycle(kinds), number % len(kinds), None):
        with contextlib.suppress(OSError):
            take_away(path, other_name)
            new = path.with_name(f"{path.name}.new")
            make(new)
            os.rename(new, path)
        yield


def take_away(path: Path, other_name: Path) -> None:
    """Remove what is at a place; another name of a file of root's goes back to the others."""
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.lstat().st_uid == 0:
        os.rename(path, other_name)
    else:
        path.unlink()


def open_file(path: Path) -> None:
    path.write_text("permit root\n")
    path.chmod(0o666)


def open_folder(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)
    for name in ("list", "authorized_keys", "id_ed25519"):
        open_file(path / name)


def trap(path: Path) -> None:
    path.write_text(PYTHON_TRAP if path.name.startswith(("json", "sitecustomize")) else SHELL_TRAP)
    path.chmod(0o4777)


def litter() -> None:
    """Leave what stays: traps wherever a path may lead, names that are no text, and a folder below every path."""
    for name in ("bin", ".local/bin", "shared", "data"):
        (HOME / name).mkdir(parents=True, exist_ok=True)
    for name in ("ls", "stat", "find", "python3", "apt-get", "nft", "visudo"):
        trap(HOME / ".local" / "bin" / name)
    for folder in (HOME, Path("/tmp"), Path("/var/tmp")):
        for encoded in NAMES:
            with contextlib.suppress(FileExistsError, PermissionError):
                os.close(os.open(os.fsencode(folder) + b"/" + encoded, os.O_CREAT, 0o666))
    handle = os.open(HOME, os.O_RDONLY)
    for _level in range(20):
        with contextlib.suppress(FileExistsError):
            os.mkdir("d" * 250, dir_fd=handle)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(os.open("open", os.O_CREAT, 0o666, dir_fd=handle))
    os.close(handle)


def grow() -> Iterator[None]:
    """Grow the list of keys that sshd also reads beyond what anybody wants to read, and begin anew."""
    while True:
        with contextlib.suppress(OSError), (HOME / ".ssh" / "authorized_keys2").open("ab") as file:
            file.write(b"ssh-rsa AAAA\n" * 5000)
            if file.tell() > LARGEST:
                file.truncate(0)
        yield


def lock_folder() -> Iterator[None]:
    """Close a folder, and open it again."""
    folder = HOME / "shared"
    for mode in itertools.cycle((0o000, 0o777)):
        folder.chmod(mode)
        yield
        yield


def listen() -> Iterator[None]:
    """Listen on a port now and then."""
    while True:
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            stream.bind(("", 0))
            stream.listen()
            datagrams.bind(("", 0))
            for _round in range(20):
                yield
        for _round in range(10):
            yield


def pretend() -> Iterator[None]:
    """Run under a name that nobody can parse, or that a server of root's has."""
    set_name = ctypes.CDLL(None).prctl
    argv = (b"sshd: /usr/sbin/sshd -D [listener] \xff\n", b"-c", b"import time; time.sleep(60)", b"-o")
    for name in itertools.cycle((b") R 1 1 (", b"sshd", b"\xff\n\x1b[2J")):
        set_name(PR_SET_NAME, name, 0, 0, 0)
        with subprocess.Popen(argv, executable="/usr/bin/python3") as process:
            for _round in range(10):
                yield
            process.kill()


def rename(password: str) -> Iterator[None]:
    """Change what /etc/passwd says of this account, as often as a person would in a fit."""
    for text in itertools.cycle(GECOS):
        argv = ["chfn", "--room", text]
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere) as process:
            with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
                process.communicate(f"{password}\n".encode(), timeout=0.01)
            for _round in range(20):
                yield
            process.kill()


if __name__ == "__main__":
    main(sys.argv[1])
