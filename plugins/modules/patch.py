#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host patched: planned, staged, applied, rolled back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patch
"""
EXAMPLES = ""
RETURN = ""

import contextlib
import typing as t
from dataclasses import asdict
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils import _lock
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host import RealHost
from ansible_collections.healthops.clinical.plugins.module_utils._patch import _patching, _policy, _rolling_back
from ansible_collections.healthops.clinical.plugins.module_utils._patch._managers import manager_of
from ansible_collections.healthops.clinical.plugins.module_utils._patch._planning import Question
from ansible_collections.healthops.clinical.plugins.module_utils._patch._wish import Answer, Stopped, Wish
from ansible_collections.healthops.clinical.plugins.module_utils._run_id import new_run_id

STATES: dict[str, t.Callable[..., Answer]] = {
    "planned": _patching.planned,
    "staged": _patching.staged,
    "applied": _patching.applied,
    "rolled_back": _rolling_back.rolled_back,
}


def wish(params: dict[str, t.Any], check: bool) -> Wish:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    advisories = params["advisories"]
    question = Question(
        _policy.read(params["policy"]),
        now,
        None if advisories is None else advisories.get("sources", {}),
        params["refresh"] and not check and params["state"] != "applied",
    )
    # What is rolled back has its name already; every other run gets one.
    run_id = params["run_id"] or ("" if params["state"] == "rolled_back" else new_run_id())
    return Wish(
        question,
        run_id,
        params["digest"],
        params["restart"],
        tuple(params["restart_order"]),
        params["repair"],
        params["hold_days"],
        params["keep_runs"],
        check,
    )


def carry_out(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    wanted, host = wish(params, check), RealHost()
    manager = manager_of(host, wanted.question.now, params["manager"])
    if params["tell_first"]:
        packages = manager.installed().values()
        return {"changed": False, "source_packages": sorted({package.source for package in packages})}
    if not host.is_root():
        raise ClinicalError("Patching", "this host", "it takes root", "Run it with become: true.")
    with (
        contextlib.nullcontext() if check else _lock.held(wanted.run_id or params["state"], patience=params["patience"])
    ):
        answer = asdict(STATES[params["state"]](host, manager, wanted))
    return told(answer, params["state"])


def told(answer: dict[str, t.Any], state: str) -> dict[str, t.Any]:
    """The plan by itself where only that was wanted; otherwise what was done, with the plan below."""
    if state != "planned":
        return answer
    return {"changed": answer["changed"], "warnings": answer["warnings"], **answer["plan"]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(STATES), "default": "planned"},
            "digest": {"type": "str", "default": ""},
            "run_id": {"type": "str", "default": ""},
            "policy": {"type": "dict", "default": {}},
            "advisories": {"type": "dict"},
            "tell_first": {"type": "bool", "default": False},
            "refresh": {"type": "bool", "default": True},
            "restart": {"type": "str", "choices": ["now", "ask"], "default": "now"},
            "restart_order": {"type": "list", "elements": "str", "default": []},
            "repair": {"type": "bool", "default": False},
            "hold_days": {"type": "int", "default": 14},
            "keep_runs": {"type": "int", "default": 10},
            "manager": {"type": "str", "choices": ["auto", "apt", "dnf"], "default": "auto"},
            "patience": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    try:
        answer = carry_out(module.params, module.check_mode)
    except Stopped as error:
        answer = told(asdict(error.answer), module.params["state"])
        module.fail_json(msg=str(error), **{key: value for key, value in answer.items() if key != "warnings"})
    except ClinicalError as error:
        module.fail_json(msg=str(error))
    for warning in answer.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
