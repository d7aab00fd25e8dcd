# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vocabulary: settings that are checked, verdicts that add up, values that are compared."""

from __future__ import annotations

import functools
import sys
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.authselect import WRITTEN
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import (
    Assessment,
    Blocked,
    Control,
    Setting,
    Verdict,
    Verdicts,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support import authselect
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import DEVIATES, OK, UNKNOWN
from dirty_host import SETTINGS, dirty_host
from look import plan, subjects

GOOD = [
    pytest.param(kind, settings, id=f"{kind}-{n}") for kind in SETTINGS for n, settings in enumerate(SETTINGS[kind])
]


@pytest.mark.parametrize(("kind", "settings"), GOOD)
def test_good_settings_have_no_problem(kind: str, settings: dict[str, Any]) -> None:
    assert KINDS[kind].validate(settings) == []


@pytest.mark.parametrize(("kind", "settings"), GOOD)
def test_each_missing_unknown_and_mistyped_setting_is_named(kind: str, settings: dict[str, Any]) -> None:
    for key, setting in KINDS[kind].SETTINGS.items():
        if setting.required:
            rest = {k: v for k, v in settings.items() if k != key}
            assert f"settings.{key} is missing" in KINDS[kind].validate(rest)
        assert any(f"settings.{key} is None" in p for p in KINDS[kind].validate({**settings, key: None}))
    assert "settings.no_such_key is not known" in KINDS[kind].validate({**settings, "no_such_key": 1})[0]


def test_a_slip_of_the_pen_is_recognised() -> None:
    assert KINDS["sysctl"].validate({"kye": "a", "key": "a", "value": 1}) == [
        "settings.kye is not known; did you mean key?"
    ]


@pytest.mark.parametrize(("kind", "settings"), GOOD)
def test_every_control_claims_something(kind: str, settings: dict[str, Any]) -> None:
    claims = KINDS[kind].claims(settings)
    assert claims
    assert len(set(claims)) == len(claims)


@pytest.mark.parametrize(
    ("setting", "value", "fine"),
    [
        (Setting("int"), 3, True),
        (Setting("int"), True, False),
        (Setting("bool"), 1, False),
        (Setting("str"), "", True),
        (Setting("scalar"), ["a"], False),
        (Setting("list"), "a", False),
        (Setting("str_or_list"), ("a",), True),
        (Setting("str", choices=("a", "b")), "c", False),
        (Setting("str", pattern=r"^/"), "x/", False),
        (Setting("str", pattern=r"^/"), "/x\ny", False),
        (Setting("str", pattern=r"^[a-z]+$"), "x\n", False),
    ],
)
def test_what_a_setting_may_hold(setting: Setting, value: Any, fine: bool) -> None:
    assert (setting.problem(value) is None) == fine


def assessment(verdicts: Verdicts, **more: Any) -> Assessment:
    return Assessment(control="c", subject="", wanted="", before="", after="", verdicts=verdicts, **more)


@pytest.mark.parametrize(
    ("states", "result"),
    [
        ("ok ok ok", "pass"),
        ("ok deviates ok", "fail"),
        ("unknown deviates ok", "error"),
        ("notapplicable ok ok", "pass"),
        ("notapplicable notapplicable notapplicable", "notapplicable"),
        ("notapplicable deviates ok", "fail"),
    ],
)
def test_unknown_is_never_compliant(states: str, result: str) -> None:
    running, on_disk, survives_reboot = (Verdict(state) for state in states.split())
    verdicts = Verdicts(running=running, on_disk=on_disk, survives_reboot=survives_reboot)
    assert assessment(verdicts).result == result


@pytest.mark.parametrize(
    ("state", "more", "to_enforce", "reason"),
    [
        (DEVIATES, {}, True, ""),
        (DEVIATES, {"remark": "it takes effect at the next boot"}, True, "it takes effect at the next boot"),
        (DEVIATES, {"blocked": Blocked("somebody masked it")}, False, "somebody masked it"),
        (DEVIATES, {"remark": "a remark", "blocked": Blocked("somebody masked it")}, False, "somebody masked it"),
        (DEVIATES, {"waived": True}, False, ""),
        (OK, {}, False, ""),
        (UNKNOWN, {}, False, ""),
    ],
)
def test_only_what_is_blocked_is_left_as_it_is(state: str, more: Any, to_enforce: bool, reason: str) -> None:
    judged = assessment(Verdicts.same(Verdict(state)), **more)
    assert (judged.to_enforce, judged.reason) == (to_enforce, reason)


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_remark_does_not_stop_a_kind_from_enforcing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without = [subjects([group]) for group in plan(dirty_host(), kind, *SETTINGS[kind]).groups]
    with_remark = functools.partial(Assessment, remark="somebody should look at it once")
    monkeypatch.setattr(sys.modules[type(KINDS[kind]).__module__], "Assessment", with_remark)
    planned = plan(dirty_host(), kind, *SETTINGS[kind])
    assert [subjects([group]) for group in planned.groups] == without
    assert without


def test_a_remark_does_not_stop_authselect_from_enforcing(monkeypatch: pytest.MonkeyPatch) -> None:
    state = authselect.State("minimal", frozenset(), known=frozenset({"with-faillock"}))
    monkeypatch.setattr(authselect, "Assessment", functools.partial(Assessment, remark="somebody should look at it"))
    planned = authselect.plan([Control("c1", "pam", {"feature": "lockout"})], state)
    assert [judged.reason for judged in planned.assessments] == ["somebody should look at it"]
    assert subjects(planned.groups) == [f"tree {WRITTEN}", "authselect features with-faillock"]
