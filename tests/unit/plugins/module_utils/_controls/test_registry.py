# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind is known by its name, and the order in which they are applied means something."""

from __future__ import annotations

import importlib

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls import kinds
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Kind
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from rooms import NAME, sources

PACKAGE = "module_utils._controls.kinds."
ORDER = list(KINDS)


def declared(source: str) -> list[type[Kind]]:
    """The kinds that a source declares."""
    module = importlib.import_module(NAME + source)
    members = vars(module).values()
    # By module first: an alias such as list[str] is called a class by Python 3.9.
    own = [m for m in members if isinstance(m, type) and m.__module__ == module.__name__]
    return [m for m in own if issubclass(m, Kind)]


def test_the_package_of_kinds_holds_kinds_and_nothing_else() -> None:
    assert kinds.__doc__ is None
    found = {source: declared(source) for source in sources() if source.startswith(PACKAGE)}
    assert {source: len(classes) for source, classes in found.items()} == dict.fromkeys(found, 1)
    assert sorted(KINDS) == sorted(classes[0].name for classes in found.values())


@pytest.mark.parametrize("name", ORDER)
def test_a_kind_is_called_as_its_source(name: str) -> None:
    assert type(KINDS[name]).__module__ == f"{NAME}{PACKAGE}{name}"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param("package", "file", id="packages bring what others configure"),
        pytest.param("package", "service", id="and the units of services"),
        pytest.param("file", "config", id="owner and mode come before content, which keeps them"),
        pytest.param("path_scan", "sshd", id="also where they are found by a walk"),
        pytest.param("config", "service", id="what a unit reads is there before it starts"),
        pytest.param("aide", "firewall", id="what could lock people out is late"),
        pytest.param("firewall", "sshd", id="and the login itself is last"),
    ],
)
def test_kinds_are_applied_in_this_order(first: str, then: str) -> None:
    assert ORDER.index(first) < ORDER.index(then)


def test_packages_are_first_and_the_ssh_server_is_last() -> None:
    assert (ORDER[0], ORDER[-1]) == ("package", "sshd")
