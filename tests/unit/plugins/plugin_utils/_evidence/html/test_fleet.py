# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report says across the fleet: frameworks, waivers, what stayed available, how services answered."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.availability import not_compared
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import WORST_FIRST
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html import fleet as parts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html import page
from unit_tests.plugin_utils._evidence import samples, secrets
from unit_tests.plugin_utils._evidence.html.test_page import Reader, render
from unit_tests.plugin_utils._evidence.test_record import planted

Json = t.Dict[str, t.Any]

LINKS = (
    ("cis_debian_12", "CIS Debian Linux 12", "benchmark", "5.10.1"),
    ("cis_debian_12", "CIS Debian Linux 12", "benchmark", "5.2.1"),
    ("hipaa_nprm_2025", "HIPAA, proposed changes", "proposed", "164.312(c)"),
    ("hipaa_security_rule", "HIPAA Security Rule", "law", "164.312(a)(1)"),
    ("nist_800_53r5", "NIST SP 800-53", "guidance", "AC-6(2)"),
    ("nist_800_53r5", "NIST SP 800-53", "guidance", "AC-6"),
)


def linked(finding: Json) -> Json:
    keys = ("framework", "title", "status", "reference")
    references = [
        {**dict(zip(keys, link)), "strength": strength} for link, strength in zip(LINKS, ("full", "partial") * 3)
    ]
    return {**finding, "references": references}


def fleet(hosts: int = 3, controls: int = 40, **more: t.Any) -> Json:
    records = {}
    for number in range(hosts):
        result = samples.whole(number, controls)
        result["findings"] = [linked(each) for each in result["findings"]]
        result.update(more)
        records[samples.host_name(number)] = record.clean_result(result, "a")
    return evidence.bundle(samples.RUN_ID, records)


def only(*results: Json) -> Json:
    """A run of hosts h0, h1 ... with these results."""
    return evidence.bundle(samples.RUN_ID, {f"h{n}": record.clean_result(each, "a") for n, each in enumerate(results)})


