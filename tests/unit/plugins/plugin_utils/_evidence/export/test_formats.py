# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every writer promises: the same bytes from the same run, nothing that was unknown looks good, no secret."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
import typing as t
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, run_facts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export import common, hdf
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export import csv as csv_export
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import FORMATS as PATHS
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import samples, secrets, shapes
from unit_tests.plugin_utils._evidence.test_record import planted

Json = t.Dict[str, t.Any]
FORMATS = sorted(PATHS)


def bundle(hosts: int = 3, controls: int = 100, mode: str = "harden") -> Json:
    """A fleet in which everything occurs, also a host that failed early and one that gave no record."""
    records = {
        samples.host_name(number): record.clean_result(samples.whole(number, controls, mode), "a")
        for number in range(hosts)
    }
    records["early"] = record.clean_result({"failed": True, "msg": "no python"}, "early", samples.RUN_ID)
    records["only-asked"] = record.clean_probes([samples.probe()], "only-asked", samples.RUN_ID)
    return evidence.bundle(samples.RUN_ID, records, [*records, "down"])


def shuffled(value: t.Any, dice: random.Random) -> t.Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: shuffled(value[key], dice) for key in keys}
    return [shuffled(item, dice) for item in value] if isinstance(value, list) else value


def words(run: Json) -> t.Counter[str]:
    return Counter(finding["result"] for _name, _result, finding in common.findings(run))


@pytest.mark.parametrize("name", FORMATS)
def test_the_order_in_which_results_came_changes_no_byte(name: str) -> None:
    wanted = exported(bundle(), [name])
    for seed in range(3):
        dice = random.Random(seed)
        records = shuffled(bundle()["hosts"], dice)
        expected = [*records, "down"]
        dice.shuffle(expected)
        assert exported(evidence.bundle(samples.RUN_ID, records, expected), [name]) == wanted


PRINT_DIGESTS = """
import hashlib, runpy, sys, locale
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests/unit"]
runpy.run_path(sys.argv[1] + "/tests/unit/conftest.py")
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
from unit_tests.plugin_utils._evidence.export import test_formats as tests
for path, data in sorted(tests.exported(tests.bundle(), tests.FORMATS).items()):
    print(path, hashlib.sha256(data).hexdigest())
"""


def elsewhere(**environment: str) -> str:
    root = str(Path(__file__).resolve().parents[6])
    return subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS, root],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_another_machine_makes_the_same_bytes() -> None:
    here = elsewhere(TZ="UTC", LC_ALL="C.UTF-8", PYTHONHASHSEED="1")
    assert len(here.splitlines()) == len(exported(bundle(), FORMATS)) >= 10
    assert elsewhere(TZ="Pacific/Auckland", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="2", LANG="de_DE.UTF-8") == here
    assert elsewhere(TZ="America/New_York", LC_ALL="POSIX", PYTHONHASHSEED="3", PYTHONUTF8="0") == here


def test_no_writer_looks_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = exported(bundle(), FORMATS)
    for name in ("time", "time_ns", "gmtime", "localtime", "strftime", "monotonic"):
        monkeypatch.setattr(f"time.{name}", lambda *_args: pytest.fail("a writer asked for the time"))
    assert exported(bundle(), FORMATS) == wanted


@pytest.mark.parametrize("name", FORMATS)
def test_no_planted_secret_is_in_any_exported_file(name: str) -> None:
    run = evidence.bundle(samples.RUN_ID, {"a": record.clean_result(planted(), "a")}, ["b"])
    for path, data in exported(run, [name]).items():
        assert secrets.found(data.decode("utf-8")) == [], path


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_without_any_result_is_told(name: str) -> None:
    run = evidence.bundle(samples.RUN_ID, {}, ["down"], {"half": "/x/half.json: cut"}, "harden")
    told = "".join(data.decode("utf-8") for data in exported(run, [name]).values())
    assert "down" in told
    assert "half" in told


@pytest.mark.parametrize("name", FORMATS)
def test_a_rollback_can_be_written(name: str) -> None:
    run = evidence.bundle("r2", {"a": record.clean_result(samples.reverted(run_id="r2"), "a")}, ["a"])
    made = exported(run, [name])
    assert all(data.endswith(b"\n") for data in made.values() if name != "ocsf")
    assert name != "ocsf" or made == {"ocsf.jsonl": b""}  # it has no word for what was put back


