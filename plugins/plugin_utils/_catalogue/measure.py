# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host is held against, by its options: the selection of controls and the waivers that concern it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import waivers as granted_waivers
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.cache import selected
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.profiles import Choice
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.selection import Selection


@dataclass(frozen=True)
class Measure:
    """The selection of controls that a host is held against, and the waivers that concern it."""

    selection: Selection
    waivers: Sequence[granted_waivers.Waiver]
    choice: Choice
    today: date


def measure(
    options: Mapping[str, Any],
    catalogues: Sequence[Path],
    host: str,
    groups: Mapping[str, Sequence[str]],
    today: date,
    cache: Path,
) -> Measure:
    """Return what a host is held against. Raises ClinicalError where the catalogue, an option or a waiver is wrong."""
    known = selected(
        catalogues,
        tier=options.get("tier", "standard"),
        tunables=options.get("tunables"),
        skip=options.get("skip"),
        profiles=options.get("profiles"),
        cache=cache,
    )
    waivers = granted_waivers.read(options.get("waivers") or [], known.limits, groups, today)
    of_host = tuple(waiver for waiver in waivers if waiver.concerns(host))
    return Measure(selection=known.selection, waivers=of_host, choice=known.choice, today=today)


def places(known: Mapping[str, Any]) -> list[Path]:
    """Return where a relative path of the site may start, by the variables of a host: as the site sees its files."""
    named = [known.get("inventory_dir"), known.get("playbook_dir")]
    return [*(Path(str(folder)) for folder in named if folder), Path.cwd()]


def catalogue_folders(shipped: Path, extra: Iterable[Any] | None, beside: Sequence[Path]) -> list[Path]:
    """Return the folders of the catalogue: the one of the collection, and those of the site.

    A relative one of the site is looked for in each of the folders ``beside`` in turn. Raises ClinicalError where it is
    in none of them.
    """
    return [shipped, *(_folder(Path(str(path)).expanduser(), beside) for path in extra or ())]


def _folder(path: Path, beside: Sequence[Path]) -> Path:
    for place in beside:
        if (place / path).is_dir():  # an absolute path stays as it is
            return place / path
    if path.is_absolute():
        return path  # reading it says what is wrong
    looked = ", ".join(str(place) for place in beside)
    raise ClinicalError(
        "Reading",
        f"the catalogue {path}",
        f"there is no such directory in {looked}",
        "hardening_extra_catalogues names directories beside the inventory or the playbook, or full paths.",
    )
