# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How PAM asks for passwords and takes new ones, set through profiles of pam-auth-update in one transaction. Private.

Where authselect puts PAM together instead, its features do it.

Root and the break-glass accounts are never locked. A host that takes its accounts from a directory, or whose stacks a
person has edited, is left as it is, with the reason.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.base import Image
from ..._change.subjects.files import File, file_image
from ..._change.subjects.pam import COMMON, HASHES, SAVED, STACKS, PamProfiles, enabled_profiles
from ..._change.subjects.trees import Tree
from ..._host.door import Host
from ..._host.dropin import encode, read_text
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable
from ..support import authselect
from ..support import pam_profiles as profiles
from ..support.pam_profiles import Rule

SU = "/etc/pam.d/su"
STRONG = ("yescrypt", "gost_yescrypt", "sha512")


@dataclass(frozen=True)
class State:
    """The stacks in use by name, our profiles as they are on disk, and why PAM has to be left as it is, if so.

    ``torn`` stacks are those that pam-auth-update wrote and, because a run was cut, did not note.
    """

    stacks: Mapping[str, Sequence[Rule]]
    su: str
    written: Mapping[str, str]
    enabled: frozenset[str]
    groups: frozenset[str]
    hindrance: str = ""
    torn: bool = False
    has_tool: bool = True


@dataclass(frozen=True)
class Feature:
    """One thing that PAM can do. ``why_not`` says what is missing, ``profiles`` what would bring it."""

    wanted: str
    why_not: Callable[[Control, State], str]
    profiles: Callable[[Control], Mapping[str, str]]


class Pam(Kind):
    name = "pam"
    SETTINGS = {
        "feature": Setting("str", choices=("lockout", "quality", "history", "umask", "no_empty", "hash", "su_group")),
        "value": Setting("scalar", required=False),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"pam {settings['feature']}",)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State | authselect.State:
        if host.which("pam-auth-update") is None and host.which("authselect") is not None:
            return authselect.observe(host)
        if host.which("pam-auth-update") is None:
            return State(stacks={}, su="", written={}, enabled=frozenset(), groups=frozenset(), has_tool=False)
        texts = {stack: read_text(host, COMMON + stack) or "" for stack in STACKS}
        saved = {stack: read_text(host, posixpath.join(SAVED, stack)) or "" for stack in STACKS}
        enabled = enabled_profiles(host)
        joined = profiles.directory(enabled, read_text(host, "/etc/nsswitch.conf") or "")
        written = {name: read_text(host, _path(name)) or "" for name in profiles.ALL}
        edited, torn = profiles.edited(texts, saved, list(written.values()))
        wanted_group = {str(c.settings["value"]) for c in controls if c.settings["feature"] == "su_group"}
        return State(
            stacks={stack: profiles.parse(text) for stack, text in texts.items()},
            su=read_text(host, SU) or "",
            written=written,
            enabled=enabled,
            groups=frozenset(name for name in wanted_group if host.gid(name) is not None),
            hindrance=_hindrance(joined, edited),
            torn=torn,
        )

    def plan(self, controls: Sequence[Control], state: State | authselect.State) -> KindPlan:
        if isinstance(state, authselect.State):
            return authselect.plan(controls, state)
        missing = {control.id: _missing(control, state) for control in controls}
        assessments = tuple(_assess(control, state, missing[control.id]) for control in controls)
        wrong = [c for c, a in zip(controls, assessments) if a.result == "fail" and not a.reason]
        stacked = [control for control in wrong if control.settings["feature"] != "su_group"]
        groups = [_transaction(stacked, state, missing)] if stacked else []
        groups += [_su_group(control, state) for control in wrong if control not in stacked]
        return KindPlan(assessments, tuple(groups))


def _missing(control: Control, state: State) -> str:
    if not state.has_tool:
        return ""
    feature = FEATURES[control.settings["feature"]]
    torn = "pam-auth-update was cut before it was done" if state.torn and feature.profiles(control) else ""
    return feature.why_not(control, state) or torn


