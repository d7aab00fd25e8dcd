# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The patch policy: what it takes, what waits and why, until when; and every mistake in it at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy as patch_policy
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import OmittedChange, PackageChange
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=timezone.utc)
TODAY = NOW.date()
RULE: dict[str, Any] = {"packages": ["orthanc*"], "reason": "The vendor tests it first.", "expires": "2026-12-24"}


CHANGE = PackageChange(
    name="orthanc",
    arch="amd64",
    change="upgrade",
    old="1.10.1+dfsg-2",
    new="1.10.1+dfsg-2+deb12u1",
    security=True,
    first_seen="2026-11-24T08:00:00Z",
    origin="Debian-Security:12/stable-security",
    source="orthanc",
    source_old="1.10.1+dfsg-2",
    source_new="1.10.1+dfsg-2+deb12u1",
)


def judged(policy: dict[str, Any], **more: Any) -> OmittedChange | None:
    return patch_policy.read(policy).judge(replace(CHANGE, **more), NOW)


def why(omitted: OmittedChange | None) -> tuple[str, str]:
    assert omitted is not None
    return omitted.reason, omitted.expires


@pytest.mark.parametrize(
    ("policy", "candidate", "group"),
    [
        pytest.param({}, {}, "changes", id="nothing said"),
        pytest.param({"exclude": [RULE]}, {}, "excluded", id="excluded by a pattern"),
        pytest.param({"exclude": [RULE]}, {"name": "nginx"}, "changes", id="another package"),
        pytest.param({"exclude": [{**RULE, "expires": "2026-11-25"}]}, {}, "excluded", id="the rule's last day"),
        pytest.param({"exclude": [{**RULE, "expires": "2026-11-24"}]}, {}, "changes", id="the day after"),
        pytest.param({"exclude": [{**RULE, "expires": date(2026, 12, 24)}]}, {}, "excluded", id="a day that YAML read"),
        pytest.param({"pin": [{**RULE, "version": "1.10.*"}]}, {}, "changes", id="the pinned version"),
        pytest.param({"pin": [{**RULE, "version": "1.9.*"}]}, {}, "excluded", id="another than the pinned version"),
        pytest.param({"allowed_origins": ["Debian*"]}, {}, "changes", id="from an allowed origin"),
        pytest.param({"allowed_origins": ["Debian:*"]}, {}, "not_allowed", id="from another origin"),
        pytest.param({"allowed_origins": ["Debian:*"]}, {"origin": ""}, "not_allowed", id="from nowhere known"),
        pytest.param({"security_only": True}, {}, "changes", id="a security update where only those come"),
        pytest.param({"security_only": True}, {"security": False}, "not_allowed", id="no security update"),
        pytest.param({"security_only": True}, {"security": None}, "not_allowed", id="nobody says"),
        pytest.param({"minimum_age": {"unknown": 2}}, {}, "too_young", id="too young"),
        pytest.param({"minimum_age": {"unknown": 1}}, {}, "changes", id="just old enough"),
        pytest.param({"minimum_age": {"default": 2}}, {"severity": "low"}, "too_young", id="default stands for low"),
        pytest.param({"minimum_age": {"default": 2}}, {}, "changes", id="default does not stand for unknown"),
    ],
)
def test_where_a_candidate_goes(policy: dict[str, Any], candidate: dict[str, Any], group: str) -> None:
    omitted = judged(policy, **candidate)
    assert (omitted.kind if omitted else "changes") == group


def test_what_is_left_out_says_why_and_until_when() -> None:
    assert why(judged({"exclude": [RULE]})) == ("excluded: The vendor tests it first.", "2026-12-24")
    assert why(judged({"pin": [{**RULE, "version": "1.9.*"}]}))[0] == "pinned to 1.9.*: The vendor tests it first."
    assert why(judged({"minimum_age": {"unknown": 3}})) == (
        "seen first on 2026-11-24T08:00:00Z; severity unknown waits 3 days",
        "2026-11-27T08:00:00Z",
    )
    assert why(judged({"allowed_origins": ["Debian:*", "Hospital:*"]})) == (
        "it comes from Debian-Security:12/stable-security; allowed is Debian:*, Hospital:*",
        "",
    )


def test_what_another_package_needs_is_not_held_back_by_age_but_by_rules() -> None:
    policy = patch_policy.read({"exclude": [RULE], "minimum_age": {"unknown": 14}, "security_only": True})
    assert policy.exclusion(replace(CHANGE, name="libdcmtk17", security=False), NOW) is None
    assert why(policy.exclusion(CHANGE, NOW))[1] == "2026-12-24"


