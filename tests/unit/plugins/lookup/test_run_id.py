# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that names a run, and what it says to those who use old names; and the play that opens a run with it."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest
import yaml

pytest.importorskip("ansible", reason="a lookup plugin needs Ansible")

from ansible.utils.display import Display
from ansible_collections.healthops.clinical.plugins.lookup import run_id

PLAYBOOKS = pathlib.Path(__file__).resolve().parents[4] / "playbooks"


def named_lookup() -> run_id.LookupModule:
    """Return the lookup with the name that Ansible's loader gives it; before 2.19 it has none otherwise."""
    lookup = run_id.LookupModule()
    lookup._load_name = "healthops.clinical.run_id"
    return lookup


def warned(monkeypatch: pytest.MonkeyPatch, **variables: Any) -> list[str]:
    """Return the deprecations that a look-up among these variables shows."""
    messages: list[str] = []
    monkeypatch.setattr(Display, "deprecated", lambda _self, message, **_more: messages.append(message))
    made = named_lookup().run([], variables=variables)
    assert [name for name in made if re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", name)] == made
    assert len(made) == 1
    return messages


def test_it_names_a_run_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned(monkeypatch, run_targets="all", hardening_tier="strict") == []


def test_an_old_name_still_works_and_is_told_of_with_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    (message,) = warned(monkeypatch, hardening_hosts="portals")
    assert message.startswith("The variable hardening_hosts is now run_targets;")


def test_it_is_a_plain_text() -> None:
    """Ansible warns of any other type in a variable."""
    assert [type(name) for name in named_lookup().run([])] == [str]


@pytest.mark.parametrize("path", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_playbook_takes_the_new_name_before_the_old_one(path: pathlib.Path) -> None:
    """A name that is no longer read would let a run touch every host of the inventory."""
    for play in yaml.safe_load(path.read_text(encoding="utf-8")):
        for text in (play.get("hosts", ""), play.get("vars", {}).get("open_run_targets", "")):
            if "default('all')" in text:
                assert re.search(r"run_targets \| default\((hardening|patching)_hosts \| default\('all'\)\)", text)


def test_the_id_is_made_in_one_place() -> None:
    texts = [path.read_text(encoding="utf-8") for path in PLAYBOOKS.rglob("*") if path.is_file()]
    assert sum("lookup('healthops.clinical.run_id')" in text for text in texts) == 1
    assert [text for text in texts if "| random" in text] == []
