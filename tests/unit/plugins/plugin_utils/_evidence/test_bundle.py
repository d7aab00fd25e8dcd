# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records and bundles: shapes, bytes, and what must never count as good."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, words
from unit_tests.plugin_utils._evidence import samples


def clean(host: int = 0, mode: str = "harden") -> t.Dict[str, t.Any]:
    return record.clean_result(samples.result(host, mode=mode), samples.host_name(host))


def fleet(hosts: int = 3, mode: str = "harden") -> t.Dict[str, t.Dict[str, t.Any]]:
    return {samples.host_name(number): clean(number, mode) for number in range(hosts)}


def test_only_evidence_is_kept() -> None:
    kept = clean()
    assert "hunter2" not in json.dumps(kept)
    assert set(kept) <= set(words.KEPT)
    assert len(kept["findings"]) == 84


def test_the_same_result_makes_the_same_bytes() -> None:
    one = words.canonical(clean())
    shuffled = dict(reversed(list(samples.result().items())))
    assert words.canonical(record.clean_result(shuffled, "a")) == one
    assert one.endswith(b"}\n")
    assert one.count(b"\n") == 1
    assert b'": ' not in one[:200]


def test_canonical_json_keeps_text_and_bytes_that_were_no_text() -> None:
    value = {"b": "Müller", "a": b"caf\xe9".decode("utf-8", "surrogateescape")}
    assert words.canonical(value) == '{"a":"caf\\udce9","b":"Müller"}\n'.encode()
    assert json.loads(words.canonical(value)) == value


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ClinicalError, match="not JSON compliant"):
        words.canonical({"a": float("nan")})


class Tagged(str):
    """Stands in for the text subclasses that Ansible hands to plugins."""

    def __str__(self) -> str:
        return "wrong"


def test_subclasses_become_plain() -> None:
    made = words.plain({Tagged("key"): [Tagged("text"), (True, 1, None, 1.5)]})
    assert made == {"key": ["text", [True, 1, None, 1.5]]}
    assert not isinstance(next(iter(made)), Tagged)
    assert not isinstance(made["key"][0], Tagged)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": object()}, id="object"),
        pytest.param({1: "a"}, id="key"),
        pytest.param({"a": b"x"}, id="bytes"),
    ],
)
def test_what_is_not_plain_is_refused(value: t.Any) -> None:
    with pytest.raises(ClinicalError, match="Recording result"):
        words.plain(value)


def _set(*path: t.Any) -> t.Callable[[t.Any], None]:
    """A change to a result: all but the last item lead to the place, the last is the new value."""

    def change(data: t.Any) -> None:
        for step in path[:-2]:
            data = data[step]
        data[path[-2]] = path[-1]

    return change


def _drop(*path: t.Any) -> t.Callable[[t.Any], None]:
    def change(data: t.Any) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            _set("findings", 3, "result", "ok"), r"findings\[3\]\.result is 'ok'.*Known words", id="result-word"
        ),
        pytest.param(_set("findings", 0, "severity", "urgent"), r"severity is 'urgent'", id="severity-word"),
        pytest.param(_set("findings", 0, "hazard", "boom"), r"hazard is 'boom'", id="hazard-word"),
        pytest.param(_set("findings", 0, "tier", "gold"), r"tier is 'gold'", id="tier-word"),
        pytest.param(
            _set("findings", 1, "verdicts", "running", "state", "fine"),
            r"verdicts\.running\.state is 'fine'",
            id="verdict",
        ),
        pytest.param(_set("findings", 1, "verdicts", "tomorrow", {}), r"unknown key 'tomorrow'", id="verdict-name"),
        pytest.param(_drop("findings", 2, "rationale"), r"findings\[2\] has no rationale", id="key-missing"),
        pytest.param(_set("findings", 2, "text"), r"findings\[2\] is not a mapping", id="not-a-finding"),
        pytest.param(_set("findings", 1, "id", "sshd_root_login"), r"'sshd_root_login' has two findings", id="twice"),
        pytest.param(_set("summary", "pass", 84), r"does not add up", id="summary-lies"),
        pytest.param(_set("summary", "great", 1), r"does not add up", id="summary-word"),
        pytest.param(_drop("summary"), r"summary is missing", id="no-summary"),
        pytest.param(_set("state", "done"), r"state is 'done'", id="state-word"),
        pytest.param(_set("tier", "gold"), r"tier is 'gold'", id="run-tier"),
        pytest.param(_set("started", "yesterday"), r"started is 'yesterday'", id="time"),
        pytest.param(_drop("finished"), r"finished is missing", id="no-time"),
        pytest.param(_set("check_mode", "no"), r"check_mode is 'no', wanted is a bool", id="kind"),
        pytest.param(_set("run_id", "../../etc"), r"run id '../../etc'", id="run-id-leads-away"),
        pytest.param(_drop("run_id"), r"run_id is missing", id="no-run-id"),
        pytest.param(_drop("catalogue", "digest"), r"catalogue\.digest is missing", id="digest"),
        pytest.param(_set("changes", 0, {"subject": "x"}), r"changes\[0\] has no before, after", id="change"),
        pytest.param(_set("guard", "yes"), r"guard is 'yes', wanted is a dict", id="guard"),
        pytest.param(_set("guard", {"state": "fine"}), r"guard\.state is 'fine'", id="guard-word"),
        pytest.param(
            _set("guard", {**samples.guard("reverted"), "ended": "noon"}), r"guard\.ended is 'noon'", id="guard-time"
        ),
        pytest.param(_set("guard", {**samples.guard("off"), "why": 1}), r"guard\.why is 1", id="guard-why"),
    ],
)
def test_a_wrong_shape_is_refused_by_name(change: t.Callable[[t.Any], None], told: str) -> None:
    data = copy.deepcopy(samples.result())
    change(data)
    with pytest.raises(ClinicalError, match=told):
        record.clean_result(data, "portal-01")


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
    assert evidence.unknown_hosts(run) == {"a": message}


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
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a\nb", "a\0b", " a", "x" * 201],
    ids=["empty", "dot", "dots", "up", "slash", "backslash", "hidden", "newline", "nul", "blank", "long"],
)
def test_host_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(ClinicalError, match="the host name"):
        words.check_host_name(name)
    with pytest.raises(ClinicalError, match="the host name"):
        evidence.bundle(samples.RUN_ID, {}, [name])


