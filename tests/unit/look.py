# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One control held against a fake host, as the tables of the kinds' tests want it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Group
from ansible_collections.healthops.clinical.plugins.module_utils._controls.context import SurveyContext
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Assessment, Control, KindPlan
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import read_facts
from fake_host import FakeHost

Settings = dict[str, Any]


def plan(
    host: FakeHost, kind: str, *settings: Settings, allow_stop: Sequence[str] = (), protected: Sequence[str] = ()
) -> KindPlan:
    controls = [Control(f"c{number}", kind, of_control) for number, of_control in enumerate(settings, 1)]
    context = SurveyContext(
        facts=read_facts(host), allow_stop=frozenset(allow_stop), protected_accounts=frozenset(protected)
    )
    return KINDS[kind].plan(controls, KINDS[kind].observe(host, controls, context))


def look(host: FakeHost, kind: str, settings: Settings, allow_stop: Sequence[str] = ()) -> Assessment:
    (assessment,) = plan(host, kind, settings, allow_stop=allow_stop).assessments
    return assessment


def states(assessment: Assessment) -> tuple[str, str, str]:
    """running, on disk, at the next boot."""
    running, on_disk, survives_reboot = (verdict.state for verdict in assessment.verdicts.all)
    return running, on_disk, survives_reboot


def subjects(groups: Sequence[Group]) -> list[str]:
    return [f"{step.subject.type} {step.subject.name}" for group in groups for step in group.steps]
