# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM where authselect puts it together, as on Enterprise Linux: the same settings, made true by its features.

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
from ..._vocabulary.results import OK
from ..model import Assessment, Blocked, Control, KindPlan, Verdicts, judge, not_applicable

FEATURES = {"lockout": "with-faillock", "history": "with-pwhistory", "no_empty": "without-nullok"}
HISTORY = "/etc/security/pwhistory.conf"
#: Where a host says that it takes its accounts from a directory.
_DIRECTORIES = ("/etc/sssd/sssd.conf", "/etc/ipa/default.conf")
_REMEMBERED_BY_DEFAULT = 10


@dataclass(frozen=True)
class State:
    """The profile (empty where none is selected), its features, those that are enabled, and former passwords kept.

    ``protected`` are accounts that must never be locked. ``blocked`` is why PAM has to be left as it is.
    """

    profile: str
    enabled: frozenset[str]
    known: frozenset[str] = frozenset()
    remembered: int = 0
    protected: tuple[str, ...] = ()
    blocked: Blocked | None = None


def observe(host: Host, protected: Sequence[str]) -> State:
    """Return the state of PAM. ``protected`` are accounts that must never be locked; root is not one of them."""
    profile, enabled = selected(host)
    if not profile:
        return State("", enabled)
    known = frozenset(host.run(["authselect", "list-features", profile]).out.split())
    numbers = re.findall(r"^\s*remember\s*=\s*(\d+)", read_text(host, HISTORY) or "", re.MULTILINE)
    return State(
        profile=profile,
        enabled=enabled,
        known=known,
        remembered=int(numbers[-1]) if numbers else _REMEMBERED_BY_DEFAULT,
        protected=tuple(protected),
        blocked=_blocked_host(host, profile),
    )


def _blocked_host(host: Host, profile: str) -> Blocked | None:
    """Return why PAM is left as it is on this host, None where it can be changed."""
    joined = [path for path in _DIRECTORIES if host.stat(path) is not None]
    if joined or profile == "winbind":
        where = next(iter(joined), "winbind")
        return Blocked(
            f"this host takes accounts from a directory ({where}), whose own rules for passwords hold; set it there"
        )
    if host.run(["authselect", "check"]).rc != 0:
        return Blocked("somebody edited what authselect wrote, and it would not keep that; see: authselect check")
    return None


def plan(controls: Sequence[Control], state: State) -> KindPlan:
    """Return how each control of the kind pam stands, and one group for all features to enable."""
    assessments = tuple(_assess(control, state) for control in controls)
    failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
    return KindPlan.of(assessments, [_group(failing)])


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
    blocked = None if verdict.state == OK else _blocker(control, state, few)
    return Assessment(
        control=control.id,
        subject=subject,
        wanted="enabled",
        before=verdict.observed,
        after=verdict.observed if blocked else "enabled",
        verdicts=Verdicts.same(verdict),
        blocked=blocked,
    )


def _blocker(control: Control, state: State, few: bool) -> Blocked | None:
    """Return why a control is not enforced; ``few`` says that too few former passwords are kept."""
    if few:
        return Blocked(f"only {state.remembered} former passwords are remembered; set remember in {HISTORY}")
    if control.settings["feature"] == "lockout" and state.protected:
        names = ", ".join(state.protected)
        return Blocked(f"authselect cannot leave out {names}, so a break-glass account could be locked")
    return state.blocked


def _group(controls: Sequence[Control]) -> Group:
    if not controls:
        return Group("pam", ())
    ids = tuple(control.id for control in controls)
    features = sorted(FEATURES[control.settings["feature"]] for control in controls)
    files = Step(
        subject=Tree(WRITTEN),
        wanted=None,
        before="",
        after="",
        why="what authselect writes here is put back with it",
        controls=ids,
    )
    enabling = Step(
        subject=AuthselectFeatures(" ".join(features)),
        wanted=dict.fromkeys(features, True),
        before="not enabled",
        after="enabled",
        why="one feature of the profile each, for all ways to log in",
        controls=ids,
    )
    return Group("pam", (files, enabling))
