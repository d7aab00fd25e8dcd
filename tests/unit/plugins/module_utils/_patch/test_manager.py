# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What patching asks of a package manager: each one answers all of it, and so does the fake of the tests."""

from __future__ import annotations

import inspect

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.manager import Apt
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.manager import Dnf
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import Manager
from patched_host import FakeManager

PROMISED = [name for name, member in vars(Manager).items() if inspect.isfunction(member) and name[0] != "_"]


@pytest.mark.parametrize("kind", [Apt, Dnf, FakeManager])
@pytest.mark.parametrize("name", PROMISED)
def test_every_manager_answers_as_it_is_asked(kind: type[object], name: str) -> None:
    """What is given by name or by place must mean the same with each."""
    promised, answered = inspect.signature(getattr(Manager, name)), inspect.signature(getattr(kind, name))
    assert list(answered.parameters) == list(promised.parameters)


def test_something_is_promised() -> None:
    assert {"observe", "install", "put_back", "unattended_updaters"} < set(PROMISED)