def section(html: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found
    return " ".join(Reader(found.group()).text.split())


# By framework


def test_what_binds_comes_first_and_what_is_proposed_last() -> None:
    told = page.build(fleet())["frameworks"]
    assert [(each.status, each.standing) for each in told] == [
        ("law", "Law in force"),
        ("guidance", "Guidance, not law"),
        ("benchmark", "Benchmark, not law"),
        ("proposed", "Proposed, not law"),
    ]


def test_a_proposed_rule_is_never_printed_as_law() -> None:
    html, _seen = render(fleet())
    for framework in re.findall(r'<details class="framework (\w+)">(.*?</summary>)', html, re.DOTALL):
        status, summary = framework
        assert ("Law in force" in summary) == (status == "law")
    proposed = html[html.index('class="framework proposed"') :]
    assert "This rule is proposed. Nobody has to follow it" in proposed[: proposed.index("refs-list")]


def test_a_status_that_nobody_knows_is_not_taken_for_law() -> None:
    run = fleet(1, 3)
    run["frameworks"]["hipaa_security_rule"]["status"] = "Law!"
    assert {each.status for each in page.build(run)["frameworks"]} == {"guidance", "benchmark", "proposed"}


def test_each_reference_tells_its_controls_how_strongly_and_their_state() -> None:
    run = fleet()
    nist = next(each for each in page.build(run)["frameworks"] if each.title == "NIST SP 800-53")
    assert [reference.id for reference in nist.references] == ["AC-6", "AC-6(2)"]
    reference = nist.references[1]
    assert len(reference.supports) == nist.controls == 40
    assert reference.counts == {word: number for word, number in run["summary"].items() if number}
    (root,) = [each for each in reference.supports if each.control.data["id"] == "sshd_root_login"]
    seen = [host["findings"][0]["result"] for host in run["hosts"].values()]
    assert root.control.counts == {word: seen.count(word) for word in WORST_FIRST if word in seen}
    assert {each.strength for each in reference.supports} == {"all that it asks of a server"}
    assert {each.strength for each in nist.references[0].supports} == {"a part of what it asks of a server"}


def test_references_are_in_the_order_in_which_people_count() -> None:
    cis = next(each for each in page.build(fleet())["frameworks"] if each.status == "benchmark")
    assert [reference.id for reference in cis.references] == ["5.2.1", "5.10.1"]
    assert sorted(["AC-10", "AC-2", "AC-2(10)", "AC-2(3)"], key=parts.natural) == [
        "AC-2",
        "AC-2(3)",
        "AC-2(10)",
        "AC-10",
    ]


def test_what_is_known_of_a_framework_stands_beside_it() -> None:
    about = {"hipaa_security_rule": {"version": "45 CFR Part 164", "as_of": "2025-01-06", "secret": "x"}}
    html, _seen = render(fleet(frameworks=about))
    assert "45 CFR Part 164; as of 2025-01-06" in section(html, "frameworks")


# Waivers


def test_days_left_are_those_of_the_run_and_what_ends_first_comes_first() -> None:
    told = page.build(fleet(3, 100))["waivers"]
    assert [(each.status, each.days_left, each.urgent) for each in told] == [
        ("ended", "ended 2 days before the run", True),
        ("used", "20 days left", True),
        ("not used", "129 days left", False),
    ]
    assert [name for name, _at in told[1].hosts] == ["imaging-archive-01"]


@pytest.mark.parametrize(
    ("left", "told"),
    [(-1, "ended 1 day before the run"), (0, "last day"), (1, "1 day left"), (200, "200 days left")],
)
def test_days(left: int, told: str) -> None:
    assert parts.days(left) == told


def test_a_waiver_is_shown_with_everything_that_was_decided() -> None:
    narrowed = samples.waiver("sshd_root_login", hosts=["h0", "h9"], groups=["archives"], value="prohibit-password")
    html, _seen = render(only({**samples.result(0, 3), "waivers": [narrowed]}))
    text = section(html, "waivers")
    for part in (
        "Nobody logs in over SSH as root",
        "The vendor's installer mounts such an image twice a year.",
        "Mona Sax, imaging",
        "Luis Ortega, information security",
        "CHG-4711",
        "2026-12-12",
        "h0, h9",
        "archives",
        "prohibit-password",
        "20 days left",
    ):
        assert part in text


def test_a_waived_finding_says_until_when() -> None:
    _html, seen = render(fleet(3, 100))
    assert "Until 2026-12-12, 20 days left. CHG-4711. The vendor's installer" in seen.text


# Available


def test_what_was_lost_is_loud() -> None:
    lost = {**samples.AVAILABILITY, "lost": ["tcp 443 nginx"], "unreachable": ["tcp 8443"]}
    html, _seen = render(only({**samples.result(0, 3), "availability": lost}, samples.whole(1, 3)))
    alarm = html[html.index('<div class="alarm"') : html.index('<div class="fleet')]
    assert "1 host lost what answered before" in alarm
    assert "tcp 443 nginx, tcp 8443" in alarm
    text = section(html, "available")
    assert "4 answered before Gone tcp 443 nginx Not reached from the control node any more tcp 8443" in text
    assert text.index("lost h0") < text.index("all there h1")


def test_what_the_firewall_lets_through_is_shown_for_review() -> None:
    result = samples.result(0, 3)
    result["findings"][0].update(kind="firewall", result="fixed", after="open: tcp/22, tcp/443; all else is refused")
    result["summary"] = {word: [f["result"] for f in result["findings"]].count(word) for word in samples.STATES}
    html, _seen = render(only({**result, "availability": {**samples.AVAILABILITY, "compared": False, "appeared": []}}))
    assert "Let through by the firewall open: tcp/22, tcp/443; all else is refused" in section(html, "available")
    assert "answered before" not in section(html, "available").replace("that answered before the run", "")


def test_where_nothing_was_compared_nothing_is_claimed() -> None:
    nothing = not_compared()
    html, _seen = render(only({**samples.result(0, 3), "availability": nothing}))
    assert 'id="available"' not in html


def test_hosts_that_tell_the_same_are_told_once_and_quiet_ones_by_name() -> None:
    quiet = {"before": 3, "lost": [], "appeared": [], "unreachable": [], "consented": [], "ended": []}
    several = [samples.whole(number, 2) for number in range(3)] + [{**samples.result(4, 2), "availability": quiet}]
    built = page.build(only(*several))["availability"]
    assert [[name for name, _at in kept.hosts] for kept in built.notable] == [["h0", "h1", "h2"]]
    assert [name for name, _at in built.quiet] == ["h3"]
    assert built.lost == []


# Probes


def test_a_service_that_does_not_answer_is_loud_and_comes_first() -> None:
    html, _seen = render(only(samples.whole(0, 3), samples.whole(1, 3)))
    alarm = html[html.index('<div class="alarm"') : html.index('<div class="fleet')]
    assert "1 service check failed" in alarm
    assert "dicom_echo of" in alarm
    text = section(html, "probes")
    assert text.index("refused h1 dicom_echo") < text.index("mllp_echo")
    assert "3.2 ms" in text


def test_a_run_that_only_asked_services_is_a_report_of_its_own() -> None:
    told = record.clean_probes([samples.probe(), samples.probe("fhir", latency_ms=None)], "a", "r1")
    html, seen = render(evidence.bundle("r1", {"a": told}))
    assert "Configuration report" in seen.text
    assert "1 host: 2 service checks healthy." in seen.text
    assert "no control of the baseline was judged" in seen.text
    assert "2 of 2 healthy" in seen.text
    assert "no result</b>" not in html[: html.index('id="about"')]


# All of it


def test_no_planted_secret_is_on_the_page() -> None:
    html, _seen = render(evidence.bundle(samples.RUN_ID, {"a": record.clean_result(planted(), "a")}, ["b"]))
    assert secrets.found(html) == []


def test_a_record_of_before_there_were_such_parts_has_none() -> None:
    html, _seen = render(only(samples.result(0, 3)))
    for name in ("waivers", "available", "probes"):
        assert f'id="{name}"' not in html


def test_a_large_fleet_tells_what_is_good_by_name_only() -> None:
    run = fleet(45, 90)
    html, _seen = render(run)
    assert '<p class="names">' in html
    assert len(html) / sum(run["summary"].values()) < 450