def _hindrance(joined: str, edited: str) -> str:
    if joined:
        return f"this host takes accounts from a directory ({joined}), whose own rules for passwords hold; set it there"
    if edited:
        return f"{edited}, and pam-auth-update would not keep it; move it into a profile below {profiles.PROFILES}"
    return ""


def _assess(control: Control, state: State, missing: str) -> Assessment:
    feature = FEATURES[control.settings["feature"]]
    subject, wanted = f"pam {control.settings['feature']}", feature.wanted.format(value=control.settings.get("value"))
    if not state.has_tool:
        return not_applicable(control, subject, wanted, "PAM is not put together by pam-auth-update here")
    verdict = judge(not missing, missing or wanted)
    reason = _blocked(control, state) if missing else ""
    after = missing if reason else wanted
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=verdict.saw,
        after=after,
        verdicts=Verdicts.same(verdict),
        reason=reason,
    )


def _blocked(control: Control, state: State) -> str:
    if control.settings["feature"] != "su_group":
        return state.hindrance
    group = str(control.settings["value"])
    if group not in state.groups:
        return f"there is no group {group} on this host, so nobody could use su any more"
    return "" if _ROOT_OK.search(state.su) else f"{SU} does not let root pass first; mend it by hand"


# --- what is looked at ---


def _rules(state: State, stack: str, module: str) -> list[tuple[int, Rule]]:
    return [(number, rule) for number, rule in enumerate(state.stacks[stack]) if rule.module == f"{module}.so"]


def _no_lockout(control: Control, state: State) -> str:
    unix = [number for number, _rule in _rules(state, "auth", "pam_unix")]
    found = _rules(state, "auth", "pam_faillock")
    before = [number for number, rule in found if "preauth" in rule.words and unix and number < unix[0]]
    after = [number for number, rule in found if "authfail" in rule.words and unix and number > unix[0]]
    cleared = _rules(state, "account", "pam_faillock") or [pair for pair in found if "authsucc" in pair[1].words]
    if not (before and after and cleared):
        return "wrong passwords are not counted"
    late = [name for name in _spared(control) if not _jumps(state, name, before[0])]
    return f"{', '.join(late)} could be locked" if late else ""


def _jumps(state: State, name: str, number: int) -> bool:
    rule = state.stacks["auth"][number - 1] if number else None
    if rule is None or rule.module != "pam_succeed_if.so" or "in" not in rule.words:
        return False
    return name in rule.words[-1].split(":")


def _no_quality(control: Control, state: State) -> str:
    return "" if _before_unix(state, "pam_pwquality") else "new passwords are not looked at"


def _no_history(control: Control, state: State) -> str:
    found = _rules(state, "password", "pam_pwhistory")
    kept = [int(word[9:]) for _n, rule in found for word in rule.words if re.match(r"remember=\d+$", word)]
    if not _before_unix(state, "pam_pwhistory"):
        return "former passwords are taken again"
    wanted = int(control.settings["value"])
    return "" if kept and kept[-1] >= wanted else f"only {(kept or [10])[-1]} former passwords are remembered"


def _before_unix(state: State, module: str) -> bool:
    unix = [number for number, _rule in _rules(state, "password", "pam_unix")]
    return any(unix and number < unix[0] for number, _rule in _rules(state, "password", module))


def _no_umask(control: Control, state: State) -> str:
    return "" if _rules(state, "session", "pam_umask") else "the mask of login.defs does not hold for logins"


def _empty(control: Control, state: State) -> str:
    rules = [rule for stack in ("auth", "password") for _n, rule in _rules(state, stack, "pam_unix")]
    taken = any({"nullok", "nullok_secure"} & set(rule.words) for rule in rules)
    return "an empty password is taken" if taken else ""


def _weak_hash(control: Control, state: State) -> str:
    words = [word for _n, rule in _rules(state, "password", "pam_unix") for word in rule.words]
    found = [word for word in words if word in HASHES]
    if found and found[-1] in STRONG:
        return ""
    return f"new passwords are hashed with {found[-1]}" if found else "new passwords are hashed as the library likes"


