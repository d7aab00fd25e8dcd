# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a framework has no control, and why: ``left_out/*.yml`` of a catalogue. Private to this collection.

A file holds every number of its framework, so that none is forgotten: each is left out with a reason, or linked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml


@dataclass(frozen=True)
class LeftOut:
    """One framework: all its numbers in their order, and the reasons for those without a control."""

    framework: str
    numbers: tuple[str, ...]
    reasons: dict[str, str]

    def grouped(self) -> list[tuple[str, list[str]]]:
        """Each reason with its numbers, in the order of the first of them."""
        groups: dict[str, list[str]] = {}
        for number in self.numbers:
            if number in self.reasons:
                groups.setdefault(self.reasons[number], []).append(number)
        return list(groups.items())


def load(directory: Path) -> tuple[LeftOut, ...]:
    """Every file below a catalogue's left_out/. Raises ClinicalError for a number that is unknown or stands twice."""
    folder = directory / "left_out"
    return tuple(_read(file) for file in (strict_yaml.files(folder) if folder.is_dir() else ()))


def _read(file: Path) -> LeftOut:
    data = strict_yaml.read(file)
    numbers = [number for row in data["numbers"] for number in row]
    pairs = [(number, " ".join(item["why"].split())) for item in data["left_out"] for number in item["numbers"]]
    named = [number for number, _why in pairs]
    wrong = [n for n in named if n not in numbers] + [n for n in numbers if numbers.count(n) + named.count(n) > 2]
    wrong += [number for number in named if named.count(number) > 1]
    if wrong:
        fault = f"unknown or twice: {', '.join(dict.fromkeys(wrong))}"
        raise ClinicalError("Loading what is left out from", str(file), fault, "Correct the data.")
    return LeftOut(data["framework"], tuple(numbers), dict(pairs))
