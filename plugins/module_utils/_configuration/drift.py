# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the configurations that were applied on this host is otherwise by now; nothing is changed here.

The manifests say what was wanted, so no role and no template is needed. Of a secret only that it differs is said.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._change import journal
from .._change.journal import LoadedRun
from .._change.revert import CONFIGURED, touched_paths
from .._change.subjects.base import Image
from .._change.subjects.files import acl_of, content_of, has_acl, path_image
from .._change.subjects.firewall import loaded_tables
from .._change.subjects.kernel import KernelValue
from .._change.subjects.local_accounts import LocalAccount
from .._change.subjects.packages import installed
from .._change.subjects.units import Unit, changed_since, show
from .._errors import ClinicalError
from .._host.door import Host
from .._vocabulary.configuration import standing
from .._vocabulary.stamp import stamp_of
from . import manifest as manifests
from .expected import ACCOUNT, FILE, GROUP, KERNEL, NO_ACL, PACKAGE, SECRET, UNIT, Entries, Expected, digest
from .manifest import Manifest

#: Under which types a journal knows the subjects of one of ours.
JOURNALED = {
    FILE: ("file", "generated file"),
    UNIT: ("own unit", "start at boot of unit", "unit"),
    KERNEL: ("kernel value",),
    PACKAGE: (),
    ACCOUNT: ("local account",),
    GROUP: ("group",),
}
_OLDER = "runs with older ones"


@dataclass(frozen=True)
class Deviation:
    """One entry of a subject that is not as it was configured; the values are in words."""

    type: str
    name: str
    entry: str
    wanted: str
    now: str


def audit(host: Host) -> list[dict[str, Any]]:
    """Return how each configuration stands that was applied on this host, by the keys of the vocabulary."""
    return [_standing(host, name) for name in manifests.names(host)]


def _standing(host: Host, name: str) -> dict[str, Any]:
    try:
        manifest = manifests.load(host, name)
    except ClinicalError as error:
        return standing(name, errors=[str(error)])
    deviations, errors = compare(host, manifest.expected)
    drift = list(_explained(host, manifest, deviations)) if deviations else []
    return standing(name, run_id=manifest.run_id, configured=manifest.configured, drift=drift, errors=errors)


def compare(host: Host, expected: Expected) -> tuple[list[Deviation], list[str]]:
    """Return what is otherwise than expected, and what could not be read."""
    deviations: list[Deviation] = []
    errors: list[str] = []
    for subject, observe in OBSERVERS.items():
        wanted = expected.get(subject, {})
        try:
            observed = observe(host, wanted) if wanted else {}
        except ClinicalError as error:
            errors.append(str(error))
            continue
        for name, entries in wanted.items():
            deviations += _differing(subject, name, entries, observed[name])
    return deviations, errors


def _differing(subject: str, name: str, wanted: Entries, observed: Entries) -> Iterator[Deviation]:
    """Yield what differs; of what is not there, or is something else, no more than that."""
    differing = [entry for entry, value in wanted.items() if observed.get(entry, "nothing") != value]
    for entry in ["kind"] if "kind" in differing else differing:
        now = observed.get(entry, "nothing")
        yield Deviation(subject, name, entry, *_described(entry, wanted[entry], now))


def _described(entry: str, wanted: Any, now: Any) -> tuple[str, str]:
    if entry == SECRET:
        return "as configured", "differs"
    if entry == "settings":
        return f"those in {', '.join(wanted)}", str(now)
    return str(wanted), str(now)


# --- what is there now ---


def _files(host: Host, wanted: Mapping[str, Entries]) -> dict[str, Entries]:
    return {path: _file(host, path, entries) for path, entries in wanted.items()}


def _file(host: Host, path: str, wanted: Entries) -> Entries:
    image = path_image(host, path)
    entries = _image_entries(host, image)
    if "ACL" in wanted and has_acl(host, image, wanted["ACL"].split()):
        entries["ACL"] = wanted["ACL"]
    if "copy of" in wanted:
        source = host.resolve(wanted["copy of"])
        info = host.stat(source)
        same = info is not None and info.kind == "file" and digest_of(host, source) == entries.get("content")
        entries["copy of"] = wanted["copy of"] if same else "another content"
    return entries


def digest_of(host: Host, path: str) -> str:
    """Return by what the content of a file is compared."""
    return f"sha256 {host.digest(path)}"


def _image_entries(host: Host, image: Image) -> Entries:
    """Return what the image of a path shows."""
    if "mode" not in image:
        return {key: image[key] for key in ("kind", "target") if key in image}
    entries = {
        "kind": image["kind"],
        "owner": f"{host.owner_name(image['uid'])}:{host.group_name(image['gid'])}",
        "mode": f"{image['mode']:04o}",
        "ACL": " ".join(acl_of(host, image)) or NO_ACL,
    }
    if image["kind"] == "file":
        content = f"sha256 {image['sha256']}" if "sha256" in image else digest(content_of(image))
        entries.update({"content": content, SECRET: content})
    return entries


def _units(host: Host, wanted: Mapping[str, Entries]) -> dict[str, Entries]:
    units = show(host, list(wanted))
    tables = loaded_tables(host) if any("table" in entries for entries in wanted.values()) else frozenset()
    return {name: _unit(host, units.get(name), entries, tables) for name, entries in wanted.items()}


