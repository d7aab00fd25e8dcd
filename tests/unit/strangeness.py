# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's files and programs may say instead of what they should: hostile, or merely odd."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

#: Lines that are broken in the format of one file or another, and those that users may put into a name or a comment.
LINES = (
    b"'",
    b"Include it's an apostrophe # isn't it",
    b'"',
    b"=",
    b":",
    b"::::::::",
    b"\xff\xfe",
    b"caf\xe9 = \xe9",
    b"\0",
    b"[",
    b"]",
    b"[section",
    b"\\",
    b"${",
    b"[!",
    b"{",
    b"-a always,exit -F arch=",
    b"-w /x -p",
    b"-S",
    b"include",
    b"Match",
    b"@@x_include",
    b"confdir",
    b"makestep 1",
    b"makestep 1 \xc2\xb2",
    b"umask",
    b"TMOUT=" + b"9" * 5000,
    b"UID_MIN " + b"9" * 5000,
    b"remember=" + b"9" * 5000,
    b"RekeyLimit " + b"9" * 5000,
    b"\xc2\xb2",
    b"\xe2\x80\xa8",
    b"\x1c",
    b"\xc2\x85",
    b"/dev/x \\999 ext4 defaults a b",
    b"ssh-rsa AAAAB3NzaC1yc2E",
    b"auth [success=1 pam",
    b"auth required",
    b"kernel.kptr_restrict =",
    b"root:x:\xc2\xb2:0:::",
    b"root:x:0",
    b"alice:x:1000:\xc2\xb2::/:/bin/sh",
    b"eve:x:0:0:\xe2\x80\xa8:/home/eve:/bin/sh",
    b"VERSION_ID='",
    b"Defaults !",
    b"x" * 70_000,
)
TEXTS = (
    b"",
    b"\n",
    b"\0" * 9,
    b"\xff" * 50,
    b"\xef\xbb\xbf",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b"9" * 5000,
    bytes(range(256)),
)
#: What Python says to programmers.
PYTHON = re.compile(
    r"invalid literal|out of range\b.*index|list index|values to unpack|could not convert|has no attribute|codec"
    r"|substring not found|No closing quot|No escaped|Error\b.*Error|Exceeds the limit|Expecting |embedded null"
    r"|something on this host is not as we read it"
)


@dataclass
class Strangeness:
    """What was read of a host and asked of its programs, and what one of them says instead."""

    files: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    instead: dict[str, bytes] = field(default_factory=dict)


def make_strange(host: FakeHost, strangeness: Strangeness) -> FakeHost:
    """Let each file and program of a host say what ``strangeness`` has of it instead, and note what was asked."""
    read, run = host.read, host.run

    def read_strangely(path: str) -> bytes | None:
        content = read(path)
        if content is None:
            return None
        strangeness.files.add(path)
        return strangeness.instead.get(path, content)

    def run_strangely(argv: Sequence[str], *more: Any, **named: Any) -> CommandResult:
        done = run(argv, *more, **named)
        name = " ".join(argv[:2])
        if done.out:
            strangeness.programs.add(name)
        said = strangeness.instead.get(name)
        return done if said is None else replace(done, out=said.decode("utf-8", "replace"))

    host.read, host.run = read_strangely, run_strangely  # type: ignore[method-assign, assignment]
    return host


def variants(content: bytes) -> list[bytes]:
    """Return the content with each line before, behind and in the middle of it, and other contents altogether."""
    lines = content.split(b"\n")
    middle = len(lines) // 2
    inserted = [b"\n".join([*lines[:at], line, *lines[at:]]) for line in LINES for at in (0, middle)]
    return [*inserted, *(content.rstrip(b"\n") + line for line in LINES), *TEXTS]
