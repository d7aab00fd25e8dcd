# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt answered, remembered for as long as nothing that it reads has changed.

A plan is asked for again when it is staged, and once more in the window when it is applied. apt's solver takes most of
that time, and says the same while its lists, its settings and the packages are the same. Only its answers are
remembered: ages, deadlines and the policy are worked out anew from them each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import posixpath
import re
from collections.abc import Sequence
from typing import Any, cast

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host

FOLDER = "/var/cache/healthops/apt"
_QUESTIONS = (("apt-get", "-s"), ("apt-get", "indextargets"), ("apt-cache", "policy"), ("apt-cache", "show"))
_READ = ("/var/lib/dpkg/status", "/var/lib/dpkg/arch", "/var/lib/apt/extended_states", "/etc/machine-id")
_READ_BELOW = ("/var/lib/dpkg/updates/*", "/var/lib/apt/lists/*", "/etc/apt/*", "/etc/apt/*/*")
_SETTINGS = ("/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*")
#: A setting that makes apt read other folders than those above.
_ELSEWHERE = re.compile(rb"\bRootDir\b|\bDir\b(?!::(?:Cache|Log|Bin)\b)")


def remembering(host: Host, keeps: bool) -> Host:
    """Return the host, except that apt is asked only what it was not asked before.

    New answers are kept on the host where ``keeps``.
    """
    return cast(Host, _Remembering(host, keeps))


class _Remembering:
    """Passes everything on to the host, and answers what apt was asked before from what it answered then."""

    def __init__(self, host: Host, keeps: bool) -> None:
        self._host = host
        self._keeps = keeps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        """Run a command, or return what apt answered when nothing that it reads was any different."""
        if tuple(argv[:2]) not in _QUESTIONS or _elsewhere(self._host):
            return self._host.run(argv, timeout, stdin, env)
        folder = posixpath.join(FOLDER, _digest(_state(self._host)))
        path = posixpath.join(folder, _digest([*argv, *([stdin] if stdin else [])]))
        done = _known(self._host, path, argv)
        if done is None:
            done = self._host.run(argv, timeout, stdin, env)
            if self._keeps and done.rc == 0:
                _keep(self._host, folder, path, done)
        return done


def _elsewhere(host: Host) -> bool:
    """Return whether the site has told apt to read other folders than those that are looked at here."""
    paths = [path for pattern in _SETTINGS for path in host.glob(pattern)]
    return any(_ELSEWHERE.search(host.read(path) or b"") for path in paths)


def _state(host: Host) -> list[str]:
    """Return a line for everything that apt reads; a file that was written or replaced has another time of change."""
    lines = []
    for path in (*_READ, *(path for pattern in _READ_BELOW for path in host.glob(pattern))):
        stat = host.stat(path)
        if stat is not None and stat.kind == "link":
            stat = host.stat(host.resolve(path))
        if stat is not None:
            lines.append(f"{path} {stat.kind} {stat.ctime!r}")
    return lines


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _known(host: Host, path: str, argv: Sequence[str]) -> CommandResult | None:
    """Return the answer that is kept there; None where there is none that can be read."""
    try:
        answer = json.loads(host.read(path) or b"null")
        return CommandResult(argv=tuple(argv), rc=0, out=answer["out"], err=answer["err"])
    except (ValueError, TypeError, KeyError, ClinicalError):
        return None  # asked anew, whatever became of the file


def _keep(host: Host, folder: str, path: str, done: CommandResult) -> None:
    """Keep an answer. For want of space it is not kept; nothing else depends on it."""
    with contextlib.suppress(ClinicalError):
        if host.stat(folder) is None:
            _forget(host)
            host.mkdir(posixpath.dirname(FOLDER), 0o755, 0, 0)
            for private in (FOLDER, folder):
                host.mkdir(private, 0o700, 0, 0)
        content = json.dumps({"out": done.out, "err": done.err}).encode("utf-8", "surrogateescape")
        host.write(path, content, 0o600, 0, 0, {})


def _forget(host: Host) -> None:
    """Remove every answer."""
    for folder in host.glob(f"{FOLDER}/*"):
        for name in host.listdir(folder):
            host.remove(posixpath.join(folder, name))
        host.remove(folder)