# CSV


def table(run: Json) -> t.List[t.Dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(run, ["csv"])["findings.csv"].decode("utf-8"), newline="")))


def test_every_finding_is_a_line_and_hosts_without_result_are_too() -> None:
    run = bundle()
    lines = table(run)
    assert Counter(line["result"] for line in lines) == {**words(run), "noresult": 2}
    assert {line["host"] for line in lines if line["result"] == "noresult"} == {"down", "early"}
    waived = next(line for line in lines if line["result"] == "waived")
    assert (waived["waived_until"], waived["ticket"]) == ("2026-12-12", "CHG-4711")
    assert "HIPAA Security Rule NPRM (proposed) 164.312(c): supports" in lines[2]["references"].splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=cmd|' /C calc'!A0",
        "  =HYPERLINK(1)",
        "|x",
        "\uff1d1",
        '=1","=2',
    ],
    ids=repr,
)
def test_a_spreadsheet_calculates_nothing_that_a_host_wrote(text: str) -> None:
    result = samples.result(0, 1)
    result["findings"][0].update(reason=text, before=text)
    run = evidence.bundle(samples.RUN_ID, {"a": record.clean_result(result, "a")})
    (line,) = table(run)
    assert line["before"].startswith("'")
    assert line["before"][1:].replace("\\x0d", "\r") == text.replace("\\x0d", "\r")
    assert csv_export.safe("plain = text") == "plain = text"


# JUnit


def test_the_suites_add_up() -> None:
    run = bundle()
    root = ElementTree.fromstring(exported(run, ["junit"])["junit.xml"])
    counted = words(run)
    unhealthy = sum(not probe["healthy"] for _host, probe in run_facts.probes(run))
    assert unhealthy == 1
    assert int(root.get("failures", "")) == counted["fail"] + counted["deferred"] + unhealthy
    assert int(root.get("errors", "")) == counted["error"] + 2
    assert int(root.get("skipped", "")) == counted["waived"] + counted["notchecked"] + counted["notapplicable"]
    assert int(root.get("tests", "")) == len(root.findall("testsuite/testcase"))
    assert [suite.get("name") for suite in root] == sorted([*run["hosts"], "down"])
    passed = [case for case in root.iter("testcase") if len(case) == 0]
    assert len(passed) == counted["pass"] + counted["fixed"] + len(run_facts.probes(run)) - unhealthy


def test_no_character_breaks_the_xml() -> None:
    result = samples.result(0, 1)
    result["findings"][0].update(result="fail", reason="\x00\x1b<&>\"'\udce9]]>\ufffe")
    result["summary"] = {"fail": 1}
    run = evidence.bundle(samples.RUN_ID, {"<&>": record.clean_result(result, "a")})
    root = ElementTree.fromstring(exported(run, ["junit"])["junit.xml"])
    assert "\\x00\\x1b<&>\"'\\xdce9]]>\\xfffe" in (root[0][0][0].text or "")


# Prometheus

SAMPLE = re.compile(
    r'(healthops_[a-z_]+)\{([a-z]+="(?:[^"\\\n]|\\[\\n"])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*)\} (\S+)'
)


def metrics(run: Json) -> t.Dict[t.Tuple[str, str], float]:
    found: t.Dict[t.Tuple[str, str], float] = {}
    for line in exported(run, ["prometheus"])["metrics.prom"].decode("utf-8").splitlines():
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert (match[1], match[2]) not in found
            found[match[1], match[2]] = float(match[3])
    return found


