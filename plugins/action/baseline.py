# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's half of the baseline: read and check the catalogue, select, send, and say what came back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.healthops.clinical.plugins.module_utils import _core
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import guard as guard_states
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import NOTAPPLICABLE, RESULTS
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import RunId
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import purposes as host_purposes
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import waivers as granted_waivers
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.measure import (
    Measure,
    catalogue_folders,
    measure,
    places,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.selection import Selection
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import fresh_login, reachability
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import result as guard_result
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.fork import share_memory
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.quiet import quiet

SHIPPED = Path(__file__).resolve().parents[2] / "roles" / "hardening" / "catalogue"
MODULE = "healthops.clinical.baseline"
FAILURES = (AnsibleError, OSError, EOFError)


share_memory()


def _check_ids(args: Mapping[str, Any]) -> None:
    """Fail before anything is sent where a run is named that cannot be one."""
    try:
        for option in ("run_id", "revert_run_id"):
            RunId.of_option(args.get(option))
    except ClinicalError as error:
        raise AnsibleActionFail(str(error)) from None


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = {**self._task.args, "controls": "", "keeps": {}, "survey_only": False}
        _check_ids(args)
        if args.get("state", "enforced") == "reverted":
            return self._described(reverted(self._carried_out(args, task_vars, "revert_run_id")), args)
        try:
            catalogues = catalogue_folders(SHIPPED, args.get("extra_catalogues"), places(task_vars or {}))
            held_against = self._measure(args, task_vars or {}, catalogues)
            keeps = self._keeps(args, held_against.choice.purposes, catalogues)
        except ClinicalError as error:
            raise AnsibleActionFail(str(error)) from None
        # One text: Ansible would walk through all that is in them, here and on the host, several times.
        controls = json.dumps(granted_waivers.mark(held_against.selection, held_against.waivers))
        args = {**args, "controls": controls, "waivers": [], "keeps": keeps}
        return self._described(judged(self._carried_out(args, task_vars, "run_id"), held_against), args)

    def _measure(self, args: dict[str, Any], task_vars: Mapping[str, Any], catalogues: Sequence[Path]) -> Measure:
        """Return what the host is held against. Raises ClinicalError where the catalogue or a waiver is wrong."""
        return measure(
            args,
            catalogues,
            host=str(task_vars.get("inventory_hostname")),
            groups=task_vars.get("groups", {}),
            today=datetime.now(timezone.utc).date(),
            cache=own_folder(constants.config) / "selected",
        )

    def _keeps(self, args: dict[str, Any], of_profiles: Sequence[str], catalogues: Sequence[Path]) -> dict[str, str]:
        """Return what the host is there for, as its inventory and its profiles say: names, each with the reason."""
        purposes, services = (fresh_login.names(args.get(key)) for key in ("host_purposes", "required_services"))
        return host_purposes.keeps(catalogues, [*purposes, *of_profiles], services)

    def _carried_out(self, args: dict[str, Any], task_vars: Any, own_id: str) -> dict[str, Any]:
        """Return the result of the run, guarded where a login is at stake; ``own_id`` is the option that names it."""
        why = fresh_login.why_skipped(self._connection.transport)
        if self._task.check_mode:
            return self._send({**args, "confirm_within": 0} if why else args, task_vars)
        within = fresh_login.whole_number(
            args.get("confirm_within", fresh_login.DEFAULT_WITHIN), fresh_login.DEFAULT_WITHIN
        )
        # Named here, so that it can be asked for when the connection breaks before the host could tell its name.
        args = {**args, own_id: RunId.of_option(args.get(own_id))}
        reach = fresh_login.reach(self, task_vars, (AnsibleConnectionFailure,), FAILURES, Display().vv)

        def send(more: Mapping[str, Any]) -> dict[str, Any]:
            if why or within == 0:
                return guard_result.unguarded(self._send({**args, "confirm_within": 0, **more}, task_vars), why)
            return fresh_login.sent(reach, args[own_id], within, lambda: self._send({**args, **more}, task_vars))

        if why or own_id == "revert_run_id":
            return self._concluded(send({}), reach, args, [])
        first = send({"survey_only": True})
        if "listeners_to_probe" not in first:
            return self._concluded(first, reach, args, [])
        answering = reachability.answering(reachability.targets(first["listeners_to_probe"], self._address()))
        sent = guard_result.also_warned(send({}), first.get("warnings"))
        lost: list[reachability.Target] = []
        if sent.get("changed") and not sent.get("failed"):
            may_go = [*sent["availability"]["consented"], *sent["availability"]["ended"]]
            lost = reachability.lost(answering, may_go)
            sent = guard_result.warned_of_by_hand(sent, [target.label for target in lost if target.by_hand])
        return self._concluded(sent, reach, args, [target.label for target in lost if not target.by_hand])

    def _concluded(
        self, sent: dict[str, Any], reach: fresh_login.Reach, args: dict[str, Any], lost: list[str]
    ) -> dict[str, Any]:
        """Confirm what is guarded; have taken back what cost something; tell what the host took back itself."""
        users = fresh_login.names(args.get("break_glass_users"))
        if lost:
            sent = guard_result.unreachable(sent, lost)
            why = guard_result.why_unreachable(lost)
            outcome = fresh_login.take_back(reach, fresh_login.guard_or_run(sent), why=why)
        elif guard_result.is_armed(sent):
            watch = args.get("watch_next_boot", True)
            outcome = fresh_login.confirm(reach, fresh_login.guard_of(sent), users, watch_next_boot=watch)
        elif guard_result.is_taken_back(sent):
            outcome = fresh_login.GuardOutcome(guard_states.REVERTED, fresh_login.guard_of(sent))
        else:
            return sent
        return guard_result.concluded(sent, outcome, reach.host, users)

    def _address(self) -> str:
        """Return where the connection goes, as the inventory has it."""
        return str(self._play_context.remote_addr or "")

    def _send(self, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        module_args = {**args, "core": _core.packed("baseline")}
        result: dict[str, Any] = self._execute_module(MODULE, module_args=module_args, task_vars=quiet(task_vars))
        return result

    def _described(self, result: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
        described = {"state": args.get("state", "enforced"), **result}
        described.pop("invocation", None)  # it would repeat the whole catalogue for every host
        return described


def judged(result: dict[str, Any], standard: Measure) -> dict[str, Any]:
    """Return the host's result with what the controller knows of each control, judged by its waivers, and counted."""
    selection, today = standard.selection, standard.today
    about: dict[str, Any] = {
        "tier": selection.tier,
        "catalogue": {"digest": selection.digest, "controls": len(selection.metadata)},
        "warnings": [*result.get("warnings", []), *selection.warnings],
        "waivers": [{**waiver.as_evidence(today), "used": False} for waiver in standard.waivers],
        "profiles": standard.choice.as_result(),
        "frameworks": selection.frameworks,
    }
    if "findings" not in result:
        return {**result, **about}
    by_control = {finding["id"]: finding for finding in result["findings"]}
    by_control.update({control: _not_checked(control, reason) for control, reason in selection.skipped.items()})
    findings = [{**by_control[control], **known} for control, known in selection.metadata.items()]
    findings, about["waivers"], idle = granted_waivers.judged(findings, standard.waivers, today)
    about["warnings"] += [*idle, *_cautions(findings, selection)]
    counts = Counter(finding["result"] for finding in findings)
    counted = ", ".join(f"{counts[name]} {name}" for name in RESULTS if counts[name])
    judged_ = {
        **result,
        **about,
        "findings": findings,
        "summary": {name: counts.get(name, 0) for name in RESULTS},
        "msg": f"{len(findings)} controls of tier {selection.tier}: {counted}",
    }
    errors = [finding for finding in findings if finding["result"] == "error"]
    if errors and not result.get("check_mode", False):
        judged_.update(_failure(errors))
    if result.get("failed"):  # its own words weigh more than any count
        judged_["msg"] = result["msg"]
    return judged_


def _cautions(findings: Sequence[Mapping[str, Any]], selection: Selection) -> list[str]:
    """Return what the people on this host have to know of the controls that the run enforces, or would enforce."""
    enforced = [finding["id"] for finding in findings if finding.get("before") != finding.get("after")]
    return [f"{control}: {selection.cautions[control]}" for control in enforced if control in selection.cautions]


def reverted(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a revert with a message; one that failed has its own."""
    if "restored" not in result or result.get("failed"):
        return result
    verb = "would be put back" if result["check_mode"] else "put back"
    runs = result.get("reverted_runs") or [result["reverted_run_id"]]
    named = f"Run {runs[0]}" if len(runs) == 1 else f"Runs {', '.join(runs)}"
    left = f", {len(result['left'])} left as they are" if result.get("left") else ""
    return {**result, "msg": f"{named}: {len(result['restored'])} things {verb}{left}"}


def _not_checked(control: str, reason: str) -> dict[str, Any]:
    """Return the finding of a control that was skipped, in the shape of the host's."""
    verdict = {"state": NOTAPPLICABLE, "saw": ""}
    return {
        "id": control,
        "result": "notchecked",
        "verdicts": dict.fromkeys(("running", "on_disk", "survives_reboot"), verdict),
        "subject": control,
        "wanted": "",
        "before": "",
        "after": "",
        "reason": f"Skipped: {reason}",
    }


def _failure(errors: list[dict[str, Any]]) -> dict[str, Any]:
    reasons = "; ".join(f"{finding['id']}: {finding['reason']}" for finding in errors[:5])
    more = f" (and {len(errors) - 5} more)" if len(errors) > 5 else ""
    return {"failed": True, "msg": f"{len(errors)} controls could not be judged or enforced. {reasons}{more}"}
