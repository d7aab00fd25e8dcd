# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quoting, and taking quotes away: one function for each language that the collection writes or reads by itself.

What a whole format has of its own, a JSON or a CSV writer of Python, is used as it is. Templates of roles quote where
they write, each language in one macro or filter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_OCTAL = re.compile(r"\\([0-3][0-7]{2}|\\)")
_TO_OCTAL = re.compile(r"[ \t\n\\#]")
_NOT_IN_UNIT_NAMES = re.compile(r"[^A-Za-z0-9:_./]")
#: What systemd takes as it is in a word of a command line.
_PLAIN_UNIT_WORD = re.compile(r"[A-Za-z0-9_./:=@,+-]+")
_UNIT_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "%": "%%", "$": "$$", "\n": "\\n", "\t": "\\t", "\r": "\\r"})
_LABEL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


# --- fstab(5) and the kernel's mount tables ---


def mount_field(text: str) -> str:
    """Return a text as a field of a mount table."""
    return _TO_OCTAL.sub(lambda match: f"\\{ord(match[0]):03o}", text)


def from_mount_field(field: str) -> str:
    """Return the text of a field of a mount table, in which blanks and the like are written in octal."""
    return _OCTAL.sub(lambda match: "\\" if match[1] == "\\" else chr(int(match[1], 8)), field)


# --- units of systemd ---


def unit_of_place(place: str) -> str:
    """Return the unit of systemd for a place: var-log.mount for /var/log."""
    escaped = _NOT_IN_UNIT_NAMES.sub(lambda match: "".join(f"\\x{b:02x}" for b in match[0].encode()), place[1:])
    return escaped.replace("/", "-") + ".mount"


def unit_word(text: str) -> str:
    """Return one argument for a command line of a unit, ExecStart= and the like, as systemd.service(5) reads it."""
    if _PLAIN_UNIT_WORD.fullmatch(text):
        return text
    return f"'{text.translate(_UNIT_ESCAPES)}'"


def unit_command(argv: Iterable[str]) -> str:
    """Return a command line for a unit."""
    return " ".join(map(unit_word, argv))


def unit_line(text: str) -> str:
    """Return a text as a value for people in a unit, such as Description=: on one line, without specifiers."""
    return " ".join(text.split()).rstrip("\\").replace("%", "%%")


# --- shells ---


def shell_word(text: str) -> str:
    """Return one argument for a command line of sh."""
    import shlex  # seldom, and it costs every module that reads it

    return shlex.quote(text)


def shell_words(text: str) -> list[str] | None:
    """Return the words of a line with the quotes of a shell, None where one does not end."""
    import shlex

    try:
        return shlex.split(text)
    except ValueError:
        return None


def from_shell_assignment(value: str) -> str:
    """Return the value of ``NAME=value;`` in a profile, without the quotes and the semicolon around it."""
    return value.strip("\"';")


# --- programs' own languages ---


def from_apt_value(text: str) -> str:
    """Return the value in a line of ``apt-config dump``: "value"; ."""
    return text.strip().rstrip(";").strip('"')


def from_sudo_value(text: str) -> str:
    """Return the value of a setting as ``sudo --list`` names it, in quotes or with backslashes."""
    return re.sub(r"\\(.)", r"\1", text.strip('"'))


def from_sshd_value(text: str) -> str:
    """Return what stands between the quotes of an option in authorized_keys, where only a quote is escaped."""
    return text.replace('\\"', '"')


def from_pam_option(token: str) -> str:
    """Return an option of a PAM module as the module gets it; one in brackets keeps its blanks."""
    return token[1:].removesuffix("]").replace("\\]", "]") if token.startswith("[") else token


def prometheus_label(value: str) -> str:
    """Return the value of a label between its quotes in the text format of Prometheus."""
    return value.translate(_LABEL_ESCAPES)
