# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What entry points of a system leave in its variables: lists and numbers, of the form that playbooks read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rooms import ROOT

pytest.importorskip("ansible")

import yaml

from roles import plays

ANSWER = {"healthy": True, "state": "ready", "latency_ms": 1.5, "saw": 'it\'s "AA" {{ 7 * 6 }}'}
SILENT = {"healthy": False, "state": "timeout", "latency_ms": 0.0, "saw": "no answer"}
DRAINED = {"engine": "one", "state": "drained", "routes": ["lab_engines", "ward_engines"], "sessions": 0}
STATUS = {"drained": True, "associations": 0, "jobs": 0, "saw": "Orthanc 1.12 answered"}
#: What modules and programs have returned, by the name of the variable.
RETURNED: dict[str, Any] = {
    "__interface_gateway_answers": {
        "results": [
            {**ANSWER, "item": [{"name": "lab"}, {"name": "one"}]},
            {**SILENT, "item": [{"name": "lab"}, {"name": "two"}]},
        ]
    },
    "__interface_gateway_through": {"results": [{**ANSWER, "item": {"name": "lab", "port": 2575}}]},
    "interface_gateway_drain_result": {**DRAINED, "sessions_before": 4, "sessions_shut": 3},
    "__imaging_archive_drain": {"stdout": f" {json.dumps(STATUS)}"},  # a blank, for it to stay a text
}
LEFT_BY = {
    "interface_gateway_probes": ("interface_gateway", "probe"),
    "interface_gateway_drain": ("interface_gateway", "drain"),
    "imaging_archive_drain": ("imaging_archive", "drain"),
}


def tasks_that_set(variable: str, entries: Any) -> Iterator[dict[str, Any]]:
    """Yield the tasks that give the variable its value, those in blocks included."""
    for entry in entries or ():
        if variable in entry.get("ansible.builtin.set_fact", {}):
            yield entry
        yield from tasks_that_set(variable, entry.get("block"))


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each variable holds, when a play has run the tasks that set them."""
    folder = tmp_path_factory.mktemp("results")
    tasks: list[dict[str, Any]] = []
    for variable, (role, entry) in LEFT_BY.items():
        text = (ROOT / "roles" / role / "tasks" / f"{entry}.yml").read_text(encoding="utf-8")
        tasks += tasks_that_set(variable, yaml.safe_load(text))
    content = "{{ {" + ", ".join(f"'{name}': {name}" for name in LEFT_BY) + "} | to_json }}"
    (folder / "returned.json").write_text(json.dumps(RETURNED), encoding="utf-8")
    read = {
        "ansible.builtin.set_fact": {"__returned": "{{ lookup('ansible.builtin.file', 'returned.json') | from_json }}"}
    }
    given = {name: f"{{{{ __returned[{name!r}] }}}}" for name in RETURNED}
    keep = {"ansible.builtin.copy": {"dest": str(folder / "left"), "content": content}}
    plays.run(folder, [{"vars": given, "tasks": [read, *tasks, keep]}])
    return dict(json.loads((folder / "left").read_text(encoding="utf-8")))


def test_probes_of_a_gateway_are_a_list_in_the_order_of_its_routes(left: dict[str, Any]) -> None:
    assert left["interface_gateway_probes"] == [
        {"probe": "mllp_echo", "target": "lab/one", **ANSWER},
        {"probe": "mllp_echo", "target": "lab/two", **SILENT},
        {"probe": "mllp_echo", "target": "lab, through the gateway", **ANSWER},
    ]


def test_a_drain_of_an_engine_says_what_it_interrupted(left: dict[str, Any]) -> None:
    assert left["interface_gateway_drain"] == {
        "target": "one",
        "state": "drained",
        "open": 0,
        "interrupted": 3,
        "saw": "4 sessions at first, 0 in the end, on lab_engines, ward_engines",
    }


def test_a_drain_of_an_archive_interrupts_nothing(left: dict[str, Any]) -> None:
    assert left["imaging_archive_drain"] == {
        "target": "the archive",
        "state": "drained",
        "open": 0,
        "interrupted": 0,
        "saw": "0 associations, 0 jobs in the end; Orthanc 1.12 answered",
    }
