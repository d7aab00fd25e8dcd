# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the door itself does, whoever stands behind it; and that the fake host has all that the real one has."""

from __future__ import annotations

import inspect

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult, Host
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from fake_host import FakeHost


@pytest.mark.parametrize(
    ("out", "err", "line"),
    [
        ("", "", "it said nothing"),
        ("fine\n", "", "fine"),
        ("fine\n", "\n  E: no\nmore\n", "E: no"),
        ("", "x" * 400, "x" * 300),
    ],
)
def test_the_first_complaint_of_a_command_for_people(out: str, err: str, line: str) -> None:
    assert CommandResult(("x",), 1, out, err).err_line == line


def test_a_text_that_is_not_there_is_empty_and_bytes_that_are_none_survive_where_asked() -> None:
    host = FakeHost()
    host.add_file("/etc/x", b"a \xe4\n")
    assert host.read_text("/etc/x") == "a \ufffd\n"
    assert host.read_text("/etc/x", "surrogateescape").encode("utf-8", "surrogateescape") == b"a \xe4\n"
    assert host.read_text("/etc/nothing") == ""


@pytest.mark.parametrize("kind", [RealHost, FakeHost])
def test_each_host_has_every_operation_of_the_door_with_the_same_parameters(kind: type[Host]) -> None:
    operations = [name for name in vars(Host) if not name.startswith("_") and name != "read_text"]
    assert len(operations) > 25
    for name in operations:
        assert name in vars(kind), name
        wanted = inspect.signature(getattr(Host, name)).parameters
        assert list(inspect.signature(getattr(kind, name)).parameters) == list(wanted), name