@pytest.mark.parametrize("name", ["portal-01", "fe80::1%eth0", "10.0.0.1", "röntgen", "a b", "host:2222", "<script>"])
def test_ordinary_host_names_are_fine(name: str) -> None:
    assert words.check_host_name(name) == name


@pytest.mark.parametrize("run_id", ["", ".", "..", "a/b", "latest", "-x", "a b", "x" * 81, "a\n"])
def test_run_ids_that_lead_elsewhere_are_refused(run_id: str) -> None:
    with pytest.raises(ClinicalError, match="the run id"):
        words.check_run_id(run_id)


def test_the_bundle_adds_up() -> None:
    run = evidence.bundle(samples.RUN_ID, fleet(), [*fleet(), "zz-down"])
    assert run["schema"] == "healthops.clinical/run/2"
    assert (run["mode"], run["tier"]) == ("harden", "standard")
    assert (run["started"], run["finished"]) == ("2026-11-22T15:00:00Z", "2026-11-22T15:00:05Z")
    assert run["catalogue"]["controls"] == 84
    assert sum(run["summary"].values()) == 252
    assert run["missing"] == ["zz-down"]
    assert words.canonical(run) == words.canonical(
        evidence.bundle(samples.RUN_ID, dict(reversed(list(fleet().items()))), ["zz-down", *fleet()])
    )


def test_missing_failed_and_unreadable_hosts_are_unknown() -> None:
    records = {**fleet(1), "early": record.clean_result({"failed": True, "msg": "boom"}, "early", samples.RUN_ID)}
    run = evidence.bundle(samples.RUN_ID, records, ["down", "half"], {"half": "/x/half.json: cut"})
    assert list(evidence.unknown_hosts(run)) == ["down", "early", "half"]
    assert run["missing"] == ["down"]
    assert evidence.headline(run).startswith("4 hosts, 84 checks: ")
    assert evidence.headline(run).endswith("; 3 hosts gave no result")


def test_hosts_of_different_tiers_and_catalogues_are_told() -> None:
    other = samples.result(1)
    other["tier"] = "essential"
    other["catalogue"] = {"digest": "sha256:00", "controls": 3}
    run = evidence.bundle(samples.RUN_ID, {"a": clean(), "b": record.clean_result(other, "b")})
    assert run["tier"] == "essential, standard"
    assert run["catalogue"]["digest"] is None
    assert len(run["catalogue"]["several"]) == 2


@pytest.mark.parametrize(
    ("records", "asked", "mode"),
    [
        pytest.param(["harden"], "audit", "harden", id="records-know-better"),
        pytest.param(["audit"], "harden", "audit", id="check-mode-is-an-audit"),
        pytest.param(["audit", "harden"], "", "harden", id="mixed-is-the-stronger"),
        pytest.param([], "rollback", "rollback", id="asked"),
        pytest.param([], "", "audit", id="nothing-known"),
    ],
)
def test_mode(records: t.List[str], asked: str, mode: str) -> None:
    assert evidence.run_mode([clean(mode=each) for each in records], asked) == mode


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ClinicalError, match="Known words: audit, harden, rollback"):
        evidence.run_mode([], "patch")


