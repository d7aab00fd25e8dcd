# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles: what they choose and leave out, who has the last word, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load, profiles

SHIPPED = Path(__file__).resolve().parents[5] / "roles" / "hardening" / "catalogue"
CATALOGUE = load.load([SHIPPED])
OWN = """
id: endoscopy
title: Endoscopy recorder
about: Records operations.
purposes: [workstation]
values:
  - {tunable: sshd_max_auth_tries, value: 5, reason: Many keys.}
exceptions:
  - {control: module_firewire_core, reason: The capture card is one.}
"""
OTHER = OWN.replace("endoscopy", "theatre").replace("value: 5", "value: 6").replace("The capture", "A second")


def choose(given: Any, root: Optional[Path] = None, texts: Sequence[str] = (), site: Any = None) -> profiles.Choice:
    if root is not None:
        (root / "profiles").mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        assert root is not None
        (root / "profiles" / f"{number}.yml").write_text(text, encoding="utf-8")
    return profiles.choose(CATALOGUE, [SHIPPED, *([root] if root else [])], given, site)


def selection(choice: profiles.Choice, **site: Any) -> load.Selection:
    return load.select(CATALOGUE, "strict", preset=choice.values, exceptions=choice.exceptions, **site)


def value_of(selected: load.Selection) -> Any:
    (control,) = [control for control in selected.controls if control["id"] == "sshd_max_auth_tries"]
    return control["settings"]["value"]


def test_no_profile_chooses_nothing() -> None:
    assert choose([]) == choose(None) == profiles.Choice()
    assert choose([]).as_result() == choose([]).purposes == []


def test_a_profile_chooses_values_and_leaves_controls_out(tmp_path: Path) -> None:
    choice = choose(["endoscopy"], tmp_path, [OWN])
    assert choice.as_result() == [{"id": "endoscopy", "title": "Endoscopy recorder"}]
    assert choice.purposes == ["workstation"]
    chosen = selection(choice)
    assert value_of(chosen) == 5
    assert chosen.skipped == {"module_firewire_core": "profile endoscopy: The capture card is one."}
    assert "module_firewire_core" in chosen.metadata
    assert chosen.warnings == []


def test_the_site_has_the_last_word(tmp_path: Path) -> None:
    tunables, skip = {"sshd_max_auth_tries": 2}, {"module_firewire_core": "Ours."}
    choice = choose(["endoscopy", "theatre"], tmp_path, [OWN, OTHER], tunables)
    chosen = selection(choice, tunables=tunables, skip=skip)
    assert value_of(chosen) == 2
    assert chosen.skipped == skip


def test_a_profile_counts_once_and_an_empty_tier_is_no_reason_to_warn(tmp_path: Path) -> None:
    choice = choose(["endoscopy", "endoscopy"], tmp_path, [OWN])
    assert len(choice.profiles) == 1
    assert load.select(CATALOGUE, "essential", None, None, choice.values, choice.exceptions).warnings == []


def test_two_that_disagree_are_both_named(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError) as caught:
        choose(["endoscopy", "theatre"], tmp_path, [OWN, OTHER])
    for part in ("tunable sshd_max_auth_tries", "profile endoscopy wants 5", "profile theatre wants 6", "No host was"):
        assert part in str(caught.value)


def test_two_that_leave_the_same_out_give_both_reasons(tmp_path: Path) -> None:
    choice = choose(["endoscopy", "theatre"], tmp_path, [OWN, OTHER.replace("value: 6", "value: 5")])
    assert choice.exceptions["module_firewire_core"] == (
        "profile endoscopy: The capture card is one. Also profile theatre: A second card is one."
    )


BAD = [
    pytest.param("title: Endoscopy recorder\n", "", ["title", "missing key"], id="missing key"),
    pytest.param("about:", "abuot:", ["abuot", "did you mean about?"], id="unknown key"),
    pytest.param("sshd_max_auth_tries", "sshd_max_tries", ["values.sshd_max_tries", "did you mean"], id="tunable"),
    pytest.param("value: 5", "value: 60", ["value", "saw 60", "from 2 to 6"], id="value"),
    pytest.param("module_firewire_core", "module_firewire", ["exceptions.module_fire", "did you mean"], id="control"),
    pytest.param("reason: Many keys.", "why: x", ["reason", "missing key"], id="no reason"),
    pytest.param("exceptions:\n", "exceptions:\n  - {control: module_firewire_core, reason: Twice.}\n",
                 ["it stands there twice"], id="twice"),
    pytest.param("id: endoscopy", "id: portal", ["the profile is defined twice"], id="a name of ours"),
    pytest.param("id:", "- id:", ["broken YAML"], id="broken"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), BAD)
def test_what_is_wrong_in_a_profile_is_refused(tmp_path: Path, old: str, new: str, told: List[str]) -> None:
    assert old in OWN
    with pytest.raises(ClinicalError) as caught:
        choose(["portal"], tmp_path, [OWN.replace(old, new, 1)])
    for part in ("0.yml", *told):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(["portals"], "unknown profile 'portals'; did you mean portal?", id="name"),
        pytest.param("portal", "a list of profiles", id="no list"),
    ],
)
def test_what_is_wrong_in_the_choice_is_refused(given: Any, told: str) -> None:
    with pytest.raises(ClinicalError, match="hardening_profiles") as caught:
        choose(given)
    assert told in str(caught.value)


def test_every_profile_is_for_a_system_of_the_design_and_fits_with_each_other() -> None:
    names = sorted(path.stem for path in (SHIPPED / "profiles").iterdir())
    assert names == [
        "analysis_node",
        "container_host",
        "database",
        "imaging_archive",
        "interface_engine",
        "load_balancer",
        "log_host",
        "portal",
        "telehealth",
    ]
    assert [profile.id for profile in choose(names).profiles] == names


@pytest.mark.parametrize("name", [path.stem for path in sorted((SHIPPED / "profiles").iterdir())])
def test_a_profile_says_why(name: str) -> None:
    (profile,) = choose([name]).profiles
    reasons = [*(reason for _value, reason in profile.values.values()), *profile.exceptions.values()]
    assert reasons
    for text in (profile.about, *reasons):
        assert 40 <= len(text) <= 300
        assert text.endswith(".")
