# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a record: what is wrong is refused by the host's name and the key."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from unit_tests.plugin_utils._evidence import patch_samples, samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record


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


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        pytest.param("verdict", "fine", "patch.verdict is 'fine'", id="verdict"),
        pytest.param("changes", [{"name": "x"}], r"patch\.changes\[0\] has no arch", id="change"),
        pytest.param(
            "held", [{**patch_samples.NGINX, "severity": "bad"}], r"patch\.held\[0\]\.severity is 'bad'", id="severity"
        ),
        pytest.param("digest", None, "patch.digest|no digest", id="digest"),
    ],
)
def test_a_plan_of_another_shape_is_no_evidence(key: str, value: t.Any, told: str) -> None:
    result = copy.deepcopy(patch_samples.applied())
    result["plan"][key] = value
    if value is None:
        del result["plan"][key]
    with pytest.raises(ClinicalError, match=told):
        patch_record(result)
