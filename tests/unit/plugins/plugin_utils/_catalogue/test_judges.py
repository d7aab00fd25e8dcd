# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who says what is in force: every kind and format has a judge, and what is source is source in the code."""

from __future__ import annotations

import re

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._host.formats import FORMATS
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.judges import (
    FORMAT_JUDGES,
    KIND_JUDGES,
    Judge,
    judge_of,
)
from rooms import PLUGINS


def test_every_kind_and_format_has_one() -> None:
    assert sorted([*KIND_JUDGES, "config"]) == sorted(KINDS)
    assert sorted(FORMAT_JUDGES) == sorted(FORMATS)
    for judge in (*KIND_JUDGES.values(), *FORMAT_JUDGES.values()):
        assert judge.source or (judge.text and judge.reason)
        assert not (judge.source and judge.reason)


@pytest.mark.parametrize(
    "source", sorted({j.source for j in (*KIND_JUDGES.values(), *FORMAT_JUDGES.values()) if j.source})
)
def test_what_is_asked_is_asked_in_the_code(source: str) -> None:
    folders = ("_controls", "_change", "_host")
    code = "".join(path.read_text() for name in folders for path in (PLUGINS / "module_utils" / name).rglob("*.py"))
    for name in re.findall(
        r"/[\w/]+|\b(?:dpkg-query|rpm|[a-z]{4,}-?[a-z]*)\b", source.replace("where a directory has rules", "")
    ):
        assert name in code, name


def test_how_it_is_said() -> None:
    assert Judge(text="a", reason="no program tells").describe() == "the **text** of a: no program tells"
    assert Judge(source="sshd -T").describe() == "`sshd -T`"
    assert Judge(source="auditctl -l", text="rules.d").describe() == "`auditctl -l`, and the **text** of rules.d"
    assert judge_of("config", {"format": "apt_conf"}).source == "apt-config dump"
    assert judge_of("sshd", {}).source == "sshd -T"
