# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that is laid on the host, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import program
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.manager import Dnf
from dnf_host import NOW, DnfHost, dnf_on


def test_a_question_leaves_nothing_on_the_host() -> None:
    host = DnfHost()
    dnf_on(host).observe()
    assert host.operations == []


@pytest.mark.parametrize("check", [False, True])
def test_in_check_mode_no_list_is_fetched(check: bool) -> None:
    host = DnfHost()
    Dnf(host, NOW, 7, check).observe()
    assert [request["cache_only"] for request in host.requests] == [check]


def test_the_program_is_ours_and_needs_nothing_of_ours() -> None:
    host = DnfHost()
    dnf_on(host).program.prepare({"what": "transact"})
    text = (host.read(program.PROGRAM) or b"").decode()
    assert text == program.helper_source()
    assert "def transact" in text
    assert len(text) < 100_000  # no argument of a program may be longer than 128 KiB
    assert "ansible" not in text
    compile(text, "patch-dnf.py", "exec")


def test_a_host_without_dnf_is_told_so() -> None:
    host = DnfHost()
    host.remove("/usr/bin/dnf")
    with pytest.raises(ClinicalError, match=r"dnf 4 is needed"):
        dnf_on(host).observe()


@pytest.mark.parametrize("head", [b"\x7fELF\x02\x01\xff\n", b"#!\n", b"#! \xff\n", b""])
def test_a_dnf_that_is_no_script_is_told_so(head: bytes) -> None:
    host = DnfHost()
    host.add_file("/usr/bin/dnf", head)
    with pytest.raises(ClinicalError, match=r"dnf 4 is needed"):
        dnf_on(host).observe()


def test_an_answer_that_is_none_is_shown() -> None:
    class Chatty(DnfHost):
        def helper(self, argv: tuple[str, ...], request: Mapping[str, Any]) -> CommandResult:
            return CommandResult(argv, 0, "Updating Subscription Management repositories.\n{}", "")

    with pytest.raises(ClinicalError, match="it answered 'Updating Subscription"):
        dnf_on(Chatty()).observe()


def test_what_the_program_complains_of_is_told() -> None:
    class Broken(DnfHost):
        def run(self, argv: Sequence[str], *args: Any, **more: Any) -> CommandResult:
            done = super().run(argv, *args, **more)
            return replace(done, rc=1, err="Traceback\nerror: bad config\n") if "-c" in argv else done

    with pytest.raises(ClinicalError, match="error: bad config"):
        dnf_on(Broken()).observe()
