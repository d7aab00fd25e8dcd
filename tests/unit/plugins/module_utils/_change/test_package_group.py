# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction of the package manager, with what its scripts change beside it."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._change.package_group import package_group


def test_a_transaction_says_what_comes_and_goes() -> None:
    before = {"packages": {"a": None, "b": "1"}}
    group = package_group(before, {"packages": {"a": "2", "b": None}}, ("c",), ("b.service",))
    (transaction,) = [step for step in group.steps if step.subject.type == "packages"]
    assert (transaction.before, transaction.after) == ("a absent\nb 1", "a 2\nb absent")
    assert (group.controls, group.stops) == (("c",), ("b.service",))
    assert all(step.wanted is None for step in group.steps if step is not transaction)
