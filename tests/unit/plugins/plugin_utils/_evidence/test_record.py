# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A result becomes a record: what is kept, what is taken out, and how several writes of one host become one."""

from __future__ import annotations

import copy
import dataclasses
import json
import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, run_facts, run_modes, words
from unit_tests.plugin_utils._evidence import patch_samples, samples, secrets, system_samples
from unit_tests.plugin_utils._evidence.bundles import sample_record
from unit_tests.plugin_utils._evidence.clean_records import Json, clean
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record


def probed(*probes: Json) -> Json:
    return record.clean_probes(probes, "portal-01", samples.RUN_ID)


def planted() -> Json:
    """A result with secrets at every place that a host or a person can fill."""
    made = samples.whole(0, 40)
    everything = "\n".join(secrets.PLANTED.values())
    for number, finding in enumerate(made["findings"]):
        text = list(secrets.PLANTED.values())[number % len(secrets.PLANTED)]
        finding.update(reason=text, subject=text, wanted=[text], before={"seen": text}, after=text, stdout=text)
        for verdict in finding["verdicts"].values():
            verdict.update(saw=text, stdout=text)
        finding["references"][0]["note"] = text
        if "waiver" in finding:
            finding["waiver"].update(reason=text, password="hunter2")
    for change in made["changes"]:
        change.update(before=everything, after=everything, why=everything, diff=everything)
    made["msg"], made["warnings"] = everything, list(secrets.PLANTED.values())
    made["host"].update(kernel=everything)
    made["guard"].update(why=everything, private_key="hunter2")
    made["availability"] = {"lost": list(secrets.PLANTED.values()), "environment": "hunter2"}
    for each in (*made["waivers"], *made["probes"]):
        each.update(secret="hunter2")
    made["waivers"][0]["compensating_control"] = everything
    made["probes"][0]["saw"] = everything
    made["frameworks"] = {"nist_800_53r5": {"title": "NIST", "password": "hunter2"}}
    return {**made, "stdout": "hunter2", "invocation": {"module_args": {"token": "hunter2"}}, "diff": everything}


def test_no_secret_that_a_result_can_hold_is_kept() -> None:
    result = planted()
    assert secrets.found(json.dumps(result)) == list(secrets.NEEDLES)
    assert secrets.found(json.dumps(clean(result))) == []


def test_an_error_of_the_record_itself_quotes_no_secret() -> None:
    with pytest.raises(ClinicalError, match="redacted") as raised:
        clean({**samples.result(), "started": "password=hunter2"})
    assert secrets.found(str(raised.value)) == []


def test_a_failure_that_quotes_a_secret_is_kept_without_it() -> None:
    kept = record.clean_result({"failed": True, "msg": "\n".join(secrets.PLANTED.values())}, "a", samples.RUN_ID)
    assert kept["state"] == "failed"
    assert secrets.found(json.dumps(kept)) == []


def test_only_named_keys_are_kept_at_every_depth() -> None:
    result = samples.whole()
    before = clean(result)
    for each in (result, result["findings"][0], result["findings"][0]["verdicts"]["running"], result["changes"][0]):
        each["extra"] = "plain"
    for each in (result["waivers"][0], result["probes"][0], result["availability"]):
        each["extra"] = "plain"
    result["findings"][0]["references"][0]["extra"] = "plain"
    assert clean(copy.deepcopy(result)) == before


def test_the_catalogues_own_words_are_never_taken_for_a_secret() -> None:
    result = samples.result()
    result["findings"][0]["rationale"] = "With a line like password: example anybody gets in."
    assert clean(result)["findings"][0]["rationale"] == result["findings"][0]["rationale"]


def test_what_a_control_supports_is_kept_link_by_link() -> None:
    result = samples.result()
    nist = {"title": "NIST SP 800-53", "version": "r5", "status": "guidance", "as_of": "2026-01-01", "source": "nist"}
    result["frameworks"] = {"nist": nist}
    result["findings"][0]["references"] = {"nist": {"AC-7": "partial", "AU-9": "supports"}}
    about = {"framework": "nist", "title": "NIST SP 800-53", "status": "guidance"}
    assert clean(result)["findings"][0]["references"] == [
        {**about, "reference": "AC-7", "strength": "partial"},
        {**about, "reference": "AU-9", "strength": "supports"},
    ]


@pytest.mark.parametrize("references", [{"unknown": {"AC-7": "partial"}}, {"nist": ["AC-7"]}])
def test_a_framework_of_which_nothing_is_known_is_refused(references: t.Dict[str, t.Any]) -> None:
    result = {**samples.result(), "frameworks": {"nist": {"title": "NIST SP 800-53"}}}
    result["findings"][0]["references"] = references
    with pytest.raises(ClinicalError, match="nothing is known of the framework"):
        clean(result)


