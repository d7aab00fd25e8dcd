# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules whose code is sent with them document the option that carries it, and no other module has it."""

from __future__ import annotations

from documentation import MODULES, PLUGINS, documentation, fragment


def test_modules_that_are_sent_their_code_have_the_option() -> None:
    sent = [name for name in MODULES if "_core.answer(" in (PLUGINS / "modules" / f"{name}.py").read_text("utf-8")]
    assert sent == [name for name in MODULES if "core" in documentation(name)["options"]]
    assert sent == ["baseline", "commit_confirm", "patch", "service_config"]


def test_each_has_an_action_plugin_of_its_name() -> None:
    with_core = [name for name in MODULES if "core" in documentation(name)["options"]]
    assert [name for name in with_core if not (PLUGINS / "action" / f"{name}.py").is_file()] == []


def test_nobody_has_to_set_it() -> None:
    option = fragment("healthops.clinical._core")["options"]["core"]
    assert (option["type"], option["default"], option.get("required", False)) == ("str", "", False)
