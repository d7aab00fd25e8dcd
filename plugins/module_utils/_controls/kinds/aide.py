# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AIDE: a database of what the files of a server should be, and what it has to cover.

Building the first database reads the whole disk and takes minutes. A run only starts that, at the lowest priority and
by a unit of its own, and the next run judges what came of it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.awaited import AwaitedFile
from ..._change.subjects.files import File, file_image
from ..._change.subjects.made import MadeFile
from ..._change.subjects.units import BEGIN, Unit, has_systemd
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, read_text
from ..._vocabulary.results import NOTAPPLICABLE
from ..context import SurveyContext
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable

CONFIG = "/etc/aide/aide.conf"
FOLDER = "/etc/aide/aide.conf.d"
OURS = f"{FOLDER}/90_healthops_audit_tools"
UNIT = "healthops-aide-database.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
DATABASE = "/var/lib/aide/aide.db"
TOOLS = ("auditctl", "auditd", "ausearch", "aureport", "autrace", "augenrules")
_READ_DAILY = Verdict(NOTAPPLICABLE, "it is read by the daily check")
#: Everything about a program that an intruder would change, its bytes by a strong hash.
ATTRIBUTES = "p+i+n+u+g+s+b+acl+xattrs+sha512"
_UNIT_TEXT = f"""{HEADER}[Unit]
Description=Build the first database of AIDE
ConditionPathExists=!{{database}}

[Service]
Type=oneshot
ExecStart=/usr/sbin/aideinit --yes --force
Nice=19
IOSchedulingClass=idle
"""


@dataclass(frozen=True)
class State:
    """The database and whether it exists, the unit that builds one, and by tool the attributes that AIDE looks at."""

    installed: bool
    booted: bool
    database: str
    built: bool
    unit: Unit | None
    unit_file: str
    lines: Mapping[str, str]


class Aide(Kind):
    name = "aide"
    SETTINGS = {"covers": Setting("str", choices=("database", "audit_tools"))}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"aide {settings['covers']}",)

    def units(self, controls: Sequence[Control]) -> Sequence[str]:
        if controls:
            return [UNIT]
        return ()

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        config = read_text(host, CONFIG) or ""
        named = re.findall(r"^\s*database(?:_in)?\s*=\s*file:(\S+)", config, re.MULTILINE)
        database = next(reversed(named), DATABASE)
        files = [f"{FOLDER}/{name}" for name in host.listdir(FOLDER) if re.fullmatch(r"[\w-]+", name)]
        covering = any(control.settings["covers"] == "audit_tools" for control in controls)
        return State(
            installed=host.which("aideinit") is not None,
            booted=has_systemd(host),
            database=database,
            built=host.stat(database) is not None,
            unit=context.units(host, [UNIT]).get(UNIT),
            unit_file=read_text(host, UNIT_FILE) or "",
            lines=_covered([config, *((read_text(host, path) or "") for path in files)]) if covering else {},
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = [_assess(control, state) for control in controls]
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan.of(assessments, [_group(control, state) for control in failing])


def _covered(texts: Sequence[str]) -> dict[str, str]:
    """Return the attributes that AIDE looks at, by tool with a line of its own; the last line of a tool counts."""
    pattern = re.compile(r"^=?(?:/usr)?/sbin/(" + "|".join(TOOLS) + r")\$?\s+(\S+)", re.MULTILINE)
    return {name: attributes for text in texts for name, attributes in pattern.findall(text)}


def _assess(control: Control, state: State) -> Assessment:
    if control.settings["covers"] == "database":
        return _assess_database(control, state)
    return _assess_tools(control, state)


def _group(control: Control, state: State) -> Group:
    if control.settings["covers"] == "database":
        return _database_group(control, state)
    return _tools_group(control, state)


def _assess_database(control: Control, state: State) -> Assessment:
    wanted = "built"
    if not state.installed and not control.awaits:
        return not_applicable(control, state.database, wanted, "there is no aideinit on this host")
    if not state.booted:
        return not_applicable(control, state.database, wanted, "systemd is not the init of this host")
    building = state.unit is not None and state.unit.running
    before = wanted if state.built else "not built"
    if building and not state.built:
        before = "being built"
    remark = "" if state.built else "the first one takes minutes and is built in the background; the next run judges it"
    if state.unit is not None and state.unit.active == "failed":
        remark = f"building it failed; see: journalctl -u {UNIT}"
    verdict = judge(state.built, before)
    return Assessment(
        control=control.id,
        subject=state.database,
        wanted=wanted,
        before=before,
        after=before if state.built or _begun(state) else "being built",
        verdicts=Verdicts(running=_READ_DAILY, on_disk=verdict, survives_reboot=verdict),
        remark=remark,
    )


def _begun(state: State) -> bool:
    return state.unit_file == _text(state) and state.unit is not None and state.unit.active in ("activating", "failed")


def _text(state: State) -> str:
    return _UNIT_TEXT.format(database=state.database)


def _database_group(control: Control, state: State) -> Group:
    """Return the group that has our own unit build it; without steps where that is at work, or has failed."""
    if _begun(state):
        return Group("aide database", ())
    ids = (control.id,)
    database = Step(
        subject=MadeFile(state.database), wanted=None, before="", after="", why="the unit makes it", controls=ids
    )
    unit = Step(
        subject=File(UNIT_FILE),
        wanted=file_image(encode(_text(state))),
        before="not built",
        after="being built",
        why="it takes minutes, at the lowest priority",
        controls=ids,
    )
    effects = (Effect("daemon-reload"), Effect(BEGIN, UNIT))
    return Group(name="aide database", steps=(database, unit), effects=effects)


def _assess_tools(control: Control, state: State) -> Assessment:
    wanted = f"{len(TOOLS)} audit tools with sha512"
    if not state.installed and not control.awaits:
        return not_applicable(control, CONFIG, wanted, "there is no aideinit on this host")
    verdict = judge(not _lacking(state), _describe_covered(state))
    return Assessment(
        control=control.id,
        subject=CONFIG,
        wanted=wanted,
        before=verdict.observed,
        after=wanted,
        verdicts=Verdicts(running=_READ_DAILY, on_disk=verdict, survives_reboot=verdict),
    )


def _describe_covered(state: State) -> str:
    lacking = _lacking(state)
    if lacking:
        return f"not covered: {', '.join(lacking)}"
    return f"{len(TOOLS)} audit tools with sha512"


def _lacking(state: State) -> list[str]:
    return [name for name in TOOLS if "sha512" not in state.lines.get(name, "").split("+")]


def _tools_group(control: Control, state: State) -> Group:
    lines = [f"/usr/sbin/{name}$ {ATTRIBUTES}" for name in TOOLS]
    file = AwaitedFile if control.awaits else File
    step = Step(
        subject=file(OURS),
        wanted=file_image(encode(HEADER + "".join(f"{line}\n" for line in lines)), mode=0o644),
        before=_describe_covered(state),
        after="\n".join(lines),
        why="what records an intruder must not be replaced",
        controls=(control.id,),
    )
    return Group("aide " + posixpath.basename(OURS), (step,))
