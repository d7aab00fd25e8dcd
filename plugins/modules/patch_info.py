#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers of its patches."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patch_info
short_description: Read when a host saw, installed and rolled back its updates
version_added: 1.0.0
description:
  - Reads the ledger that M(healthops.clinical.patch) keeps on the host, and the runs with the stage that each came to.
  - When an update was first seen is when its deadline began.
author:
  - healthops.clinical contributors (@healthops)
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.info_module
  - healthops.clinical._attributes.actiongroup_clinical
options:
  package:
    description: Only what concerns this package.
    type: str
    default: ""
  run_id:
    description: Only what belongs to this run.
    type: str
    default: ""
seealso:
  - module: healthops.clinical.patch
"""

EXAMPLES = r"""
- name: See when openssl was patched
  healthops.clinical.patch_info:
    package: openssl
  become: true
  register: known
"""

RETURN = r"""
ledger:
  description: What happened, oldest first.
  returned: always
  type: list
  elements: dict
  contains:
    what:
      description: V(seen), V(installed), V(rolled_back), V(held) or V(released).
      type: str
    at:
      description: When.
      type: str
    name:
      description: The package.
      type: str
    arch:
      description: Its architecture.
      type: str
    version:
      description: The version that was seen, installed, or is gone again.
      type: str
    from:
      description: The version before.
      type: str
    run:
      description: The run that did it.
      type: str
    until:
      description: When a hold ends.
      type: str
damaged:
  description: How many lines of the ledger cannot be read; they count as never written.
  returned: always
  type: int
runs:
  description: The runs that the host remembers, oldest first.
  returned: always
  type: list
  elements: dict
  contains:
    run_id:
      description: The name of the run.
      type: str
    stage:
      description:
        - V(staging), V(staged), V(applying), V(broken), V(applied), V(rolling_back), V(rolled_back) or V(dropped).
      type: str
    digest:
      description: What it was about.
      type: str
    begun:
      description: When it began.
      type: str
    changed:
      description: When it came to its stage.
      type: str
    why:
      description: What went wrong.
      type: str
    left:
      description: What a run that was cut left, and what to do.
      returned: for a run that is not at its end
      type: str
holds:
  description: Packages that a rolled back run holds, with the version that is not wanted and the end of the hold.
  returned: always
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Host
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from ansible_collections.healthops.clinical.plugins.module_utils._patch import ledger as patch_ledger
from ansible_collections.healthops.clinical.plugins.module_utils._patch import stages
from ansible_collections.healthops.clinical.plugins.module_utils._text.outlet import finish
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import RunId


def read_history(host: Host, package: str, run_id: str) -> dict[str, Any]:
    """Return the ledger and the runs, narrowed to a package and a run where these are named."""
    ledger = patch_ledger.read(host)
    entries = [
        dict(entry)
        for entry in ledger.entries
        if package in ("", entry["name"]) and run_id in ("", entry.get("run", ""))
    ]
    runs = [run.as_result() for run in stages.runs(host) if run_id in ("", run.run_id)]
    holds = [dict(hold) for name, hold in sorted(ledger.holds().items()) if package in ("", name)]
    return {"ledger": entries, "damaged": ledger.damaged, "runs": runs, "holds": holds}


def main() -> None:
    module = AnsibleModule(
        argument_spec={"package": {"type": "str", "default": ""}, "run_id": {"type": "str", "default": ""}},
        supports_check_mode=True,
    )
    try:
        run_id = RunId.of(module.params["run_id"]) if module.params["run_id"] else ""
        history = read_history(RealHost(), module.params["package"], run_id)
    except ClinicalError as error:
        history = {"failed": True, "msg": str(error)}
    finish(module, {"changed": False, **history})


if __name__ == "__main__":
    main()
