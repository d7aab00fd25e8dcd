#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of an action plugin; nothing runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_report
short_description: Make the bundle and the report of a run from its records
version_added: 1.0.0
description:
  - Gathers the records that M(healthops.clinical.evidence_record) kept of one run into C(run.json), and renders
    C(report.html)
    from it, both on the control node. The report is one file; it loads nothing and needs no script.
  - Adds the bundle to the chain of its fleet. A manifest in C(chain) names every file with its hash, and the hash of
    the manifest before it; with O(signing_key) it is signed. M(healthops.clinical.evidence_verify) tells later whether
    all is as it was. A bundle that changed, as with a later batch of the same run, gets a further manifest at the end.
  - Points the link C(latest) to the run, unless that already names a newer one.
  - Hosts that were expected and left no record are listed as missing, and files that are damaged as unreadable.
    Both count as
    unknown, never as good, and never keep the report of the other hosts from being made.
  - It contacts no host. The same records give the same bytes.
options:
  path:
    description:
      - Directory on the control node that holds the bundles of all runs.
      - A relative path starts in the directory in which the command was typed.
    type: path
    required: true
  run_id:
    description: The run to report on. The default is the run that the link C(latest) names.
    type: str
  hosts:
    description:
      - Names of all hosts that the run was meant for, usually C(ansible_play_hosts_all).
      - Names from an earlier report of the same run are remembered, so it may be left out when a report is made again.
    type: list
    elements: str
    default: []
  mode:
    description:
      - What the run was meant to be. It is believed only where no record tells; a run in check mode is always an audit.
    type: str
    choices: [audit, harden, rollback, configure, patch_plan, patch_apply, patch_rollback]
  formats:
    description:
      - What the bundle is written as besides C(run.json) and C(report.html).
      - V(csv) is for spreadsheets, C(findings.csv). V(hdf) is the Heimdall Data Format, one file a host in C(hdf).
        V(junit) is for CI servers, C(junit.xml). V(ocsf) are events of the Open Cybersecurity Schema Framework for a
        log store, C(ocsf.jsonl). V(oscal) are OSCAL assessment results, C(oscal.json). V(prometheus) are metrics for
        the textfile collector of a node exporter, C(metrics.prom).
      - Any of them can also be had later, by reporting again on the run. Those that a bundle is already written in are
        written again.
    type: list
    elements: str
    choices: [csv, hdf, junit, ocsf, oscal, prometheus]
    default: [csv, prometheus]
  fleet:
    description:
      - Name of the fleet in whose chain the bundle stands. A bundle stays in the chain in which it was first.
    type: str
    default: fleet
  signing_key:
    description:
      - Path of the OpenSSH key that signs the bundle. A private key without a passphrase, or the public half of one
        that an agent holds.
      - Without it the chain stands unsigned, and the report says so. A chain whose newest bundle is signed is not
        continued without a key.
    type: path
  approvals:
    description:
      - The file of approvals that the run was let through by. It is kept in the bundle as C(approvals/SHA256.yml), if
        it is the one whose hash the records name.
    type: path
  take_over:
    description:
      - Whether records are sealed that neither the newest manifest of the bundle nor the account that runs Ansible
        knows, because another account or job wrote them and somebody answers for that.
      - The manifest names what was taken over, and M(healthops.clinical.evidence_verify) tells it.
      - Otherwise such a record counts as unreadable, and so does one that is not as it was sealed, or gone.
    type: bool
    default: false
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.actiongroup_clinical
author:
  - healthops.clinical contributors (@healthops)
seealso:
  - module: healthops.clinical.evidence_record
  - module: healthops.clinical.evidence_verify
attributes:
  action:
    description: Runs as an action plugin on the control node; its module half only holds this documentation.
    support: full
  check_mode:
    details: Runs in check mode just as otherwise, and writes its files. An audit is a run in check mode, and
      its report is what it is for.
    support: full
  diff_mode:
    details: Shows no differences.
    support: none
  idempotent:
    details: Reporting again on the same records changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The run has one bundle and one report
  healthops.clinical.evidence_report:
    path: ./evidence
    run_id: "{{ run_id }}"
    hosts: "{{ ansible_play_hosts_all }}"
  register: evidence_bundle
  run_once: true
  become: false

