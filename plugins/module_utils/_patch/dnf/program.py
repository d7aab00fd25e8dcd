# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to dnf: ``helper`` is run by the Python that dnf itself runs with, and asked in JSON.

A question leaves nothing on the host. A transaction outlives who waits for it, so for that one it is laid there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from ..folders import make_folders

PLACE = "/run/healthops"
PROGRAM = f"{PLACE}/patch-dnf.py"
REQUEST = f"{PLACE}/patch-dnf.json"
#: Seconds that an answer may take; a download is part of one.
ANSWER_TIME = 3600.0
_INTERPRETER = re.compile(rb"#!\s*([!-~]+)")


class _Answer(dict[str, Any]):
    """The parts of an answer; that one is missing is an error of dnf's and none of ours."""

    def __init__(self, what: str, parts: Mapping[str, Any]) -> None:
        super().__init__(parts)
        self._what = what

    def __missing__(self, part: str) -> Any:
        raise ClinicalError("Asking dnf", self._what, f"its answer has no part {part}")


@dataclass(frozen=True)
class Program:
    """``helper`` on one host. ``lock_wait`` is how many seconds it waits for a lock of somebody else's.

    In check mode (``check``) no list is fetched, not even one that is missing.
    """

    host: Host
    lock_wait: int
    check: bool = False

    def ask(self, what: str, **parts: Any) -> dict[str, Any]:
        """Return the answer to a question, a function of ``helper``. Raises ClinicalError where dnf fails."""
        options = {"cache_only": self.check, **parts}
        argv = [python_of_dnf(self.host), "-I", "-c", helper_source()]
        done = self.host.run(argv, timeout=ANSWER_TIME, stdin=self._worded({"what": what, **options}))
        if done.rc != 0:
            complaint = split_lines(done.err.strip())[-1][:300] if done.err else "nothing"
            raise ClinicalError("Asking dnf", what, complaint)
        try:
            answer = json.loads(done.out)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ClinicalError("Asking dnf", what, f"it answered {done.out!r:.120}")
        return _Answer(what, answer)

    def prepare(self, request: Mapping[str, Any]) -> list[str]:
        """Write the program and a request for a transaction to the host; return the command that runs it."""
        make_folders(self.host, PLACE, 0o700)
        self.host.write(PROGRAM, helper_source().encode(), 0o600, 0, 0, {})
        self.host.write(REQUEST, self._worded(request).encode(), 0o600, 0, 0, {})
        return [python_of_dnf(self.host), PROGRAM, REQUEST]

    def _worded(self, request: Mapping[str, Any]) -> str:
        return json.dumps({"lock_wait": self.lock_wait, **request})


def helper_source() -> str:
    """Return the text of ``helper``. It may come out of an archive, so it is asked of its loader."""
    from . import helper

    loader = helper.__loader__
    source: str | None = loader.get_source(helper.__name__) if loader else None  # type: ignore[attr-defined]
    if source is None:
        raise ClinicalError("Asking", "dnf", "our own program cannot be read", "This is a defect: please report.")
    return source


def python_of_dnf(host: Host) -> str:
    """Return the path of the Python that dnf itself runs with; only that one is sure to have dnf.

    Raises ClinicalError where there is no dnf 4.
    """
    path = host.which("dnf")
    head = (host.read(host.resolve(path)) or b"")[:256] if path else b""
    match = _INTERPRETER.match(head)
    if match is None:
        raise ClinicalError("Looking for", "dnf", f"saw {head[:20]!r} in {path or 'no place'}", "dnf 4 is needed.")
    return match[1].decode()