@pytest.mark.parametrize(
    ("severity", "kev_due", "days"),
    [
        pytest.param("critical", None, 7, id="critical"),
        pytest.param("high", None, 14, id="high"),
        pytest.param("medium", None, 30, id="default"),
        pytest.param("unknown", None, 14, id="unknown is not the least"),
        pytest.param("kev", None, 3, id="exploited, no day named"),
        pytest.param("kev", "2026-11-26", 1.667, id="CISA's day comes first"),
        pytest.param("kev", "2027-01-01", 3, id="ours comes first"),
        pytest.param("kev", "2021-11-17", 3, id="CISA's day was over before"),
    ],
)
def test_deadlines_count_from_the_day_an_update_was_seen(severity: str, kev_due: str | None, days: float) -> None:
    deadline = patch_policy.read({}).deadline(severity, NOW, kev_due)
    assert (deadline - NOW) / timedelta(days=1) == pytest.approx(days, abs=0.001)


@pytest.mark.parametrize(
    ("left", "days"),
    [
        pytest.param(timedelta(days=2, hours=23), 2, id="not rounded up"),
        pytest.param(timedelta(minutes=1), 0, id="the last day"),
        pytest.param(timedelta(minutes=-1), -1, id="over"),
    ],
)
def test_days_left(left: timedelta, days: int) -> None:
    assert patch_policy.days_left(NOW + left, NOW) == days


@pytest.mark.parametrize(
    ("advisories", "policy", "severity"),
    [
        pytest.param([], {}, "unknown", id="nothing known"),
        pytest.param([{"urgency": "not yet assigned"}], {}, "unknown", id="not assigned"),
        pytest.param([{"urgency": "low"}, {"urgency": "high"}], {}, "high", id="the worst counts"),
        pytest.param([{"urgency": "medium**"}], {}, "medium", id="with the tracker's stars"),
        pytest.param([{"urgency": "unimportant"}], {}, "low", id="unimportant"),
        pytest.param([{"urgency": "low"}, {"urgency": "end-of-life"}], {}, "low", id="low is worse than unknown"),
        pytest.param([{"urgency": "low", "kev_due": "2026-12-01"}], {}, "kev", id="exploited"),
        pytest.param([{"urgency": "low", "epss": 0.97}], {}, "low", id="likely, and nobody asked"),
        pytest.param([{"urgency": "low", "epss": 0.97}], {"critical": 0.5, "high": 0.1}, "critical", id="likely"),
        pytest.param([{"urgency": None, "epss": 0.1}], {"critical": 0.5, "high": 0.1}, "high", id="just as likely"),
        pytest.param([{"urgency": None, "epss": None}], {"high": 0.0}, "unknown", id="no share known"),
    ],
)
def test_severity(advisories: Any, policy: dict[str, float], severity: str) -> None:
    assert patch_policy.read({"epss_at_least": policy}).severity(advisories) == severity


def test_what_an_update_closes_lies_after_the_installed_version_and_not_after_the_new_one() -> None:
    advisories = [{"cve": f"CVE-2026-{number}", "fixed": str(number)} for number in range(1, 6)]
    closed = patch_policy.closed_advisories(advisories, "2", "4", by_number)
    assert [each["cve"] for each in closed] == ["CVE-2026-3", "CVE-2026-4"]


ADVISORIES = [
    {"cve": "CVE-2026-1", "fixed": "1", "urgency": "high", "dsa": None, "kev_due": None, "epss": 0.9},
    {"cve": "CVE-2026-3", "fixed": "3", "urgency": "medium", "dsa": "DSA-6001-1", "kev_due": None, "epss": 0.02},
    {"cve": "CVE-2026-4", "fixed": "4", "urgency": "not yet assigned", "dsa": None, "kev_due": None, "epss": None},
]


def by_number(version: str, installed: str, candidate: str) -> bool:
    return int(installed) < int(version) <= int(candidate)


def test_a_change_is_rated_by_the_fixes_between_its_versions() -> None:
    change = replace(CHANGE, source_old="2", source_new="4", security=False, first_seen=format_stamp(NOW))
    rate = patch_policy.read({}).rate(change, ADVISORIES, by_number, NOW)
    assert rate.security is True
    assert (rate.cves, rate.advisories) == (("CVE-2026-3", "CVE-2026-4"), ("DSA-6001-1",))
    assert (rate.severity, rate.epss) == ("medium", 0.02)
    assert (rate.deadline, rate.days_left) == ("2026-12-25T08:00:00Z", 30)


def test_a_change_of_which_no_advisory_speaks_keeps_what_is_known_of_it() -> None:
    change = replace(CHANGE, source_old="4", source_new="5", cves=("CVE-2026-9",), severity="critical")
    rate = patch_policy.read({}).rate(change, ADVISORIES, by_number, NOW)
    assert (rate.security, rate.cves, rate.severity, rate.epss) == (True, ("CVE-2026-9",), "critical", None)
    assert rate.deadline == "2026-12-01T08:00:00Z"


