# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What accounts that go leave behind: nobody who gets the same number one day may own it."""

from __future__ import annotations

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from ..._text.numbers import is_natural

PASSWD, GROUP = "/etc/passwd", "/etc/group"
#: Where packages keep what their accounts own.
FOLDERS = ("/etc", "/var", "/opt", "/srv", "/run")
_OPTIONS = {PASSWD: "-uid", GROUP: "-gid"}


def hand_over(host: Host, register: str, before: str) -> None:
    """Give root what belongs to the accounts, or groups, that stood in ``before`` and stand in the register no more.

    Empty folders go. What root gets lends no rights any more.
    """
    removed = sorted(_numbers(before) - _numbers(host.read_text(register, "surrogateescape")))
    if not removed:
        return
    option = _OPTIONS[register]
    tests: list[str] = []
    for number in removed:
        tests += ["-o", option, str(number)]
    folders = [folder for folder in FOLDERS if host.stat(folder) is not None]
    done = host.run(["find", *folders, "-xdev", "-depth", "(", *tests[1:], ")"], timeout=300.0)
    if done.rc != 0:
        raise ClinicalError("Looking for what is owned by accounts that went, below", " ".join(folders), done.err_line)
    for path in split_lines(done.out):
        _hand_over(host, path, register == PASSWD)


def _hand_over(host: Host, path: str, of_user: bool) -> None:
    info = host.stat(path)
    if info is None or info.kind not in ("file", "dir"):
        return
    if info.kind == "dir" and not host.listdir(path):
        host.remove(path)
        return
    owner = (0, info.gid) if of_user else (info.uid, 0)
    host.set_meta(path, info.mode & 0o1777, *owner, info)


def _numbers(text: str) -> frozenset[int]:
    """Return the numbers in a register; a line without one names nobody."""
    fields = (line.split(":") for line in split_lines(text))
    return frozenset(int(row[2]) for row in fields if len(row) > 2 and is_natural(row[2]))
