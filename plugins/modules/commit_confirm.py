#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guard around anybody's own tasks: what they change is taken back unless a fresh login confirms it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: commit_confirm
short_description: Take a change back unless a fresh login confirms it
version_added: 1.0.0
description:
  - Arm a guard before tasks that could lock you out of a host, and confirm after them. Unless it is confirmed, the host
    puts back what you named, by itself, without the controller and without the network. It does so after
    O(confirm_within) seconds, and at its next boot if it is restarted before.
  - To confirm, the action plugin of the same name closes every connection to the host, logs in anew, becomes root the
    way the play does, and has the break-glass accounts checked. Only then is the guard taken away.
  - M(healthops.clinical.baseline) guards itself in the same way and needs no task of this module.
  - Where no login is at stake, as with a local or a container connection, nothing is armed, and the result says so.
author:
  - healthops.clinical contributors (@healthops)
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.actiongroup_clinical
  - healthops.clinical._core
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - V(armed) arms a new guard each time. Confirming or taking back a second time changes nothing.
options:
  state:
    description:
      - With V(armed), remember what O(paths) look like now and arm the guard.
      - With V(confirmed), keep the change. Fails where the host has taken it back already.
      - With V(reverted), take it back now. Fails where it was confirmed already.
      - With V(status), only tell how a guard stands.
    type: str
    choices: [armed, confirmed, reverted, status]
    required: true
  paths:
    description:
      - With O(state=armed), what to restore. Files, folders with all that is in them, keys below C(/proc/sys/), and
        what does not exist yet and is then removed again.
      - Content, mode, owner, links and extended attributes come back.
    type: list
    elements: str
    default: []
  units:
    description:
      - With O(state=armed), units to reload after restoring; those that cannot reload are restarted.
      - Units that ran when the guard was armed and were brought down, among them those of SSH, are started again.
    type: list
    elements: str
    default: []
  commands:
    description:
      - With O(state=armed), commands to run on the host after restoring, as root, in this order.
      - They are split into words like a shell would, but no shell runs them.
    type: list
    elements: str
    default: []
  confirm_within:
    description: How many seconds there are to confirm, from 10 to 3600.
    type: int
    default: 120
  run_id:
    description:
      - With O(state=armed), the name of the guard; made from the time when left out.
      - Otherwise the guard that is meant; the armed one, or else the newest, when left out.
    type: str
    default: ""
  break_glass_users:
    description:
      - With O(state=confirmed), accounts that must get in when nothing else does. Each must exist, be neither locked
        nor expired, be let in by the SSH server, be allowed to use sudo, and have a usable key or password.
      - If one would not get in, the change is taken back at once.
    type: list
    elements: str
    default: []
  watch_next_boot:
    description:
      - With O(state=confirmed), have the host look once more after its next boot whether people get in. It takes the
        change back where for half an hour nobody has logged in over SSH and, as far as the host can tell, nobody can.
      - Not so where systemd does not run.
    type: bool
    default: true
  why:
    description:
      - With O(state=reverted), why it is taken back; it stands in the host's record and in what the next run tells.
      - With it a run of M(healthops.clinical.baseline) is taken back as well that nothing guards. Its action plugin
        uses that where the controller cannot reach a service any more.
    type: str
    default: ""
  journal_keep:
    description: How many runs the host's journal keeps. The newest is never forgotten.
    type: int
    default: 20
notes:
  - On the host it needs Python 3.9. Where systemd does not run, a process of its own waits instead of a timer, and
    nothing is taken back at the next boot; C(guard.survives_reboot) tells.
  - Only one guard is armed at a time on a host.
  - What was confirmed can still be taken back later, with M(healthops.clinical.baseline),
    O(healthops.clinical.baseline#module:state=reverted) and the guard's name as its run_id.
seealso:
  - module: healthops.clinical.baseline
"""

EXAMPLES = r"""
# Debian's /etc/nftables.conf begins with "flush ruleset", so that loading it replaces all rules in one step.
- name: From here on the old firewall rules come back by themselves
  healthops.clinical.commit_confirm:
    state: armed
    paths: [/etc/nftables.conf]
    commands: [nft -f /etc/nftables.conf]
  become: true

- name: Change the rules, and keep them if one can still log in
  become: true
  block:
    - name: The new rules are on disk
      ansible.builtin.template:
        src: nftables.conf.j2
        dest: /etc/nftables.conf
        mode: "0755"
        validate: nft --check --file %s

    - name: The new rules are in force
      ansible.builtin.command: nft -f /etc/nftables.conf
      changed_when: true

    - name: They stay, because a fresh login works
      healthops.clinical.commit_confirm:
        state: confirmed
        break_glass_users: [breakglass]
  rescue:
    - name: The old rules are back at once
      healthops.clinical.commit_confirm:
        state: reverted

    - name: The play fails all the same
      ansible.builtin.fail:
        msg: "{{ ansible_failed_result.msg }}"

- name: See whether a guard is armed
  healthops.clinical.commit_confirm:
    state: status
  become: true
"""

RETURN = r"""
run_id:
  description: The name of the guard.
  returned: always
  type: str
  sample: 20261122T150000Z-1f3a
guard:
  description: How the guard stands, with the keys that RV(healthops.clinical.baseline#module:guard) has.
  returned: always
  type: dict
  sample:
    state: armed
    run_id: 20261122T150000Z-1f3a
    within: 120
    until: "2026-11-22T15:02:04Z"
    seconds_left: 118
    ended: ""
    why: ""
    survives_reboot: true
restored:
  description: What was put back.
  returned: with O(state=reverted)
  type: list
  elements: dict
  contains:
    subject:
      description: What was put back.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils import _core


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["armed", "confirmed", "reverted", "status"], "required": True},
            "paths": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "commands": {"type": "list", "elements": "str", "default": []},
            "confirm_within": {"type": "int", "default": 120},
            "run_id": {"type": "str", "default": ""},
            "break_glass_users": {"type": "list", "elements": "str", "default": []},
            "watch_next_boot": {"type": "bool", "default": True},
            "why": {"type": "str", "default": ""},
            "journal_keep": {"type": "int", "default": 20},
            "core": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    _core.answer(module, "commit_confirm")


if __name__ == "__main__":
    main()
