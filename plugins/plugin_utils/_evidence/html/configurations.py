# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the report about configurations: what is otherwise than it was configured, entry by entry.

Private to the collection, and pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.text import moment, show
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import configurations
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


@dataclasses.dataclass(frozen=True)
class DriftRow:
    """One entry that is otherwise, with its values, when it was changed and by which run of ours, if by one."""

    host: tuple[str, str]
    system: str
    subject: str
    entry: str
    wanted: str
    now: str
    before: str
    since: str
    reason: str


def drifted(run: Json, anchors: Mapping[str, str]) -> list[DriftRow]:
    """Return what of the configurations of the hosts is otherwise, by host and system."""
    return [
        DriftRow(
            host=(show(name), anchors[name]),
            system=show(system["name"]),
            subject=show(item["subject"]),
            entry=show(item["entry"]),
            wanted=show(item["set"]),
            now=show(item["now"]),
            before=show(item["before"]) if item["before"] else "",
            since=moment(item["since"]) if item["since"] else "",
            reason=show(item["reason"]),
        )
        for name, system in configurations(run)
        for item in system["drift"]
    ]
