# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One key in a program's configuration, in the program's own format and, where it reads them, in a drop-in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Effect, Group, Step, unread
from ..._change.subjects.awaited import AwaitedFile, edits_image
from ..._change.subjects.base import Image
from ..._change.subjects.files import File, file_image
from ..._change.subjects.units import Unit
from ..._errors import ClinicalError
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, ordered_files, read_text
from ..._host.formats import FORMATS, Format
from ..._text.lines import split_lines
from ..._text.quoting import from_apt_value
from ..._vocabulary.results import NOTAPPLICABLE, OK, setting_text
from ..context import SurveyContext
from ..measures import MEASURES, OPERATIONS, compare, describe_wanted
from ..model import (
    Assessment,
    Blocked,
    Control,
    Kind,
    KindPlan,
    Setting,
    Verdict,
    Verdicts,
    judge,
    not_applicable,
    unknown,
)
from ..support.readers import readers_by_group

#: The format whose values its own program is asked for.
APT = "apt_conf"
SYSTEMD = "/etc/systemd/"
#: Where systemd's programs look, the strongest first.
SYSTEMD_FOLDERS = ("/etc/systemd/", "/run/systemd/", "/usr/local/lib/systemd/", "/usr/lib/systemd/")
#: In which way a value can be in use: it names a program that is run, or a group whose accounts read.
PROGRAM, READERS = "program", "readers"


@dataclass(frozen=True)
class ConfigFile:
    """One file that a program reads; ``changed`` is the time of its last change, in seconds."""

    path: str
    text: str
    changed: float


@dataclass(frozen=True)
class State:
    """For each control the files its program reads, in order; the units to keep live; folders that are not there.

    ``problems`` says by control why its files could not be read, ``uses`` who relies on the value that is set, and
    ``answers`` what its program says that the value is, where one can be asked; None where the key is not set.
    """

    sources: Mapping[str, tuple[ConfigFile, ...]]
    units: Mapping[str, Unit]
    missing_folders: frozenset[str]
    problems: Mapping[str, str]
    uses: Mapping[str, str]
    answers: Mapping[str, str | None] = field(default_factory=dict)


