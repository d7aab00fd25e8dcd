# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small catalogue for tests: two controls, a tunable and a framework, and what refuses it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue

TRIES = """
- id: sshd_tries
  title: Few passwords for each connection
  rationale: Every further attempt is a cheap guess.
  severity: medium
  hazard: lockout
  tier: essential
  kind: sshd
  settings: {option: MaxAuthTries, value: {tunable: tries}, op: at_most}
  tunables:
    tries: {type: int, default: 4, min: 1, max: 6, about: Attempts in one connection.}
"""
DMESG = """
- id: kernel_log
  title: Only root reads the kernel log
  rationale: It holds addresses.
  severity: low
  hazard: none
  tier: standard
  applies: {families: [Debian], container: false}
  kind: sysctl
  settings: {key: kernel.dmesg_restrict, value: 1}
"""
FRAMEWORK = """
id: nist
title: A framework
version: "5"
status: guidance
as_of: "2026-01-31"
source: The book of rules, fifth edition
quotable: true
grammar: '[A-Z]{2}-[0-9]+'
references:
  - {id: AC-7, strength: partial, controls: [sshd_tries]}
  - {id: AU-9, strength: supports, controls: [kernel_log, sshd_tries]}
"""


def make(root: Path, controls: Dict[str, str], frameworks: Optional[Dict[str, str]] = None) -> Path:
    """A catalogue directory with these files (their text by name)."""
    for folder, texts in (("controls", controls), ("frameworks", frameworks or {})):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (root / folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def edit(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new)


def good(root: Path) -> catalogue.Catalogue:
    return catalogue.load([make(root, {"ssh.yml": TRIES, "kernel.yml": DMESG}, {"nist.yml": FRAMEWORK})])


def message_of(paths: Sequence[Path]) -> str:
    with pytest.raises(ClinicalError) as caught:
        catalogue.load(paths)
    return str(caught.value)


def refusal(loaded: catalogue.Catalogue, tier: str = "standard", tunables: Any = None, skip: Any = None) -> str:
    with pytest.raises(ClinicalError) as caught:
        catalogue.select(loaded, tier, tunables, skip)
    return str(caught.value)


def ids(selection: catalogue.Selection) -> List[str]:
    return [control["id"] for control in selection.controls]
