# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be shown or kept although it stood in a text: secrets, password hashes, and what names a patient.

A program's error line, a changed file or a file's name can quote anything. What is found is replaced by
``[redacted: what it was]``, so that a reader sees that there was something. A rule takes the value and leaves the
sentence around it. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Rule:
    """A ``pattern`` and what takes the place of a match. Without one of ``hints``, in lower case, nothing matches."""

    hints: tuple[str, ...]
    pattern: str
    replacement: str
    flags: int = 0


KEY, HASH, TOKEN, SECRET, PATIENT = (
    f"[redacted: {what}]" for what in ("private key", "password hash", "token", "secret", "patient data")
)
#: The name before a value stays; so does what stands before a value in a format of its own.
_NAMED = rf"\1{SECRET}"
_ANY_CASE = re.IGNORECASE
_ANY_CASE_LINES = re.IGNORECASE | re.MULTILINE

#: After the name of a secret these are no value: they say whether there is one, or are a setting's words.
_SETTING_WORDS = (
    r"all|yes|no|none|null|true|false|on|off|set|unset|not|absent|present|required|requisite|optional|sufficient|include"
    r"|substack|locked|empty|expired|ask|files|compat|systemd|sss|hash|x|\*|!+"
)
#: And with these a sentence goes on.
_SENTENCE_WORDS = (
    r"a|an|and|anybody|as|at|but|by|change|every|everybody|find|for|from|give|has|have|if|in|is|it|its|keep|list|lock"
    r"|make|mend|move|nobody|of|one|only|or|out|remove|run|so|somebody|take|that|the|their|this|to|use|was|who|with"
)
_NO_SECRET = rf"(?!\[redacted|(?:{_SETTING_WORDS})(?![\w.-])|(?:{_SENTENCE_WORDS})(?= [a-z])|/)"
#: What follows the path of a file in an error of the system, or of most programs.
_ERROR = r"['\"]?: (?-i:[A-Z][a-z/-]+ [a-z])"
#: Names that a setting with a secret has in configuration files, environments, command lines and web addresses.
_SECRET_NAME = (
    r"(?:[\w.-]*[_.-])?(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:[_-]?(?:key|access[_-]?key))?|token"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|psk|bindpw|credentials?)"
)
_NAME_HINTS = ("pass", "pwd", "secret", "token", "key", "psk", "bindpw", "credential")
_QUOTED = r"\"[^\"\n]*\"|'[^'\n]*'"
#: A word that is no word of a sentence: it has a digit or a sign among its letters, and assigns nothing.
_ODD_WORD = r"(?=[^\s\"',;&=|()\[\]]*[\d!@#$%^*+?~])[^\s\"',;&=|()\[\]/:.-][^\s\"',;&=|()\[\]]{5,}"
#: HL7 segments that are about a person. MSH, EVN, MSA and ERR name systems and codes, and an error line needs them.
_PATIENT_SEGMENT = r"(?:PID|PD1|PV1|PV2|NK1|GT1|IN1|IN2|MRG|AL1|DG1|OBX|NTE|ORC|OBR|ARQ|SCH)"

