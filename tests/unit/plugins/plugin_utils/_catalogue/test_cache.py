# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of the catalogue is what would be worked out anew, and holds nothing that a site keeps to itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import cache as kept_selections
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.cache import selected

CATALOGUE = Path(__file__).resolve().parents[5] / "roles" / "hardening" / "catalogue"
EXTRA = """
- id: annex_banner
  title: The annex greets
  rationale: The annex wants it.
  severity: low
  hazard: none
  tier: essential
  kind: file
  settings: {path: /etc/annex, mode: "0644", owner: root, group: root}
"""


@pytest.fixture
def annex(tmp_path: Path) -> Path:
    controls = tmp_path / "annex" / "controls"
    controls.mkdir(parents=True)
    (controls / "annex.yml").write_text(EXTRA, encoding="utf-8")
    return controls.parent


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How often the catalogue was worked out."""
    calls: list[Any] = []
    whole = kept_selections._worked_out

    def counted(*asked: Any) -> Any:
        calls.append(asked)
        return whole(*asked)

    monkeypatch.setattr(kept_selections, "_worked_out", counted)
    return calls


def ask(
    cache: Path, *paths: Path, tier: str = "strict", tunables: Any = None, skip: Any = None, profiles: Any = None
) -> Any:
    return selected([CATALOGUE, *paths], tier, tunables, skip, profiles, cache)


@pytest.mark.parametrize("more", [{}, {"profiles": ["imaging_archive"]}, {"skip": {"sshd_ciphers": "Old analysers."}}])
def test_what_is_kept_is_what_would_be_worked_out(tmp_path: Path, worked: list[Any], more: dict[str, Any]) -> None:
    fresh, kept = ask(tmp_path, **more), ask(tmp_path, **more)
    assert len(worked) == 1
    assert (kept.selection, kept.limits) == (fresh.selection, fresh.limits)
    assert (kept.choice.as_result(), kept.choice.purposes) == (fresh.choice.as_result(), fresh.choice.purposes)
    assert (kept.choice.values, kept.choice.exceptions) == (dict(fresh.choice.values), dict(fresh.choice.exceptions))


def test_another_question_or_catalogue_has_another_answer(tmp_path: Path, annex: Path, worked: list[Any]) -> None:
    cache = tmp_path / "cache"
    for asked in ({"tier": "standard"}, {"tier": "essential"}, {"skip": {"sshd_ciphers": "Old analysers."}}):
        ask(cache, **asked)
    ask(cache, annex)
    file = annex / "controls" / "annex.yml"
    file.write_text(EXTRA.replace("low", "high"), encoding="utf-8")
    assert ask(cache, annex).selection.metadata["annex_banner"]["severity"] == "high"
    assert len(worked) == 5
    (annex / "controls" / "second.yaml").write_text(EXTRA.replace("annex", "second"), encoding="utf-8")
    assert "second_banner" in ask(cache, annex).selection.metadata


def test_other_code_has_another_answer(tmp_path: Path, worked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    ask(tmp_path, tier="essential")
    there = kept_selections._files
    monkeypatch.setattr(kept_selections, "_files", lambda folder, pattern: there(folder, pattern)[1:])
    ask(tmp_path, tier="essential")
    assert len(worked) == 2


def test_what_a_site_chooses_for_a_tunable_is_not_kept(tmp_path: Path) -> None:
    hash_ = "grub.pbkdf2.sha512.10000." + "AB" * 64 + "." + "CD" * 64
    found = ask(tmp_path, tunables={"boot_password_hash": hash_})
    assert hash_ in str(found.selection.controls), "the test plants nothing"
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_said_each_time(tmp_path: Path) -> None:
    for _time in range(2):
        with pytest.raises(ClinicalError, match="unknown control id"):
            ask(tmp_path, skip={"sshd_cipher": "typo"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"selection": 1, "choice": {"profiles": []}, "limits": {}}'])
def test_what_is_damaged_is_worked_out_and_kept_again(tmp_path: Path, worked: list[Any], damage: bytes) -> None:
    fresh = ask(tmp_path, tier="essential")
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(damage)
    assert [ask(tmp_path, tier="essential").selection for _time in range(2)] == [fresh.selection] * 2
    assert len(worked) == 2


def test_only_its_owner_reads_it_and_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_selections, "MOST", 2)
    cache = tmp_path / "cache"
    for number, tier in enumerate(("essential", "standard", "strict")):
        ask(cache, tier=tier)
        for path in cache.iterdir():
            os.utime(path, (path.stat().st_mtime - 60 + number,) * 2)
    assert [path.stat().st_mode & 0o777 for path in (cache, *cache.iterdir())] == [0o700, 0o600, 0o600]


def test_where_nothing_can_be_kept_it_is_worked_out(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    assert ask(tmp_path / "cache", tier="essential").selection.tier == "essential"