class Config(Kind):
    name = "config"
    SETTINGS = {
        "file": Setting("str", pattern=r"^/"),
        "format": Setting("str", choices=tuple(FORMATS)),
        "key": Setting("str"),
        "value": Setting("scalar"),
        "op": Setting("str", required=False, choices=OPERATIONS, default="equal"),
        "measure": Setting("str", required=False, choices=tuple(MEASURES), default=""),
        "accept": Setting("list", required=False, default=()),
        "in_use": Setting("str", required=False, choices=(PROGRAM, READERS), default=""),
        "unset": Setting("scalar", required=False),
        "section": Setting("str", required=False, default=""),
        "drop_in_read": Setting("str", required=False, choices=("after", "before"), default="after"),
        "drop_in": Setting("str", required=False, pattern=r"^/.*/[^/]+$", default=""),
        "unit": Setting("str", required=False, pattern=r"^[\w@.-]+\.(service|socket|timer)$", default=""),
        "action": Setting("str", required=False, choices=("reload", "restart"), default="restart"),
    }

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        measure, value = MEASURES.get(settings.get("measure", "")), settings.get("value")
        if measure and isinstance(value, (str, int)) and measure.read(setting_text(value)) is None:
            problems.append(f"settings.value is {value!r}, which settings.measure {settings['measure']} does not read")
        return problems

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (" ".join(["config", settings["file"], settings.get("section", ""), settings["key"]]),)

    def units(self, controls: Sequence[Control]) -> list[str]:
        return [control.settings["unit"] for control in controls if control.settings.get("unit")]

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        sources: dict[str, tuple[ConfigFile, ...]] = {}
        problems: dict[str, str] = {}
        for control in controls:
            try:
                sources[control.id] = tuple(_sources(host, control.settings))
            except ClinicalError as error:
                problems[control.id] = str(error)
        of_apt = [control for control in controls if control.settings["format"] == APT]
        folders = {posixpath.dirname(_target(control)) for control in controls}
        return State(
            sources=sources,
            units=context.units(host, self.units(controls)),
            missing_folders=frozenset(folder for folder in folders if host.stat(folder) is None),
            problems=problems,
            uses=_uses(host, controls, sources, context),
            answers=_ask_apt(host, of_apt) if of_apt else {},
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        texts = _planned_texts([control for control in controls if not _is_left(control, state)], state)
        assessments = [_assess(control, state, texts) for control in controls]
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        targets = sorted({_target(control) for control in failing})
        return KindPlan.of(assessments, [_group(target, failing, state, texts) for target in targets])


def _ask_apt(host: Host, controls: Sequence[Control]) -> dict[str, str | None]:
    """Return by control the value that apt works with, None where it has none. Raises ClinicalError without an answer.

    Its language has blocks, comments, includes and commands, so its files are never judged by their text.
    """
    done = host.run(["apt-config", "dump"])
    if done.rc != 0:
        raise ClinicalError("Reading the settings of", "apt", f"apt-config says: {done.err_line}", "Mend its files.")
    lines = (line.partition(" ") for line in split_lines(done.out))
    values = {key.lower(): from_apt_value(value) for key, _blank, value in lines}
    return {control.id: values.get(control.settings["key"].lower()) or None for control in controls}


def _left_to_site(control: Control) -> bool:
    """Return whether the value is the one that stands for: the site has not chosen any."""
    return "unset" in control.settings and control.settings["value"] == control.settings["unset"]


def _is_left(control: Control, state: State) -> bool:
    """Return whether nothing is written for a control: the site has to choose first, or somebody uses what is set."""
    return _left_to_site(control) or control.id in state.uses


def _uses(
    host: Host, controls: Sequence[Control], sources: Mapping[str, Sequence[ConfigFile]], context: SurveyContext
) -> dict[str, str]:
    """Return who relies on the value that is set, by control, unless a person consented to its being changed."""
    uses: dict[str, str] = {}
    for control in controls:
        if not control.settings.get("in_use") or control.id not in sources or context.has_consent(control.id):
            continue
        effective = _effective(control, sources[control.id])
        if effective is not None and not _fine(control, effective[0]):
            uses[control.id] = _use(host, control.settings["in_use"], effective[0])
    return {control: use for control, use in uses.items() if use}


def _use(host: Host, kind: str, value: str) -> str:
    """Return who relies on a value, in words; empty where nobody does."""
    if kind == READERS:
        gid = host.gid(value)
        readers = readers_by_group(host, [gid]) if gid else ""
        if readers:
            return f"{readers} reads it"
        return ""
    match = re.match(r"exec\s+(\S+)", value, re.IGNORECASE)
    if match:
        return f"{match[1]} is run by it"
    return ""


def _blocker(control: Control, state: State) -> Blocked | None:
    """Return that somebody relies on what is set, None where nobody does."""
    use = state.uses.get(control.id)
    if use:
        return Blocked(f"{use}; to have it changed, list {control.id} in hardening_allow_stop")
    return None


def _not_chosen(control: Control) -> Assessment:
    subject = f"{control.settings['key']} in {control.settings['file']}"
    return not_applicable(control, subject, "what the site chooses", "the site has not chosen a value for it")


def _target(control: Control) -> str:
    """Return the one file that enforcing this control writes."""
    return str(control.settings.get("drop_in") or control.settings["file"])


def _format(control: Control) -> Format:
    return FORMATS[control.settings["format"]]


def _sources(host: Host, settings: Mapping[str, Any]) -> list[ConfigFile]:
    """Return the files that a control's program reads, in its order; our drop-in is one of them, there or not."""
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
    return [_config_file(host, path) for path in paths]


def _base(host: Host, path: str) -> str:
    """Return the main file, which for systemd's programs may lie in any of its folders."""
    if not path.startswith(SYSTEMD):
        return path
    candidates = [top + path[len(SYSTEMD) :] for top in SYSTEMD_FOLDERS]
    return next((candidate for candidate in candidates if host.stat(candidate) is not None), path)


def _config_file(host: Host, path: str) -> ConfigFile:
    info = host.stat(path)
    return ConfigFile(path, read_text(host, path) or "", info.ctime if info else 0.0)


def _effective(control: Control, sources: Sequence[ConfigFile]) -> tuple[str, str] | None:
    """Return the value the program ends up with and the file it comes from; None where no file sets it."""
    effective = None
    for source in sources:
        value = _value_in(control, source.text)
        if value is not None:
            effective = (value, source.path)
        if _format(control).refused(source.text):
            break  # it reads no further
    return effective


def _value_in(control: Control, text: str) -> str | None:
    """Return the value in a text; of several programs that read it the one that finds another than is wanted."""
    readings = _format(control).readings(text, control.settings["key"], control.settings.get("section", ""))
    return next((value for value in readings if not _fine(control, value)), readings[0])


def _in_force(control: Control, state: State) -> tuple[str, str] | None:
    """Return the value that counts and who says so: the program where it can be asked, else the deciding file."""
    if control.id not in state.answers:
        return _effective(control, state.sources[control.id])
    answer = state.answers[control.id]
    if answer is None:
        return None
    return (answer, "what apt-config says")


def _present_value(control: Control, state: State) -> str | None:
    effective = _in_force(control, state)
    if effective:
        return effective[0]
    return None


def _fine(control: Control, value: str | None) -> bool:
    settings = control.settings
    if value is None:
        return False
    if settings["value"] == "" and _format(control).bare:
        return True  # a word that stands for itself, whatever is said after it
    accept, measure, wanted = settings.get("accept", ()), settings.get("measure", ""), settings["value"]
    if _format(control).any_case:
        value, wanted = value.lower(), setting_text(wanted).lower()
        accept = [setting_text(alternative).lower() for alternative in accept]
    return compare(settings.get("op", "equal"), value, wanted, accept, measure)


def _planned_texts(controls: Sequence[Control], state: State) -> dict[str, str]:
    """Return each target file's text with every failing control's key set; a file that stays as it is is not named."""
    texts: dict[str, str] = {}
    for control in controls:
        if control.id in state.problems or _fine(control, _present_value(control, state)):
            continue
        target = _target(control)
        old = next(source.text for source in state.sources[control.id] if source.path == target)
        text = texts.get(target, old or (HEADER if control.settings.get("drop_in") else ""))
        value = setting_text(control.settings["value"])
        if _value_in(control, text) != value:
            section = control.settings.get("section", "")
            text = _format(control).set(text, control.settings["key"], value, section)
        if text != old:
            texts[target] = text
    return texts


def _assess(control: Control, state: State, texts: Mapping[str, str]) -> Assessment:
    if _left_to_site(control):
        return _not_chosen(control)
    settings = control.settings
    subject = f"{settings['key']} in {settings['file']}"
    wanted = describe_wanted(settings.get("op", "equal"), settings["value"], settings.get("accept", ()))
    if control.id in state.problems:
        return unknown(control, subject, wanted, state.problems[control.id])
    sources = state.sources[control.id]
    before = where = "not set"
    effective = _in_force(control, state)
    if effective is not None:
        before, where = effective[0], f"{effective[0]} in {effective[1]}"
    fine = effective is not None and _fine(control, before)
    written = fine or any(_fine(control, _value_in(control, source.text)) for source in sources)
    blocked = _blocker(control, state)
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=before,
        after=before if fine or blocked else setting_text(settings["value"]),
        verdicts=Verdicts(
            running=_running(control, state, judge(fine, where)),
            on_disk=judge(written, where),
            survives_reboot=judge(fine, where),
        ),
        remark="" if fine else _overridden(control, sources, texts),
        blocked=blocked,
    )


