# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How PAM asks for passwords and takes new ones, set through profiles of pam-auth-update in one transaction.

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
from ..context import SurveyContext
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable
from ..support import authselect
from ..support import pam_profiles as profiles
from ..support.pam_profiles import PamRule

SU = "/etc/pam.d/su"
STRONG = ("yescrypt", "gost_yescrypt", "sha512")


@dataclass(frozen=True)
class State:
    """The stacks in use by name, our profiles as they are on disk, and the groups that the host has.

    ``torn`` stacks are those that pam-auth-update wrote and, because a run was cut, did not note. ``protected`` are
    accounts that must never be locked. ``blocked`` is why PAM has to be left as it is.
    """

    stacks: Mapping[str, Sequence[PamRule]]
    su: str
    written: Mapping[str, str]
    enabled: frozenset[str]
    groups: frozenset[str]
    protected: tuple[str, ...] = ()
    blocked: Blocked | None = None
    torn: bool = False
    has_tool: bool = True


@dataclass(frozen=True)
class Feature:
    """One thing that PAM can do.

    ``missing`` returns what is not as wanted, in words, None where all is; ``profiles`` the texts of the profiles that
    bring it, by name.
    """

    wanted: str
    missing: Callable[[Control, State], str | None]
    profiles: Callable[[Control, State], Mapping[str, str]]


