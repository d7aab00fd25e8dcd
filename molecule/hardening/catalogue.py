# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue as plain data, read without the collection's own code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CONTROLS = Path(__file__).resolve().parents[2] / "roles" / "hardening" / "catalogue" / "controls"


def controls() -> list[dict[str, Any]]:
    """Every control that the scenario enforces, with the defaults in place of tunables."""
    found = [control for path in sorted(CONTROLS.glob("*.yml")) for control in yaml.safe_load(path.read_text("utf-8"))]
    defaults = {name: t["default"] for control in found for name, t in control.get("tunables", {}).items()}
    for control in found:
        control["settings"] = {key: _resolved(value, defaults) for key, value in control["settings"].items()}
    return found


def _resolved(value: Any, defaults: dict[str, Any]) -> Any:
    return defaults[value["tunable"]] if isinstance(value, dict) else value


def spelled(value: Any) -> str:
    """As configuration files spell it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