def test_metrics_tell_of_hosts_controls_waivers_guards_and_probes() -> None:
    run = bundle()
    told = metrics(run)
    assert told["healthops_host_unknown", 'host="down"'] == told["healthops_host_unknown", 'host="early"'] == 1
    assert told["healthops_host_unknown", 'host="portal-01"'] == 0
    assert told["healthops_run_timestamp_seconds", 'host="portal-01",mode="harden"'] == 1795359605
    counted = Counter(finding["result"] for finding in run["hosts"]["portal-01"]["findings"])
    assert told["healthops_host_controls", 'host="portal-01",result="fail"'] == counted["fail"]
    by_control = sum(value for (name, _labels), value in told.items() if name == "healthops_control_hosts")
    assert by_control == sum(words(run).values())
    spare = 'control="banner_ssh",host="portal-01",ticket="CHG-4712"'
    assert told["healthops_waiver_expires_timestamp_seconds", spare] == 1806451200
    assert told["healthops_guard_state", 'host="portal-01",state="confirmed"'] == 1
    assert told["healthops_guard_state", 'host="portal-01",state="reverted"'] == 0
    assert told["healthops_availability_lost", 'host="portal-01"'] == 0
    assert told["healthops_probe_healthy", 'host="imaging-archive-01",probe="dicom_echo",target="127.0.0.1:4242"'] == 0
    assert (
        told["healthops_probe_latency_seconds", 'host="only-asked",probe="mllp_echo",target="127.0.0.1:6661"'] == 0.0032
    )


def test_what_a_host_says_cannot_break_a_metric() -> None:
    result = samples.whole(0, 1)
    result["waivers"] = [samples.waiver(ticket='a"} 1\nx{b="\\'), samples.waiver(ticket='a"} 1\nx{b="\\')]
    metrics(evidence.bundle(samples.RUN_ID, {"a": record.clean_result(result, "a")}))


# HDF


def documents(run: Json) -> t.Dict[str, Json]:
    return {path: json.loads(data) for path, data in exported(run, ["hdf"]).items()}


def test_each_host_has_a_document_of_the_shape_that_readers_ask_for() -> None:
    made = documents(bundle())
    assert sorted(made) == sorted(
        f"hdf/{name}.json" for name in ("down", "early", *(samples.host_name(number) for number in range(3)))
    )
    assert [problem for document in made.values() for problem in shapes.problems(document, "hdf-exec-json.yml")] == []


def as_heimdall_counts(document: Json) -> t.Counter[str]:
    """The status of each control by the rules of the format's own reader."""
    counted: t.Counter[str] = Counter()
    for control in document["profiles"][0]["controls"]:
        told = [result["status"] for result in control["results"]]
        if "error" in told:
            counted["Profile Error"] += 1
        elif control.get("waiver_data", {}).get("skipped_due_to_waiver") or control["impact"] == 0:
            counted["Not Applicable"] += 1
        else:
            counted[{"failed": "Failed", "passed": "Passed", "skipped": "Not Reviewed"}[told[0]]] += 1
    return counted


def test_heimdall_shows_nothing_better_than_it_is() -> None:
    run = bundle()
    host = samples.host_name(1)
    counted = Counter(finding["result"] for finding in run["hosts"][host]["findings"])
    assert min(counted.values()) > 0
    assert as_heimdall_counts(documents(run)[f"hdf/{host}.json"]) == {
        "Passed": counted["pass"] + counted["fixed"],
        "Failed": counted["fail"] + counted["deferred"] + counted["waived"],
        "Profile Error": counted["error"],
        "Not Reviewed": counted["notchecked"],
        "Not Applicable": counted["notapplicable"],
    }
    assert as_heimdall_counts(documents(run)["hdf/down.json"]) == {"Profile Error": 1}


def test_a_waiver_stands_beside_what_was_judged() -> None:
    controls = documents(bundle())["hdf/imaging-archive-01.json"]["profiles"][0]["controls"]
    (waived,) = [control for control in controls if "waiver_data" in control]
    assert waived["results"][0]["status"] == "failed"
    assert waived["waiver_data"]["expiration_date"] == "2026-12-12"
    assert waived["waiver_data"]["skipped_due_to_waiver"] is False


def test_nist_ids_are_spelled_as_heimdall_knows_them() -> None:
    assert hdf.nist(samples.finding(0, 0)) == ["AC-6 (2)", "IA-2", "Rev_5"]
    assert hdf.nist({"references": []}) == []


# OCSF


def events(run: Json) -> t.List[Json]:
    return [json.loads(line) for line in exported(run, ["ocsf"])["ocsf.jsonl"].splitlines()]


def test_each_line_is_a_compliance_finding() -> None:
    run = bundle()
    made = events(run)
    assert len(made) == sum(words(run).values()) + 2
    assert [problem for event in made for problem in shapes.problems(event, "ocsf-1.5.0-compliance-finding.yml")] == []
    assert {event["metadata"]["version"] for event in made} == {"1.5.0"}
    assert len({event["finding_info"]["uid"] for event in made}) == len(made)


