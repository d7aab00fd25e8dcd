# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch results as evidence: what is kept, what it means, what a manager reads, and every format of it."""

from __future__ import annotations

import copy
import csv
import io
import json
import typing as t
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle, headline, only_looked
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import FORMATS, exported
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.page import render
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.record import (
    clean_result,
    merged,
    open_record,
    record,
)
from unit_tests.plugin_utils._evidence import patch_samples as samples
from unit_tests.plugin_utils._evidence import samples as baseline
from unit_tests.plugin_utils._evidence import secrets, shapes

TEMPLATE = (Path(__file__).resolve().parents[5] / "roles" / "evidence" / "templates" / "report.html.j2").resolve()


def cleaned(result: samples.Json) -> samples.Json:
    return clean_result(result, "portal-01")


def run(hosts: t.Optional[t.Dict[str, samples.Json]] = None, *missing: str) -> samples.Json:
    told = hosts if hosts is not None else samples.fleet()
    records = {name: clean_result(result, name) for name, result in told.items()}
    return bundle(samples.RUN_ID, records, [*records, *missing])


def words(result: samples.Json) -> t.Dict[str, str]:
    return {finding["id"].replace("updates_", ""): finding["result"] for finding in cleaned(result)["findings"]}


GOOD = dict.fromkeys(("known", "exploited", "security", "other", "left_out", "in_use", "own_will"), "pass")
SERVE = {"services": "pass"}
LATE = {**samples.NGINX, "days_left": -1}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        pytest.param(samples.result(samples.plan()), {}, id="nothing to do"),
        pytest.param(
            samples.result(samples.plan(samples.OPENSSL, samples.NGINX, samples.TZDATA)),
            {"exploited": "fail", "security": "deferred", "other": "deferred"},
            id="late, in time, in time",
        ),
        pytest.param(samples.result(samples.plan(LATE)), {"security": "fail"}, id="late by a day"),
        pytest.param(
            samples.result(samples.plan({**samples.NGINX, "security": None})), {"security": "deferred"}, id="who knows"
        ),
        pytest.param(
            samples.result(samples.plan(verdict="unknown")),
            dict.fromkeys(("known", "exploited", "security", "other"), "error"),
            id="nobody can tell",
        ),
        pytest.param(
            samples.result(samples.plan(samples.NGINX, verdict="unknown")),
            {"known": "error", "exploited": "error", "security": "deferred", "other": "error"},
            id="nobody can tell, and one waits",
        ),
        pytest.param(samples.applied(), {"exploited": "fixed", "security": "fixed", **SERVE}, id="installed"),
        pytest.param(
            samples.applied(failed=True, down=["nginx.service"], run_stage="applied"),
            {"exploited": "fixed", "security": "fixed", "services": "fail"},
            id="installed, and something is down since",
        ),
        pytest.param(
            samples.applied(check_mode=True),
            {"exploited": "fail", "security": "deferred", **SERVE},
            id="a rehearsal installs none",
        ),
        pytest.param(
            samples.applied(failed=True),
            {"exploited": "fail", "security": "deferred", **SERVE},
            id="a failure installs none",
        ),
        pytest.param(samples.result(samples.plan(excluded=[samples.HELD])), {"left_out": "waived"}, id="for a time"),
        pytest.param(
            samples.result(samples.plan(held=[{**samples.HELD, "expires": ""}])), {"left_out": "fail"}, id="without end"
        ),
        pytest.param(
            samples.result(samples.plan(held=[{**samples.HELD, "expires": "", "security": False}])),
            {},
            id="no fix in it",
        ),
        pytest.param(
            samples.result(samples.plan(reboot={"needed": True, "why": ["an old kernel runs"]})),
            {"in_use": "fail"},
            id="an old kernel",
        ),
        pytest.param(samples.result(samples.plan(services=["nginx.service"])), {"in_use": "fail"}, id="an old library"),
        pytest.param(samples.result(samples.plan(own_will=["timers"])), {"own_will": "fail"}, id="by itself"),
        pytest.param(samples.rolled_back(), {"taken_back": "fail", **SERVE}, id="taken back, open again"),
        pytest.param(samples.rolled_back(reopened=[]), {"taken_back": "fixed", **SERVE}, id="taken back, nothing open"),
        pytest.param(
            samples.rolled_back(check_mode=True), {"taken_back": "deferred", **SERVE}, id="would be taken back"
        ),
    ],
)
def test_what_a_plan_means(result: samples.Json, told: t.Dict[str, str]) -> None:
    back = result["state"] == "rolled_back"
    assert words(result) == {**({"in_use": "pass"} if back else GOOD), **told}


