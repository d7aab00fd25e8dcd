# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit rules: the catalogue's words, auditctl's words, and which of them mean the same."""

from __future__ import annotations

import re

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.audit_syntax import (
    RULE,
    lines,
    meaning,
    meanings,
    silences,
)
from fake_host import fixture

PEOPLE = "-F auid>=1000 -F auid!=unset"


@pytest.mark.parametrize(
    ("rule", "machine", "wanted"),
    [
        ("watch /etc/sudoers.d/ wa", "x86_64", ["-w /etc/sudoers.d/ -p wa -k k"]),
        (
            "calls mount people",
            "x86_64",
            [f"-a always,exit -F arch={kind} -S mount {PEOPLE} -k k" for kind in ("b64", "b32")],
        ),
        ("calls stime", "x86_64", ["-a always,exit -F arch=b32 -S stime -k k"]),
        ("calls unlink,unlinkat", "aarch64", ["-a always,exit -F arch=b64 -S unlinkat -k k"]),
        ("calls unlink,rename", "aarch64", []),
        ("calls open", "i686", ["-a always,exit -F arch=b32 -S open -k k"]),
        (
            "calls execve euid!=uid auid!=unset",
            "s390x",
            ["-a always,exit -F arch=b64 -S execve -C euid!=uid -F auid!=unset -k k"],
        ),
        ("runs /usr/bin/dpkg", "x86_64", [f"-a always,exit -F path=/usr/bin/dpkg -F perm=x {PEOPLE} -k k"]),
        (
            "runs privileged",
            "x86_64",
            [f"-a always,exit -F path={path} -F perm=x {PEOPLE} -k k" for path in ("/usr/bin/su", "/usr/bin/sudo")],
        ),
    ],
)
def test_a_rule_as_auditctl_takes_it(rule: str, machine: str, wanted: list[str]) -> None:
    assert RULE.fullmatch(rule)
    assert lines(rule, "k", machine, 1000, ["/usr/bin/su", "/usr/bin/sudo"]) == wanted


@pytest.mark.parametrize(
    "rule", ["watch etc wa", "watch /etc", "calls", "calls OPEN", "runs su", "-e 2", "calls open x"]
)
def test_what_is_no_rule(rule: str) -> None:
    assert RULE.fullmatch(rule) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-w /etc/group -p wa -k id", "-w /etc/group -p aw -k id"),
        ("-w /etc/sudoers.d/ -p wa -k id", "-w /etc/sudoers.d -p wa -F key=id"),
        ("-w /a -p wa -k id", "-a exit,always -S all -F path=/a -F perm=wa -F key=id"),
        ("-w /a/ -p wa -k id", "-a always,exit -F dir=/a -F perm=wa -k id"),
        (
            "-a always,exit -F arch=b64 -S open,creat -F auid!=unset -k a",
            "-a always,exit -F arch=b64 -S creat -S open -F auid!=-1 -F key=a",
        ),
        ("-a always,exit -F arch=b64 -S ptrace -F a0=0x4 -k a", "-a always,exit -F arch=b64 -S ptrace -F a0=4 -k a"),
    ],
)
def test_spelled_otherwise_it_means_the_same(one: str, other: str) -> None:
    assert meaning(one) == meaning(other)
    assert meaning(one) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-w /etc/group -p wa -k id", "-w /etc/group -p r -k id"),
        ("-a always,exit -F arch=b64 -S open -k a", "-a always,exit -F arch=b32 -S open -k a"),
        ("-a always,exit -F arch=b64 -S open -k a", "-a never,exit -F arch=b64 -S open -k a"),
    ],
)
def test_what_does_not_mean_the_same(one: str, other: str) -> None:
    assert meaning(one) != meaning(other)


@pytest.mark.parametrize(
    "line", ["", "# a comment", "-D", "-b 8192", "-e 2", "-i", "--backlog_wait_time 60000", "-f 1"]
)
def test_what_is_a_setting_and_no_rule(line: str) -> None:
    assert meaning(line) is None


@pytest.mark.parametrize(
    ("line", "silent"),
    [
        ("-a never,task", True),
        ("-a task,never", True),
        ("-a never,task -F uid=0", False),
        ("-a never,exit -S open", False),
    ],
)
def test_a_rule_that_turns_everything_off(line: str, silent: bool) -> None:
    (same,) = meanings([line])
    assert silences(same) == silent


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_what_a_real_kernel_tells_is_what_was_asked_of_it(system: str) -> None:
    """The file that was loaded and what auditctl -l said then, captured together."""
    asked, told = re.split(r"^---\n", fixture("auditctl", system), flags=re.MULTILINE)
    assert len(meanings(asked.splitlines())) > 60
    assert meanings(asked.splitlines()) == meanings(told.splitlines())