- name: An auditor gets an earlier run in two more formats
  healthops.clinical.evidence_report:
    path: ./evidence
    run_id: 20261122T150000Z-1f3a
    formats: [hdf, oscal]

- name: The operator sees the outcome
  ansible.builtin.debug:
    msg: "{{ evidence_bundle.headline }}. Report: {{ evidence_bundle.html }}"
  run_once: true
"""

RETURN = r"""
run_id:
  description: The run that was reported on.
  returned: success
  type: str
  sample: 20261122T150000Z-1f3a
path:
  description: The directory of the bundle.
  returned: success
  type: str
  sample: /home/ops/evidence/20261122T150000Z-1f3a
json:
  description: The file that holds the whole run.
  returned: success
  type: str
  sample: /home/ops/evidence/20261122T150000Z-1f3a/run.json
html:
  description: The report.
  returned: success
  type: str
  sample: /home/ops/evidence/20261122T150000Z-1f3a/report.html
files:
  description: The files of the bundle that were made from its records, relative to RV(path).
  returned: success
  type: list
  elements: str
  sample: [findings.csv, metrics.prom, report.html, run.json]
fleet:
  description: The fleet in whose chain the bundle stands.
  returned: success
  type: str
  sample: main-campus
sequence:
  description: The bundle's number in the chain.
  returned: success
  type: int
  sample: 42
manifest:
  description: The file that names all others of the bundle with their hashes.
  returned: success
  type: str
  sample: /home/ops/evidence/20261122T150000Z-1f3a/chain/main-campus-000042.json
head:
  description:
    - The number and the hash of the manifest. Written down where those who can write evidence cannot write, it shows
      later that the chain was not cut off here.
  returned: success
  type: str
  sample: "42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
signer:
  description: Fingerprint of the key that signed, empty where none did.
  returned: success
  type: str
  sample: SHA256:Nh0Me49Zh9fDw/VYUfq43IJmI1T+XrjiYONPND8GzaM
mode:
  description:
    - What the run was, V(audit), V(harden), V(rollback), V(configure), V(patch_plan), V(patch_apply) or
      V(patch_rollback).
  returned: success
  type: str
  sample: harden
headline:
  description: The run in one sentence.
  returned: success
  type: str
  sample: "3 hosts, 252 checks: 240 pass or fixed, 9 need a decision, 3 unknown"
decisions:
  description: What waits for a decision, ten controls at most, the most severe first, each with its hosts.
  returned: success
  type: list
  elements: str
  sample:
    - "To decide, the most severe first: harden, repair it by hand, skip it with a reason, or waive it."
    - "high: web1, web2: service_cups_removed: it runs; to have it stopped, list cups in hardening_allow_stop"
summary:
  description: How many findings of the whole fleet have each result word.
  returned: success
  type: dict
  sample:
    pass: 231
    fixed: 9
    fail: 9
    error: 3
    deferred: 0
    waived: 0
    notapplicable: 0
    notchecked: 0
per_host:
  description: The same for each host that came to a result; for hosts put back by a rollback, how many items were
    C(restored).
  returned: success
  type: dict
  sample:
    portal-01:
      pass: 77
      fixed: 3
      fail: 3
      error: 1
      deferred: 0
      waived: 0
      notapplicable: 0
      notchecked: 0
unknown_hosts:
  description: Hosts about which nothing is known, with the reason. They are missing, failed, or their record cannot
    be read.
  returned: success
  type: dict
  sample: {"portal-02": "no record: unreachable, or it failed before it came to a result"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

#: What the action plugin of this name takes as well.
ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "run_id": {"type": "str"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "mode": {
        "type": "str",
        "choices": ["audit", "harden", "rollback", "configure", "patch_plan", "patch_apply", "patch_rollback"],
    },
    "fleet": {"type": "str", "default": "fleet"},
    "signing_key": {"type": "path", "no_log": False},
    "approvals": {"type": "path"},
    "take_over": {"type": "bool", "default": False},
    "formats": {
        "type": "list",
        "elements": "str",
        "choices": ["csv", "hdf", "junit", "ocsf", "oscal", "prometheus"],
        "default": ["csv", "prometheus"],
    },
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
    )
    module.fail_json(
        msg="evidence_report writes on the control node and cannot run as a module on a host. "
        "Call it by its full name, healthops.clinical.evidence_report, so that its action plugin is found."
    )


if __name__ == "__main__":
    main()
