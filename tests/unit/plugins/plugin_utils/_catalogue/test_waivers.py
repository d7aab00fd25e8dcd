# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers: whom they concern, how long they hold, what becomes of findings, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import waivers as granted_waivers

TODAY = date(2026, 11, 25)
DIRECTORY = Path(__file__).resolve().parents[5] / "roles" / "hardening" / "catalogue"
SELECTION = load.select(load.load([DIRECTORY]), "standard")
KNOWN = {control.id: control for control in load.load([DIRECTORY]).controls}
GROUPS = {
    "all": ["hl7-1", "hl7-2", "pacs-1"],
    "interface_engines": ["hl7-1", "hl7-2"],
    "archives": ["pacs-1"],
    "empty": [],
}
GOOD: Dict[str, Any] = {
    "control": "sshd_ciphers",
    "reason": "The analysers know CBC ciphers only.",
    "owner": "Ines Halloran",
    "approver": "Tomas Brandt",
    "ticket": "SEC-2041",
    "compensating_control": "Only the analysers' network reaches SSH.",
    "expires": "2026-12-18",
}


def read(*waivers: Any) -> List[granted_waivers.Waiver]:
    return list(granted_waivers.read(list(waivers), KNOWN, GROUPS, TODAY))


def finding(control: str, result: str, **more: Any) -> Dict[str, Any]:
    return {"id": control, "result": result, "reason": "", "before": "3des-cbc", **more}


@pytest.mark.parametrize(
    ("narrowed", "hosts"),
    [
        pytest.param({}, ["hl7-1", "hl7-2", "pacs-1"], id="everybody"),
        pytest.param({"hosts": ["hl7-2"]}, ["hl7-2"], id="a host"),
        pytest.param({"groups": ["interface_engines"]}, ["hl7-1", "hl7-2"], id="a group"),
        pytest.param({"hosts": ["hl7-1"], "groups": ["archives"]}, ["hl7-1", "pacs-1"], id="both together"),
        pytest.param({"groups": ["empty"]}, [], id="a group that has no host yet"),
    ],
)
def test_whom_a_waiver_concerns(narrowed: Dict[str, Any], hosts: List[str]) -> None:
    (waiver,) = read({**GOOD, **narrowed})
    assert [host for host in GROUPS["all"] if waiver.concerns(host)] == hosts


@pytest.mark.parametrize(
    ("expires", "left", "expired"),
    [("2026-12-18", 23, False), ("2026-11-25", 0, False), ("2026-11-24", -1, True), ("2020-02-29", -2461, True)],
)
def test_it_holds_until_the_end_of_its_day(expires: str, left: int, expired: bool) -> None:
    (waiver,) = read({**GOOD, "expires": expires})
    told = waiver.as_evidence(TODAY)
    assert (told["days_left"], told["expired"]) == (left, expired)
    assert {key: told[key] for key in GOOD} == {**GOOD, "expires": expires}


def test_what_yaml_reads_as_a_date_or_a_number_is_meant_as_text() -> None:
    (waiver,) = read({**GOOD, "expires": date(2026, 12, 18), "ticket": 2041})
    assert (waiver.expires, waiver.said["expires"], waiver.said["ticket"]) == (date(2026, 12, 18), "2026-12-18", "2041")


@pytest.mark.parametrize(("severity", "days"), [("low", 365), ("medium", 180), ("high", 90), ("critical", 30)])
def test_the_severity_says_how_long_a_waiver_may_last(severity: str, days: int) -> None:
    control = next(
        control for control in KNOWN.values() if control.severity == severity and not control.max_waiver_days
    )
    assert granted_waivers.most_days(control) == days


def test_a_control_may_say_how_long_itself(tmp_path: Path) -> None:
    (tmp_path / "controls").mkdir()
    data = (DIRECTORY / "controls" / "console.yml").read_text(encoding="utf-8")
    own = data.replace("  tier: essential\n", "  tier: essential\n  max_waiver_days: 14\n", 1)
    (tmp_path / "controls" / "one.yml").write_text(own, encoding="utf-8")
    controls = {control.id: control for control in load.load([tmp_path]).controls}
    assert granted_waivers.most_days(controls["console_reboot_key"]) == 14
    wish = {**GOOD, "control": "console_reboot_key"}
    assert granted_waivers.read([{**wish, "expires": "2026-12-09"}], controls, GROUPS, TODAY)
    with pytest.raises(ClinicalError, match="14 days for this control"):
        granted_waivers.read([{**wish, "expires": "2026-12-10"}], controls, GROUPS, TODAY)


REFUSED = [
    pytest.param(
        {"approver": " ines  HALLORAN"}, ["approver", "who is the owner", "another person"], id="own approval"
    ),
    pytest.param({"expires": "2027-02-24"}, ["expires", "91 days", "2027-02-23", "severity high"], id="too long"),
    pytest.param({"expires": "2026-13-01"}, ["expires", "a day of the calendar"], id="no such month"),
    pytest.param({"expires": "18.12.2026"}, ["expires", "saw '18.12.2026'"], id="another form of date"),
    pytest.param({"expires": True}, ["expires", "saw true"], id="no date at all"),
    pytest.param({"control": "sshd_cipher"}, ["unknown control id", "did you mean sshd_ciphers?"], id="control"),
    pytest.param({"hosts": ["hl7-3"]}, ["hosts", "'hl7-3' is not in the inventory"], id="host"),
    pytest.param({"groups": ["interface_engine"]}, ["groups", "did you mean interface_engines?"], id="group"),
    pytest.param({"hosts": []}, ["hosts", "at least one item"], id="narrowed to nobody"),
    pytest.param({"hosts": "hl7-1"}, ["hosts", "a list"], id="no list"),
    pytest.param({"reason": "  "}, ["reason", "text that is not empty"], id="no reason"),
    pytest.param({"until": "2026-12-18"}, ["until", "unknown key"], id="unknown key"),
    pytest.param({"value": [1]}, ["value", "saw a list"], id="several values"),
]


