# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module makes its promises, and what it documents is what it takes."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml

pytest.importorskip("ansible")

from documentation import MODULES, PLUGINS, documentation
from doors import specification

NAME = "ansible_collections.healthops.clinical.plugins.modules"


@pytest.mark.parametrize("module", MODULES)
def test_every_promise_is_made_and_explained(module: str) -> None:
    attributes = documentation(module)["attributes"]
    assert {"check_mode", "diff_mode", "idempotent", "action_group"} <= set(attributes)
    for name, attribute in attributes.items():
        assert attribute["support"] in ("full", "partial", "none", "N/A"), name
        assert attribute["description"], name
    assert attributes["check_mode"]["support"] == "full"


def test_the_action_group_has_every_module() -> None:
    runtime = yaml.safe_load((PLUGINS.parent / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["clinical"] == MODULES
    for module in MODULES:
        assert documentation(module)["attributes"]["action_group"]["membership"] == ["healthops.clinical.clinical"]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_documents_what_it_takes(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    specified = specification(importlib.import_module(f"{NAME}.{module}"), monkeypatch)
    assert specified.supports_check_mode
    assert_same_options(specified.argument_spec, documentation(module)["options"])


def assert_same_options(specified: dict[str, Any], documented: dict[str, Any]) -> None:
    """Compare names, types, defaults, choices and what is required, also of the options below an option."""
    assert specified.keys() == documented.keys()
    for name, option in specified.items():
        about = documented[name]
        for key, default in (("type", "str"), ("elements", None), ("required", False), ("choices", None)):
            assert option.get(key, default) == about.get(key, default), (name, key)
        # JSON has a default that is text in the specification and a value in the documentation.
        assert str(option.get("default")) == str(about.get("default")), name
        if "options" in option:
            assert_same_options(option["options"], about["suboptions"])
