# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit rules: what augenrules makes of the files. A container has no audit of its own, so no kernel is asked here."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    """Each rule stands in the compiled file under its key, and the file is what the folder gives at the next boot."""
    fresh, compiled = _compiled(host)
    mine = [words for words in compiled if words[-2:] == ["-k", settings["key"]]]
    missing = [rule for rule in settings["rules"] if not any(_is(rule, words, host) for words in mine)]
    return not missing and "No change" in fresh, f"{fresh}; missing: {missing}"


@functools.cache
def _compiled(host: Host) -> tuple[str, list[list[str]]]:
    """What augenrules says of the compiled file, and its lines. Asked once: it takes seconds in a container."""
    said = outside.root(host, "augenrules --check").out
    return said, [line.split() for line in outside.root(host, "cat /etc/audit/audit.rules").out.splitlines()]


def _is(rule: str, words: list[str], host: Host) -> bool:
    verb, rest = rule.split(" ", 1)
    if verb == "watch":
        path, permissions = rest.split()
        return words[:4] == ["-w", path, "-p", permissions]
    if verb == "runs":
        path = "/usr/bin/sudo" if rest == "privileged" else rest  # one of those that every host has
        return f"path={path}" in words and "perm=x" in words
    calls, *filters = rest.split()
    wanted = ["auid>=1000", *filters] if "people" in filters else filters
    named = set(words[words.index("-S") + 1].split(",")) if "-S" in words else set()
    return set(calls.split(",")) <= named and {word for word in wanted if word != "people"} <= set(words)