def test_waivers_and_availability_are_kept() -> None:
    kept = clean(samples.whole())
    assert kept["availability"] == samples.AVAILABILITY
    assert [each["expired"] for each in kept["waivers"][-2:]] == [False, True]
    waived = [finding for finding in clean(samples.whole(1))["findings"] if finding["result"] == "waived"]
    assert [finding["waiver"]["days_left"] for finding in waived] == [20] * len(waived) != []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"probe": "x"}, r"probes\[0\] has no target, healthy", id="keys"),
        pytest.param(samples.probe(healthy="yes"), r"probes\[0\]\.healthy is 'yes', wanted is a bool", id="healthy"),
        pytest.param(samples.probe(latency_ms="fast"), r"probes\[0\]\.latency_ms is 'fast'", id="latency"),
        pytest.param(samples.probe(latency_ms=True), r"probes\[0\]\.latency_ms is True", id="latency-bool"),
        pytest.param(samples.probe(saw=None), r"probes\[0\]\.saw is None", id="saw"),
        pytest.param("up", r"probes\[0\] is not a mapping", id="text"),
    ],
)
def test_a_probe_of_another_shape_is_refused(change: t.Any, told: str) -> None:
    with pytest.raises(ClinicalError, match=told):
        probed(change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"waivers": [{"control": "x"}]}, r"waivers\[0\] has no expires, days_left", id="waiver"),
        pytest.param({"waivers": [samples.waiver(days_left="2")]}, r"waivers\[0\]\.days_left is '2'", id="days"),
        pytest.param({"availability": []}, r"availability is \[\], wanted is a dict", id="availability"),
        pytest.param({"probes": {}}, r"probes is \{\}, wanted is a list", id="probes"),
    ],
)
def test_other_shapes_are_refused_by_name(change: Json, told: str) -> None:
    with pytest.raises(ClinicalError, match=told):
        clean({**samples.result(), **change})


def test_a_record_needs_a_result_or_a_probe() -> None:
    with pytest.raises(ClinicalError, match="it has no probes"):
        probed()


def test_a_host_of_which_only_probes_are_known_is_a_valid_record() -> None:
    kept = probed(samples.probe(), {**samples.probe("dicom_echo"), "changed": False})
    assert (kept["state"], kept["changed"], len(kept["probes"])) == ("probed", False, 2)
    opened = record.open_record(record.record("portal-01", kept), "portal-01", samples.RUN_ID)
    run = evidence.bundle(samples.RUN_ID, {"portal-01": opened}, ["portal-01"])
    assert (run["mode"], run_facts.unknown_hosts(run)) == ("configure", {})
    assert run_modes.headline(run) == "1 host: 2 service checks healthy"


def test_a_service_that_does_not_answer_is_in_the_headline() -> None:
    bad = probed(samples.probe(), samples.probe("dicom_echo", healthy=False, latency_ms=None))
    run = evidence.bundle(samples.RUN_ID, {"a": bad, "b": clean(samples.result())})
    assert run["mode"] == "harden"
    assert run_modes.headline(run).endswith("; 1 of 2 service checks failed")
    assert run_modes.headline(evidence.bundle(samples.RUN_ID, {"a": bad})) == (
        "1 host: 1 service check healthy; 1 of 2 service checks failed"
    )


def test_the_order_of_two_writes_does_not_matter() -> None:
    baseline, answers = clean(samples.result()), probed(samples.probe())
    assert record.merged(baseline, answers) == record.merged(answers, baseline)
    both = record.merged(baseline, answers)
    assert (both["state"], both["probes"]) == ("enforced", answers["probes"])
    assert record.merged(both, answers) == both
    assert record.merged(both, baseline) == both


def test_a_later_answer_takes_the_place_of_an_earlier_one() -> None:
    first = probed(samples.probe(healthy=False), samples.probe(target="127.0.0.1:6662"))
    again = record.merged(first, probed(samples.probe()))
    assert [(each["target"], each["healthy"]) for each in again["probes"]] == [
        ("127.0.0.1:6661", True),
        ("127.0.0.1:6662", True),
    ]


def test_a_failed_host_whose_services_answer_stays_unknown() -> None:
    failed = record.clean_result({"failed": True, "msg": "no python"}, "a", samples.RUN_ID)
    both = record.merged(failed, probed(samples.probe()))
    assert (both["state"], len(both["probes"])) == ("failed", 1)
    assert run_facts.unknown_hosts(evidence.bundle(samples.RUN_ID, {"a": both})) == {"a": "no python"}


