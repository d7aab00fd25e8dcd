# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text before the login, to the byte."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from fake_host import FakeHost
from look import look

ISSUE = {"path": "/etc/issue", "text": "Clinical system.\nNo access."}


@pytest.mark.parametrize(
    ("text", "result", "before"),
    [
        ("Clinical system.\nNo access.\n", "pass", "Clinical system.\nNo access."),
        ("Clinical system.\nNo access.", "fail", "Clinical system.\nNo access."),
        ("Debian \\n\n", "fail", "Debian \\n"),
        ("\n", "fail", "empty"),
        (None, "fail", "absent"),
    ],
)
def test_verdicts(text: str | None, result: str, before: str) -> None:
    made = FakeHost()
    if text is not None:
        made.add_file("/etc/issue", text)
    seen = look(made, "banner", ISSUE)
    assert (seen.result, seen.before) == (result, before)


def test_a_link_is_read_through() -> None:
    made = FakeHost()
    made.add_file("/run/issue", "Clinical system.\nNo access.\n")
    made.add_link("/etc/issue", "/run/issue")
    assert look(made, "banner", ISSUE).result == "pass"


def test_a_backslash_would_be_replaced_by_facts() -> None:
    assert "backslash" in KINDS["banner"].validate({"path": "/etc/issue", "text": "on \\l"})[0]
