# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""preflight: all that would stop a run is told at once, on the control node, before any host is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.modules.preflight import ARGUMENTS
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.measure import (
    catalogue_folders,
    measure,
    places,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.ready import evidence_problems
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import plural
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder

ROLES = Path(__file__).resolve().parents[2] / "roles"
#: How many hosts with the same problem are named.
NAMED = 3


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        known, hosts = task_vars or {}, [str.__str__(name) for name in args["hosts"]]
        problems = [str(problem) for problem in _evidence(args, hosts)] if args["path"] else []
        if args["approvals"] is not None:
            now = datetime.now(timezone.utc)
            problems += _approvals(str(args["approvals"]), now)
        for role in args["roles"]:
            problems += _of_role(role, hosts, known, self._templar.template)
        if problems:
            raise AnsibleActionFail(message(problems))
        return {"changed": False, "msg": f"Nothing stands in the way of {plural(len(hosts), 'host')}."}


def message(problems: Sequence[str]) -> str:
    """Return what stops the run, all of it, in one text that says once what that means for the hosts."""
    problems = [problem.replace(" No host was touched.", "") for problem in problems]
    if len(problems) == 1:
        return f"No host was touched. {problems[0]}"
    numbered = "\n".join(f"({number}) {problem}" for number, problem in enumerate(problems, 1))
    return f"No host was touched: {len(problems)} things stand in the way.\n{numbered}"


def _evidence(args: Mapping[str, Any], hosts: Sequence[str]) -> list[ClinicalError]:
    folder, key = Path(args["path"]).absolute(), args["signing_key"]
    own_writes = OwnWrites.of(own_folder(constants.config), folder)
    return evidence_problems(folder, own_writes, hosts, str(args["fleet"]), Path(key).absolute() if key else None)


def _of_role(role: str, hosts: Sequence[str], known: Mapping[str, Any], template: Callable[[Any], Any]) -> list[str]:
    """Return what is wrong with the options of a role, each problem once, with the hosts that have it."""
    specification = _options_of(role)
    concerned: dict[str, list[str]] = {}
    checked: dict[str, list[str]] = {}
    for host in hosts:
        values, problems = _values(host, specification, known, template)
        key = json.dumps(values, sort_keys=True, default=str)
        if not problems and key not in checked:
            checked[key] = list(CHECKS[role](_valid(values, specification), host, known))
        for problem in problems or checked[key]:
            concerned.setdefault(problem, []).append(host)
    return [f"{_named(names)}: {problem}" for problem, names in concerned.items()]


def _options_of(role: str) -> dict[str, Any]:
    """Return the specification of a role's options, as its main entry point has it."""
    path = ROLES / role / "meta" / "argument_specs.yml"
    options: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    return options


def _values(
    host: str, specification: Mapping[str, Any], known: Mapping[str, Any], template: Callable[[Any], Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the options of a role on a host, and what is wrong with them by themselves.

    What the inventory says of a host counts; else what is said here, where the role's own defaults are.
    """
    variables = known.get("hostvars", {}).get(host, {})
    values: dict[str, Any] = {}
    for name in specification:
        try:
            if name in variables:
                values[name] = variables[name]
            elif name in known:
                values[name] = template(known[name])  # what stands in a play may be a template itself
        except AnsibleError as error:
            return {}, [f"{name}: {error}"]
    validated = ArgumentSpecValidator(dict(specification)).validate(values)
    return values, list(validated.error_messages)


def _valid(values: Mapping[str, Any], specification: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with the types that the role gives them, and its defaults for those that nobody set."""
    validated: dict[str, Any] = ArgumentSpecValidator(dict(specification)).validate(dict(values)).validated_parameters
    return validated


def _hardening(values: Mapping[str, Any], host: str, known: Mapping[str, Any]) -> Iterator[str]:
    options = {name.partition("_")[2]: value for name, value in values.items()}
    beside = places({**known, "inventory_dir": known.get("hostvars", {}).get(host, {}).get("inventory_dir")})
    try:
        measure(
            options,
            catalogue_folders(ROLES / "hardening" / "catalogue", options["extra_catalogues"], beside),
            host=host,
            groups=known.get("groups", {}),
            today=datetime.now(timezone.utc).date(),
            cache=own_folder(constants.config) / "selected",
        )
    except ClinicalError as error:
        yield str(error)


def _approvals(path: str, now: datetime) -> list[str]:
    # Only a run that patches has to read it.
    from ansible_collections.healthops.clinical.plugins.plugin_utils._patch.ready import approval_problems

    return [str(problem) for problem in approval_problems(path, now)]


def _patching(values: Mapping[str, Any], _host: str, _known: Mapping[str, Any]) -> Iterator[str]:
    from ansible_collections.healthops.clinical.plugins.plugin_utils._patch.ready import patch_problems  # as above

    options = {name.partition("_")[2]: value for name, value in values.items()}
    yield from map(str, patch_problems(options, own_folder(constants.config) / "advisories"))


Check = Callable[[Mapping[str, Any], str, Mapping[str, Any]], Iterator[str]]
CHECKS: dict[str, Check] = {"hardening": _hardening, "patching": _patching}


def _named(hosts: Sequence[str]) -> str:
    more = f" and {plural(len(hosts) - NAMED, 'other')}" if len(hosts) > NAMED else ""
    return ", ".join(hosts[:NAMED]) + more
