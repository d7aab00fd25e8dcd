#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation of an action plugin; nothing runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: evidence_verify
short_description: Tell whether evidence is as it was written, whole and in order
version_added: 1.0.0
description:
  - Holds the bundles in a directory on the control node against their manifests, and these against each other. Each
    manifest names the files of its bundle with their hashes, and the manifest before it in the chain of its fleet.
  - It finds a changed, missing or added file or bundle, bundles that changed places, a chain that forks, a signature
    that is broken, missing or foreign, and, where O(head) tells what the end was, an end that was cut off. It says
    which bundle and which file, and fails.
  - Without O(allowed_signers) it cannot tell a chain that somebody wrote anew, without O(head) not that its end was cut
    off together with the directory's own note of it.
  - It changes nothing and contacts no host.
options:
  path:
    description:
      - Directory on the control node that holds the bundles of all runs.
      - A relative path starts in the directory in which the command was typed.
    type: path
    required: true
  fleet:
    description: The fleet whose chain is verified. The default is every fleet in the directory.
    type: str
  allowed_signers:
    description:
      - File with the public keys that may sign, as C(ssh-keygen) reads it (ALLOWED SIGNERS in its manual). Keep it, and
        the keys of former years in it, where those who can write evidence cannot write.
      - Without it a signature is only held against what it signs, whoever made it.
      - With it, a manifest without a signature is accepted only where a later one is signed.
    type: path
  head:
    description:
      - The end of the chain as it is remembered, V(number:hash), from
        RV(healthops.clinical.evidence_report#module:head).
    type: str
  oldest:
    description: The first number that is still kept, where older bundles were archived.
    type: int
    default: 1
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
    details: It only looks.
    support: full
  diff_mode:
    details: It changes nothing.
    support: none
  idempotent:
    details: It changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The evidence is as it was written
  healthops.clinical.evidence_verify:
    path: ./evidence
    allowed_signers: /etc/healthops/allowed_signers
    head: "42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  run_once: true
  become: false
"""

RETURN = r"""
problems:
  description: Everything that is wrong; empty where nothing is.
  returned: always
  type: list
  elements: dict
  contains:
    what:
      description:
        - One of V(changed), V(missing), V(added), V(reordered), V(forked), V(signature), V(truncated), V(withdrawn) (a
          file that a later manifest of the same run no longer has) and V(unsealed) (a bundle without a manifest).
      type: str
    run_id:
      description: The run whose bundle it is about.
      type: str
    number:
      description: The number of the manifest in the chain, 0 where there is none.
      type: int
    file:
      description: The file in the bundle, where it is about one.
      type: str
    saw:
      description: What was seen.
      type: str
told:
  description: The same in sentences.
  returned: always
  type: list
  elements: str
notes:
  description: What is no problem by itself, such as a record that was written twice in one run.
  returned: always
  type: list
  elements: str
heads:
  description: The end of each fleet's chain. Write it down where those who can write evidence cannot write.
  returned: always
  type: dict
  sample: {"main-campus": "42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
bundles:
  description: How many runs there are.
  returned: always
  type: int
manifests:
  description: How many manifests there are; a run that was reported in several batches has several.
  returned: always
  type: int
signed:
  description: How many of them say that they are signed.
  returned: always
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

#: What the action plugin of this name takes as well.
ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "fleet": {"type": "str"},
    "allowed_signers": {"type": "path"},
    "head": {"type": "str"},
    "oldest": {"type": "int", "default": 1},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
    )
    module.fail_json(
        msg="evidence_verify looks at the control node and cannot run as a module on a host. "
        "Call it by its full name, healthops.clinical.evidence_verify, so that its action plugin is found."
    )


if __name__ == "__main__":
    main()