def test_only_evidence_is_kept() -> None:
    kept = sample_record()
    assert "hunter2" not in json.dumps(kept)
    assert set(kept) <= set(words.KEPT)
    assert len(kept["findings"]) == 84


def test_a_result_of_another_run_is_refused() -> None:
    with pytest.raises(ClinicalError, match="belongs to run '20261122T150000Z-1f3a', not to run 'other'"):
        record.clean_result(samples.result(), "a", "other")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        pytest.param({"failed": True, "msg": "no python"}, "no python", id="failed"),
        pytest.param({"failed": True}, "The task ended with no message.", id="silent"),
        pytest.param(
            {"unreachable": True, "msg": "timed out", "changed": False}, "Unreachable: timed out", id="unreachable"
        ),
        pytest.param({"skipped": True, "skip_reason": "Conditional"}, "Skipped: Conditional", id="skipped"),
    ],
)
def test_an_early_failure_is_kept_and_is_never_good(result: t.Dict[str, t.Any], message: str) -> None:
    kept = record.clean_result({**result, "invocation": {}, "exception": "Traceback"}, "a", samples.RUN_ID)
    assert (kept["state"], kept["msg"], kept["failed"]) == ("failed", message, True)
    run = evidence.bundle(samples.RUN_ID, {"a": kept}, ["a"])
    assert run["failed"] == ["a"]
    assert sum(run["summary"].values()) == 0
    assert run_facts.unknown_hosts(run) == {"a": message}


def test_a_failed_result_with_findings_is_a_full_record() -> None:
    kept = record.clean_result({**samples.result(), "failed": True, "msg": "2 controls failed"}, "a")
    assert (kept["state"], kept["failed"], len(kept["findings"])) == ("enforced", True, 84)


@pytest.mark.parametrize(
    "result", [{"changed": True}, {"results": [samples.result()]}, ["a"], "text"], ids=["other", "loop", "list", "text"]
)
def test_what_is_no_baseline_result_is_refused(result: t.Any) -> None:
    with pytest.raises(ClinicalError, match="Recording the result of a"):
        record.clean_result(result, "a", samples.RUN_ID)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"schema": "x"}, "its schema is not", id="schema"),
        pytest.param({"hostname": "b"}, "the record is of 'b'", id="renamed"),
        pytest.param({"result": {}}, "run_id is missing", id="empty"),
        pytest.param({"result": None}, "not a mapping", id="none"),
    ],
)
def test_a_record_file_that_is_not_its_own_is_refused(change: t.Dict[str, t.Any], told: str) -> None:
    assert record.open_record(record.record("a", sample_record()), "a", samples.RUN_ID) == sample_record()
    with pytest.raises(ClinicalError, match=told):
        record.open_record({**record.record("a", sample_record()), **change}, "a", samples.RUN_ID)


def test_a_record_of_another_run_is_refused() -> None:
    with pytest.raises(ClinicalError, match="not to run 'other'"):
        record.open_record(record.record("a", sample_record()), "a", "other")


def test_warnings_that_are_objects_become_text() -> None:
    kept = record.clean_result({**samples.result(), "warnings": ["plain", ValueError("object")]}, "a")
    assert kept["warnings"] == ["plain", "object"]


@dataclasses.dataclass(frozen=True)
class Event:
    """As ansible-core 2.19 and later hand on a warning: what happened, and where it was formatted."""

    msg: str
    formatted_source_context: t.Optional[str] = None


@dataclasses.dataclass(frozen=True)
class WarningSummary:
    event: Event


def test_of_a_warning_as_ansible_hands_it_on_only_its_words_are_kept() -> None:
    warned = WarningSummary(Event("No break-glass account is declared."))
    kept = record.clean_result({**samples.result(), "warnings": [warned]}, "a")
    assert kept["warnings"] == ["No break-glass account is declared."]


def test_what_is_dropped_need_not_be_plain() -> None:
    assert "exception" not in record.clean_result({**samples.result(), "exception": object()}, "a")


def test_times_survive_what_ansible_does_to_its_own_words() -> None:
    data = samples.result()
    data.update(began=data["started"], ended=data["finished"], started=True, finished=True)
    assert record.clean_result(data, "a") == sample_record()


@pytest.mark.parametrize("state", sorted(samples.GUARDS))
def test_the_guard_is_evidence(state: str) -> None:
    kept = record.clean_result(samples.guarded(state), "a")
    assert kept["guard"] == samples.guard(state)
    assert kept.get("failed", False) is (state in ("reverted", "unknown"))


