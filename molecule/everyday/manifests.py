# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be left of a host after several people changed it and one of them takes everything back.

A manifest, which tests/hosts/inside/manifest.py writes, has one value for each thing. Of each, three are compared: on
the untouched host, after it was hardened and configured, and after all that others did before our next run. What only
we changed, also later, is as at first, and what others changed is as they left it. Where both changed a text, their
lines are still in it and ours are not.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

Section = dict[str, str]
#: Made by a program out of other files, of which the tests ask that program.
DERIVED = {"/etc/ld.so.cache", "/var/lib/apt/extended_states"}
#: Judged entry by entry, as getent lists them.
REGISTERS = {"/etc/passwd", "/etc/shadow", "/etc/group"}


def manifest(host: str, moment: str) -> dict[str, Section]:
    path = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "manifests", host, f"{moment}.json.gz")
    return dict(json.loads(gzip.decompress(path.read_bytes())))


@dataclass(frozen=True)
class History:
    """The same section at three moments."""

    untouched: Section
    configured: Section
    lived: Section

    def names(self) -> set[str]:
        return {*self.untouched, *self.configured, *self.lived}

    def changed_by_both(self, name: str) -> bool:
        untouched, configured, lived = self.values(name)
        return untouched != configured != lived

    def values(self, name: str) -> tuple[str | None, str | None, str | None]:
        return self.untouched.get(name), self.configured.get(name), self.lived.get(name)

    def expected(self, name: str) -> str | None:
        """Return what has to be there; of what both changed, what others made of it."""
        untouched, configured, lived = self.values(name)
        return untouched if configured == lived else lived


def history(host: str, section: str) -> History:
    untouched, configured, lived = (manifest(host, moment)[section] for moment in ("untouched", "configured", "lived"))
    return History(untouched=untouched, configured=configured, lived=lived)


def merged_lines(untouched: str, configured: str, lived: str) -> Counter[str]:
    """Return the lines of a text that both changed: those of the untouched one, and what others changed of ours."""
    first, ours, theirs = (Counter(text.split("\n")) for text in (untouched, configured, lived))
    lines = first.copy()
    lines.update(theirs - ours)
    lines.subtract(ours - theirs)
    return +lines


def differences(past: History, now: Section, leave: set[str]) -> list[str]:
    """Return a sentence for each thing that is not what it has to be."""
    names = sorted((past.names() | set(now)) - leave)
    return [
        f"{name}: {now.get(name, 'absent')} instead of {past.expected(name) or 'absent'}"
        for name in names
        if now.get(name) != past.expected(name)
    ]
