# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of patching: what a host is asked, what it is sent, and what stops before it is contacted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit_tests.plugin_utils._patch.test_advisories import carried_in

pytest.importorskip("ansible")

from ansible.errors import AnsibleActionFail
from ansible_collections.healthops.clinical.plugins.action import patch
from ansible_collections.healthops.clinical.plugins.module_utils._patch.packed_advisories import unpack

TOLD = {"codename": "bookworm", "sources": {"curl": "7.88.1-10", "nginx": "1.22.1-9"}, "cves": ["CVE-2021-44228"]}
DIGEST = f"sha256:{'a1' * 32}"


class Host:
    """What a host answers: first what it has, then the plan; and everything that it was sent."""

    def __init__(self, **answer: Any) -> None:
        self.answer: dict[str, Any] = {"changed": False, "invocation": {"module_args": {}}, **answer}
        self.sent: list[dict[str, Any]] = []
        self.task_vars: list[dict[str, Any]] = []

    def __call__(self, name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert name == "healthops.clinical.patch"
        self.sent.append(module_args)
        self.task_vars.append(task_vars)
        return {"changed": False, "rating_inputs": TOLD} if module_args["survey_only"] else dict(self.answer)


def call(host: Host, **args: Any) -> dict[str, Any]:
    task = SimpleNamespace(args=args, async_val=0, check_mode=False, diff=False, action="patch", delegate_to=None)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    context = SimpleNamespace(check_mode=False, diff=False)
    action = patch.ActionModule(task, connection, context, loader=None, templar=None, shared_loader_obj=None)
    action._execute_module = host
    made: dict[str, Any] = action.run(task_vars={"inventory_hostname": "pacs-01"})
    return made


def files(folder: Path) -> dict[str, str]:
    return {option: path.name for option, path in carried_in(folder).items()}


def approvals(folder: Path, **more: str) -> str:
    told = {"approver": "Tomas Brandt", "expires": '"2999-01-01"', **more}
    (folder / "approvals.yml").write_text(
        "".join(f"{key}: {value}\n" for key, value in told.items()) + f"hosts:\n  pacs-01: {DIGEST}\n", encoding="utf-8"
    )
    return "approvals.yml"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(patch.approvals, "MOST_DAYS", 1_000_000)


def test_a_host_is_asked_first_and_then_sent_what_it_needs(tmp_path: Path) -> None:
    host = Host(plan={"verdict": "updates"})
    made = call(host, advisory_files=files(tmp_path), advisory_cache="cache", advisory_max_age=10**6)
    assert [each["survey_only"] for each in host.sent] == [True, False]
    assert host.sent[0]["advisories"] == ""
    needed = unpack(host.sent[1]["advisories"])
    assert list(needed["sources"]) == ["curl"]
    assert needed["cves"] == {"CVE-2021-44228": {"kev_due": "2021-12-24", "epss": None}}
    assert set(needed["as_of"]) == set(needed["files"]) == {"debian_tracker", "cisa_kev", "epss"}
    assert made["plan"] == {"verdict": "updates"}
    assert made["state"] == "planned"
    assert not {"invocation", "warnings"} & set(made)
    assert host.sent[0]["run_id"] == host.sent[1]["run_id"] != ""


def test_the_log_of_the_host_is_not_given_the_advisories(tmp_path: Path) -> None:
    host = Host()
    call(host, advisory_files=files(tmp_path), advisory_cache="cache")
    assert host.task_vars == [{"inventory_hostname": "pacs-01", "ansible_no_target_syslog": True}] * 2


def test_without_files_a_host_is_asked_once(tmp_path: Path) -> None:
    host = Host()
    call(host, advisory_files={"debian_tracker": "", "epss": None})
    assert [(each["survey_only"], each["advisories"]) for each in host.sent] == [(False, "")]
    assert not (tmp_path / "cache").exists()


def test_what_only_the_control_node_needs_stays_there(tmp_path: Path) -> None:
    host = Host()
    call(host, advisory_files=files(tmp_path), advisory_cache="cache", approvals="nowhere.yml")
    assert not set(patch.CONTROLLER_OPTIONS) & {key for sent in host.sent for key in sent}


def test_a_host_that_fails_at_the_question_fails_with_its_own_words(tmp_path: Path) -> None:
    host = Host()
    host_fails = {"failed": True, "msg": "dpkg is not there"}
    host.__class__ = type("Broken", (Host,), {"__call__": lambda *_args, **_more: host_fails})
    made = call(host, advisory_files=files(tmp_path), advisory_cache="cache")
    assert (made["failed"], made["msg"]) == (True, "dpkg is not there")


def test_old_files_and_unknown_releases_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOLD, "codename", "forky")
    made = call(Host(warnings=["own"]), advisory_files=files(tmp_path), advisory_cache="cache")
    assert made["warnings"][0] == "own"
    assert "the Debian security tracker's data say nothing of the release forky" in made["warnings"]
    assert any("days old: severities and deadlines may be too mild" in each for each in made["warnings"])


def test_what_is_applied_is_what_was_approved(tmp_path: Path) -> None:
    host = Host()
    made = call(host, state="applied", approvals=approvals(tmp_path, ticket="CHG-118"))
    assert host.sent[0]["digest"] == DIGEST
    assert (made["approval"]["approver"], made["approval"]["ticket"]) == ("Tomas Brandt", "CHG-118")


def test_taking_back_needs_no_advisories_and_no_approval(tmp_path: Path) -> None:
    host = Host()
    call(host, state="rolled_back", run_id="r1", approvals="missing.yml", advisory_files={"epss": "missing"})
    assert host.sent[0]["run_id"] == "r1"
    host = Host()
    call(host, state="rolled_back")
    assert "run_id" not in host.sent[0]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param({"policy": {"exclude": [{}]}}, "exclude 1 has no packages", id="policy"),
        pytest.param({"advisory_files": {"epss": "missing.csv"}}, r"missing\.csv: No such file", id="no file"),
        pytest.param({"advisory_files": {"nvd": "x"}}, "unknown file 'nvd'", id="unknown file"),
        pytest.param({"state": "applied", "approvals": "missing.yml"}, r"missing\.yml: .*No such file", id="approval"),
        pytest.param({"state": "applied", "approvals": "approvals.yml", "digest": "sha256:0"}, "Give one", id="two"),
        pytest.param({"advisory_max_age": "old", "advisory_files": {"epss": "epss"}}, "'old'; wanted", id="age"),
    ],
)
def test_what_is_wrong_stops_before_anything_is_changed(tmp_path: Path, args: dict[str, Any], told: str) -> None:
    files(tmp_path)
    approvals(tmp_path)
    host = Host()
    with pytest.raises(AnsibleActionFail, match=told) as raised:
        call(host, advisory_cache="cache", **args)
    assert raised.value.__cause__ is None, "Ansible would say it twice"
    assert all(each["survey_only"] for each in host.sent)


def test_an_approval_that_ended_stops_before_the_host_is_contacted(tmp_path: Path) -> None:
    host = Host()
    with pytest.raises(AnsibleActionFail, match="it ended on 2020-01-01; Tomas Brandt gave it"):
        call(host, state="applied", approvals=approvals(tmp_path, expires='"2020-01-01"'))
    assert host.sent == []
