# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM where authselect puts it together, as on Enterprise Linux: the same wishes, met by its features. Private.

authselect cannot leave single accounts out of locking, so wrong passwords are not made to lock where a break-glass
account could be hit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..._change.steps import Group, Step
from ..._change.subjects.authselect import WRITTEN, AuthselectFeatures, selected
from ..._change.subjects.trees import Tree
from ..._host.door import Host
from ..._host.dropin import read_text
from ..model import Assessment, Control, KindPlan, Verdicts, judge, not_applicable

FEATURES = {"lockout": "with-faillock", "history": "with-pwhistory", "no_empty": "without-nullok"}
HISTORY = "/etc/security/pwhistory.conf"
#: Where a host says that it takes its accounts from a directory.
_DIRECTORIES = ("/etc/sssd/sssd.conf", "/etc/ipa/default.conf")
_REMEMBERED_BY_DEFAULT = 10


@dataclass(frozen=True)
class State:
    """The profile, its features and those that are enabled, and why PAM has to be left as it is, if so."""

    profile: str
    enabled: frozenset[str]
    known: frozenset[str]
    remembered: int
    hindrance: str


def observe(host: Host) -> State:
    profile, enabled = selected(host)
    if not profile:
        return State(profile="", enabled=enabled, known=frozenset(), remembered=0, hindrance="")
    known = frozenset(host.run(["authselect", "list-features", profile]).out.split())
    kept = re.findall(r"^\s*remember\s*=\s*(\d+)", read_text(host, HISTORY) or "", re.MULTILINE)
    remembered = int(kept[-1]) if kept else _REMEMBERED_BY_DEFAULT
    return State(
        profile=profile, enabled=enabled, known=known, remembered=remembered, hindrance=_hindrance(host, profile)
    )


def _hindrance(host: Host, profile: str) -> str:
    joined = [path for path in _DIRECTORIES if host.stat(path) is not None]
    if joined or profile == "winbind":
        seen = joined[0] if joined else "winbind"
        return f"this host takes accounts from a directory ({seen}), whose own rules for passwords hold; set it there"
    if host.run(["authselect", "check"]).rc != 0:
        return "somebody edited what authselect wrote, and it would not keep that; see: authselect check"
    return ""


def plan(controls: Sequence[Control], state: State) -> KindPlan:
    assessments = tuple(_assess(control, state) for control in controls)
    wrong = [c for c, a in zip(controls, assessments) if a.result == "fail" and not a.reason]
    return KindPlan(assessments, (_group(wrong),) if wrong else ())


def _assess(control: Control, state: State) -> Assessment:
    intent = control.settings["feature"]
    feature = FEATURES.get(intent, "")
    subject = f"authselect {feature or intent}"
    if not state.profile:
        return not_applicable(control, subject, feature, "PAM is put together by no tool that is known here")
    if feature not in state.known:
        return not_applicable(control, subject, feature, f"the profile {state.profile} has no feature for it")
    enabled = feature in state.enabled
    few = enabled and intent == "history" and state.remembered < int(control.settings["value"])
    verdict = judge(enabled and not few, "enabled" if enabled else "not enabled")
    reason = "" if verdict.state == "ok" else _blocked(control, state, few)
    after = verdict.saw if reason else "enabled"
    return Assessment(
        control=control.id,
        subject=subject,
        wanted="enabled",
        before=verdict.saw,
        after=after,
        verdicts=Verdicts.same(verdict),
        reason=reason,
    )


def _blocked(control: Control, state: State, few: bool) -> str:
    if few:
        return f"only {state.remembered} former passwords are remembered; set remember in {HISTORY}"
    spared = sorted(name for name in control.settings.get("spared", ()) if name != "root")
    if control.settings["feature"] == "lockout" and spared:
        return f"authselect cannot leave out {', '.join(spared)}, so a break-glass account could be locked"
    return state.hindrance


def _group(controls: Sequence[Control]) -> Group:
    ids = tuple(control.id for control in controls)
    features = sorted(FEATURES[control.settings["feature"]] for control in controls)
    wanted = dict.fromkeys(features, True)
    return Group(
        "pam",
        (
            Step(
                subject=Tree(WRITTEN),
                wanted=None,
                before="",
                after="",
                why="what authselect writes here is put back with it",
                controls=ids,
            ),
            Step(
                subject=AuthselectFeatures(" ".join(features)),
                wanted=wanted,
                before="not enabled",
                after="enabled",
                why="one feature of the profile each, for all ways to log in",
                controls=ids,
            ),
        ),
    )
