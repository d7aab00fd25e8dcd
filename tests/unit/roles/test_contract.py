# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a clinical system: playbooks call its role by entry points that all of them have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
#: What every system has, and what one that holds data has beside it.
ENTRY_POINTS = ("main", "preflight", "probe", "drain", "undrain")
WITH_DATA = ("backup", "restore")
#: Modules that look, and change nothing on a host.
LOOKING = {"assert", "setup", "stat", "fail", "set_fact", "include_tasks", "command", "script"}
#: What all preflights share.
SHARED_LOOK = {"name": "healthops.clinical.system", "tasks_from": "platform"}


def specs(role: str) -> dict[str, Any]:
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["argument_specs"])


def text_of(role: str, entry: str) -> str:
    return (ROLES / role / "tasks" / f"{entry}.yml").read_text(encoding="utf-8")


#: A role that can be probed is a system.
SYSTEMS = sorted(path.parents[1].name for path in ROLES.glob("*/tasks/probe.yml"))


def test_there_are_systems() -> None:
    assert {"imaging_archive", "interface_gateway"} <= set(SYSTEMS)


def holds_data(role: str) -> bool:
    """Tell whether a role's configuration has a folder that outlives it."""
    paths = [*(ROLES / role / "tasks").glob("*.yml"), *(ROLES / role / "vars").glob("*.yml")]
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    return re.search(r"\bdata: +(true|yes|\"\{\{)", text) is not None


def test_the_archive_holds_data_and_the_gateway_none() -> None:
    assert {role for role in SYSTEMS if holds_data(role)} == {"imaging_archive"}


@pytest.mark.parametrize("role", SYSTEMS)
def test_a_system_without_data_says_so(role: str) -> None:
    text = (ROLES / role / "README.md").read_text(encoding="utf-8")
    limits = text.partition("## What it will not do\n")[2].partition("\n## ")[0]
    assert ("holds none" in limits) is not holds_data(role)


@pytest.mark.parametrize("role", SYSTEMS)
def test_a_system_has_every_entry_point_with_its_specification(role: str) -> None:
    entries = ENTRY_POINTS + (WITH_DATA if holds_data(role) else ())
    assert [entry for entry in entries if entry not in specs(role)] == []
    assert [entry for entry in entries if not (ROLES / role / "tasks" / f"{entry}.yml").is_file()] == []


@pytest.mark.parametrize("role", SYSTEMS)
def test_results_have_the_name_of_the_role(role: str) -> None:
    assert re.search(rf"^ +{role}_probes: ", text_of(role, "probe"), re.MULTILINE)
    assert re.search(rf"^ +{role}_drain: ", text_of(role, "drain"), re.MULTILINE)


@pytest.mark.parametrize("role", [role for role in SYSTEMS if "service_config" in text_of(role, "main")])
def test_what_configuring_came_to_has_the_name_of_the_role(role: str) -> None:
    """The playbook configure makes evidence of it."""
    tasks = [task for task in yaml.safe_load(text_of(role, "main")) if "healthops.clinical.service_config" in task]
    assert [task["register"] for task in tasks] == [f"__{role}_configured"]


@pytest.mark.parametrize("role", SYSTEMS)
def test_a_preflight_only_looks(role: str) -> None:
    text = text_of(role, "preflight")
    modules = re.findall(r"^ +ansible\.builtin\.(\w+):", text, re.MULTILINE)
    assert set(modules) - {"include_role"} <= LOOKING
    assert modules
    for task in yaml.safe_load(text):
        included = task.get("ansible.builtin.include_role", SHARED_LOOK)
        assert included == SHARED_LOOK
        if {"ansible.builtin.command", "ansible.builtin.script"} & set(task):
            assert (task["changed_when"], task["check_mode"]) == (False, False)


@pytest.mark.parametrize("role", SYSTEMS)
def test_main_begins_with_the_preflight(role: str) -> None:
    """Or with the part of it that asks no host, where service_config itself checks the platform."""
    first, *others = yaml.safe_load(text_of(role, "main"))
    included = first["ansible.builtin.include_tasks"]
    if included != "preflight.yml":
        assert f"ansible.builtin.include_tasks: {included}" in text_of(role, "preflight")
        assert [task for task in others if "platforms" in task.get("healthops.clinical.service_config", {})]


