# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root in a test host: whether somebody's accounts have got root to do what it should not.

    besieged.py take FILE
    besieged.py compare FILE     prints every difference and exits with 1 where there is one

It knows nothing of the code under test. Files of root's to which links lead are untouched to the last change of their
inode, so that nobody has changed them to and fro; of those that have other names in a home all but that is the same.
In the homes nothing belongs to anybody else than before, and no trap has left a trace.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

SENTINELS, NAMED, TRACES, HOMES = (Path("/srv", name) for name in ("sentinels", "named", "traces", "people"))


def untouched() -> Iterator[tuple[str, str]]:
    for folder, checked in ((SENTINELS, True), (NAMED, False)):
        for path in (folder, *sorted(folder.rglob("*"))):
            info = path.lstat()
            last = f" {info.st_ctime_ns}" if checked else ""
            content = f" {path.read_bytes().hex()}" if path.is_file() else ""
            yield str(path), f"{info.st_mode:o} {info.st_uid}:{info.st_gid}{content}{last}"


def foreign() -> Iterator[tuple[str, str]]:
    """Yield what belongs to others than the owner of the home and is no other name of a file that root put there."""
    named = {path.lstat().st_ino for path in NAMED.iterdir()}
    for home in HOMES.iterdir():
        owner = home.lstat().st_uid
        for folder, folders, names in os.walk(home):
            for path in (os.path.join(folder, name) for name in folders + names):
                try:
                    info = os.lstat(path)
                except OSError:  # it is being exchanged, or lies too deep for a path
                    continue
                if info.st_uid != owner and info.st_ino not in named:
                    yield path, f"belongs to {info.st_uid}"


def state() -> dict[str, str]:
    return {**dict(untouched()), **dict(foreign()), **{str(path): "a trap was run" for path in TRACES.iterdir()}}


def main(act: str, file: str) -> int:
    if act == "take":
        Path(file).write_text(json.dumps(state()), encoding="utf-8")
        return 0
    before, now = json.loads(Path(file).read_text(encoding="utf-8")), state()
    wrong = [path for path in sorted({*before, *now}) if before.get(path) != now.get(path)]
    for path in wrong:
        print(f"{path!a}: {before.get(path, 'absent')} before, {now.get(path, 'absent')} now")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
