# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks say where a run cannot begin, or does nothing: the last words are the cause."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from datetime import date
from pathlib import Path

import pytest
import yaml

pytest.importorskip("ansible")

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = ROOT / "playbooks"
INVENTORY = {"all": {"hosts": {name: {"ansible_host": "127.0.0.1", "ansible_port": 1} for name in ("web1", "web2")}}}


def played(
    folder: Path, playbook: str, *options: str, groups: dict[str, t.Any] | None = None, **variables: t.Any
) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection for two hosts that nobody can reach, and for the hosts of ``groups``."""
    (folder / "ansible_collections" / "healthops").mkdir(parents=True)
    (folder / "ansible_collections" / "healthops" / "clinical").symlink_to(ROOT)
    (folder / "inventory").mkdir()
    (folder / "inventory" / "hosts.json").write_text(json.dumps({**INVENTORY, **(groups or {})}), encoding="utf-8")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_HOME": str(folder / "home")}
    program = Path(sys.executable).with_name("ansible-playbook")
    given = ["-i", "inventory/hosts.json", "-e", json.dumps(variables)]
    return subprocess.run(
        [str(program), f"healthops.clinical.{playbook}", *given, *options],
        cwd=folder,
        env={**environment, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRIES": "0", "ANSIBLE_TIMEOUT": "2"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def last_message(ended: subprocess.CompletedProcess[str]) -> str:
    """The message of the last task that failed."""
    messages = re.findall(r'^fatal: .*"msg": (".*?(?<!\\)")', ended.stdout, re.MULTILINE)
    assert messages, ended.stdout + ended.stderr
    message: str = json.loads(messages[-1])
    return message


def test_a_tier_that_is_none_is_the_last_word(tmp_path: Path) -> None:
    ended = played(tmp_path, "harden", hardening_tier="stric")
    assert ended.returncode != 0
    named = "No host was touched. web1, web2: value of hardening_tier must be one of: essential, standard, strict"
    assert last_message(ended) == f"{named}, got: stric"
    assert "Report" not in ended.stdout


def test_all_that_stands_in_the_way_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("in the way", encoding="utf-8")
    ended = played(tmp_path, "harden", hardening_extra_catalogues=["site"], hardening_tunables={"no_such": 1})
    message = last_message(ended)
    assert message.startswith("No host was touched: 2 things stand in the way.\n(1) ")
    assert "a file is in its place" in message
    assert f"there is no such directory in {tmp_path}/inventory, " in message


def test_patching_without_approvals_is_told_before_any_host_is_asked(tmp_path: Path) -> None:
    ended = played(tmp_path, "patch_apply")
    assert "patching_approvals is empty" in last_message(ended)
    assert "UNREACHABLE" not in ended.stdout


@pytest.mark.parametrize("playbook", ["harden", "patch_plan"])
def test_tags_that_leave_out_all_of_it_are_told(tmp_path: Path, playbook: str) -> None:
    ended = played(tmp_path, playbook, "--tags", "no_such")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Nothing was done on any host, and there is no report: no task has the tags no_such" in ended.stdout


def test_what_stops_a_configuration_is_the_last_word(tmp_path: Path) -> None:
    groups = {"interface_gateways": {"hosts": {"web1": {"ansible_connection": "local"}}}}
    ended = played(tmp_path, "configure", groups=groups, run_become=False, interface_gateway_routes=[{"name": "x"}])
    assert ended.returncode != 0
    message = last_message(ended)
    assert message.startswith("Configuring web1 failed: ")
    assert "interface_gateway_routes" in message
    run = json.loads((tmp_path / "evidence" / "latest" / "run.json").read_text(encoding="utf-8"))
    (finding,) = run["hosts"]["web1"]["findings"]
    assert (run["mode"], finding["id"], finding["result"]) == ("configure", "configuration_interface_gateway", "error")
    assert "interface_gateway_routes" in finding["reason"]


PROBE = {"probe": "uri", "target": "the page", "healthy": True, "state": "ready", "latency_ms": 1.0, "saw": "200"}


def site_role(folder: Path, **entries: t.Any) -> None:
    """Write a role of the site, whose entry points set facts, or fail where they have none to set."""
    (folder / "tasks").mkdir(parents=True)
    for name, facts in entries.items():
        failing = {"ansible.builtin.fail": {"msg": "no {{ item }} is free"}, "loop": ["bed"]}
        task = {"ansible.builtin.set_fact": facts} if facts else failing
        (folder / "tasks" / f"{name}.yml").write_text(json.dumps([task]), encoding="utf-8")


def test_a_role_of_the_site_is_a_clinical_system_by_its_name_or_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_ROLES_PATH", str(tmp_path / "site_roles"))
    standing = {"name": "clinic", "run_id": "r1", "configured": "2026-12-01T03:00:00Z", "changed": True}
    site_role(
        tmp_path / "site_roles" / "clinic",
        main={"__clinic_configured": {"changed": True, "configurations": [{**standing, "state": "as_configured"}]}},
        probe={"clinic_probes": [PROBE]},
    )
    changes = [{"subject": f"file /etc/{name}", "before": "absent", "after": "sha256"} for name in ("ward", "beds")]
    ward = {
        "__ward_configured": {"changed": True, "changes": changes, "configurations": [{**standing, "name": "ward"}]}
    }
    site_role(tmp_path / "ansible_collections" / "site" / "systems" / "roles" / "ward", main=ward, probe={})
    systems = {"web1": "clinic", "web2": "site.systems.ward"}
    hosts = {name: {"ansible_connection": "local", "clinical_system": role} for name, role in systems.items()}
    ended = played(tmp_path, "configure", groups={"systems": {"hosts": hosts}}, run_become=False)
    assert last_message(ended) == "Configuring web2 failed: no bed is free"
    run = json.loads((tmp_path / "evidence" / "latest" / "run.json").read_text(encoding="utf-8"))
    assert run["hosts"]["web1"]["probes"] == [PROBE]
    assert [system["name"] for system in run["hosts"]["web1"]["configurations"]] == ["clinic"]
    (finding,) = run["hosts"]["web2"]["findings"]
    reason = "no bed is free; the run had changed file /etc/ward, file /etc/beds"
    assert (finding["id"], finding["reason"]) == ("configuration_ward", reason)


@pytest.mark.parametrize("path", sorted(PLAYBOOKS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_play_that_reports_says_so_where_tags_left_it_out(path: Path) -> None:
    for play in yaml.safe_load(path.read_text(encoding="utf-8")):
        tasks = play.get("tasks", [])
        if any("always" in task for task in tasks):
            (said,) = [task for task in tasks if task["name"] == "Check that the tags left something to do"]
            assert said["tags"] == "always"


def test_the_run_has_one_name_for_what_all_roles_share(tmp_path: Path) -> None:
    ended = played(tmp_path, "patch_plan", run_evidence_dir="kept", run_become=False)
    assert "UNREACHABLE" in ended.stdout, ended.stdout + ended.stderr
    assert [path.name for path in tmp_path.glob("*/latest")] == ["latest"]
    assert (tmp_path / "kept" / "latest" / "report.html").is_file()
    assert "unsupported in variable storage" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("playbook", ["patch_plan", "harden"])
def test_a_ring_that_the_inventory_does_not_know_ends_no_run_well(tmp_path: Path, playbook: str) -> None:
    ended = played(tmp_path, playbook, run_targets="web1s")
    assert ended.returncode != 0
    said = ended.stdout + ended.stderr
    assert "No host was touched. The inventory has no host or group for run_targets: web1s" in said


def test_one_host_is_patched_first_and_no_other_where_it_fails(tmp_path: Path) -> None:
    hosts = "".join(f"  {name}: sha256:{'0' * 64}\n" for name in ("web1", "web2"))
    approvals = tmp_path / "approvals.yml"
    approvals.write_text(f"approver: A. Example\nexpires: '{date.today()}'\nhosts:\n{hosts}", encoding="utf-8")
    ended = played(tmp_path, "patch_apply", patching_approvals=str(approvals))
    assert ended.returncode != 0
    _opened, applied = ended.stdout.split("PLAY [Apply and report]", 1)
    assert "web1" in applied
    assert "web2" not in applied