def test_a_new_package_closes_nothing() -> None:
    change = replace(CHANGE, change="install", old="", source_old="", source_new="4", security=None)
    rate = patch_policy.read({}).rate(change, ADVISORIES, by_number, NOW)
    assert (rate.security, rate.cves, rate.severity) == (None, (), "unknown")


def test_an_ended_rule_is_told_where_its_package_is() -> None:
    policy = patch_policy.read({"exclude": [{**RULE, "expires": "2026-11-01"}]})
    assert policy.describe_expired(["orthanc", "nginx"], TODAY) == [
        "the rule for orthanc* ended on 2026-11-01: The vendor tests it first."
    ]
    assert policy.describe_expired(["nginx"], TODAY) == []


def test_evidence_sees_every_rule_with_its_reason_and_end() -> None:
    told = patch_policy.read({"pin": [{**RULE, "version": "1.10.*"}], "deadlines": {"kev": 1}}).as_result(TODAY)
    assert told["pin"] == [
        {
            "packages": ["orthanc*"],
            "reason": "The vendor tests it first.",
            "version": "1.10.*",
            "expires": "2026-12-24",
            "days_left": 29,
        }
    ]
    assert told["deadlines"] == {"kev": 1, "critical": 7, "high": 14, "default": 30, "unknown": 14}


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        pytest.param([], "it is []; wanted is a mapping", id="no mapping"),
        pytest.param({"security": True}, "unknown key 'security'", id="unknown key"),
        pytest.param({"security_only": "yes"}, "security_only is 'yes'; wanted is true or false", id="flag"),
        pytest.param({"exclude": "orthanc"}, "exclude is 'orthanc'; wanted is a list of rules", id="rules"),
        pytest.param({"exclude": ["orthanc"]}, "exclude 1 is 'orthanc'; wanted is a mapping", id="rule"),
        pytest.param({"exclude": [{**RULE, "reason": ""}]}, "exclude 1 has no reason", id="no reason"),
        pytest.param({"exclude": [{**RULE, "expires": None}]}, "exclude 1 has no expires", id="no end"),
        pytest.param(
            {"exclude": [{**RULE, "until": "2027"}]}, "exclude 1 has the unknown key 'until'", id="rule's key"
        ),
        pytest.param({"exclude": [{**RULE, "expires": "soon"}]}, "expires is 'soon'; wanted is a day", id="no day"),
        pytest.param({"exclude": [{**RULE, "expires": "2026-02-30"}]}, "is '2026-02-30'; wanted is a day", id="Feb 30"),
        pytest.param({"exclude": [{**RULE, "packages": "orthanc"}]}, "packages is 'orthanc'; wanted", id="packages"),
        pytest.param({"pin": [RULE]}, "pin 1 has no version", id="a pin to nothing"),
        pytest.param({"pin": [{**RULE, "version": 1.1}]}, "version is 1.1; wanted is text", id="a number as version"),
        pytest.param({"deadlines": {"medium": 3}}, "deadlines has the unknown key 'medium'", id="term"),
        pytest.param({"deadlines": {"kev": "3"}}, "deadlines.kev is '3'; wanted is a number of days", id="days"),
        pytest.param({"deadlines": {"kev": -1}}, "deadlines.kev is -1; wanted is a number of days", id="negative"),
        pytest.param({"deadlines": {"kev": True}}, "deadlines.kev is True; wanted is a number", id="true is no day"),
        pytest.param({"minimum_age": [1]}, "minimum_age is [1]; wanted is a mapping", id="ages"),
        pytest.param({"minimum_age": {"kev": 4}}, "minimum_age.kev (4 days) is longer than deadlines.kev", id="never"),
        pytest.param({"allowed_origins": "Debian"}, "allowed_origins is 'Debian'; wanted is a list", id="origins"),
        pytest.param({"epss_at_least": {"low": 0.1}}, "epss_at_least has the unknown key 'low'", id="EPSS word"),
        pytest.param({"epss_at_least": {"high": 10}}, "epss_at_least.high is 10; wanted is a share", id="EPSS share"),
        pytest.param({"epss_at_least": 0.1}, "epss_at_least is 0.1; wanted is a mapping", id="EPSS"),
    ],
)
def test_a_policy_with_a_mistake_is_refused(policy: Any, told: str) -> None:
    with pytest.raises(ClinicalError) as refused:
        patch_policy.read(policy)
    assert told in str(refused.value)
    assert "Nothing was changed" in str(refused.value)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ClinicalError) as refused:
        patch_policy.read({"security_only": 1, "exclude": [{"packages": ["a"]}], "deadlines": {"soon": 1}})
    for told in ("security_only", "no reason", "no expires", "unknown key 'soon'"):
        assert told in str(refused.value)
