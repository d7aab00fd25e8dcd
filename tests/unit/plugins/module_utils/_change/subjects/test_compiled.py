# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a program makes out of others: made anew on the way there, put back to the byte."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.audit import COMPILED
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.compiled import (
    MADE_ANEW,
    MADE_DIFFERENT,
    Compiled,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import TEMPORARY_SUFFIX, CommandResult
from fake_host import FakeHost

RULES = Compiled("augenrules")


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file(COMPILED, "-w /by/hand -p wa\n", mode=0o640)
    made.add_file("/etc/audit/rules.d/50-clinic.rules", "-w /etc/passwd -p wa\n")
    return made


def test_made_anew_and_put_back_to_the_byte_also_where_the_program_would_make_something_else(host: FakeHost) -> None:
    state, before = host.state()["files"], RULES.capture(host)
    RULES.put(host, MADE_ANEW)
    assert "-w /etc/passwd -p wa" in host.text(COMPILED)
    assert "by/hand" not in host.text(COMPILED)
    RULES.put(host, before)
    assert host.state()["files"] == state


def test_nothing_is_ever_taken_for_made_anew(host: FakeHost) -> None:
    now = RULES.capture(host)
    assert not RULES.matches(now, MADE_ANEW)
    assert RULES.matches(now, now)


def test_after_a_cut_run_whatever_lies_there_is_its_own(host: FakeHost) -> None:
    before = RULES.capture(host)
    host.nodes[COMPILED].content = b"half"
    assert RULES.is_partial(RULES.capture(host), before, MADE_ANEW)
    assert not RULES.is_partial(RULES.capture(host), before, before)


def test_a_program_that_fails_is_told(host: FakeHost) -> None:
    host.answers[("augenrules",)] = CommandResult(("augenrules",), 1, "", "bad rule\n")
    with pytest.raises(ClinicalError, match="Running augenrules: bad rule"):
        RULES.put(host, MADE_ANEW)


def test_update_grub_is_only_run_to_have_an_effect(host: FakeHost) -> None:
    host.add_file("/boot/grub/grub.cfg", "menuentry 'Debian' {}\n")
    host.answers[("update-grub",)] = CommandResult(("update-grub",), 0, "", "")
    with pytest.raises(ClinicalError, match=r"left /boot/grub/grub\.cfg as it was"):
        Compiled("update-grub").put(host, MADE_DIFFERENT)
    Compiled("update-grub").put(host, MADE_ANEW)  # on the way back, where it may be right already


def test_scraps_of_each_output_are_swept(host: FakeHost) -> None:
    scraps = [f"/etc/audit/.{name}{TEMPORARY_SUFFIX}" for name in ("audit.rules", "audit.rules.prev")]
    for scrap in scraps:
        host.add_file(scrap, "half")
    RULES.sweep(host)
    assert not set(scraps) & set(host.nodes)
