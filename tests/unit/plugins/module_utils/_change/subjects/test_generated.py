# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file whose bytes a program prints, and what a cut run may have made of it."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.generated import (
    GeneratedFile,
    generated_image,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

ARGV = ("openssl", "genpkey")
WANTED = generated_image(ARGV, 0o600, "root", "root")


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.programs.add("openssl")
    made.answers[ARGV] = CommandResult(ARGV, 0, "KEY\n", "")
    return made


def test_it_holds_what_the_program_printed_and_goes_again(host: FakeHost) -> None:
    key = GeneratedFile("/etc/key")
    before = key.capture(host)
    key.put(host, WANTED)
    assert (host.text("/etc/key"), host.nodes["/etc/key"].mode) == ("KEY\n", 0o600)
    assert key.is_partial(key.capture(host), before, WANTED)
    key.put(host, before)
    assert "/etc/key" not in host.nodes


@pytest.mark.parametrize(("rc", "out"), [(1, "half"), (0, "")], ids=["failed", "silent"])
def test_a_program_that_fails_or_says_nothing_writes_nothing(host: FakeHost, rc: int, out: str) -> None:
    host.answers[ARGV] = CommandResult(ARGV, rc, out, "unable to write 'random state'\n")
    with pytest.raises(ClinicalError, match="Generating /etc/key: unable to write"):
        GeneratedFile("/etc/key").put(host, WANTED)
    assert "/etc/key" not in host.nodes
