# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are read as their programs read them: 220 spellings of each kind, held against the real program's answer.

The answers were captured on Debian 12. Where a program is installed and may be asked, it is asked again.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.mount import (
    fstab_options,
    fstab_problem,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.sudo import parse_defaults
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.sysctl import effective
from ansible_collections.healthops.clinical.plugins.module_utils._controls.measures import MEASURES, compare
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support import account_files, pam_profiles
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.account_files import (
    Accounts,
    read_accounts,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.chrony import directives
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.sshd_config import (
    MAIN,
    flatten,
    normal,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.formats import FORMATS
from fake_host import FakeHost
from look import look
from real_programs import NotHere, answers
from spellings import COUNT, KINDS, spellings

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "spellings"
#: The name of rows for the table at the end of a run; conftest.py makes it.
COUNTED = "counted"
#: Not understood here: never a pass. Any answer of the program is fine then, but such spellings have to be few.
UNKNOWN = object()
#: Of how many spellings, at most, a control says that it does not understand what the program does.
FEW = 0.2
#: Of how many spellings the programs of this machine are asked for one; they take their time.
SAMPLE = 6


def read(measure: str, value: str | None, unset: Any) -> Any:
    return unset if value is None else MEASURES[measure].read(value)


def shadow(text: str, _answer: Any) -> Any:
    number = read("login_number", FORMATS["login_defs"].readings(text, "GID_MIN")[0], 1000)
    return 1000 if number is None else number  # a number that it cannot read is not set


def pam(text: str, _answer: Any) -> Any:
    return FORMATS["login_defs"].readings(text, "UMASK")[1]


def pwquality(text: str, _answer: Any) -> Any:
    minlen = read("number", FORMATS["pwquality"].get(text, "minlen"), 8)
    return [FORMATS["pwquality"].refused(text) is None, minlen]


def faillock(text: str, _answer: Any) -> Any:
    value = FORMATS["key_value"].get(text, "deny")
    number = read("faillock_number", value, 3)
    if number is None:
        return UNKNOWN  # it keeps what it had
    return [0 < number <= wrong for wrong in (3, 5, 8)]


def systemd_grammar(text: str, _answer: Any) -> Any:
    return FORMATS["ini"].get(text, "Description", "Unit") or None


def systemd_sizes(text: str, _answer: Any) -> Any:
    size = MEASURES["systemd_bytes"].read(text)
    return None if size is None else int(size)


def systemd_times(text: str, answer: Any) -> Any:
    seconds = MEASURES["systemd_seconds"].read(text)
    if seconds == math.inf:
        return 2**64 - 1 if answer is None else answer
    return None if seconds is None else math.floor(seconds * 1e6 + 1e-3)


def limits(text: str, _answer: Any) -> Any:
    value = FORMATS["limits"].get(text, "* hard core")
    return value is not None and compare("equal", value, 0, (), "number")


def auditd(text: str, _answer: Any) -> Any:
    if FORMATS["auditd"].refused(text):
        return None
    value = FORMATS["auditd"].get(text, "max_log_file")
    return "not set" if value is None else value


def adduser(text: str, _answer: Any) -> Any:
    mode = read("adduser_mode", FORMATS["adduser"].get(text, "DIR_MODE"), 0o755)
    return UNKNOWN if mode is None else f"{int(mode):04o}"


def sysctl(text: str, _answer: Any) -> Any:
    found = effective([("/etc/sysctl.d/50.conf", text)], "net.ipv4.conf.all.rp_filter")
    return found and found[0]


def sshd_match(text: str, answer: Any) -> Any:
    lines = [line for line in flatten({MAIN: text}) if line.option == "clientaliveinterval" and "alice" in line.match]
    return normal("ClientAliveInterval", lines[0].value) if lines and answer else answer


def sudo(text: str, answer: Any) -> Any:
    if answer["rules"] is None or '"timestamp_timeout"' in answer["refusal"]:
        return answer  # an error, with sudo's own words
    defaults, _bound = parse_defaults(json.dumps(answer["rules"]))
    value = defaults.get("timestamp_timeout", 15)
    minutes = MEASURES["sudo_minutes"].read("0" if value is False else str(value))
    is_endless = minutes == math.inf and answer["minutes"].startswith("-")
    return UNKNOWN if minutes is None else {**answer, "minutes": answer["minutes"] if is_endless else f"{minutes:.1f}"}


def apt(text: str, answer: Any) -> Any:
    if answer is None:
        return UNKNOWN
    host = FakeHost()
    host.answers[("apt-config", "dump")] = CommandResult(("apt-config",), 0, "\n".join(answer[0]), "")
    settings = {
        "file": "/etc/apt/apt.conf",
        "drop_in": "/etc/apt/apt.conf.d/zz-healthops.conf",
        "drop_in_read": "before",
        "format": "apt_conf",
        "key": "APT::Get::AllowUnauthenticated",
        "value": "false",
        "measure": "apt_boolean",
    }
    seen = look(host, "config", settings)
    unset = seen.before == "not set"  # which apt takes for no
    return (
        UNKNOWN
        if seen.result == "fail" and not (answer[1] or unset)
        else [answer[0], seen.result != "pass" and not unset]
    )


def chrony(text: str, answer: Any) -> Any:
    host = FakeHost()
    host.add_file("/etc/chrony/chrony.conf", text)
    read_here = [f"{d.name} {d.value}".strip() for d in directives(host, "/etc/chrony/chrony.conf")]
    if answer is None:
        return answer if read_here else UNKNOWN  # chronyd does not start with it, which its control tells
    printed = [line.split(" ", 1) for line in answer]
    return answer if read_here == [" ".join([line[0].lower(), *line[1:]]) for line in printed] else read_here


def holds(options: str) -> bool:
    return [option for option in options.split(",") if option in ("exec", "noexec")][-1:] == ["noexec"]


def fstab(text: str, answer: Any) -> Any:
    if fstab_problem(text, "/srv"):
        return UNKNOWN
    options = fstab_options(text, "/srv")
    if answer in (None, False) or options is None:
        return None if options is None else options
    return answer if holds(",".join(options)) == holds(answer) else options


def accounts_with(path: str, text: str) -> Accounts:
    host = FakeHost()
    for name in account_files.WIDTHS:
        host.add_file(name, text if name == path else "")
    return read_accounts(host)


def readable(path: str, text: str, rows: Callable[[Accounts], list[Any]]) -> Any:
    """Return the rows of a file, and what is not understood where one may be read otherwise."""
    accounts = accounts_with(path, text)
    return UNKNOWN if path in accounts.unread else rows(accounts)


def passwd(text: str, answer: Any) -> Any:
    for account in answer:
        account[-1] = account[-1] or "/bin/sh"  # which login(1) starts then
    return readable(
        account_files.PASSWD, text, lambda found: [[a.name, a.uid, a.gid, a.home, a.shell] for a in found.accounts]
    )


def shadow_rows(text: str, _answer: Any) -> Any:
    def rows(found: Accounts) -> list[Any]:
        known = reversed(found.passwords.items())  # of an account that is there twice, the first line counts
        return [[name, p.state == account_files.NONE, p.changed, p.longest, p.inactive] for name, p in known]

    return readable(account_files.SHADOW, text, rows)


def group_rows(text: str, _answer: Any) -> Any:
    return readable(account_files.GROUP, text, lambda found: [[g.name, g.gid, list(g.members)] for g in found.groups])


def pam_stack(text: str, _answer: Any) -> Any:
    try:
        rules = pam_profiles.parse(text)
    except ClinicalError:
        return UNKNOWN
    return [list(rule.options) for rule in rules if (rule.type, rule.module) == ("auth", "pam_unix.so")]


OURS: dict[str, Callable[[str, Any], Any]] = {
    "login_defs_shadow": shadow,
    "login_defs_pam": pam,
    "pwquality": pwquality,
    "faillock": faillock,
    "systemd_grammar": systemd_grammar,
    "systemd_sizes": systemd_sizes,
    "systemd_times": systemd_times,
    "limits": limits,
    "auditd": auditd,
    "adduser": adduser,
    "sysctl": sysctl,
    "sshd_match": sshd_match,
    "sudo": sudo,
    "apt": apt,
    "chrony": chrony,
    "fstab": fstab,
    "passwd": passwd,
    "shadow": shadow_rows,
    "group": group_rows,
    "pam": pam_stack,
}


def captured(kind: str) -> list[Any]:
    pairs = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    assert [text for text, _answer in pairs] == spellings(kind)
    return [answer for _text, answer in pairs]


def differences(kind: str, texts: list[str], replies: list[Any]) -> tuple[list[str], Counter[str]]:
    """Return the spellings that are read in another way than the program reads them, and how the others went."""
    wrong, counts = [], Counter[str]()
    for text, reply in zip(texts, replies):
        ours = OURS[kind](text, reply)
        if ours is UNKNOWN:
            counts["not understood"] += 1
        elif ours == reply:
            counts["read alike"] += 1
        else:
            wrong.append(f"{text!r}: we read {ours!r}, the program {reply!r}")
    return wrong, counts


@pytest.mark.parametrize("kind", KINDS)
def test_every_spelling_is_read_as_the_program_reads_it(
    kind: str, record_property: Callable[[str, object], None]
) -> None:
    replies = captured(kind)
    wrong, counts = differences(kind, spellings(kind), replies)
    outcomes = {outcome: counts[outcome] for outcome in ("read alike", "not understood")}
    record_property(COUNTED, (kind, {"spellings": len(replies), **outcomes, "read otherwise": len(wrong)}))
    assert len(replies) == COUNT >= 200
    assert wrong == []
    assert counts["not understood"] <= FEW * COUNT
    assert len({json.dumps(reply, sort_keys=True) for reply in replies}) > 1, "a test of one answer could not fail"


def test_the_counts_stand_at_the_end_of_a_run_with_workers(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    ours = f"{__file__}::{test_every_spelling_is_read_as_the_program_reads_it.__name__}[limits]"
    called = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-o", f"cache_dir={tmp_path}", ours]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(called, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = [line.split() for line in done.stdout.split("\n") if line.startswith("limits ")]
    assert [int(count) for count in row[1:]] == [COUNT, COUNT, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_program_of_this_machine_says_so_too(kind: str) -> None:
    texts = spellings(kind)[::SAMPLE]
    try:
        replies = answers(kind, texts)
    except NotHere as reason:
        pytest.skip(f"cannot be asked here: {reason}")
    assert differences(kind, texts, replies)[0] == []


#: By kind: the format, key, value and section that are written, and the program's answer to that.
WRITES = {
    "login_defs_shadow": (("login_defs", "GID_MIN", "1500", ""), 1500),
    "login_defs_pam": (("login_defs", "UMASK", "037", ""), "037"),
    "pwquality": (("pwquality", "minlen", "20", ""), [True, 20]),
    "faillock": (("key_value", "deny", "5", ""), [False, True, True]),
    "systemd_grammar": (("ini", "Description", "ward", "Unit"), "ward"),
    "limits": (("limits", "* hard core", "0", ""), True),
    "auditd": (("auditd", "max_log_file", "64", ""), "64"),
    "adduser": (("adduser", "DIR_MODE", "0700", ""), "0700"),
}


def written(kind: str) -> list[str]:
    """Return the spellings after a value was set in them; what a program refuses has to be mended by people first."""
    form, key, value, section = WRITES[kind][0]
    readable = [text for text in spellings(kind) if not FORMATS[form].refused(text)]
    return [FORMATS[form].set(text, key, value, section) for text in readable]


@pytest.mark.parametrize("kind", WRITES)
def test_a_value_that_is_set_is_read_whatever_the_file_said_before(kind: str) -> None:
    form, key, value, section = WRITES[kind][0]
    texts = written(kind)
    assert len(texts) >= 30
    assert [text for text in texts if set(FORMATS[form].readings(text, key, section)) != {value}] == []


@pytest.mark.parametrize("kind", WRITES)
def test_a_value_that_is_set_holds_for_the_program(kind: str) -> None:
    texts = written(kind)[::SAMPLE]
    try:
        replies = answers(kind, texts)
    except NotHere as reason:
        pytest.skip(f"cannot be asked here: {reason}")
    assert [text for text, reply in zip(texts, replies) if reply != WRITES[kind][1]] == []
