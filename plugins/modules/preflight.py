#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of an action plugin; nothing runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Tell all that would stop a run before any host is touched
version_added: 1.0.0
description:
  - Asks on the control node what a run will need of it, and fails with everything that is wrong in one message.
  - The evidence can be written where it is kept, there is room for it, every host's name can name a record, the key can
    sign, and the chain of the fleet can go on.
  - For each of O(roles) the options of every host are held against the role's specification. For hardening the
    catalogue and the waivers are read; for patching the policy and the advisories.
  - It contacts no host. Whatever many hosts have in common is looked at once.
  - A host's options are those of the inventory, else those that hold where the task stands. A role that is used alone
    asks this module itself, and so its own variables are seen as well.
options:
  path:
    description:
      - Directory on the control node that holds the bundles of all runs. It is created.
      - A relative path starts in the directory in which the command was typed.
      - Without it nothing is asked of evidence.
    type: path
  hosts:
    description: Names of all hosts that the run is meant for, usually C(ansible_play_hosts_all).
    type: list
    elements: str
    default: []
  fleet:
    description: Name of the fleet in whose chain the bundle will stand.
    type: str
    default: fleet
  signing_key:
    description:
      - Path of the OpenSSH key that will sign the bundle.
      - It signs a word now, so that nobody learns later that it cannot.
    type: path
  roles:
    description: The roles whose options are checked for every host.
    type: list
    elements: str
    choices: [hardening, patching]
    default: []
  approvals:
    description:
      - The file of approvals that the run needs; it must be whole and not be over.
      - The empty text says that the run needs one and has none.
      - Whether it names a host is asked for that host alone.
    type: str
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
    details: Does in check mode what it does otherwise, since an audit writes evidence as well.
    support: full
  diff_mode:
    details: It changes nothing on a host.
    support: none
  idempotent:
    details: It changes nothing on a host.
    support: full
"""

EXAMPLES = r"""
- name: Check on the control node all that the run needs
  healthops.clinical.preflight:
    path: ./evidence
    hosts: "{{ ansible_play_hosts_all }}"
    roles: [hardening]
  run_once: true
  become: false
"""

RETURN = r"""
msg:
  description: That nothing stands in the way; else everything that does.
  returned: always
  type: str
  sample: Nothing stands in the way of 12 hosts.
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

#: What the action plugin of this name takes as well.
ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "fleet": {"type": "str", "default": "fleet"},
    "signing_key": {"type": "path", "no_log": False},
    "roles": {"type": "list", "elements": "str", "choices": ["hardening", "patching"], "default": []},
    "approvals": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
    )
    module.fail_json(
        msg="preflight looks at the control node and cannot run as a module on a host. "
        "Call it by its full name, healthops.clinical.preflight, so that its action plugin is found."
    )


if __name__ == "__main__":
    main()
