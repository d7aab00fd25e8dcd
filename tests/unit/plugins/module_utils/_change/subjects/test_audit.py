# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit rules: those on the disk that grow with the programs, and those that the kernel goes by."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.audit import (
    COMPILED,
    PROGRAM,
    RulesFile,
    growing_image,
    kernel_rules,
    load,
    locked,
    privileged_programs,
)
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import ABSENT, file_image
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

RULES = RulesFile("/etc/audit/rules.d/90-healthops.rules")
RULE = f"-a always,exit -F path={PROGRAM} -F perm=x"
WANTED = growing_image(file_image(b"-w /etc/passwd -p wa\n", mode=0o640), RULE)


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_dir("/usr/bin")
    made.add_dir("/etc/audit/rules.d")
    made.privileged = ["/usr/bin/su"]
    return made


def says(host: FakeHost, *argv: str, rc: int = 0, out: str = "", err: str = "") -> None:
    host.answers[argv] = CommandResult(argv, rc, out, err)


def test_a_rule_for_every_program_that_is_there_by_then(host: FakeHost) -> None:
    host.privileged += ["/usr/bin/chsh"]
    RULES.put(host, WANTED)
    lines = host.text(RULES.path).splitlines()
    assert lines == ["-w /etc/passwd -p wa", *(RULE.replace(PROGRAM, f"/usr/bin/{name}") for name in ("chsh", "su"))]
    assert host.nodes[RULES.path].mode == 0o640
    assert RULES.matches(RULES.capture(host), WANTED)


def test_other_lines_and_other_beginnings_do_not_match(host: FakeHost) -> None:
    RULES.put(host, WANTED)
    host.nodes[RULES.path].content += b"-w /etc/shadow -p wa\n"
    assert not RULES.matches(RULES.capture(host), WANTED)
    host.nodes[RULES.path].content = b"-w /etc/group -p wa\n"
    assert not RULES.matches(RULES.capture(host), WANTED)
    assert not RULES.matches(ABSENT, WANTED)


def test_a_cut_run_may_have_written_any_of_it(host: FakeHost) -> None:
    assert RULES.is_partial(ABSENT, ABSENT, WANTED)
    RULES.put(host, file_image(b"other\n"))
    assert not RULES.is_partial(RULES.capture(host), {**ABSENT, "folder": True}, {**ABSENT, "folder": True})


def test_programs_whose_path_no_rule_can_hold_are_left_out(host: FakeHost) -> None:
    host.privileged = ["/usr/bin/su", "/opt/a b"]
    assert privileged_programs(host) == ["/usr/bin/su"]
    argv = ("find", "/usr/bin", "-xdev", "-type", "f", "-perm", "/6000")
    says(host, *argv, rc=1, err="find: '/usr/bin': Input/output error\n")
    with pytest.raises(ClinicalError, match="Input/output error"):
        privileged_programs(host)


def test_the_rules_of_a_kernel_that_audits_and_of_one_that_does_not(host: FakeHost) -> None:
    host.audit = ["-w /etc/passwd -p wa"]
    assert kernel_rules(host) == host.audit
    says(host, "auditctl", "-l", rc=0, out="The audit system is disabled\n")
    assert kernel_rules(host) is None
    says(host, "auditctl", "-l", rc=1, err="Operation not permitted\n")
    assert kernel_rules(host) is None


def test_the_compiled_rules_are_loaded_unless_the_kernel_has_locked_them(host: FakeHost) -> None:
    load(host)  # nothing is compiled yet
    host.add_file(COMPILED, "# made\n-w /etc/group -p wa\n")
    load(host)
    assert host.audit == ["-w /etc/group -p wa"]
    says(host, "auditctl", "-s", out="enabled 2\nfailure 1\n")
    assert locked(host)
    host.add_file(COMPILED, "-w /etc/other -p wa\n")
    load(host)
    assert host.audit == ["-w /etc/group -p wa"]


def test_rules_that_the_kernel_refuses_are_told(host: FakeHost) -> None:
    host.add_file(COMPILED, "-w bad\n")
    says(host, "auditctl", "-R", COMPILED, rc=1, err="There was an error in line 1\n")
    with pytest.raises(ClinicalError, match=r"There was an error in line 1\. Try: augenrules --check"):
        load(host)
