#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of an action plugin; nothing runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_record
short_description: Keep what the baseline, patching or a configuration came to on a host as evidence
version_added: 1.0.0
description:
  - Writes the registered result of M(healthops.clinical.baseline) or M(healthops.clinical.patch) for one host as
    canonical JSON into the bundle of its run, on the control node.
  - Of a result of M(healthops.clinical.service_config), and of an audit on a host that it has configured, how each
    system stands is kept, and a finding is made of it.
  - Of a patch result the plan is kept with its policy, its approval and what came of it, and findings are made of it.
  - A failed result is evidence too. One with findings is kept as it is. One that failed before it came to findings,
    or of a
    host that could not be reached, is kept in state V(failed); everything on that host then counts as unknown,
      never as good.
  - Only the keys that are evidence are kept. C(invocation), C(ansible_facts), C(diff) and all others are dropped.
  - From the texts that are kept, private keys, password hashes, tokens, passwords and what names a patient are taken
    out; what stands there instead says so.
  - Several calls for one host in one run make one record. A result takes the place of an earlier result, a probe that
    of an earlier probe of the same O(probes[].target).
  - The same result gives the same bytes; times come from the result, not from the clock.
  - It never contacts the host and needs no privileges there.
options:
  path:
    description:
      - Directory on the control node that holds the bundles of all runs. It is created where it is missing.
      - A relative path starts in the directory in which the command was typed.
    type: path
    required: true
  run_id:
    description:
      - The run that the result belongs to. If the result carries a run id too, both must be the same.
      - Needed for results that failed so early that they carry none.
    type: str
  result:
    description:
      - The registered result of M(healthops.clinical.baseline), M(healthops.clinical.patch) or
        M(healthops.clinical.service_config).
      - One of O(result), O(registered) and O(probes) is needed. O(probes) may be given with either.
    type: dict
  registered:
    description:
      - The name of the variable in which that result is registered, in place of O(result).
      - Ansible templates whatever stands in O(result), which takes longer than to record it; this it need not.
    type: str
  probes:
    description:
      - How services on the host answered, as the collection's probe modules return it.
      - A host of which only this is known is recorded in state V(probed).
    type: list
    elements: dict
    suboptions:
      probe:
        description: What asked, usually the name of the module.
        type: str
        required: true
      target:
        description: What was asked, as people name it.
        type: str
        required: true
      healthy:
        description: Whether the answer was the right one.
        type: bool
        required: true
      state:
        description: The answer in one word of the probe.
        type: str
        required: true
      latency_ms:
        description: How many milliseconds the answer took, where there was one.
        type: float
      saw:
        description: What was seen, in words.
        type: str
        required: true
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.actiongroup_clinical
author:
  - healthops.clinical contributors (@healthops)
seealso:
  - module: healthops.clinical.evidence_report
attributes:
  action:
    description: Runs as an action plugin on the control node; its module half only holds this documentation.
    support: full
  check_mode:
    details: Runs in check mode just as otherwise, and writes its file. An audit is a run in check mode, and its
      record is what it is for.
    support: full
  diff_mode:
    details: Shows no differences; what changed on the host is in the record.
    support: none
  idempotent:
    details: Recording the same result again changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The baseline is judged, and what came of it is kept whatever came of it
  ignore_unreachable: true
  block:
    - name: The host meets the baseline
      healthops.clinical.baseline:
        state: enforced
        run_id: "{{ run_id }}"
      become: true
      register: baseline_result
  always:
    - name: The result is evidence
      healthops.clinical.evidence_record:
        path: ./evidence
        run_id: "{{ run_id }}"
        registered: baseline_result

- name: How the interface engine answered is in the same record
  healthops.clinical.evidence_record:
    path: ./evidence
    run_id: "{{ run_id }}"
    probes:
      - probe: mllp_echo
        target: "{{ inventory_hostname }}:6661"
        healthy: "{{ echo.healthy }}"
        state: "{{ echo.state }}"
        latency_ms: "{{ echo.latency_ms }}"
        saw: "{{ echo.saw }}"
"""

RETURN = r"""
path:
  description: The file of the record.
  returned: success
  type: str
  sample: /home/ops/evidence/20261122T150000Z-1f3a/hosts/interface-engine-01.json
run_id:
  description: The run that the record belongs to.
  returned: success
  type: str
  sample: 20261122T150000Z-1f3a
state:
  description:
    - What was recorded. V(patched) is a plan, or what came of one, V(configured) a system that was configured.
      V(failed) means that nothing is known about the
      host, V(probed) that nothing is known but how its services answered.
  returned: success
  type: str
  sample: enforced
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

#: What the action plugin of this name takes as well.
ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "run_id": {"type": "str"},
    "result": {"type": "dict"},
    "registered": {"type": "str"},
    "probes": {
        "type": "list",
        "elements": "dict",
        "options": {
            "probe": {"type": "str", "required": True},
            "target": {"type": "str", "required": True},
            "healthy": {"type": "bool", "required": True},
            "state": {"type": "str", "required": True},
            "latency_ms": {"type": "float"},
            "saw": {"type": "str", "required": True},
        },
    },
}
REQUIRED_ONE_OF = [("result", "registered", "probes")]
MUTUALLY_EXCLUSIVE = [("result", "registered")]


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_one_of=REQUIRED_ONE_OF,
        mutually_exclusive=MUTUALLY_EXCLUSIVE,
        supports_check_mode=True,
    )
    module.fail_json(
        msg="evidence_record writes on the control node and cannot run as a module on a host. "
        "Call it by its full name, healthops.clinical.evidence_record, so that its action plugin is found."
    )


if __name__ == "__main__":
    main()
