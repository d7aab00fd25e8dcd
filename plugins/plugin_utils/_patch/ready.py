# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a patch run has all that the control node must give it, asked before any host is touched. Private."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories, approvals


def patch_problems(options: Mapping[str, Any], cache: Path) -> list[ClinicalError]:
    """Return what is wrong with the policy and the files of advisories that hosts with these options are patched by."""
    given = options.get("advisory_files") or {}
    paths = {option: place_of(path) for option, path in given.items() if path}
    folder = place_of(options["advisory_cache"]) if options.get("advisory_cache") else cache
    return _problems([lambda: policy.read(options.get("policy")), lambda: advisories.index(paths, folder)])


def approval_problems(path: str, now: datetime) -> list[ClinicalError]:
    """Return what keeps a file of approvals from letting any host through."""
    if not path:
        advice = "Name the file with the approvals, -e patching_approvals=FILE; patch_plan writes one."
        return [ClinicalError("Looking for", "the approvals", "patching_approvals is empty", advice)]
    return _problems([lambda: approvals.check_file(place_of(path), now)])


def place_of(path: Any) -> Path:
    """Return the absolute path: a relative one starts where the command was typed, as that of evidence does."""
    return Path(str(path)).expanduser().absolute()


def _problems(checks: list[Callable[[], object]]) -> list[ClinicalError]:
    problems: list[ClinicalError] = []
    for check in checks:
        try:
            check()
        except ClinicalError as exc:
            problems.append(exc)
    return problems