def test_a_finding_names_packages_what_they_close_and_until_when() -> None:
    found = {finding["id"]: finding for finding in cleaned(samples.fleet()["interface-engine-01"])["findings"]}
    assert found["updates_exploited"]["reason"] == (
        "past the deadline: libssl3 3.0.17-1~deb12u3 (CVE-2026-1001, CVE-2026-1002)"
    )
    assert found["updates_security"]["reason"] == (
        "until 2026-11-30: linux-image-6.1.0-41-amd64 6.1.158-1 "
        "(CVE-2026-2000, CVE-2026-2001, CVE-2026-2002 and 34 more), nginx 1.22.1-9+deb12u3 (CVE-2026-3001)"
    )
    many = [samples.change(f"package{number:02d}", "1", "2") for number in range(30)]
    reason = cleaned(samples.result(samples.plan(*many)))["findings"][2]["reason"]
    assert reason.endswith("package11 2, and 18 more")


def test_only_named_keys_are_kept_and_they_are_clean() -> None:
    result = samples.applied(msg="\n".join(secrets.PLANTED.values()))
    changed = {**result["plan"]["changes"][0], "why": list(secrets.PLANTED.values()), "stray": "x"}
    result["plan"] = {**result["plan"], "changes": [changed], "own_will": [*secrets.PLANTED.values()], "stray": "x"}
    result["policy"] = {**samples.POLICY, "stray": "x"}
    kept = json.dumps(cleaned(result))
    assert [needle for needle in (*secrets.NEEDLES, "stray", "invocation") if needle in kept] == []


def test_a_record_is_read_back_as_it_was_written() -> None:
    made = cleaned(samples.applied())
    assert made["patch"]["approval"]["approver"] == "Tomas Brandt, security officer"
    assert made["patch"]["policy"]["exclude"][0]["reason"] == "The vendor tests it first."
    assert open_record(record("portal-01", made), "portal-01", samples.RUN_ID) == made


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        pytest.param("verdict", "fine", "patch.verdict is 'fine'", id="verdict"),
        pytest.param("changes", [{"name": "x"}], r"patch\.changes\[0\] has no arch", id="change"),
        pytest.param(
            "held", [{**samples.NGINX, "severity": "bad"}], r"patch\.held\[0\]\.severity is 'bad'", id="severity"
        ),
        pytest.param("digest", None, "patch.digest|no digest", id="digest"),
    ],
)
def test_a_plan_of_another_shape_is_no_evidence(key: str, value: t.Any, told: str) -> None:
    result = copy.deepcopy(samples.applied())
    result["plan"][key] = value
    if value is None:
        del result["plan"][key]
    with pytest.raises(ClinicalError, match=told):
        cleaned(result)


def test_a_result_that_failed_before_there_was_a_plan_is_unknown() -> None:
    made = clean_result({"failed": True, "msg": "another program holds the lock"}, "portal-01", samples.RUN_ID)
    assert (made["state"], made["msg"]) == ("failed", "another program holds the lock")


def test_a_host_that_was_hardened_and_patched_in_one_run_keeps_both() -> None:
    hardened = clean_result({**baseline.result(0, 6), "run_id": samples.RUN_ID}, "portal-01")
    patched = cleaned(samples.applied())
    both = merged(hardened, patched)
    assert both == merged(patched, hardened)
    assert both["state"] == "enforced"
    assert len(both["findings"]) == len(hardened["findings"]) + len(patched["findings"])
    assert sum(both["summary"].values()) == len(both["findings"])
    assert merged(both, patched) == both
    assert merged(both, hardened) == both
    assert open_record(record("portal-01", both), "portal-01", samples.RUN_ID) == both
    assert merged(cleaned(samples.fleet()["interface-engine-02"]), patched) == patched


@pytest.mark.parametrize(
    ("hosts", "mode", "told"),
    [
        pytest.param(
            None,
            "patch_plan",
            "6 hosts: 9 updates wait, 6 for security, 2 past their deadline, 1 host of which nobody can tell",
            id="plan",
        ),
        pytest.param({"a": samples.result(samples.plan())}, "patch_plan", "1 host: 0 updates wait", id="nothing"),
        pytest.param(
            {"a": samples.applied(), "b": samples.applied(failed=True)},
            "patch_apply",
            "2 hosts: 2 updates installed, 2 updates wait, 4 for security, 1 past its deadline, 1 host failed",
            id="apply",
        ),
        pytest.param({"a": samples.rolled_back()}, "patch_rollback", "1 host: 1 package taken back", id="rollback"),
        pytest.param(
            {"a": samples.rolled_back(check_mode=True)},
            "patch_rollback",
            "1 host: 1 package to take back",
            id="rehearsal",
        ),
    ],
)
def test_the_headline(hosts: t.Optional[t.Dict[str, samples.Json]], mode: str, told: str) -> None:
    made = run(hosts)
    assert (made["mode"], headline(made)) == (mode, told)


def test_a_plan_only_looked_and_what_was_applied_did_not() -> None:
    assert only_looked(run())
    assert not only_looked(run({"a": samples.applied()}))
    assert only_looked(run({"a": samples.applied(check_mode=True)}))


def test_a_host_without_a_result_is_told_with_the_plans() -> None:
    assert headline(run(None, "down-01")).endswith("1 host of which nobody can tell; 1 host gave no result")