class Pam(Kind):
    name = "pam"
    SETTINGS = {
        "feature": Setting("str", choices=("lockout", "quality", "history", "umask", "no_empty", "hash", "su_group")),
        "value": Setting("scalar", required=False),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"pam {settings['feature']}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State | authselect.State:
        protected = tuple(sorted(context.protected_accounts - {"root"}))
        if host.which("pam-auth-update") is None and host.which("authselect") is not None:
            return authselect.observe(host, protected)
        if host.which("pam-auth-update") is None:
            return State(stacks={}, su="", written={}, enabled=frozenset(), groups=frozenset(), has_tool=False)
        texts = {stack: read_text(host, COMMON + stack) or "" for stack in STACKS}
        saved = {stack: read_text(host, posixpath.join(SAVED, stack)) or "" for stack in STACKS}
        enabled = enabled_profiles(host)
        directory = profiles.directory(enabled, read_text(host, "/etc/nsswitch.conf") or "")
        written = {name: read_text(host, _path(name)) or "" for name in profiles.ALL}
        edited, torn = profiles.edited(texts, saved, list(written.values()))
        wanted_groups = {str(c.settings["value"]) for c in controls if c.settings["feature"] == "su_group"}
        return State(
            stacks={stack: profiles.parse(text, COMMON + stack) for stack, text in texts.items()},
            su=read_text(host, SU) or "",
            written=written,
            enabled=enabled,
            groups=frozenset(name for name in wanted_groups if host.gid(name) is not None),
            protected=protected,
            blocked=_blocked_host(directory, edited),
            torn=torn,
        )

    def plan(self, controls: Sequence[Control], state: State | authselect.State) -> KindPlan:
        if isinstance(state, authselect.State):
            return authselect.plan(controls, state)
        missing = {control.id: _missing(control, state) for control in controls}
        assessments = tuple(_assess(control, state, missing[control.id]) for control in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        stacked = [control for control in failing if control.settings["feature"] != "su_group"]
        su_groups = [_su_group(control, state) for control in failing if control not in stacked]
        return KindPlan.of(assessments, [_transaction(stacked, state, missing), *su_groups])


def _missing(control: Control, state: State) -> str | None:
    """Return what is not as the control wants it, in words; None where all is."""
    if not state.has_tool:
        return None
    feature = FEATURES[control.settings["feature"]]
    missing = feature.missing(control, state)
    if missing is None and state.torn and feature.profiles(control, state):
        return "pam-auth-update was cut before it was done"
    return missing


def _blocked_host(directory: str | None, edited: str | None) -> Blocked | None:
    """Return why PAM is left as it is on this host, None where it can be changed."""
    if directory:
        return Blocked(
            f"this host takes accounts from a directory ({directory}), whose own rules for passwords hold; set it there"
        )
    if edited:
        return Blocked(
            f"{edited}, and pam-auth-update would not keep it; move it into a profile below {profiles.PROFILES}"
        )
    return None


def _assess(control: Control, state: State, missing: str | None) -> Assessment:
    subject, wanted = f"pam {control.settings['feature']}", _wanted(control)
    if not state.has_tool:
        return not_applicable(control, subject, wanted, "PAM is not put together by pam-auth-update here")
    verdict = judge(missing is None, missing or wanted)
    blocked = _blocker(control, state) if missing is not None else None
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=verdict.observed,
        after=verdict.observed if blocked else wanted,
        verdicts=Verdicts.same(verdict),
        blocked=blocked,
    )


def _blocker(control: Control, state: State) -> Blocked | None:
    """Return why a control that deviates is not enforced, None where it is."""
    if control.settings["feature"] != "su_group":
        return state.blocked
    group = str(control.settings["value"])
    if group not in state.groups:
        return Blocked(f"there is no group {group} on this host, so nobody could use su any more")
    if _ROOT_OK.search(state.su):
        return None
    return Blocked(f"{SU} does not let root pass first; mend it by hand")


# --- judging ---


def _rules(state: State, stack: str, module: str) -> list[tuple[int, PamRule]]:
    """Return the rules of one module, each with its place in the stack."""
    return [(number, rule) for number, rule in enumerate(state.stacks[stack]) if rule.module == f"{module}.so"]


def _no_lockout(control: Control, state: State) -> str | None:
    unix = [number for number, _rule in _rules(state, "auth", "pam_unix")]
    faillock = _rules(state, "auth", "pam_faillock")
    before = [number for number, rule in faillock if "preauth" in rule.options and unix and number < unix[0]]
    after = [number for number, rule in faillock if "authfail" in rule.options and unix and number > unix[0]]
    cleared = _rules(state, "account", "pam_faillock") or [pair for pair in faillock if "authsucc" in pair[1].options]
    if not (before and after and cleared):
        return "wrong passwords are not counted"
    lockable = [name for name in state.protected if not _jumps_over(state, name, before[0])]
    if lockable:
        return f"{', '.join(lockable)} could be locked"
    return None


def _jumps_over(state: State, name: str, number: int) -> bool:
    """Return whether an account jumps over a rule of the stack auth, by its number."""
    rule = state.stacks["auth"][number - 1] if number else None
    if rule is None or rule.module != "pam_succeed_if.so" or "in" not in rule.options:
        return False
    return name in rule.options[-1].split(":")


def _no_quality(control: Control, state: State) -> str | None:
    if _before_unix(state, "pam_pwquality"):
        return None
    return "new passwords are not looked at"


def _no_history(control: Control, state: State) -> str | None:
    if not _before_unix(state, "pam_pwhistory"):
        return "former passwords are taken again"
    options = [option for _n, rule in _rules(state, "password", "pam_pwhistory") for option in rule.options]
    numbers = [int(option[9:]) for option in options if re.match(r"remember=[0-9]{1,9}$", option)]
    if numbers and numbers[-1] >= int(control.settings["value"]):
        return None
    return f"only {(numbers or [10])[-1]} former passwords are remembered"


def _before_unix(state: State, module: str) -> bool:
    unix = [number for number, _rule in _rules(state, "password", "pam_unix")]
    return any(unix and number < unix[0] for number, _rule in _rules(state, "password", module))


def _no_umask(control: Control, state: State) -> str | None:
    if _rules(state, "session", "pam_umask"):
        return None
    return "the mask of login.defs does not hold for logins"


def _empty(control: Control, state: State) -> str | None:
    rules = [rule for stack in ("auth", "password") for _n, rule in _rules(state, stack, "pam_unix")]
    accepted = any({"nullok", "nullok_secure"} & set(rule.options) for rule in rules)
    if accepted:
        return "an empty password is taken"
    return None


def _weak_hash(control: Control, state: State) -> str | None:
    options = [option for _n, rule in _rules(state, "password", "pam_unix") for option in rule.options]
    hashes = [option for option in options if option in HASHES]
    if not hashes:
        return "new passwords are hashed as the library likes"
    if hashes[-1] in STRONG:
        return None
    return f"new passwords are hashed with {hashes[-1]}"


def _su_open(control: Control, state: State) -> str | None:
    rules = [rule for rule in profiles.parse(state.su, SU) if rule.type == "auth" and rule.module == "pam_wheel.so"]
    strict = [rule for rule in rules if rule.control in ("required", "requisite") and "deny" not in rule.options]
    if strict:
        return None
    return "everybody who knows a password can use su"


# --- changing ---


def _no_profiles(control: Control, state: State) -> Mapping[str, str]:
    return {}


FEATURES: dict[str, Feature] = {
    "lockout": Feature(
        "wrong passwords lock an account for a while, never root or a break-glass account",
        _no_lockout,
        lambda _control, state: profiles.faillock(state.protected),
    ),
    "quality": Feature("new passwords are looked at", _no_quality, lambda _control, _state: {profiles.QUALITY: ""}),
    "history": Feature(
        "the last {value} passwords are not taken again",
        _no_history,
        lambda control, _state: profiles.history(int(control.settings["value"])),
    ),
    "umask": Feature("the mask of login.defs holds for logins", _no_umask, lambda _control, _state: profiles.umask()),
    "no_empty": Feature("no empty password is taken", _empty, _no_profiles),
    "hash": Feature("new passwords are hashed with {value}", _weak_hash, _no_profiles),
    "su_group": Feature("only the group {value} can use su", _su_open, _no_profiles),
}
_ROOT_OK = re.compile(r"^auth\s+sufficient\s+pam_rootok\.so.*\n", re.MULTILINE)


def _path(name: str) -> str:
    return posixpath.join(profiles.PROFILES, name)


def _transaction(controls: Sequence[Control], state: State, missing: Mapping[str, str | None]) -> Group:
    """Return our profiles, then one call of pam-auth-update; what it writes is watched, so that it comes back."""
    if not controls:
        return Group("pam", ())
    ids = tuple(control.id for control in controls)
    files = Step(
        subject=Tree(f"/etc/pam.d:{SAVED}"),
        wanted=None,
        before="",
        after="",
        why="what pam-auth-update changes here is put back with it",
        controls=ids,
    )
    wanted = _image(controls, state)
    update = Step(
        subject=PamProfiles(" ".join(sorted(wanted["profiles"])) or "unix"),
        wanted=wanted,
        before="\n".join(missing[control.id] or "" for control in controls),
        after="\n".join(_wanted(control) for control in controls),
        why="one call of pam-auth-update for all of it",
        controls=ids,
    )
    written = [step for control in controls for step in _profile_steps(control, state)]
    return Group("pam", (files, *written, update))


def _profile_steps(control: Control, state: State) -> list[Step]:
    """Return a step for each profile of our own that is not on disk as the control wants it."""
    texts = FEATURES[control.settings["feature"]].profiles(control, state)
    return [
        Step(
            subject=File(_path(name)),
            wanted=file_image(encode(text)),
            before="",
            after="",
            why="a profile of our own, which pam-auth-update reads",
            controls=(control.id,),
        )
        for name, text in texts.items()
        if text and text != state.written[name]
    ]


def _image(controls: Sequence[Control], state: State) -> Image:
    """Return what pam-auth-update is called with: profiles to enable, and options of pam_unix."""
    wanted: Image = {"profiles": {}, "force": state.torn}
    for control in controls:
        texts = FEATURES[control.settings["feature"]].profiles(control, state)
        wanted["profiles"].update(dict.fromkeys(texts, True))
        if control.settings["feature"] == "no_empty":
            wanted["nullok"] = False
        if control.settings["feature"] == "hash":
            wanted["hash"] = str(control.settings["value"]).lower()
    wanted["rebuild"] = bool(wanted["profiles"])  # a cut run may have noted a profile in some of the stacks only
    return wanted


def _wanted(control: Control) -> str:
    return FEATURES[control.settings["feature"]].wanted.format(value=control.settings.get("value"))


def _su_group(control: Control, state: State) -> Group:
    line = f"auth       required   pam_wheel.so use_uid group={control.settings['value']}\n"
    text = _ROOT_OK.sub(lambda match: match[0] + line, state.su, count=1)
    step = Step(
        subject=File(SU),
        wanted=file_image(encode(text)),
        before=_su_open(control, state) or "",
        after=_wanted(control),
        why="su asks for a password that people tend to share",
        controls=(control.id,),
    )
    return Group("pam su", (step,))