def _unit(host: Host, unit: Unit | None, wanted: Entries, tables: frozenset[str]) -> Entries:
    """Return how a unit stands; of one that does not run nobody asks what it has read."""
    if unit is None or not unit.exists:
        return {**wanted, **{key: "absent" for key, value in wanted.items() if value in ("started", "enabled")}}
    at_boot = "enabled" if unit.starts_at_boot else "disabled"
    if unit.masked and wanted.get("at boot") == "enabled":
        at_boot = "masked"
    state = "started" if unit.running else "stopped"
    if not unit.running and wanted.get("state") == "started":
        state = unit.active
    entries = {**wanted, "state": state, "at boot": at_boot}
    entries["unit file"] = "changed since systemd read it" if unit.outdated else "read"
    if unit.running and wanted.get("table", "") not in {"", *tables}:
        entries["table"] = "not loaded"
    if unit.running and any(changed_since(host, path, unit.since) for path in wanted.get("settings", ())):
        entries["settings"] = _OLDER
    return entries


def _kernel_values(host: Host, wanted: Mapping[str, Entries]) -> dict[str, Entries]:
    return {key: {"value": KernelValue(key).capture(host)["value"] or "nothing"} for key in wanted}


def _packages(host: Host, wanted: Mapping[str, Entries]) -> dict[str, Entries]:
    versions, _unfinished = installed(host, list(wanted))
    return {name: {"kind": "absent" if versions[name] is None else "installed"} for name in wanted}


def _accounts(host: Host, wanted: Mapping[str, Entries]) -> dict[str, Entries]:
    return {name: _account_entries(LocalAccount(name).capture(host)) for name in wanted}


def _account_entries(image: Image) -> Entries:
    if not image["there"]:
        return {"kind": "absent"}
    return {**image, "kind": "there", "groups": " ".join(image["groups"])}


def _groups(host: Host, wanted: Mapping[str, Entries]) -> dict[str, Entries]:
    return {name: {"kind": "absent" if host.gid(name) is None else "there"} for name in wanted}


OBSERVERS: dict[str, Callable[[Host, Mapping[str, Entries]], dict[str, Entries]]] = {
    PACKAGE: _packages,
    GROUP: _groups,
    ACCOUNT: _accounts,
    FILE: _files,
    KERNEL: _kernel_values,
    UNIT: _units,
}


# --- what it was before, and who changed it ---


def _explained(host: Host, manifest: Manifest, deviations: list[Deviation]) -> Iterator[dict[str, Any]]:
    """Yield what differs by the keys of the vocabulary, with what the journal knows of it."""
    history = _history(host)
    since = _unit_times(host, [deviation.name for deviation in deviations if deviation.type == UNIT])
    for deviation in deviations:
        later = _later_run(history, manifest, deviation)
        yield {
            "subject": f"{deviation.type} {deviation.name}",
            "entry": deviation.entry,
            "before": _before(host, history, deviation),
            "set": deviation.wanted,
            "now": deviation.now,
            "since": since.get(deviation.name, "") if deviation.type == UNIT else _changed_at(host, deviation),
            "reason": f"changed by the later run {later}" if later else "changed by somebody since",
            "run_id": later,
        }


def _history(host: Host) -> list[LoadedRun]:
    """Return the runs that hold, the newest first; one that cannot be read tells nothing."""
    runs = [run for run in journal.runs(host) if not (run.reverted_by or run.progress in ("undone", "damaged"))]
    loaded = []
    for run in reversed(runs):
        try:
            loaded.append(journal.load(host, run))
        except ClinicalError:  # of a newer release
            continue
    return loaded


def _keys(deviation: Deviation) -> set[str]:
    return {f"{known} {deviation.name}" for known in JOURNALED[deviation.type]}


def _later_run(history: list[LoadedRun], manifest: Manifest, deviation: Deviation) -> str:
    """Return the newest run that has changed the subject since this configuration did."""
    for loaded in history:
        if loaded.run.made_by == CONFIGURED and manifest.name in {group.name for group in loaded.groups}:
            return ""
        if deviation.name in touched_paths(loaded) or not _keys(deviation).isdisjoint(loaded.after):
            return loaded.run.run_id
    return ""


def _before(host: Host, history: list[LoadedRun], deviation: Deviation) -> str:
    """Return the value that the newest configuration of the subject replaced; nothing where no journal has it."""
    if deviation.entry == SECRET:
        return ""
    keys = _keys(deviation)
    for loaded in history:
        for entry in loaded.entries if loaded.run.made_by == CONFIGURED else ():
            if journal.key(entry.step.subject) in keys:
                entries = _entries_before(host, deviation.type, entry.before)
                if deviation.entry in entries or "kind" in entries:
                    return str(entries.get(deviation.entry, entries.get("kind")))
    return ""


def _entries_before(host: Host, subject: str, image: Image) -> Entries:
    if subject == FILE:
        return _image_entries(host, image)
    if subject == UNIT:
        states = {True: ("started", "enabled"), False: ("stopped", "disabled"), None: ("absent", "absent")}
        return {
            **({"state": states[image["active"]][0]} if "active" in image else {}),
            **({"at boot": states[image["enabled"]][1]} if "enabled" in image else {}),
        }
    if subject == ACCOUNT:
        return _account_entries(image)
    return image


def _changed_at(host: Host, deviation: Deviation) -> str:
    """Return when a path was last changed, or the folder from which it is gone; nothing of anything else."""
    if deviation.type != FILE:
        return ""
    info = host.stat(deviation.name) or host.stat(posixpath.dirname(deviation.name))
    return stamp_of(info.ctime) if info is not None and info.ctime else ""


def _unit_times(host: Host, names: list[str]) -> dict[str, str]:
    return {name: stamp_of(unit.since) for name, unit in show(host, names).items() if unit.since}