def test_a_rollback_counts_what_it_put_back() -> None:
    kept = record.clean_result(samples.reverted(), "a")
    run = evidence.bundle("20261122T160000Z-77aa", {"a": kept}, ["a", "b"])
    assert run["mode"] == "rollback"
    assert run["tier"] is None
    assert evidence.headline(run) == "2 hosts: 24 items put back as before; 1 host gave no result"


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
    assert record.open_record(record.record("a", clean()), "a", samples.RUN_ID) == clean()
    with pytest.raises(ClinicalError, match=told):
        record.open_record({**record.record("a", clean()), **change}, "a", samples.RUN_ID)


def test_a_record_of_another_run_is_refused() -> None:
    with pytest.raises(ClinicalError, match="not to run 'other'"):
        record.open_record(record.record("a", clean()), "a", "other")


def test_a_rehearsed_rollback_does_not_claim_to_have_put_back() -> None:
    kept = record.clean_result({**samples.reverted(), "check_mode": True}, "a")
    run = evidence.bundle("20261122T160000Z-77aa", {"a": kept})
    assert evidence.only_looked(run)
    assert evidence.headline(run) == "1 host: 24 items would be put back as before"


def test_warnings_that_are_objects_become_text() -> None:
    kept = record.clean_result({**samples.result(), "warnings": ["plain", ValueError("object")]}, "a")
    assert kept["warnings"] == ["plain", "object"]


def test_what_is_dropped_need_not_be_plain() -> None:
    assert "exception" not in record.clean_result({**samples.result(), "exception": object()}, "a")


def test_times_survive_what_ansible_does_to_its_own_words() -> None:
    data = samples.result()
    data.update(began=data["started"], ended=data["finished"], started=True, finished=True)
    assert record.clean_result(data, "a") == clean()


@pytest.mark.parametrize("state", sorted(samples.GUARDS))
def test_the_guard_is_evidence(state: str) -> None:
    kept = record.clean_result(samples.guarded(state), "a")
    assert kept["guard"] == samples.guard(state)
    assert kept.get("failed", False) is (state in ("reverted", "unknown"))


def test_a_call_that_was_cut_keeps_its_guard() -> None:
    cut = {"failed": True, "changed": False, "msg": "The connection was lost", "guard": samples.guard("reverted")}
    kept = record.clean_result({**cut, "run_id": samples.RUN_ID}, "a", samples.RUN_ID)
    assert (kept["state"], kept["guard"]) == ("failed", samples.guard("reverted"))


def guarded_run(*states: str, **more: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    made = {
        samples.host_name(number): record.clean_result(samples.guarded(state, number), "a")
        for number, state in enumerate(states)
    }
    return evidence.bundle(samples.RUN_ID, {**made, **more})


def test_hosts_that_did_not_keep_their_change_are_in_the_headline() -> None:
    run = guarded_run("confirmed", "reverted", "unknown", "none", "reverted")
    taken_back, silent = samples.host_name(1), samples.host_name(2)
    assert list(evidence.not_confirmed(run)) == sorted([taken_back, silent, samples.host_name(4)])
    assert evidence.not_confirmed(run)[taken_back].startswith(f"{taken_back} took back run")
    told = "; 2 hosts took their change back; 1 host stopped answering after its change"
    assert evidence.headline(run).endswith(told)
    assert evidence.headline(guarded_run("reverted")).endswith("; 1 host took its change back")


def test_hosts_that_kept_their_change_or_had_no_guard_are_not() -> None:
    run = guarded_run("confirmed", "none", "skipped", "off", old=clean())
    assert evidence.not_confirmed(run) == {}
    assert "took" not in evidence.headline(run)


def test_a_host_that_gave_no_result_is_told_of_once() -> None:
    cut = {"failed": True, "msg": "lost", "guard": samples.guard("reverted"), "run_id": samples.RUN_ID}
    run = guarded_run("confirmed", cut=record.clean_result(cut, "cut"))
    assert list(evidence.unknown_hosts(run)) == ["cut"]
    assert evidence.not_confirmed(run) == {}


def test_a_rollback_that_was_taken_back_is_in_the_headline() -> None:
    back = {**samples.reverted(), "restored": [], "failed": True, "msg": "no login", "guard": samples.guard("reverted")}
    run = evidence.bundle("20261122T160000Z-77aa", {"a": record.clean_result(back, "a")})
    assert evidence.headline(run) == "1 host: 0 items put back as before; 1 host took its change back"
