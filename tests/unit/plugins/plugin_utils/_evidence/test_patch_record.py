# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a patch result is evidence, and what becomes of each change."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import patch_record as patch_record_module
from unit_tests.plugin_utils._evidence import patch_samples, secrets
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record, patch_run


def test_only_named_keys_are_kept_and_they_are_clean() -> None:
    result = patch_samples.applied(msg="\n".join(secrets.PLANTED.values()))
    changed = {**result["plan"]["changes"][0], "why": list(secrets.PLANTED.values()), "stray": "x"}
    result["plan"] = {**result["plan"], "changes": [changed], "own_will": [*secrets.PLANTED.values()], "stray": "x"}
    result["policy"] = {**patch_samples.POLICY, "stray": "x"}
    kept = json.dumps(patch_record(result))
    assert [needle for needle in (*secrets.NEEDLES, "stray", "invocation") if needle in kept] == []


@pytest.mark.parametrize(
    ("result", "status"),
    [
        pytest.param(patch_samples.result(patch_samples.plan(patch_samples.NGINX)), "waits", id="planned"),
        pytest.param(
            patch_samples.result(patch_samples.plan({**patch_samples.NGINX, "days_left": -1})), "late", id="late"
        ),
        pytest.param(patch_samples.applied(), "installed", id="applied"),
        pytest.param(patch_samples.applied("applied", failed=True), "installed", id="service-down-since"),
        pytest.param(patch_samples.rolled_back(), "taken_back", id="rolled-back"),
        pytest.param(patch_samples.rolled_back(check_mode=True), "to_take_back", id="rehearsed"),
    ],
)
def test_each_change_has_one_status(result: patch_samples.Json, status: str) -> None:
    run = patch_run({"a": result})
    assert status in [each for _host, _record, each, _change in patch_record_module.package_changes(run)]


def test_what_was_left_out_comes_after_the_set_under_its_own_word() -> None:
    held = {**patch_samples.OPENSSL, "reason": "held", "expires": None}
    run = patch_run({"a": patch_samples.result(patch_samples.plan(patch_samples.NGINX, held=[held]))})
    changes = [(change["name"], status) for _host, _record, status, change in patch_record_module.package_changes(run)]
    assert changes == [("nginx", "waits"), ("libssl3", "held")]


@pytest.mark.parametrize(
    ("result", "verdict"),
    [({"plan": {"verdict": "none"}}, "none"), ({"verdict": "updates", "digest": "x"}, "updates"), ({}, None)],
)
def test_a_plan_is_found_below_its_key_or_is_the_result_itself(
    result: patch_samples.Json, verdict: t.Optional[str]
) -> None:
    assert patch_record_module.plan_of(result).get("verdict") == verdict
