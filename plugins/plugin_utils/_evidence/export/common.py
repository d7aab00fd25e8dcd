# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every writer of a bundle needs: text, times and names that are the same on any day and any machine.

Private to the collection. A writer turns a bundle (``_evidence.bundle``) into files: ``export(run)`` gives their paths
in the bundle and their bytes. It reads no clock, no locale and no disk.
"""

from __future__ import annotations

import calendar
import re
import uuid
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    VERDICTS,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import unknown_hosts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    canonical,
    check_host_name,
    visible,
)

Files = dict[str, bytes]

#: Where our names in other people's formats are from; galaxy.yml names the same place.
NAMESPACE = "https://healthops.example/clinical"
PRODUCT = "healthops.clinical"
_NAMES = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_STAMP = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:\.(\d{1,3})\d*)?Z")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
#: The time of a run in which no host came to a result, and whose id does not begin with one.
NEVER = "1970-01-01T00:00:00Z"


def text(value: Any) -> str:
    """A value as text without characters that cannot be seen; what was not there is the empty text."""
    if value is None:
        return ""
    return visible(value if isinstance(value, str) else canonical(value).decode("utf-8").rstrip("\n"))


def name_of(*parts: str) -> str:
    """The same parts always get the same UUID (version 5)."""
    return str(uuid.uuid5(_NAMES, "\x1f".join(parts)))


def file_name(host: str) -> str:
    """Return the host's name, or, where that can name no file, one that can and is only this host's."""
    try:
        return check_host_name(host)
    except ClinicalError:
        return f"unnamed-{name_of('file of host', host)}"


def seconds(stamp: str) -> float | None:
    """2026-11-22T15:00:00Z -> seconds since 1970."""
    match = _STAMP.match(stamp)
    if match is None:
        return None
    *fields, fraction = match.groups()
    epoch = calendar.timegm(tuple(map(int, fields)))
    return epoch + int(f"{fraction:0<3}") / 1000 if fraction else float(epoch)


def day(date: Any) -> int | None:
    """2026-11-22 -> seconds since 1970 at the beginning of that day, UTC."""
    match = _DAY.fullmatch(date) if isinstance(date, str) else None
    if match is None:
        return None
    return calendar.timegm((*map(int, match.groups()), 0, 0, 0))


def began(run: Json) -> str:
    """Return when the run began; where no host tells, what its id says."""
    if run["started"]:
        return str(run["started"])
    match = _STAMP.match(run["run_id"])
    return "{}-{}-{}T{}:{}:{}Z".format(*match.groups()[:6]) if match else NEVER


def ended(run: Json, result: Json | None = None) -> str:
    """Return when a host's result, or else the run, was complete."""
    return str((result or {}).get("finished") or run["finished"] or began(run))


def findings(run: Json) -> Iterator[tuple[str, Json, Json]]:
    """(host, its result, finding) in the order of host names and of the catalogue."""
    for name, result in run["hosts"].items():
        for finding in result.get("findings", []):
            yield name, result, finding


def silent(run: Json) -> list[tuple[str, str]]:
    """(host, why nothing is known about it)."""
    return [(name, text(why)) for name, why in unknown_hosts(run).items()]


def supports(finding: Json) -> list[str]:
    """Return what a control supports in words: framework, reference, how strongly. What is no law says what it is."""
    return [supported(reference) for reference in finding["references"]]


def supported(reference: Json) -> str:
    """Return a reference of a finding for people: framework, its status, reference and strength."""
    status, strength = str(reference.get("status", "guidance")), str(reference.get("strength", "supports"))
    return _supported(str(reference["title"]), status, str(reference["reference"]), strength)


@lru_cache(maxsize=8192)
def _supported(title: str, status: str, reference: str, strength: str) -> str:
    label = f"{title} ({status})" if status != "law" else title
    return text(f"{label} {reference}: {strength}")


def describe_verdicts(finding: Json) -> str:
    """The three verdicts in one line."""
    parts = []
    for aspect in VERDICTS:
        verdict = finding["verdicts"].get(aspect)
        if verdict:
            observed = text(verdict["saw"])
            parts.append(f"{aspect.replace('_', ' ')}: {verdict['state']}{f' ({observed})' if observed else ''}")
    return "; ".join(parts)


def found_and_wanted(finding: Json) -> str:
    """Return the subject with its value and the wanted one, for people."""
    return f"{text(finding['subject'])}: found {text(finding['before']) or 'nothing'}, wanted {text(finding['wanted'])}"


def waived(finding: Json) -> str:
    """A waiver in one line; nothing where there is none."""
    waiver = finding.get("waiver")
    if not waiver:
        return ""
    parts = [f"waived until {text(waiver['expires'])}", text(waiver.get("ticket")), text(waiver.get("reason"))]
    return ", ".join(part for part in parts if part)
