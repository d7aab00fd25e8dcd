# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root in a test host: writes down all that there is, every file of the system and what its own programs list.

    manifest.py FILE.json.gz

One section for each kind of thing, and in it one value a name. It lies beside snapshot.py, and shares nothing with the
code under test.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Callable

import snapshot  # type: ignore[import-not-found]

PATH_MAX = os.pathconf("/", "PC_PATH_MAX")
#: What changes by itself while a server runs. Logs are told by their folders, databases by their clients.
PASSING = re.compile(
    r"""
    ^/(dev|media|mnt|proc|run|srv|sys|tmp|var/(cache|run|spool|tmp))/.
    | ^/var/log/(journal/|private/|(.*/)?[^/]*$)
    | ^/var/lib/(apt/(lists|periodic|listchanges)|dpkg|postgresql|postfix|logrotate|private|haproxy|chrony|aide)/.
    | ^/var/lib/healthops(/|$)
    | ^/var/lib/(systemd/(timers|catalog|timesync|coredump|linger|pstore|rfkill|random-seed)|ucf/cache)(/|$)
    | ^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$
    | ^/etc/(\.git(/|$)|\.etckeeper$|\.pwd\.lock$)
    | ^/(root|home/[^/]+)/\.(ansible|lesshst|bash_history)(/|$)
    | /__pycache__(/|$)
    """,
    re.VERBOSE,
)
#: Files of settings, whose lines several people write.
SETTINGS = "/etc/"
LONGEST_TEXT = 1 << 18


def can_be_named(path: str) -> bool:
    """Tell whether a path is short enough for the system; what lies deeper is its owner's alone."""
    return len(os.fsencode(path)) < PATH_MAX


def walk(folder: str) -> Iterator[str]:
    """Yield all paths of the system's own file system; a log's folder counts, not the log."""
    device = os.lstat(folder).st_dev
    for parent, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(parent, name)
            if can_be_named(path) and (not PASSING.search(path) or (name in folders and path.startswith("/var/log/"))):
                yield path
        inside = {name: os.path.join(parent, name) for name in folders}
        folders[:] = [name for name, path in inside.items() if can_be_named(path) and os.lstat(path).st_dev == device]


def files() -> Iterator[tuple[str, str]]:
    for path in walk("/"):
        yield os.fsencode(path).decode("latin-1"), snapshot.entry(path)


def times() -> Iterator[tuple[str, str]]:
    """Yield when the content of each file was last changed; folders tell of what came and went in them."""
    for path in walk("/"):
        info = os.lstat(path)
        if stat.S_ISREG(info.st_mode):
            yield os.fsencode(path).decode("latin-1"), str(info.st_mtime_ns)


def texts() -> Iterator[tuple[str, str]]:
    for path in walk(SETTINGS):
        info = os.lstat(path)
        if stat.S_ISREG(info.st_mode) and info.st_size < LONGEST_TEXT:
            with open(path, "rb") as file:
                yield path, file.read().decode("latin-1")


def rows(*argv: str) -> Iterator[tuple[str, str]]:
    """Yield each line that a program prints, as a name of its own."""
    for line in snapshot.run(*argv).splitlines():
        if line.strip():
            yield line.strip(), "listed"


def fields(register: str) -> Iterator[tuple[str, str]]:
    """Yield each field of each entry by itself, and each member of a group: they are changed one by one."""
    for line in snapshot.run("getent", register).splitlines():
        name, *values = line.split(":")
        yield name, "listed"
        members = values.pop().split(",") if register == "group" else []
        yield from ((f"{name}: field {number}", value) for number, value in enumerate(values))
        yield from ((f"{name}: member {member}", "listed") for member in members if member)


def libraries() -> Iterator[tuple[str, str]]:
    return (row for row in rows("ldconfig", "-p") if "=>" in row[0])


def failed() -> Iterator[tuple[str, str]]:
    return rows("systemctl", "--failed", "--plain", "--no-legend")


def orphans() -> Iterator[tuple[str, str]]:
    """Yield what belongs to nobody; logs too, which are told of nowhere else."""
    argv = ["find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", ")", "-prune", "-o"]
    argv += ["(", "-nouser", "-o", "-nogroup", ")", "-print"]
    listed = subprocess.run(argv, check=False, capture_output=True).stdout.decode("latin-1")
    return ((path, "belongs to nobody") for path in listed.splitlines())


SECTIONS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
    **{name: read for name, read in snapshot.SECTIONS.items() if name != "listener"},
    "file": files,
    "time": times,
    "text": texts,
    "account": lambda: fields("passwd"),
    "password": lambda: fields("shadow"),
    "group": lambda: fields("group"),
    "library": libraries,
    "alternative": lambda: rows("update-alternatives", "--get-selections"),
    "locale": lambda: rows("locale", "-a"),
    "mark": lambda: rows("apt-mark", "showauto"),
    "hold": lambda: rows("apt-mark", "showhold"),
    "half installed": lambda: rows("dpkg", "--audit"),
    "failed unit": failed,
    "orphan": orphans,
}


def main(path: str) -> None:
    manifest = {section: dict(read()) for section, read in SECTIONS.items()}
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        json.dump(manifest, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