def test_a_call_that_was_cut_keeps_its_guard() -> None:
    cut = {"failed": True, "changed": False, "msg": "The connection was lost", "guard": samples.guard("reverted")}
    kept = record.clean_result({**cut, "run_id": samples.RUN_ID}, "a", samples.RUN_ID)
    assert (kept["state"], kept["guard"]) == ("failed", samples.guard("reverted"))


def test_a_record_is_read_back_as_it_was_written() -> None:
    made = patch_record(patch_samples.applied())
    assert made["patch"]["approval"]["approver"] == "Tomas Brandt, security officer"
    assert made["patch"]["policy"]["exclude"][0]["reason"] == "The vendor tests it first."
    assert record.open_record(record.record("portal-01", made), "portal-01", patch_samples.RUN_ID) == made


def test_a_result_that_failed_before_there_was_a_plan_is_unknown() -> None:
    made = record.clean_result(
        {"failed": True, "msg": "another program holds the lock"}, "portal-01", patch_samples.RUN_ID
    )
    assert (made["state"], made["msg"]) == ("failed", "another program holds the lock")


def test_a_host_that_was_hardened_and_patched_in_one_run_keeps_both() -> None:
    hardened = record.clean_result({**samples.result(0, 6), "run_id": patch_samples.RUN_ID}, "portal-01")
    patched = patch_record(patch_samples.applied())
    both = record.merged(hardened, patched)
    assert both == record.merged(patched, hardened)
    assert both["state"] == "enforced"
    assert len(both["findings"]) == len(hardened["findings"]) + len(patched["findings"])
    assert sum(both["summary"].values()) == len(both["findings"])
    assert record.merged(both, patched) == both
    assert record.merged(both, hardened) == both
    assert record.open_record(record.record("portal-01", both), "portal-01", patch_samples.RUN_ID) == both
    assert record.merged(patch_record(patch_samples.fleet()["interface-engine-02"]), patched) == patched


def test_a_host_that_was_hardened_patched_and_configured_in_one_run_keeps_all_in_any_order() -> None:
    hardened = record.clean_result(samples.result(0, 6), "portal-01")
    patched = {**patch_record(patch_samples.applied()), "run_id": samples.RUN_ID}
    systems = [
        record.clean_result(system_samples.configured(name), "portal-01", samples.RUN_ID)
        for name in ("gateway", "page")
    ]
    whole = record.merged(record.merged(record.merged(hardened, patched), systems[0]), systems[1])
    assert whole == record.merged(record.merged(systems[1], patched), record.merged(systems[0], hardened))
    assert (whole["state"], [system["name"] for system in whole["configurations"]]) == ("enforced", ["gateway", "page"])
    assert len(whole["findings"]) == len(hardened["findings"]) + len(patched["findings"]) + 2
    assert sum(whole["summary"].values()) == len(whole["findings"])
    assert record.merged(whole, systems[0]) == whole
    assert record.open_record(record.record("portal-01", whole), "portal-01", samples.RUN_ID) == whole


def test_what_was_audited_before_a_system_was_configured_gives_way() -> None:
    audited = record.clean_result(system_samples.audited(system_samples.drifted()), "portal-01")
    made = record.merged(audited, record.clean_result(system_samples.configured(), "portal-01", samples.RUN_ID))
    assert audited["summary"]["fail"] - 1 == made["summary"]["fail"]
    (finding,) = [finding for finding in made["findings"] if finding["kind"] == "configuration"]
    assert finding["result"] == "fixed"


def test_a_configuration_that_failed_is_unknown_and_the_run_of_another_is_refused() -> None:
    failed = {**system_samples.configured(changed=False, errors=["haproxy.cfg:7: nonsense"]), "failed": True}
    made = record.clean_result(failed, "portal-01", samples.RUN_ID)
    assert (made["state"], made["summary"]["error"], made["run_id"]) == ("configured", 1, samples.RUN_ID)
    with pytest.raises(ClinicalError, match="it belongs to run"):
        record.clean_result(failed, "portal-01", "20261122T150000Z-ffff")


@pytest.mark.parametrize("key", ["drift", "errors", "changed"])
def test_a_configuration_of_another_shape_is_refused(key: str) -> None:
    result = system_samples.configured()
    result["configurations"][0][key] = "odd"
    with pytest.raises(ClinicalError, match=r"configurations\[0\]"):
        record.clean_result(result, "portal-01", samples.RUN_ID)
