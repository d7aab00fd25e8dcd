# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frameworks: what controls support, extended by a site, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import frameworks
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import Problems
from unit_tests.plugin_utils._catalogue.catalogues import DMESG, FRAMEWORK, TRIES, edit, ids, make, message_of


def test_a_site_adds_a_catalogue_and_links_it_to_a_framework(tmp_path: Path) -> None:
    make(tmp_path / "ours", {"ssh.yml": TRIES, "kernel.yml": DMESG}, {"nist.yml": FRAMEWORK})
    extra = DMESG.replace("kernel_log", "site_kptr").replace("dmesg_restrict", "kptr_restrict")
    link = "extends: nist\nreferences:\n  - {id: SC-4, strength: supports, controls: [site_kptr]}\n"
    make(tmp_path / "site", {"kernel.yml": extra}, {"nist.yml": link})
    selection = catalogue.select(catalogue.load([tmp_path / "ours", tmp_path / "site"]), "standard")
    assert ids(selection) == ["kernel_log", "sshd_tries", "site_kptr"]
    assert list(selection.metadata["site_kptr"]["references"]["nist"]) == ["SC-4"]


BAD_FRAMEWORKS = [
    pytest.param(
        edit(FRAMEWORK, "AC-7", "AC_7"),
        ["references.AC_7.id", "saw 'AC_7'", "[A-Z]{2}-[0-9]+"],
        id="reference not in the grammar",
    ),
    pytest.param(
        edit(FRAMEWORK, "[kernel_log, ", "[kernel_lgo, "),
        ["references.AU-9.controls", "'kernel_lgo'", "did you mean kernel_log?"],
        id="no such control",
    ),
    pytest.param(
        edit(FRAMEWORK, "strength: partial", "strength: much"),
        ["references.AC-7.strength", "supports, partial, full"],
        id="unknown strength",
    ),
    pytest.param(
        edit(FRAMEWORK, "status: guidance", "status: rule"),
        ["status", "law, proposed, guidance, benchmark"],
        id="unknown status",
    ),
    pytest.param(edit(FRAMEWORK, 'as_of: "2026-01-31"', "as_of: January"), ["as_of", "saw 'January'"], id="date"),
    pytest.param(
        edit(FRAMEWORK, "'[A-Z]{2}-[0-9]+'", "'['"), ["grammar", "not a regular expression"], id="broken grammar"
    ),
    pytest.param(
        edit(FRAMEWORK, "source:", "sauce:"), ["sauce", "did you mean source?", "source: missing key"], id="unknown key"
    ),
    pytest.param(
        edit(FRAMEWORK, "[kernel_log, sshd_tries]", "[kernel_log, kernel_log]"),
        ["linked twice to AU-9"],
        id="linked twice",
    ),
]


@pytest.mark.parametrize(("text", "told"), BAD_FRAMEWORKS)
def test_a_bad_framework_is_refused_with_file_line_and_key(tmp_path: Path, text: str, told: List[str]) -> None:
    make(tmp_path, {"ssh.yml": TRIES, "kernel.yml": DMESG}, {"nist.yml": text})
    message = message_of([tmp_path])
    for part in ("framework nist", *told):
        assert part in message
    assert re.search(rf"{re.escape(str(tmp_path))}/frameworks/nist\.yml:[1-9]", message)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "frameworks/other.yml: the file is empty", id="empty"),
        pytest.param("- 1\n", "one framework (a mapping)", id="no mapping"),
        pytest.param(
            "extends: nits\nreferences:\n  - {id: AC-7, strength: full, controls: [kernel_log]}\n",
            "unknown framework; did you mean nist?",
            id="extends nothing",
        ),
        pytest.param(FRAMEWORK, "the framework is defined twice", id="defined twice"),
    ],
)
def test_a_bad_second_framework_file_is_refused(tmp_path: Path, text: str, told: str) -> None:
    make(tmp_path, {"ssh.yml": TRIES, "kernel.yml": DMESG}, {"nist.yml": FRAMEWORK, "other.yml": text})
    message = message_of([tmp_path])
    assert "frameworks/other.yml" in message
    assert told in message


def test_what_is_read_is_told_by_control_and_by_framework(tmp_path: Path) -> None:
    folder = make(tmp_path, {}, {"nist.yml": FRAMEWORK}) / "frameworks"
    problems = Problems()
    (nist,) = frameworks.load([folder, tmp_path / "nowhere"], {"sshd_tries", "kernel_log"}, problems)
    assert problems.items == []
    assert [(item.id, item.controls, item.strength) for item in nist.references] == [
        ("AC-7", ("sshd_tries",), "partial"),
        ("AU-9", ("kernel_log", "sshd_tries"), "supports"),
    ]
    assert frameworks.by_control([nist]) == {
        "sshd_tries": {"nist": {"AC-7": "partial", "AU-9": "supports"}},
        "kernel_log": {"nist": {"AU-9": "supports"}},
    }
    assert frameworks.describe([nist])["nist"]["source"] == "The book of rules, fifth edition"
    assert "references" not in frameworks.describe([nist])["nist"]