#: The order matters: whole blocks first, single words last.
RULES = (
    Rule(
        ("private key",),
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)",
        KEY,
        re.DOTALL,
    ),
    Rule(("putty-user-key",), r"PuTTY-User-Key-File-\d.*", KEY, re.DOTALL),
    Rule(("age-secret-key",), r"AGE-SECRET-KEY-1[A-Z0-9]+", KEY),
    # A line of shadow(5): the second of nine fields, whatever its form; old hashes cannot be told from words elsewhere.
    Rule(
        (":",),
        r"^([+-]?\s*[\w.-]+\$?:)(?![*!x]?:|!!:|!\*:)[^:\n]+(?=:\d*:\d*:\d*:\d*:\d*:\d*:\d*)",
        rf"\1{HASH}",
        re.MULTILINE,
    ),
    Rule(("$",), r"\$(?:1|2[abxy]?|3|5|6|7|y|gy|md5|sha1|apr1|pbkdf2[\w-]*|argon2(?:i|d|id))\$[^\s:'\",]{8,}", HASH),
    Rule(("grub.",), r"grub\.pbkdf2\.sha\d+\.\d+\.[0-9A-Fa-f.]+", HASH),
    Rule(("scram-sha",), r"SCRAM-SHA-\d+\$\d+:[\w+/=]+\$[\w+/=]+:[\w+/=]+", HASH),
    Rule(("{",), r"\{(?:S?SHA(?:\d+)?|S?MD5|CRYPT|PBKDF2[\w-]*)\}[\w+/=.$]{8,}", HASH, _ANY_CASE),
    Rule(("md5",), r"\bmd5[0-9a-f]{32}\b", HASH),
    Rule(("authoriz",), r"(authorization:\s*\w+)\s+(?!\[redacted)\S+", rf"\1 {TOKEN}", _ANY_CASE),
    Rule(("bearer",), r"\b(bearer)\s+(?!\[redacted)[\w.~+/=-]{12,}", rf"\1 {TOKEN}", _ANY_CASE),
    Rule(("eyj",), r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?", TOKEN),
    Rule(("akia", "asia"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", TOKEN),
    Rule(
        ("gh", "glpat-", "xox", "sk-"),
        r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,}",
        TOKEN,
    ),
    Rule(("://",), r"(://[^\s/:@]*:)[^\s/@]+(?=@)", _NAMED),
    # A line of .pgpass: host, port, database, user, password.
    Rule(
        (":",),
        r"^([+-]?[^\s:/]+:(?:\d{2,5}|\*):(?!\d+:)[^\s:]+:[^\s:]+:)(?!\[redacted)[^\s:]+$",
        _NAMED,
        re.MULTILINE,
    ),
    # snmpd: the community is the last word of its own line, or the second.
    Rule(("community",), r"^([+-]?\s*(?:(?:ro|rw|trap)?community6?)\s+)(?!\[redacted)\S+", _NAMED, _ANY_CASE_LINES),
    Rule(("community",), r"\b(snmp-server community\s+)(?!\[redacted)\S+", _NAMED, _ANY_CASE),
    Rule(
        ("com2sec",), r"^([+-]?\s*com2sec6?\s+(?:-Cn\s+\S+\s+)?\S+\s+\S+\s+)(?!\[redacted)\S+", _NAMED, _ANY_CASE_LINES
    ),
    Rule(
        ("trap", "inform"),
        r"^([+-]?\s*(?:trap2?sink|informsink)\s+\S+\s+)(?!\[redacted)\S+",
        _NAMED,
        _ANY_CASE_LINES,
    ),
    Rule(
        ("createuser",),
        rf"^([+-]?\s*createUser\s+[^\n]*?\b(?:MD5|SHA(?:-?\d+)?)\s+)(?!\[redacted)(?:{_QUOTED}|\S+)",
        _NAMED,
        _ANY_CASE_LINES,
    ),
    Rule(
        ("createuser",),
        rf"^([+-]?\s*createUser\s+[^\n]*?\b(?:DES|AES\d*)\s+)(?!\[redacted)(?:{_QUOTED}|\S+)",
        _NAMED,
        _ANY_CASE_LINES,
    ),
    # SQL: CREATE USER ... IDENTIFIED [WITH plugin] BY|AS 'password'.
    Rule(
        ("identified",),
        rf"(\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?)(?!\[redacted)(?:{_QUOTED}|[^\s;]+)",
        _NAMED,
        _ANY_CASE,
    ),
    # .netrc, on one line or on several.
    Rule(
        ("password", "passwd"),
        r"(\b(?:machine\s+\S+|default|login\s+\S+)\s+(?:login\s+\S+\s+)?(?:account\s+\S+\s+)?passw(?:or)?d\s+)"
        r"(?!\[redacted)\S+",
        _NAMED,
    ),
    # curl -u NAME:SECRET, --user NAME:SECRET; numbers on both sides are a user and a group.
    Rule(
        ("-u", "--user", "--proxy-user"),
        r"((?:(?<!\S)-u\s*|--(?:proxy-)?user[= ])(?!\d+:\d+(?!\S))[^\s:=/]+:)(?!\[redacted)\S+",
        _NAMED,
    ),
    Rule(("mysql", "mariadb"), r"(\b(?:mysql|mariadb)[\w-]*\s(?:[^\n]*\s)?-p)(?!\[redacted)[^\s-]\S*", _NAMED),
    # Names that nothing but a secret follows.
    Rule(
        ("insecure-password", "auth_pass", "bindpw", "requirepass", "masterauth", "ident_pass", "sasl_secret"),
        rf"\b((?:insecure-password|auth_pass|bindpw|requirepass|masterauth|ident_pass|sasl_secret)\s+)"
        rf"(?!\[redacted)(?:{_QUOTED}|\S+)",
        _NAMED,
        _ANY_CASE,
    ),
    Rule(
        _NAME_HINTS,
        rf"(?<![\w.-])(?!(?<=/){_SECRET_NAME}{_ERROR})({_SECRET_NAME}[\"']?\s*[:=]\s*)"
        rf"(?:{_QUOTED}|{_NO_SECRET}[^\s\"',;&]+)",
        _NAMED,
        _ANY_CASE,
    ),
    Rule(
        ("--pass", "--token", "--secret"),
        r"(--(?:password|passphrase|token|secret)\s+)(?!\[redacted)\S+",
        _NAMED,
        _ANY_CASE,
    ),
    # A name and its value with a blank between: a line of nothing else, a value in quotes, or a word that is none.
    Rule(
        _NAME_HINTS,
        rf"^([+-]?[ \t]*{_SECRET_NAME}[ \t]+)(?:{_QUOTED}|{_NO_SECRET}[^\s\"',;&=:]+)(?=[ \t]*;?[ \t]*$)",
        _NAMED,
        _ANY_CASE_LINES,
    ),
    Rule(
        _NAME_HINTS,
        rf"(?<!\w)({_SECRET_NAME}[ \t]+)(?:{_QUOTED}|{_NO_SECRET}{_ODD_WORD})",
        _NAMED,
        _ANY_CASE,
    ),
    # People: whole HL7 segments, names in HL7's and DICOM's form, and the numbers that stand for a person.
    Rule(("|",), rf"\b{_PATIENT_SEGMENT}\|[^\r\n]*", PATIENT),
    Rule(("(0010,",), r"\(0010,[0-9a-f]{4}\)(?:\s+[A-Z]{2}\s+\[[^\]\r\n]*\]|[^\r\n]*)", PATIENT, _ANY_CASE),
    Rule(("^",), r"\b[A-Z][\w'-]*\^[A-Z][\w'-]*(?:\^(?:[\w'. -]*(?=\^)|[\w'.-]*))*", PATIENT),
    Rule(
        ("mrn", "record", "patient", "nhs", "ssn", "dob", "birth"),
        r"\b((?:mrn|medical record(?: (?:number|no\.?))?|patient[ _-]?(?:id|name|number)|nhs (?:number|no\.?)"
        r"|ssn|dob|date of birth|birth[ _-]?date)[\"']?\s*[:=#]?\s*)"
        r"(?!\[redacted)[\"']?[\w][\w^/.-]*\d[\w^/.-]*(?: \d{3,4}){0,2}",
        rf"\1{PATIENT}",
        _ANY_CASE,
    ),
    Rule(
        ("patient",),
        r"\b(patient[ _-]?name[\"']?\s*[:=]\s*)(?!\[redacted)[^\r\n,;|]+",
        rf"\1{PATIENT}",
        _ANY_CASE,
    ),
    Rule(("-",), r"\b\d{3}-\d{2}-\d{4}\b", PATIENT),
)

#: Rules that a single sign hints at, and the words that hint at all others: most texts have some sign, and no word.
_SIGN_RULES = [rule for rule in RULES if min(map(len, rule.hints)) == 1]
_WORD_HINTS = tuple({hint for rule in RULES if rule not in _SIGN_RULES for hint in rule.hints})


def text(value: str) -> str:
    """Return the text without what must not be kept. The same text always becomes the same."""
    small = value.lower()
    for rule in RULES if any(map(small.__contains__, _WORD_HINTS)) else _SIGN_RULES:
        if any(map(small.__contains__, rule.hints)):
            value = _compiled(rule).sub(rule.replacement, value)
    return value


@cache
def _compiled(rule: Rule) -> re.Pattern[str]:
    """Return the pattern of a rule, compiled when it is needed first: on most hosts most never are."""
    return re.compile(rule.pattern, rule.flags)
