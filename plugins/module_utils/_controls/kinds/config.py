# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One key in a program's configuration, in the program's own format and, where it reads them, in a drop-in. Private."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Effect, Group, Step, unread
from ..._change.subjects.awaited import AwaitedFile, edits_image
from ..._change.subjects.base import Image
from ..._change.subjects.files import File, file_image
from ..._change.subjects.units import Unit, show
from ..._errors import ClinicalError
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, ordered_files, read_text
from ..._host.formats import FORMATS, Format
from ..._vocabulary.results import NOTAPPLICABLE, OK, word
from ..model import (
    Assessment,
    Control,
    Kind,
    KindPlan,
    Setting,
    Verdict,
    Verdicts,
    compare,
    describe_wanted,
    judge,
    not_applicable,
    unknown,
)

SYSTEMD = "/etc/systemd/"
#: Where systemd's programs look, the strongest first.
SYSTEMD_FOLDERS = ("/etc/systemd/", "/run/systemd/", "/usr/local/lib/systemd/", "/usr/lib/systemd/")


@dataclass(frozen=True)
class Source:
    """One file that a program reads; ``changed`` is the time of its last change, in seconds."""

    path: str
    text: str
    changed: float


@dataclass(frozen=True)
class State:
    """For each control the files its program reads, in order; the units to keep live; folders that are not there."""

    sources: Mapping[str, tuple[Source, ...]]
    units: Mapping[str, Unit]
    missing_folders: frozenset[str]
    problems: Mapping[str, str]


