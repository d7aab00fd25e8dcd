# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not stand in evidence although it stood in a value: secrets, password hashes, and what names a patient.

The second of two nets. The first is the list of keys that may become evidence at all (``_evidence.KEPT``); this one
looks into the text that those keys hold, since a program's error line or a changed file can quote anything. What is
found is replaced by ``[redacted: what it was]``, so that a reader sees that there was something. Private, and pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Union

_Replacement = Union[str, Callable[["re.Match[str]"], str]]

#: Before a value that is a secret only if it is none of these: they say whether there is one, or are a setting's words.
_NO_SECRET = (
    r"(?!\[redacted|(?:all|yes|no|none|null|true|false|set|unset|not|absent|present|required|requisite|optional"
    r"|sufficient|include|locked|empty|expired|ask|x|\*|!+)(?![\w.-])|/)"
)
#: Names that a setting with a secret has in configuration files, environments, command lines and web addresses.
_SECRET_NAME = (
    r"(?:[\w.-]*[_.-])?(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:[_-]?(?:key|access[_-]?key))?|token"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|psk|bindpw|credentials?)"
)
_QUOTED = r"\"[^\"\n]*\"|'[^'\n]*'"
#: HL7 segments that are about a person. MSH, EVN, MSA and ERR name systems and codes, and an error line needs them.
_PATIENT_SEGMENT = r"(?:PID|PD1|PV1|PV2|NK1|GT1|IN1|IN2|MRG|AL1|DG1|OBX|NTE|ORC|OBR|ARQ|SCH)"


def _named(match: re.Match[str]) -> str:
    return f"{match.group(1)}[redacted: secret]"


#: (pattern, what takes its place). The order matters: whole blocks first, single words last.
_PATTERNS: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL),
        "[redacted: private key]",
    ),
    (re.compile(r"PuTTY-User-Key-File-\d.*", re.DOTALL), "[redacted: private key]"),
    (re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]+"), "[redacted: private key]"),
    # A line of shadow(5): the second of nine fields, whatever its form; old hashes cannot be told from words elsewhere.
    (
        re.compile(r"(?m)^([+-]?\s*[\w.-]+\$?:)(?![*!x]?:|!!:|!\*:)[^:\n]+(?=:\d*:\d*:\d*:\d*:\d*:\d*:\d*)"),
        r"\1[redacted: password hash]",
    ),
    (
        re.compile(r"\$(?:1|2[abxy]?|3|5|6|7|y|gy|md5|sha1|apr1|pbkdf2[\w-]*|argon2(?:i|d|id))\$[^\s:'\",]{8,}"),
        "[redacted: password hash]",
    ),
    (re.compile(r"grub\.pbkdf2\.sha\d+\.\d+\.[0-9A-Fa-f.]+"), "[redacted: password hash]"),
    (re.compile(r"SCRAM-SHA-\d+\$\d+:[\w+/=]+\$[\w+/=]+:[\w+/=]+"), "[redacted: password hash]"),
    (
        re.compile(r"\{(?:S?SHA(?:\d+)?|S?MD5|CRYPT|PBKDF2[\w-]*)\}[\w+/=.$]{8,}", re.IGNORECASE),
        "[redacted: password hash]",
    ),
    (re.compile(r"\bmd5[0-9a-f]{32}\b"), "[redacted: password hash]"),
    (re.compile(r"(?i)(authorization:\s*\w+)\s+(?!\[redacted)\S+"), r"\1 [redacted: token]"),
    (re.compile(r"(?i)\b(bearer)\s+(?!\[redacted)[\w.~+/=-]{12,}"), r"\1 [redacted: token]"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"), "[redacted: token]"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "[redacted: token]"),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,}"), "[redacted: token]"),
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)"), r"\1[redacted: secret]"),
    (re.compile(r"(?im)^(\s*(?:ro|rw)community6?\s+)(?!\[redacted)\S+"), _named),
    (
        re.compile(
            rf"(?i)(?<![\w])({_SECRET_NAME}[\"']?\s*[:=]\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|{_NO_SECRET}[^\s\"',;&]+)"
        ),
        _named,
    ),
    (re.compile(r"(?i)(--(?:password|passphrase|token|secret)\s+)(?!\[redacted)\S+"), _named),
    # People: whole HL7 segments, names in HL7's and DICOM's form, and the numbers that stand for a person.
    (re.compile(rf"\b{_PATIENT_SEGMENT}\|[^\r\n]*"), "[redacted: patient data]"),
    (re.compile(r"(?i)\(0010,[0-9a-f]{4}\)[^\r\n]*"), "[redacted: patient data]"),
    (re.compile(r"\b[A-Z][\w'-]*\^[A-Z][\w'-]*(?:\^[\w'. -]*)*"), "[redacted: patient data]"),
    (
        re.compile(
            r"(?i)\b((?:mrn|medical record(?: (?:number|no\.?))?|patient[ _-]?(?:id|name|number)|nhs (?:number|no\.?)"
            r"|ssn|dob|date of birth|birth[ _-]?date)[\"']?\s*[:=#]?\s*)"
            r"(?!\[redacted)[\"']?[\w][\w^/.-]*\d[\w^/.-]*(?: \d{3,4}){0,2}"
        ),
        r"\1[redacted: patient data]",
    ),
    (re.compile(r"(?i)\b(patient[ _-]?name[\"']?\s*[:=]\s*)(?!\[redacted)[^\r\n,;|]+"), r"\1[redacted: patient data]"),
    (re.compile(r"\b\d{3}-\d{2}-\d{4}\b"), "[redacted: patient data]"),
)
#: A text in which none of these is seen holds nothing that a pattern would find; nearly all texts end here.
_HINTS = re.compile(
    r"[$^|]|-----|:\d*:\d*:|://|eyJ|AKIA|ASIA|gh[pousr]_|\w-\w{8}|md5[0-9a-f]|grub\.|SCRAM|\{|community|\(0010|-\d\d-"
    r"|(?i:pass|pwd|secret|token|key|psk|bindpw|credential|bearer|authoriz|mrn|record|patient|nhs|ssn|dob|birth)"
)


@lru_cache(maxsize=4096)
def text(value: str) -> str:
    """The text without what must not be kept. The same text always becomes the same."""
    if len(value) < 4 or not _HINTS.search(value):
        return value
    for pattern, replacement in _PATTERNS:
        value = pattern.sub(replacement, value)
    return value


def deep(value: Any) -> Any:
    """The same for every text in plain data; keys are ours, or names of facts, and stay."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {key: deep(item) for key, item in value.items()}
    if isinstance(value, list):
        return [deep(item) for item in value]
    return value
