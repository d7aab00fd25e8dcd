# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is judged by, as the catalogue gives it. Private to this collection; it imports no other file of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Selection:
    """What a host is judged by.

    ``controls``: list of {id, kind, settings, applies, differs, hazard}, plain JSON, ready to send.
    ``metadata``: by id {title, rationale, severity, hazard, tier, kind, references}; it stays on the controller, and
    holds the skipped controls as well. ``skipped``: id -> reason. ``warnings``: sentences for the user.
    ``digest``: "sha256:..." over all of the above but the warnings: the same digest means the same judgement.
    ``frameworks``: by id what is said of each that the references name. ``cautions``: id -> a sentence for the people
    on a host on which the control is enforced.
    """

    tier: str
    controls: list[dict[str, Any]]
    metadata: dict[str, dict[str, Any]]
    skipped: dict[str, str]
    warnings: list[str]
    digest: str
    frameworks: dict[str, dict[str, Any]] = field(default_factory=dict)
    cautions: dict[str, str] = field(default_factory=dict)