@pytest.mark.parametrize("role", SYSTEMS)
def test_the_readme_says_what_it_does_what_it_will_not_do_and_what_it_interrupts(role: str) -> None:
    titles = re.findall(r"^## (.*)$", (ROLES / role / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    said = [title for title in titles if title.startswith("What it") and title != "What it costs"]
    assert said == ["What it does", "What it will not do", "What it interrupts"]


def all_tasks(entries: Any) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a file, those in blocks included."""
    for entry in entries or ():
        yield entry
        for section in ("block", "rescue", "always"):
            yield from all_tasks(entry.get(section))


#: What a drain says, of every system alike.
DRAIN_FIELDS = ["target", "state", "open", "interrupted", "saw"]


@pytest.mark.parametrize("role", SYSTEMS)
def test_a_drain_says_the_same_of_every_system(role: str) -> None:
    facts = [
        task["ansible.builtin.set_fact"][f"{role}_drain"]
        for task in all_tasks(yaml.safe_load(text_of(role, "drain")))
        if f"{role}_drain" in task.get("ansible.builtin.set_fact", {})
    ]
    assert [re.findall(r"^ *'(\w+)':", fact, re.MULTILINE) for fact in facts] == [DRAIN_FIELDS]


def test_a_drain_says_what_the_manual_of_systems_says() -> None:
    manual = (ROLES.parent / "docs" / "add-a-system.md").read_text(encoding="utf-8")
    (row,) = [line for line in manual.splitlines() if line.startswith("| `drain` |")]
    assert re.findall(r"`(\w+)`", row.split("|")[3]) == DRAIN_FIELDS


#: What a backup and a restore say, of every system that holds data alike.
DATA_FIELDS = ["target", "state", "folder", "counts", "bytes", "digest", "versions", "saw"]


@pytest.mark.parametrize("entry", WITH_DATA)
@pytest.mark.parametrize("role", [role for role in SYSTEMS if holds_data(role)])
def test_backup_and_restore_say_the_same_of_every_system(role: str, entry: str) -> None:
    facts = [
        task["ansible.builtin.set_fact"][f"{role}_{entry}"]
        for task in all_tasks(yaml.safe_load(text_of(role, entry)))
        if f"{role}_{entry}" in task.get("ansible.builtin.set_fact", {})
    ]
    assert [re.findall(r"^ *'(\w+)':", fact, re.MULTILINE) for fact in facts] == [DATA_FIELDS]


@pytest.mark.parametrize("entry", WITH_DATA)
def test_backup_and_restore_say_what_the_manual_of_systems_says(entry: str) -> None:
    manual = (ROLES.parent / "docs" / "add-a-system.md").read_text(encoding="utf-8")
    (row,) = [line for line in manual.splitlines() if line.startswith(f"| `{entry}` |")]
    assert re.findall(r"`(\w+)`", row.split("|")[3]) == DATA_FIELDS


@pytest.mark.parametrize("role", [role for role in SYSTEMS if holds_data(role)])
def test_a_restore_is_inside_the_drain(role: str) -> None:
    included = re.findall(r"include_tasks: (\w+)\.yml", text_of(role, "restore"))
    assert {"drain", "undrain"} <= set(included)
    assert included.index("drain") < included.index("undrain")


@pytest.mark.parametrize("role", SYSTEMS)
def test_no_role_of_a_system_makes_a_list_item_by_item(role: str) -> None:
    """A task for each item takes longer than the probe itself; an expression makes it in one."""
    looped = [
        task["name"]
        for path in sorted((ROLES / role / "tasks").glob("*.yml"))
        for task in all_tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        if "ansible.builtin.set_fact" in task and any(key == "loop" or key.startswith("with_") for key in task)
    ]
    assert looped == []


#: Modules that write to a host beside its configuration.
WRITING = {
    "apt",
    "blockinfile",
    "copy",
    "file",
    "get_url",
    "group",
    "lineinfile",
    "package",
    "replace",
    "template",
    "user",
}


@pytest.mark.parametrize("role", SYSTEMS)
def test_what_a_system_puts_on_a_host_it_says_to_service_config(role: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((ROLES / role).glob("tasks/*.yml")))
    assert set(re.findall(r"^ +ansible\.builtin\.(\w+):", text, re.MULTILINE)) & WRITING == set()
    assert "  healthops.clinical.service_config:\n" in text_of(role, "main")
    assert not (ROLES / role / "handlers").exists()