def _overridden(control: Control, sources: Sequence[ConfigFile], texts: Mapping[str, str]) -> str:
    """Return a remark about a file that sets the key after ours; empty where our file has the last word."""
    planned = [ConfigFile(s.path, texts.get(s.path, s.text), s.changed) for s in sources]
    for source in planned:
        line = _format(control).refused(source.text)
        if line:
            return (
                f"its program reads no further than {source.path}:{line}, which it does not understand; mend it there"
            )
    if control.settings["format"] == APT:
        return _mentioned_later(control, planned)
    effective = _effective(control, planned)
    if effective is None or _fine(control, effective[0]):
        return ""
    value, path = effective
    return f"{path} sets it to {value} after our drop-in; change it there"


def _mentioned_later(control: Control, sources: Sequence[ConfigFile]) -> str:
    """Return a remark about files that are read after our drop-in and speak of a key of apt; empty where none does."""
    paths = [source.path for source in sources]
    name = control.settings["key"].rpartition("::")[2].lower()
    later = [s.path for s in sources[paths.index(_target(control)) + 1 :] if name in s.text.lower()]
    if later:
        return f"{', '.join(later)} may set it after our drop-in; look there"
    return ""


def _running(control: Control, state: State, disk: Verdict) -> Verdict:
    """Return what a program runs with: what is on disk where it reads that at each use, or what it has read since."""
    if not control.settings.get("unit"):
        return disk
    unit = state.units.get(control.settings["unit"])
    if unit is None or not unit.running:
        return Verdict(NOTAPPLICABLE, "not running")
    if disk.state == OK and _is_unread(control, state, unit):
        return judge(False, f"{unit.name} has not read it yet")
    return disk