def test_every_package_is_a_line_for_spreadsheets() -> None:
    made = exported(run(), ["csv"])
    rows = list(csv.DictReader(io.StringIO(made["updates.csv"].decode("utf-8"), newline="")))
    told = [(row["host"], row["name"], row["status"]) for row in rows]
    assert told[:3] == [
        ("imaging-archive-01", "tzdata", "waits"),
        ("imaging-archive-01", "orthanc", "excluded"),
        ("interface-engine-01", "libssl3", "late"),
    ]
    assert rows[2]["cves"] == "CVE-2026-1001\nCVE-2026-1002"
    assert rows[1]["reason"] == "excluded: The vendor of the archive tests it first."
    assert {row["digest"] for row in rows} == {samples.DIGEST}
    assert "updates.csv" not in exported(
        bundle(baseline.RUN_ID, {"a": clean_result(baseline.result(0, 6), "a")}), ["csv"]
    )


def test_metrics_tell_how_many_wait_and_until_when() -> None:
    lines = exported(run(), ["prometheus"])["metrics.prom"].decode("utf-8").splitlines()
    assert 'healthops_updates{host="interface-engine-01",severity="kev",state="late"} 1' in lines
    assert 'healthops_updates{host="imaging-archive-01",severity="high",state="excluded"} 1' in lines
    assert 'healthops_updates_unknown{host="log-host-01"} 1' in lines
    assert 'healthops_updates_unknown{host="portal-01"} 0' in lines
    assert 'healthops_updates_reboot_needed{host="scheduling-db-01"} 1' in lines
    deadline = 'healthops_updates_deadline_timestamp_seconds{host="interface-engine-01",severity="kev"} 1763884800'
    assert deadline.rsplit(" ", 1)[0] in "\n".join(lines)
    assert not any("deadline" in line and "imaging-archive-01" in line and "high" in line for line in lines)


def test_every_format_has_the_shape_that_its_readers_ask_for() -> None:
    hosts = {**samples.fleet(), "applied-01": samples.applied(), "back-01": samples.rolled_back()}
    made = exported(run(hosts, "down-01"), FORMATS)
    events = [json.loads(line) for line in made["ocsf.jsonl"].splitlines()]
    wrong = [each for event in events for each in shapes.problems(event, "ocsf-1.5.0-compliance-finding.yml")]
    documents = [json.loads(data) for path, data in made.items() if path.startswith("hdf/")]
    wrong += [each for document in documents for each in shapes.problems(document, "hdf-exec-json.yml")]
    assert wrong == []
    assert len(documents) == 9
    suites = ElementTree.fromstring(made["junit.xml"])
    assert {suite.get("name") for suite in suites} == {*hosts, "down-01"}
    assert int(suites.get("errors", "0")) == 5
    oscal = json.loads(made["oscal.json"])["assessment-results"]["results"][0]
    assert "updates_exploited" in {finding["target"]["target-id"] for finding in oscal["findings"]}


def page(hosts: t.Optional[t.Dict[str, samples.Json]] = None) -> str:
    return render(run(hosts), TEMPLATE.read_text(encoding="utf-8"), "d")


def test_the_report_tells_each_change_once_with_its_hosts() -> None:
    told = page()
    assert told.count("<b>libssl3</b>") == 1
    assert "3.0.15-1~deb12u1 → 3.0.17-1~deb12u3" in told
    assert "2 days over" in told
    assert "restarts nginx.service, postgresql@15-main.service" in told
    assert "and 31 more" in told
    assert "The vendor of the archive tests it first." in told
    assert "the list of bookworm-security is 41 days old" in told
    assert told.count("The vendor tests it first.") == 1
    assert "until 2026-12-24, 29 days left" in told
    assert "There is nothing to undo: a plan changes nothing." in told
    assert "Enforcing cuts" not in told


def test_the_report_of_what_was_installed_says_who_let_it_and_how_to_undo_it() -> None:
    told = page({"a": samples.applied()})
    assert "Tomas Brandt, security officer, CHG-118" in told
    assert f"-e patching_run_id={samples.RUN_ID}" in told
    assert "<b>2</b> of 2 packages installed" in told


def test_the_report_of_what_was_taken_back_says_what_is_open_again() -> None:
    told = page({"a": samples.rolled_back()})
    assert "What 1 host took back is open again" in told
    assert "CVE-2026-1001, CVE-2026-1002" in told
    assert "3.0.17-1~deb12u3 → 3.0.15-1~deb12u1" in told


def test_what_a_mirror_says_cannot_break_the_page() -> None:
    bad = samples.change("<script>alert(1)</script>", "1", "2", why=["<b>"], cves=["CVE-<i>"], origin="<u>")
    told = page({"a": samples.result(samples.plan(bad))})
    assert "<script>" not in told
    assert "CVE-<i>" not in told
    assert "&lt;script&gt;" in told


def test_a_run_without_packages_has_no_word_of_updates() -> None:
    made = bundle(baseline.RUN_ID, {"a": clean_result(baseline.result(0, 6), "a")})
    assert 'id="updates"' not in render(made, TEMPLATE.read_text(encoding="utf-8"), "d")