def test_what_is_unknown_is_no_pass_and_what_was_waived_is_suppressed() -> None:
    by_code = {event["compliance"]["status_code"]: event for event in events(bundle())}
    assert set(by_code) == {
        "noresult",
        "error",
        "fail",
        "deferred",
        "waived",
        "fixed",
        "pass",
        "notchecked",
        "notapplicable",
    }
    passing = {code for code, event in by_code.items() if event["compliance"]["status_id"] == 1}
    assert passing == {"pass", "fixed"}
    assert (by_code["waived"]["status"], by_code["waived"]["compliance"]["status"]) == ("Suppressed", "Fail")
    assert by_code["noresult"]["severity"] == "High"


# OSCAL


def assessment(run: Json) -> Json:
    made: Json = json.loads(exported(run, ["oscal"])["oscal.json"])["assessment-results"]
    return made


def everything(value: t.Any, key: str) -> t.Iterator[t.Any]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                yield item
            yield from everything(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from everything(item, key)


def test_the_document_says_that_there_is_no_plan() -> None:
    made = assessment(bundle())
    named = {resource["uuid"]: resource for resource in made["back-matter"]["resources"]}
    plan = named[made["import-ap"]["href"].lstrip("#")]
    assert plan["title"] == "No assessment plan"
    assert plan["description"].startswith("There is no assessment plan.")


def test_every_uuid_is_there_once_and_every_reference_leads_to_one() -> None:
    made = assessment(bundle())
    uuids = list(everything(made, "uuid"))
    assert len(uuids) == len(set(uuids))
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in uuids
    )
    for key in ("subject-uuid", "observation-uuid", "risk-uuid"):
        assert set(everything(made, key)) <= set(uuids)
    assert {each.lstrip("#") for each in everything(made, "href")} <= set(uuids)


def test_only_our_own_controls_are_said_to_be_satisfied() -> None:
    run = bundle()
    findings = assessment(run)["results"][0]["findings"]
    ours = {finding["id"] for _host, _result, finding in common.findings(run)}
    assert {finding["target"]["target-id"] for finding in findings} == ours
    by_control: t.Dict[str, t.Set[str]] = {}
    for _host, _result, finding in common.findings(run):
        by_control.setdefault(finding["id"], set()).add(finding["result"])
    for finding in findings:
        good = by_control[finding["target"]["target-id"]] <= {"pass", "fixed", "notapplicable"}
        assert finding["target"]["status"]["state"] == ("satisfied" if good else "not-satisfied")
    proposed = [prop for prop in findings[0]["props"] if prop["class"] == "hipaa_nprm_2024"]
    assert [prop["remarks"] for prop in proposed] == ["HIPAA Security Rule NPRM, proposed; supports."]


def test_hosts_without_a_result_are_an_observation_and_waivers_are_risks() -> None:
    result = assessment(bundle())["results"][0]
    assert [each["title"] for each in result["observations"][0]["subjects"]] == ["down", "early"]
    assert {risk["status"] for risk in result["risks"]} == {"deviation-approved"}
    assert {risk["deadline"] for risk in result["risks"]} == {"2026-12-12T00:00:00Z"}


# Times and names


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-11-22T15:00:00Z", 1795359600.0),
        ("2026-11-22T15:00:00.5Z", 1795359600.5),
        ("20261122T150000Z", 1795359600.0),
        ("yesterday", None),
    ],
)
def test_seconds(stamp: str, told: t.Optional[float]) -> None:
    assert common.seconds(stamp) == told


@pytest.mark.parametrize(
    ("run_id", "told"), [(samples.RUN_ID, "2026-11-22T15:00:00Z"), ("by-hand", "1970-01-01T00:00:00Z")]
)
def test_a_run_that_no_host_answered_has_the_time_of_its_name(run_id: str, told: str) -> None:
    assert common.ended(evidence.bundle(run_id, {}, ["a"])) == told


def test_days() -> None:
    assert common.day("2026-11-22") == 1795305600
    assert common.day("soon") is None
    assert common.day(None) is None
