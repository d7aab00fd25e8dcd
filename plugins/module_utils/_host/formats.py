# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration formats of a Unix server: find a key's value, set it, touch nothing else."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .._text.lines import split_lines, split_lines_with_ends


@dataclass(frozen=True)
class Assignment:
    """One active setting: ``line`` counts from 0, ``section`` is empty in formats that have none."""

    line: int
    section: str
    key: str
    value: str


@dataclass(frozen=True)
class Format:
    """How one family of files writes ``key`` and ``value``.

    ``pattern`` has the groups key and value; ``template`` writes a new line. ``first`` formats want a new line at the
    top, because what comes later in the file depends on it.
    """

    pattern: str
    template: str
    comments: str = "#"
    sections: bool = False
    quotes: bool = False
    first: bool = False
    bare: bool = False
    any_case: bool = False

    def assignments(self, text: str) -> Iterator[Assignment]:
        """Yield every active setting of a text, in its order."""
        section = ""
        for number, raw in enumerate(split_lines(text)):
            line = raw.strip()
            if not line or line[0] in self.comments:
                continue
            if self.sections and line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
                continue
            match = re.match(self.pattern, line)
            if match:
                value = self._value(match["value"] or "")
                yield Assignment(line=number, section=section, key=match["key"], value=value)

    def get(self, text: str, key: str, section: str = "") -> str | None:
        """Return the value that counts, which is the last one; None where the key is not set."""
        return _values(self, text).get((section, self._plain(key)))

    def set(self, text: str, key: str, value: str, section: str = "") -> str:
        """Return the text with the key set once more or changed where it counts; every other line stays as it is."""
        lines = split_lines_with_ends(text)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        new = self.written(key, value) + "\n"
        place = (section, self._plain(key))
        present = [a for a in self.assignments(text) if (a.section, self._plain(a.key)) == place]
        if present:
            lines[present[-1].line] = new
        elif self.first:
            lines.insert(_after_comments(lines, self.comments), new)
        elif section:
            _insert_in_section(lines, new, section)
        else:
            lines.append(new)
        return "".join(lines)

    def written(self, key: str, value: str) -> str:
        """Return a new line; without a value the key stands alone, in formats that know such keys."""
        return self.template.format(key=key, value=value) if value or not self.bare else key

    def _plain(self, key: str) -> str:
        return " ".join((key.lower() if self.any_case else key).split())

    def _value(self, value: str) -> str:
        value = value.strip()
        if self.quotes and len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            return value[1:-1]
        return value


@functools.lru_cache(maxsize=64)
def _values(form: Format, text: str) -> dict[tuple[str, str], str]:
    """Return every value that counts, by section and key; read once, however many controls ask for a key of a file."""
    return {(a.section, form._plain(a.key)): a.value for a in form.assignments(text)}


def _after_comments(lines: list[str], comments: str) -> int:
    return next((n for n, line in enumerate(lines) if line.strip() and line.strip()[0] not in comments), len(lines))


def _insert_in_section(lines: list[str], new: str, section: str) -> None:
    heads = [n for n, line in enumerate(lines) if line.strip() == f"[{section}]"]
    if not heads:
        lines += [f"[{section}]\n", new]
        return
    later = (n for n, line in enumerate(lines) if n > heads[-1] and line.strip().startswith("["))
    end = next(later, len(lines))
    while end > heads[-1] + 1 and not lines[end - 1].strip():
        end -= 1
    lines.insert(end, new)


FORMATS = {
    # UMASK 027
    "login_defs": Format(r"(?P<key>\S+)\s+(?P<value>.*?)\s*(?:#.*)?$", "{key}\t{value}"),
    # minlen = 14, and bare words such as even_deny_root
    "key_value": Format(r"(?P<key>[^=\s]+)\s*(?:=\s*(?P<value>.*))?$", "{key} = {value}", bare=True),
    # [Journal] Storage=persistent
    "ini": Format(r"(?P<key>[^=\s]+)\s*=\s*(?P<value>.*)$", "{key}={value}", comments="#;", sections=True),
    # DIR_MODE="0750"
    "shell": Format(r"(?:export\s+)?(?P<key>\w+)=(?P<value>.*)$", "{key}={value}", quotes=True),
    # $FileCreateMode 0640: it holds for the actions that follow it
    "rsyslog": Format(r"(?P<key>\$\w+)\s+(?P<value>.*)$", "{key} {value}", first=True, any_case=True),
    # *.* @@log.hospital.example:6514: the key is which messages, the value where they go over TCP
    "rsyslog_forward": Format(r"(?P<key>\S+)\s+(?P<value>@@\S+)$", "{key} {value}"),
    # APT::Get::AllowUnauthenticated "false";
    "apt_conf": Format(r"(?P<key>[A-Za-z0-9:_-]+)\s+(?P<value>[^;]*?)\s*;$", '{key} "{value}";', "#/", quotes=True),
    # * hard core 0: the key is domain, type and item together
    "limits": Format(r"(?P<key>\S+\s+\S+\s+\S+)\s+(?P<value>\S+)$", "{key} {value}"),
}