def _su_open(control: Control, state: State) -> str:
    rules = [rule for rule in profiles.parse(state.su) if rule.type == "auth" and rule.module == "pam_wheel.so"]
    strict = [rule for rule in rules if rule.control in ("required", "requisite") and "deny" not in rule.words]
    return "" if strict else "everybody who knows a password can use su"


# --- what is changed ---


def _spared(control: Control) -> list[str]:
    return sorted(name for name in control.settings.get("spared", ()) if name != "root")


def _none(control: Control) -> Mapping[str, str]:
    return {}


FEATURES: dict[str, Feature] = {
    "lockout": Feature(
        "wrong passwords lock an account for a while, never root or a break-glass account",
        _no_lockout,
        lambda control: profiles.faillock(_spared(control)),
    ),
    "quality": Feature("new passwords are looked at", _no_quality, lambda control: {profiles.QUALITY: ""}),
    "history": Feature(
        "the last {value} passwords are not taken again",
        _no_history,
        lambda control: profiles.history(int(control.settings["value"])),
    ),
    "umask": Feature("the mask of login.defs holds for logins", _no_umask, lambda control: profiles.umask()),
    "no_empty": Feature("no empty password is taken", _empty, _none),
    "hash": Feature("new passwords are hashed with {value}", _weak_hash, _none),
    "su_group": Feature("only the group {value} can use su", _su_open, _none),
}
_ROOT_OK = re.compile(r"^auth\s+sufficient\s+pam_rootok\.so.*\n", re.MULTILINE)


def _path(name: str) -> str:
    return posixpath.join(profiles.PROFILES, name)


def _transaction(controls: Sequence[Control], state: State, missing: Mapping[str, str]) -> Group:
    """Our profiles, then one call of pam-auth-update; what it writes is watched, so that it comes back to the byte."""
    ids = tuple(control.id for control in controls)
    steps = [
        Step(
            subject=Tree(f"/etc/pam.d:{SAVED}"),
            wanted=None,
            before="",
            after="",
            why="what pam-auth-update changes here is put back with it",
            controls=ids,
        )
    ]
    wanted: Image = {"profiles": {}, "force": state.torn}
    for control in controls:
        texts = FEATURES[control.settings["feature"]].profiles(control)
        wanted["profiles"].update(dict.fromkeys(texts, True))
        for name, text in texts.items():
            if text and text != state.written[name]:
                why = "a profile of our own, which pam-auth-update reads"
                steps.append(
                    Step(
                        subject=File(_path(name)),
                        wanted=file_image(encode(text)),
                        before="",
                        after="",
                        why=why,
                        controls=(control.id,),
                    )
                )
        if control.settings["feature"] == "no_empty":
            wanted["nullok"] = False
        if control.settings["feature"] == "hash":
            wanted["hash"] = str(control.settings["value"]).lower()
    wanted["rebuild"] = bool(wanted["profiles"])  # a cut run may have noted a profile in some of the stacks only
    before = "\n".join(missing[control.id] for control in controls)
    after = "\n".join(_wanted(control) for control in controls)
    names = " ".join(sorted(wanted["profiles"])) or "unix"
    steps.append(
        Step(
            subject=PamProfiles(names),
            wanted=wanted,
            before=before,
            after=after,
            why="one call of pam-auth-update for all of it",
            controls=ids,
        )
    )
    return Group("pam", tuple(steps))


def _wanted(control: Control) -> str:
    return FEATURES[control.settings["feature"]].wanted.format(value=control.settings.get("value"))


def _su_group(control: Control, state: State) -> Group:
    line = f"auth       required   pam_wheel.so use_uid group={control.settings['value']}\n"
    text = _ROOT_OK.sub(lambda match: match[0] + line, state.su, count=1)
    return Group(
        "pam su",
        (
            Step(
                subject=File(SU),
                wanted=file_image(encode(text)),
                before=_su_open(control, state),
                after=_wanted(control),
                why="su asks for a password that people tend to share",
                controls=(control.id,),
            ),
        ),
    )