def _is_unread(control: Control, state: State, unit: Unit) -> bool:
    """Return whether the file that decides was changed after the unit last read it."""
    sources = state.sources[control.id]
    effective = _effective(control, sources)
    changed = max(source.changed for source in sources if effective is not None and source.path == effective[1])
    return changed > unit.since


def _group(target: str, failing: Sequence[Control], state: State, texts: Mapping[str, str]) -> Group:
    """Return the group that writes one file and has the programs that read it take it."""
    about_target = [control for control in failing if _target(control) == target]
    if target not in texts:  # what another file overrides would be no other after a restart
        about_target = [control for control in about_target if _fine(control, _present_value(control, state))]
    actions = {c.settings["unit"]: c.settings.get("action", "restart") for c in about_target if c.settings.get("unit")}
    effects = tuple(Effect(action, unit) for unit, action in sorted(actions.items()))
    ids = tuple(control.id for control in about_target)
    if target in texts:
        steps = _write_steps(target, about_target, state, texts[target])
    else:
        steps = [unread(unit, ids) for unit in sorted(actions)]
    return Group(name=f"config {target}", steps=tuple(steps), effects=effects)


def _write_steps(target: str, controls: Sequence[Control], state: State, text: str) -> list[Step]:
    ids = tuple(control.id for control in controls)
    awaited = any(control.awaits for control in controls)
    steps = []
    folder = posixpath.dirname(target)
    if folder in state.missing_folders and not awaited:
        made = Step(
            subject=File(folder),
            wanted={"kind": "dir", "mode": 0o755, "uid": 0, "gid": 0},
            before="absent",
            after="a folder for drop-ins",
            why="the program looks there",
            controls=ids,
        )
        steps.append(made)
    write = Step(
        subject=AwaitedFile(target) if awaited else File(target),
        wanted=_edits(controls) if awaited else file_image(encode(text)),
        before="\n".join(_line(control, _present_value(control, state)) for control in controls),
        after="\n".join(_line(control, setting_text(control.settings["value"])) for control in controls),
        why="the program reads it from there",
        controls=ids,
    )
    return [*steps, write]


def _edits(controls: Sequence[Control]) -> Image:
    """Return the settings alone: the package is about to bring the file that they stand in."""
    first = controls[0].settings
    edits = [(c.settings.get("section", ""), c.settings["key"], setting_text(c.settings["value"])) for c in controls]
    return edits_image(first["format"], edits, HEADER if first.get("drop_in") else "")


def _line(control: Control, value: str | None) -> str:
    key = control.settings["key"]
    if value is None:
        return f"# {key} is not set"
    return _format(control).written(key, value)
