# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's name: the control node names a run that it must find again, the host any other.

It names a folder, in the journal of a host and in the evidence of the control node, so both have one limit.
"""

from __future__ import annotations

import re
import secrets
import time

from .._errors import ClinicalError

#: The journal once took 64 characters and evidence 80; by the longer limit, everything that was written can be read.
LONGEST = 80
PATTERN = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")

#: Variables of the playbooks that were named after one role -> their names since.
RENAMED = {"hardening_hosts": "run_targets", "hardening_become": "run_become"}


class RunId(str):
    """A name that was checked: it can be that of a folder, and leads to no other place."""

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> RunId:
        """Return the text as a run id. Raises ClinicalError where it cannot be one."""
        if isinstance(text, cls):
            return text
        if PATTERN.fullmatch(text) is None:
            rule = f"Use letters, digits, '.', '_' and '-', at most {LONGEST}, starting with a letter or digit."
            raise ClinicalError("Using", f"the run id {text!r}", "it cannot name a directory", rule)
        return cls(text)

    @classmethod
    def of_option(cls, text: str | None) -> RunId:
        """Return what an option names, or a new run id where it names none. Raises ClinicalError as ``of`` does."""
        return cls.of(str(text)) if text else new_run_id()


def new_run_id() -> RunId:
    """Return a new run id, like 20261122T150000Z-1a2b; they sort by the second in which they were made."""
    return RunId.of(time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + secrets.token_hex(2))


def is_run_id(text: str) -> bool:
    """Return True if the text may name a run."""
    return PATTERN.fullmatch(text) is not None
