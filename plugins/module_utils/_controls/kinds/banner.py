# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text that people see before they log in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import File, file_image
from ..._host.door import Host
from ..._host.dropin import encode, read_text
from ..context import SurveyContext
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge


class Banner(Kind):
    name = "banner"
    SETTINGS = {"path": Setting("str", pattern=r"^/"), "text": Setting("str")}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"banner {settings['path']}",)

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        if "\\" in str(settings.get("text", "")):
            problems.append("settings.text holds a backslash, which login programs replace by facts about the system")
        return problems

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> Mapping[str, str | None]:
        return {c.settings["path"]: read_text(host, c.settings["path"]) for c in controls}

    def plan(self, controls: Sequence[Control], state: Mapping[str, str | None]) -> KindPlan:
        assessments = [_assess(control, state) for control in controls]
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan.of(assessments, [Group("banner", tuple(_step(control, state) for control in failing))])


def _text(control: Control) -> str:
    return str(control.settings["text"]).rstrip("\n") + "\n"


def _describe(text: str | None) -> str:
    if text is None:
        return "absent"
    return text.strip() or "empty"


def _assess(control: Control, state: Mapping[str, str | None]) -> Assessment:
    path = control.settings["path"]
    verdict = judge(state[path] == _text(control), _describe(state[path]))
    wanted = _text(control).strip()
    return Assessment(
        control=control.id,
        subject=path,
        wanted=wanted,
        before=verdict.observed,
        after=wanted,
        verdicts=Verdicts.same(verdict),
    )


def _step(control: Control, state: Mapping[str, str | None]) -> Step:
    path = control.settings["path"]
    wanted = file_image(encode(_text(control)))
    why = "whoever logs in is told the rules"
    return Step(
        subject=File(path),
        wanted=wanted,
        before=_describe(state[path]),
        after=_text(control).strip(),
        why=why,
        controls=(control.id,),
    )
