# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration formats of a Unix server as its programs read them: find a value, set it, touch nothing else.

Of files that several programs read in different ways, each way is a reader, and all of them have to find the value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .._text.lines import split_lines, split_lines_with_ends

#: What isspace(3) takes for a blank, without the newline.
BLANKS = " \t\r\f\v"


@dataclass(frozen=True)
class Assignment:
    """One active setting in the lines ``line`` to ``last`` (from 0); ``section`` is empty in formats that have none."""

    line: int
    last: int
    section: str
    key: str
    value: str


@dataclass(frozen=True)
class Reader:
    """How one program reads a family of files.

    ``pattern`` has the groups key and value. What follows the character ``cut`` is a comment, ``quotes`` may stand
    around a value, a backslash at its end has a ``continued`` line go on, ``ended`` readers leave out a last line
    without a newline, and a ``-`` in a key ``both`` stands for hard and soft. A program reads no further than a line
    that a ``strict`` reader does not know; ``numbers`` matches keys that want whole numbers, ``any_value`` those that
    take anything, where it knows those alone.
    """

    pattern: str
    comments: str = "#"
    cut: str = ""
    quotes: str = ""
    sections: bool = False
    continued: bool = False
    any_case: bool = False
    first_wins: bool = False
    both: bool = False
    ended: bool = False
    blanks: str = BLANKS
    strict: bool = False
    number: str = r"[+-]?[0-9]{1,10}"
    numbers: str = ""
    any_value: str = ""

    def assignments(self, text: str) -> Iterator[Assignment]:
        """Yield every setting that the program reads, in its order."""
        section = ""
        for first, last, line in self._lines(text):
            if self.sections and line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
                continue
            match = re.match(self.pattern, line, re.ASCII)
            if self.strict and not self._knows(match):
                return
            if match:
                value = self._unquoted((match["value"] or "").strip(BLANKS))
                for key in self._keys(match["key"]):
                    yield Assignment(line=first, last=last, section=section, key=key, value=value)

    def refused(self, text: str) -> int | None:
        """Return the number (from 1) of the line at which the program gives up; None where it reads all."""
        if not self.strict:
            return None
        for first, _last, line in self._lines(text):
            if not self._knows(re.match(self.pattern, line, re.ASCII)):
                return first + 1
        return None

    def plain(self, key: str) -> str:
        """Return a key as it is compared with others."""
        return " ".join((key.lower() if self.any_case else key).split())

    def _lines(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield what each line says, with the numbers (from 0) of the first and the last line that it stands in."""
        begun, first = "", 0
        if self.ended:
            text = text[: text.rfind("\n") + 1]
        for number, raw in enumerate(split_lines(text)):
            line = raw.strip(self.blanks)
            if line[:1] and line[0] in self.comments:
                continue
            if self.cut:
                line = line.partition(self.cut)[0].rstrip(BLANKS)
            if not begun:
                first = number
            if self.continued and raw.endswith("\\"):
                begun += raw[:-1] + " "
                continue
            line, begun = (begun + raw).strip(BLANKS) if begun else line, ""
            if line:
                yield first, number, line
        if begun.strip(BLANKS):
            yield first, text.count("\n") - 1, begun.strip(BLANKS)

    def _keys(self, key: str) -> list[str]:
        plain = self.plain(key)
        domain, separator, item = plain.partition(" - ")
        if self.both and separator:
            return [f"{domain} {kind} {item}" for kind in ("hard", "soft")]
        return [plain]

    def _knows(self, match: re.Match[str] | None) -> bool:
        if match is None:
            return False
        key = self.plain(match["key"])
        if re.fullmatch(self.numbers, key):
            return bool(re.fullmatch(self.number, match["value"] or ""))
        return not self.numbers or bool(re.fullmatch(self.any_value, key))

    def _unquoted(self, value: str) -> str:
        if len(value) >= 2 and value[0] == value[-1] and value[0] in (self.quotes or "\0"):
            return value[1:-1]
        return value


@dataclass(frozen=True)
class Format:
    """How one family of files is read and written.

    ``template`` writes a new line. ``on_top`` formats want it there, because what comes later in the file depends on
    it. ``bare`` formats know keys that stand alone. Values of ``any_case`` are taken in capitals and small letters.
    """

    readers: tuple[Reader, ...]
    template: str
    on_top: bool = False
    bare: bool = False
    any_case: bool = False

    def assignments(self, text: str) -> Iterator[Assignment]:
        """Yield every active setting of a text, in its order, as the first of the programs reads it."""
        return self.readers[0].assignments(text)

    def get(self, text: str, key: str, section: str = "") -> str | None:
        """Return the value that counts for the first of the programs; None where the key is not set."""
        return self.readings(text, key, section)[0]

    def readings(self, text: str, key: str, section: str = "") -> tuple[str | None, ...]:
        """Return the value that counts for each of the programs; None where it finds the key not set."""
        deciding = [_deciding(reader, text).get((section, reader.plain(key))) for reader in self.readers]
        return tuple(None if assignment is None else assignment.value for assignment in deciding)

    def refused(self, text: str) -> int | None:
        """Return the number (from 1) of the line at which a program gives up; None where all is read."""
        return next((line for line in (reader.refused(text) for reader in self.readers) if line), None)

    def set(self, text: str, key: str, value: str, section: str = "") -> str:
        """Return the text with the key set once more or changed where it counts; every other line stays as it is."""
        if text and not text.endswith("\n"):
            text += "\n"
        lines = split_lines_with_ends(text)
        new = self.written(key, value) + "\n"
        deciding = [_deciding(reader, text).get((section, reader.plain(key))) for reader in self.readers]
        places = {(assignment.line, assignment.last) for assignment in deciding if assignment is not None}
        for first, last in sorted(places, reverse=True):
            lines[first : last + 1] = [new]
        if not places and self.on_top:
            lines.insert(_after_comments(lines, self.readers[0].comments), new)
        elif not places and section:
            _insert_in_section(lines, new, section)
        elif not places:
            lines.append(new)
        return "".join(lines)

    def written(self, key: str, value: str) -> str:
        """Return a new line; without a value the key stands alone, in formats that know such keys."""
        if value or not self.bare:
            return self.template.format(key=key, value=value)
        return key


@functools.lru_cache(maxsize=64)
def _deciding(reader: Reader, text: str) -> dict[tuple[str, str], Assignment]:
    """Return what counts, by section and key; read once, however many controls ask for a key of a file."""
    deciding: dict[tuple[str, str], Assignment] = {}
    for assignment in reader.assignments(text):
        place = (assignment.section, assignment.key)
        if not (reader.first_wins and place in deciding):
            deciding[place] = assignment
    return deciding


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


#: What libpwquality knows; with any other key it reads no further.
_PWQUALITY_NUMBERS = (
    "difok|minlen|[dulo]credit|minclass|max(class)?repeat|maxsequence|(gecos|dict|user)check|usersubstr|enforcing|retry"
)
_PWQUALITY_ANY_VALUE = "badwords|dictpath|enforce_for_root|local_users_only"
#: A key ends at a blank or at the first =, of which there is one at most: libpwquality and pam_faillock.
_KEY_VALUE = rf"(?P<key>[^={BLANKS}]+)(?:[{BLANKS}]*=[{BLANKS}]*|[{BLANKS}]+|$)(?P<value>.*)"
#: UMASK 027: the programs of shadow take the last line, PAM the first, also with = and in any case.
_SHADOW = Reader(r'(?P<key>[^ \t]+)[ \t]+[" \t]*(?P<value>[^"]*)')
_PAM = Reader(r"(?P<key>[^ \t=]+)(?:[\s=]+(?P<value>.*))?$", cut="#", any_case=True, first_wins=True)

FORMATS = {
    "login_defs": Format((_SHADOW, _PAM), "{key}\t{value}"),
    # deny = 5, and bare words such as even_deny_root
    "key_value": Format((Reader(_KEY_VALUE, cut="#"),), "{key} = {value}", bare=True),
    # minlen = 14
    "pwquality": Format(
        (
            Reader(
                _KEY_VALUE,
                cut="#",
                any_case=True,
                strict=True,
                numbers=_PWQUALITY_NUMBERS,
                any_value=_PWQUALITY_ANY_VALUE,
            ),
        ),
        "{key} = {value}",
        bare=True,
    ),
    # max_log_file = 32, with blanks on both sides
    "auditd": Format(
        (
            Reader(
                r"(?P<key>[^ \t]+) += +(?P<value>[^ ]+(?: +[^ ]+)?)$",
                blanks=" ",
                any_case=True,
                ended=True,
                strict=True,
                number="[0-9]{1,9}",
                numbers="max_log_file|num_logs",
                any_value=".+",
            ),
        ),
        "{key} = {value}",
        any_case=True,
    ),
    # [Journal] Storage=persistent
    "ini": Format(
        (Reader(r"(?P<key>[^=]*[^=\s])\s*=\s*(?P<value>.*)", comments="#;", sections=True, continued=True),),
        "{key}={value}",
    ),
    # GRUB_CMDLINE_LINUX="quiet"
    "shell": Format((Reader(r"(?:export\s+)?(?P<key>\w+)=(?P<value>.*)$", quotes="\"'"),), "{key}={value}"),
    # DIR_MODE=0750
    "adduser": Format((Reader(r"(?P<key>\w+)\s*=\s*(?P<value>.*)$", quotes="\"'", any_case=True),), "{key}={value}"),
    # $FileCreateMode 0640: it holds for the actions that follow it
    "rsyslog": Format((Reader(r"(?P<key>\$\w+)\s+(?P<value>\S+)", any_case=True),), "{key} {value}", on_top=True),
    # *.* @@log.hospital.example:6514: the key is which messages, the value where they go over TCP
    "rsyslog_forward": Format((Reader(r"(?P<key>\S+)\s+(?P<value>@@\S+)$"),), "{key} {value}"),
    # APT::Get::AllowUnauthenticated "false"; only our own drop-in is read so, all else is asked of apt-config
    "apt_conf": Format(
        (Reader(r"(?P<key>[A-Za-z0-9:_-]+)\s+(?P<value>[^;]*?)\s*;$", comments="#/", quotes="\"'", any_case=True),),
        '{key} "{value}";',
    ),
    # * hard core 0: the key is domain, type and item together
    "limits": Format(
        (Reader(r"(?P<key>\S+\s+\S+\s+\S+)\s+(?P<value>\S+)$", cut="#", any_case=True, both=True),), "{key} {value}"
    ),
}
