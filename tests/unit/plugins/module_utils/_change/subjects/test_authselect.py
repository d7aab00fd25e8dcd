# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Features of authselect; the answers are made after its manual."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.authselect import (
    AuthselectFeatures,
    selected,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

CURRENT = ("authselect", "current", "--raw")


def host(*features: str) -> FakeHost:
    """A host with the profile sssd; switching a feature changes what it answers."""
    made = FakeHost()
    made.programs.add("authselect")
    enabled = list(features)

    def switch(_host: FakeHost, argv: Sequence[str]) -> CommandResult:
        enabled[:] = sorted({*enabled, argv[2]} if argv[1] == "enable-feature" else {*enabled} - {argv[2]})
        return CommandResult(tuple(argv), 0, "", "")

    made.answers[CURRENT] = lambda _host, argv: CommandResult(tuple(argv), 0, " ".join(["sssd", *enabled]) + "\n", "")
    for verb in ("enable-feature", "disable-feature"):
        for name in ("with-faillock", "with-pwhistory"):
            made.answers[("authselect", verb, name)] = switch
    return made


def test_only_what_differs_is_switched_and_it_comes_back() -> None:
    made = host("with-pwhistory")
    features = AuthselectFeatures("with-faillock with-pwhistory")
    before = features.capture(made)
    assert before == {"with-faillock": False, "with-pwhistory": True}
    features.put(made, {"with-faillock": True, "with-pwhistory": True})
    assert selected(made) == ("sssd", frozenset({"with-faillock", "with-pwhistory"}))
    features.put(made, before)
    assert features.capture(made) == before
    assert [argv[1:] for argv in made.runs if argv[1] != "current"] == [
        ("enable-feature", "with-faillock"),
        ("disable-feature", "with-faillock"),
    ]


@pytest.mark.parametrize("rc", [0, 2])
def test_where_authselect_does_not_rule_pam(rc: int) -> None:
    made = host()
    made.answers[CURRENT] = CommandResult(CURRENT, rc, "" if rc == 0 else "No existing configuration\n", "")
    assert selected(made) == ("", frozenset())


def test_a_refusal_is_told() -> None:
    made = host()
    argv = ("authselect", "enable-feature", "with-faillock")
    made.answers[argv] = CommandResult(argv, 4, "", "Unknown feature\n")
    with pytest.raises(ClinicalError, match="Switching the authselect feature with-faillock: Unknown feature"):
        AuthselectFeatures("with-faillock").put(made, {"with-faillock": True})