@pytest.mark.parametrize(("wrong", "told"), REFUSED)
def test_what_is_wrong_is_refused_with_the_number_and_the_control(wrong: Dict[str, Any], told: List[str]) -> None:
    with pytest.raises(ClinicalError) as caught:
        read({**GOOD, "control": "sshd_macs"}, {**GOOD, **wrong})
    for part in ("hardening_waivers: waiver 2 of sshd_cipher", "No host was touched", *told):
        assert part in str(caught.value)


@pytest.mark.parametrize("key", GOOD)
def test_every_key_but_the_narrowing_ones_is_needed(key: str) -> None:
    with pytest.raises(ClinicalError, match=f"hardening_waivers: waiver 1.*: {key}: missing key"):
        read({name: value for name, value in GOOD.items() if name != key})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ClinicalError) as caught:
        read({**GOOD, "approver": "Ines Halloran", "groups": ["none"], "expires": "2030-01-01"}, "words", {})
    message = str(caught.value)
    assert "waiver 2: saw 'words'" in message
    for part in ("approver", "groups", "expires", "waiver 3"):
        assert part in message


@pytest.mark.parametrize("given", ["text", {"control": "sshd_macs"}, 5])
def test_it_has_to_be_a_list(given: Any) -> None:
    with pytest.raises(ClinicalError, match="a list of waivers"):
        granted_waivers.read(given, KNOWN, GROUPS, TODAY)


@pytest.mark.parametrize(
    ("one", "two", "meet"),
    [
        pytest.param({}, {}, True, id="both for all"),
        pytest.param({}, {"hosts": ["pacs-1"]}, True, id="one for all"),
        pytest.param({"hosts": ["hl7-1"]}, {"groups": ["interface_engines"]}, True, id="a host and its group"),
        pytest.param({"hosts": ["hl7-1"]}, {"groups": ["archives"]}, False, id="apart"),
        pytest.param({}, {"control": "sshd_macs"}, False, id="different controls"),
    ],
)
def test_one_waiver_for_a_control_on_a_host(one: Dict[str, Any], two: Dict[str, Any], meet: bool) -> None:
    if not meet:
        assert len(read({**GOOD, **one}, {**GOOD, **two})) == 2
        return
    with pytest.raises(ClinicalError, match="waiver 2 of sshd_ciphers: waiver 1 is of the same control"):
        read({**GOOD, **one}, {**GOOD, **two})


@pytest.mark.parametrize(
    ("given", "waived"), [({}, {}), ({"value": 6}, {"value": "6"}), ({"value": False}, {"value": "no"})]
)
def test_the_host_hears_what_it_must_not_enforce(given: Dict[str, Any], waived: Dict[str, str]) -> None:
    marked = {control["id"]: control["waived"] for control in granted_waivers.mark(SELECTION, read({**GOOD, **given}))}
    assert marked.pop("sshd_ciphers") == waived
    assert set(marked.values()) == {None}


def test_a_finding_shows_its_waiver() -> None:
    found, told, warnings = granted_waivers.judged(
        [finding("sshd_ciphers", "waived", reason="because"), finding("sshd_macs", "fail")], read(GOOD), TODAY
    )
    assert found[0]["result"] == "waived"
    assert found[0]["waiver"] == {**GOOD, "days_left": 23, "expired": False}
    assert "waiver" not in found[1]
    assert told == [{**GOOD, "days_left": 23, "expired": False, "used": True}]
    assert warnings == []


def test_an_expired_one_fails_with_the_reason() -> None:
    expired = read({**GOOD, "expires": "2026-11-20"})
    findings = [finding("sshd_ciphers", "waived", reason="why")]
    (found,), (told,), warnings = granted_waivers.judged(findings, expired, TODAY)
    assert found["result"] == "fail"
    assert found["reason"] == "the waiver SEC-2041 expired on 2026-11-20; Ines Halloran answers for it; why"
    assert (told["expired"], told["used"], found["waiver"]["days_left"]) == (True, True, -5)
    assert warnings == []


@pytest.mark.parametrize(
    ("findings", "value", "why"),
    [
        pytest.param([], None, "the tier does not contain the control", id="another tier"),
        pytest.param([finding("sshd_ciphers", "pass")], None, "the host complies without it", id="complies"),
        pytest.param([finding("sshd_ciphers", "notapplicable")], None, "ended as notapplicable", id="not applicable"),
        pytest.param([finding("sshd_ciphers", "error")], None, "ended as error", id="unknown"),
        pytest.param(
            [finding("sshd_ciphers", "fixed")], "x", "for the value x, and the host had 3des", id="other value"
        ),
    ],
)
def test_one_that_is_not_used_is_warned_of(findings: List[Dict[str, Any]], value: Any, why: str) -> None:
    given = GOOD if value is None else {**GOOD, "value": value}
    found, (told,), (warning,) = granted_waivers.judged(findings, read(given), TODAY)
    assert found == findings
    assert told["used"] is False
    assert warning.startswith("hardening_waivers: the waiver of sshd_ciphers is not used: ")
    assert why in warning