class Config(Kind):
    name = "config"
    SETTINGS = {
        "file": Setting("str", pattern=r"^/"),
        "format": Setting("str", choices=tuple(FORMATS)),
        "key": Setting("str"),
        "value": Setting("scalar"),
        "op": Setting("str", required=False, choices=("equal", "at_most", "at_least", "up_to"), default="equal"),
        "accept": Setting("list", required=False, default=()),
        "unset": Setting("scalar", required=False),
        "section": Setting("str", required=False, default=""),
        "drop_in_read": Setting("str", required=False, choices=("after", "before"), default="after"),
        "drop_in": Setting("str", required=False, pattern=r"^/.*/[^/]+$", default=""),
        "unit": Setting("str", required=False, pattern=r"^[\w@.-]+\.(service|socket|timer)$", default=""),
        "action": Setting("str", required=False, choices=("reload", "restart"), default="restart"),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (" ".join(["config", settings["file"], settings.get("section", ""), settings["key"]]),)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        sources: dict[str, tuple[Source, ...]] = {}
        problems: dict[str, str] = {}
        for control in controls:
            try:
                sources[control.id] = tuple(_sources(host, control.settings))
            except ClinicalError as error:
                problems[control.id] = str(error)
        folders = {posixpath.dirname(_target(c)) for c in controls}
        absent = frozenset(folder for folder in folders if host.stat(folder) is None)
        return State(
            sources=sources,
            units=show(host, [c.settings["unit"] for c in controls if c.settings.get("unit")]),
            missing_folders=absent,
            problems=problems,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        texts = _planned_texts([control for control in controls if not _left_to_site(control)], state)
        assessments = tuple(_not_chosen(c) if _left_to_site(c) else _assess(c, state, texts) for c in controls)
        failing = [c for c, a in zip(controls, assessments) if a.result == "fail"]
        groups = [_group(target, failing, state, texts) for target in sorted({_target(c) for c in failing})]
        return KindPlan(assessments, tuple(group for group in groups if group.steps))


def _left_to_site(control: Control) -> bool:
    """Whether the value is the one that stands for: the site has not chosen any."""
    return "unset" in control.settings and control.settings["value"] == control.settings["unset"]


def _not_chosen(control: Control) -> Assessment:
    subject = f"{control.settings['key']} in {control.settings['file']}"
    return not_applicable(control, subject, "what the site chooses", "the site has not chosen a value for it")


def _target(control: Control) -> str:
    """The one file that enforcing this control writes."""
    return str(control.settings.get("drop_in") or control.settings["file"])


def _format(control: Control) -> Format:
    return FORMATS[control.settings["format"]]


def _sources(host: Host, settings: Mapping[str, Any]) -> list[Source]:
    paths = [_base(host, settings["file"])]
    drop_in = settings.get("drop_in", "")
    if drop_in:
        folder, name = posixpath.split(drop_in)
        folders = [folder]
        if folder.startswith(SYSTEMD):
            folders = [top + folder[len(SYSTEMD) :] for top in SYSTEMD_FOLDERS]
        paths += [path for path in ordered_files(host, folders, "*" + posixpath.splitext(name)[1]) if path != paths[0]]
        if drop_in not in paths:
            paths = [paths[0], *sorted([*paths[1:], drop_in], key=posixpath.basename)]
    if settings.get("drop_in_read") == "before":  # then what the main file says has the last word
        paths = [*paths[1:], paths[0]]
    return [_source(host, path) for path in paths]


def _base(host: Host, path: str) -> str:
    if not path.startswith(SYSTEMD):
        return path
    candidates = [top + path[len(SYSTEMD) :] for top in SYSTEMD_FOLDERS]
    return next((candidate for candidate in candidates if host.stat(candidate) is not None), path)


def _source(host: Host, path: str) -> Source:
    info = host.stat(path)
    return Source(path, read_text(host, path) or "", info.ctime if info else 0.0)


def _effective(control: Control, sources: Sequence[Source]) -> tuple[str, str] | None:
    """The value the program ends up with and the file it comes from."""
    section = control.settings.get("section", "")
    seen = [(_format(control).get(s.text, control.settings["key"], section), s.path) for s in sources]
    return next(((value, path) for value, path in reversed(seen) if value is not None), None)


def _fine(control: Control, value: str | None) -> bool:
    settings = control.settings
    if value is None:
        return False
    return compare(settings.get("op", "equal"), value, settings["value"], settings.get("accept", ()))


def _planned_texts(controls: Sequence[Control], state: State) -> dict[str, str]:
    """Each target file's text with every failing control's key set; files in which nothing fails are not named."""
    texts: dict[str, str] = {}
    for control in controls:
        sources = state.sources.get(control.id)
        target = _target(control)
        if sources is None or _fine(control, (_effective(control, sources) or (None,))[0]):
            continue
        old = next(s.text for s in sources if s.path == target)
        text = texts.get(target, old or (HEADER if control.settings.get("drop_in") else ""))
        value, section = word(control.settings["value"]), control.settings.get("section", "")
        if _format(control).get(text, control.settings["key"], section) != value:
            text = _format(control).set(text, control.settings["key"], value, section)
        if text != old:
            texts[target] = text
    return texts


def _assess(control: Control, state: State, texts: Mapping[str, str]) -> Assessment:
    settings = control.settings
    subject = f"{settings['key']} in {settings['file']}"
    wanted = describe_wanted(settings.get("op", "equal"), settings["value"], settings.get("accept", ()))
    if control.id in state.problems:
        return unknown(control, subject, wanted, state.problems[control.id])
    sources = state.sources[control.id]
    seen = _effective(control, sources)
    fine = _fine(control, seen[0] if seen else None)
    told = f"{seen[0]} in {seen[1]}" if seen else "not set"
    then = _effective(control, [Source(s.path, texts.get(s.path, s.text), s.changed) for s in sources])
    reason = ""
    if not fine and then is not None and not _fine(control, then[0]):
        reason = f"{then[1]} sets it to {then[0]} after our drop-in; change it there"
    written = any(
        _fine(control, _format(control).get(s.text, settings["key"], settings.get("section", ""))) for s in sources
    )
    verdicts = Verdicts(
        running=_running(control, state, fine, told), on_disk=judge(written, told), survives_reboot=judge(fine, told)
    )
    before = seen[0] if seen else "not set"
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=before,
        after=before if fine else word(settings["value"]),
        verdicts=verdicts,
        reason=reason,
    )


def _running(control: Control, state: State, fine: bool, told: str) -> Verdict:
    """A program that reads its file at each use runs with what is on disk; a daemon since it last read the file."""
    unit = state.units.get(control.settings.get("unit", ""))
    if unit is None:
        return judge(fine, told) if not control.settings.get("unit") else Verdict(NOTAPPLICABLE, "not running")
    if not unit.running:
        return Verdict(NOTAPPLICABLE, "not running")
    if not fine:
        return judge(False, told)
    return judge(False, f"{unit.name} has not read it yet") if _unread(control, state, unit) else Verdict(OK, told)


def _unread(control: Control, state: State, unit: Unit) -> bool:
    seen = _effective(control, state.sources[control.id])
    changed = max(s.changed for s in state.sources[control.id] if seen is not None and s.path == seen[1])
    return changed > unit.since


def _group(target: str, failing: Sequence[Control], state: State, texts: Mapping[str, str]) -> Group:
    mine = [control for control in failing if _target(control) == target]
    units = {c.settings["unit"]: c.settings.get("action", "restart") for c in mine if c.settings.get("unit")}
    effects = tuple(Effect(action, unit) for unit, action in sorted(units.items()))
    ids = tuple(control.id for control in mine)
    if target not in texts:
        return Group(name=f"config {target}", steps=tuple(unread(unit, ids) for unit in sorted(units)), effects=effects)
    steps = []
    awaited = any(control.awaits for control in mine)
    folder = posixpath.dirname(target)
    if folder in state.missing_folders and not awaited:
        image = {"kind": "dir", "mode": 0o755, "uid": 0, "gid": 0}
        steps.append(
            Step(
                subject=File(folder),
                wanted=image,
                before="absent",
                after="a folder for drop-ins",
                why="the program looks there",
                controls=ids,
            )
        )
    before = "\n".join(_line(c, (_effective(c, state.sources[c.id]) or (None,))[0]) for c in mine)
    after = "\n".join(_line(c, word(c.settings["value"])) for c in mine)
    why = "the program reads it from there"
    if awaited:
        steps.append(
            Step(subject=AwaitedFile(target), wanted=_edits(mine), before=before, after=after, why=why, controls=ids)
        )
    else:
        steps.append(
            Step(
                subject=File(target),
                wanted=file_image(encode(texts[target])),
                before=before,
                after=after,
                why=why,
                controls=ids,
            )
        )
    return Group(name=f"config {target}", steps=tuple(steps), effects=effects)


def _edits(mine: Sequence[Control]) -> Image:
    """The settings alone: the package is about to bring the file that they stand in."""
    first = mine[0].settings
    edits = [(c.settings.get("section", ""), c.settings["key"], word(c.settings["value"])) for c in mine]
    return edits_image(first["format"], edits, HEADER if first.get("drop_in") else "")


def _line(control: Control, value: str | None) -> str:
    key = control.settings["key"]
    return f"# {key} is not set" if value is None else _format(control).written(key, value)
