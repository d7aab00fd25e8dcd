# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modes of a run, found in ``modes/``: a new one is one more file there."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import Mode
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _load() -> dict[str, Mode]:
    names = sorted(path.stem for path in Path(__file__).with_name("modes").glob("[!_]*.py"))
    modes = [_mode(name) for name in names]
    return {mode.name: mode for mode in sorted(modes, key=lambda mode: mode.place)}


def _mode(name: str) -> Mode:
    module = importlib.import_module(
        f"ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.modes.{name}"
    )
    return cast(Mode, module.MODE)


#: By name, in the order in which they are listed.
MODES: dict[str, Mode] = _load()


def mode_of(run: Json) -> Mode:
    """Return the mode of a bundle."""
    return MODES[run["mode"]]


def headline(run: Json) -> str:
    """Return the one sentence that a manager reads."""
    return mode_of(run).headline(run)


def recognise(results: Sequence[Json], requested: str = "") -> str:
    """Return the name of the mode that the records of hosts show.

    ``requested`` is what the play says of the run; it counts only where no host came to a result. Raises ClinicalError
    where it is no mode.
    """
    if requested and requested not in MODES:
        allowed = f"Known words: {', '.join(MODES)}."
        raise ClinicalError("Reading", "the mode of the run", f"it is {requested!r}", allowed)
    shown = [mode for mode in MODES.values() if mode.is_told_by(results)]
    strongest = max(shown, key=lambda mode: mode.precedence, default=None)
    if strongest is not None and (strongest.precedence >= 0 or not requested):
        return strongest.name
    return requested or "audit"
