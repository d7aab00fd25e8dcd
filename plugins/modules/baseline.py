#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a host against the clinical baseline, all controls in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: baseline
short_description: Audit, harden or revert a host against the clinical baseline
version_added: 1.0.0
description:
  - Takes every control that applies to a host in one call. The state is read once, written once, and what was written
    is looked at again.
  - Each control is judged on what is running, on what is on disk and on what survives a reboot.
  - Before the first change, the images of everything that will change are on the host's disk and synced.
    O(state=reverted) restores exactly those.
  - In check mode nothing is changed; the result is an audit, and what it predicts is what a run would change.
  - The action plugin of the same name runs on the controller. It reads the catalogue, refuses what is wrong in it
    before any host is touched, and sends the controls of the chosen tier.
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
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - With V(enforced), make every control true that can be made true without consent that was not given.
      - With V(reverted), restore what the run O(run_id) replaced.
    type: str
    choices: [enforced, reverted]
    default: enforced
  tier:
    description: The tier to hold the host against; each one holds those before it.
    type: str
    choices: [essential, standard, strict]
    default: standard
  tunables:
    description: Values for the catalogue's tunables by name, each inside the range that the catalogue allows.
    type: dict
    default: {}
  profiles:
    description:
      - What kinds of systems the host is, by the names in the catalogue's C(profiles), such as C(imaging_archive). They
        choose values for tunables and leave controls out, each with a reason that the report shows.
      - O(tunables) beats them. Two that want different values are refused.
    type: list
    elements: str
    default: []
  skip:
    description: Controls to leave alone, as a mapping of control id to the reason. They are reported as C(notchecked).
    type: dict
    default: {}
  waivers:
    description:
      - Deviations that somebody answers for and somebody else has approved, until a day. On the hosts that a waiver
        concerns its control is judged and not enforced, and reported as C(waived).
      - When the day is over the control is still not enforced; it is reported as C(fail) with the reason.
      - The whole list is checked before the host is touched.
    type: list
    elements: dict
    default: []
    suboptions:
      control:
        description: The control that is not met.
        type: str
        required: true
      reason:
        description: Why it cannot be met.
        type: str
        required: true
      owner:
        description: Who answers for the deviation.
        type: str
        required: true
      approver:
        description: Who approved it; another person than the owner.
        type: str
        required: true
      ticket:
        description: Where it was asked for and decided.
        type: str
        required: true
      compensating_control:
        description: What protects the host instead.
        type: str
        required: true
      expires:
        description:
          - The last day on which it holds, as YYYY-MM-DD.
          - It may lie as many days ahead as the control allows, by default 30 for one of critical severity, 90 for
            high, 180 for medium and 365 for low.
        type: str
        required: true
      hosts:
        description: The hosts of the inventory that it concerns, beside those of O(waivers[].groups); all without both.
        type: list
        elements: str
      groups:
        description: The groups of the inventory whose hosts it concerns.
        type: list
        elements: str
      value:
        description:
          - The one value that is waived, as RV(findings[].before) or the running one of RV(findings[].verdicts) shows
            it. Where the host has any other, the control is enforced.
        type: raw
  allow_stop:
    description:
      - Units that may be stopped, packages that may be removed, kernel modules that may be refused, and controls
        that may do so, although what they are about is in use, because a person decided so.
    type: list
    elements: str
    default: []
  host_purposes:
    description:
      - What the host is there for, such as C(web_server) or C(database), by the names in the catalogue's C(purposes).
        What a purpose keeps is neither stopped nor removed, also while it does not run.
    type: list
    elements: str
    default: []
  required_services:
    description: Units that this host is there for. They are neither stopped nor removed, also while they do not run.
    type: list
    elements: str
    default: []
  check_availability:
    description:
      - After a run that changed something, hold the host's listening sockets and active units against those before, and
        ask from the controller for the sockets that it could reach before. Where something was lost that nobody
        consented to, the host takes the whole run back.
    type: bool
    default: true
  extra_catalogues:
    description:
      - Directories on the controller with further catalogue data, beside the one of this collection.
      - A relative one is looked for beside the inventory, then beside the playbook and where the command was typed.
    type: list
    elements: path
    default: []
  run_id:
    description:
      - With O(state=enforced), the id of this run; made from the time when left out.
      - With O(state=reverted), the run to take back; the newest one that enforced something when left out.
    type: str
    default: ""
  revert_run_id:
    description:
      - With O(state=reverted), the id of the revert itself, which is journaled too.
      - Made from the time when left out.
    type: str
    default: ""
  force:
    description:
      - With O(state=reverted), restore what the run wrote also where somebody has changed the same since, and what can
        be read of a damaged journal. What others wrote elsewhere, such as another account in the same file, stays.
    type: bool
    default: false
  later_runs:
    description:
      - With O(state=reverted), take back the runs that came after O(run_id) with it, as if all were one.
    type: bool
    default: false
  journal_keep:
    description: How many runs the host's journal keeps. The newest is never forgotten.
    type: int
    default: 20
  confirm_within:
    description:
      - Controls whose hazard is C(lockout) are applied last and under a guard, and the host takes the whole run back
        unless it is confirmed within this many seconds, from 10 to 3600.
      - The action plugin confirms after it has closed every connection to the host, logged in anew and become root the
        way the play does. See M(healthops.clinical.commit_confirm).
      - With V(0) nothing is guarded. The action plugin sends this by itself where no login is at stake, as with a local
        connection.
    type: int
    default: 120
  break_glass_users:
    description:
      - Accounts that must get in when nothing else does. Before anything is changed under a guard, and again before it
        is confirmed, each must exist, be neither locked nor expired, be let in by the SSH server, be allowed to use
        sudo, and have a usable key or password.
    type: list
    elements: str
    default: []
  watch_next_boot:
    description:
      - Have the host look once more after its next boot whether people get in, after a change that was guarded. See
        O(healthops.clinical.commit_confirm#module:watch_next_boot).
    type: bool
    default: true
  keeps:
    description:
      - The names that O(host_purposes) and O(required_services) stand for. The action plugin of the same name sets it,
        and nobody else. What is given here in a playbook is ignored.
    type: dict
    default: {}
  survey_only:
    description:
      - A run that would change something then only answers which sockets listen, so that the controller can try them
        before and after. The action plugin of the same name sets it, and nobody else. What is given here in a playbook
        is ignored.
    type: bool
    default: false
  controls:
    description:
      - The selected controls. The action plugin of the same name sets it, and nobody else. What is given here in a
        playbook is ignored. No log of the host takes them up.
    type: json
    default: ""
notes:
  - On the host it needs Python 3.9 and the programs that its controls ask, such as C(sshd) and C(systemctl).
  - While a guard is armed, another run refuses and says until when.
  - Journals lie in C(/var/lib/healthops/journal), readable by root only, because before-images hold what they hold.
"""

EXAMPLES = r"""
- name: Harden the host up to the standard tier
  healthops.clinical.baseline:
    tier: standard
  become: true

- name: See what hardening would change, and change nothing
  healthops.clinical.baseline:
    tier: standard
  become: true
  check_mode: true
  diff: true

- name: Choose values, and leave one control alone
  healthops.clinical.baseline:
    tier: essential
    tunables:
      sshd_max_auth_tries: 3
    skip:
      banner_console: The vendor's console parses the login text. Review in May.
  become: true

- name: Leave one deviation alone that was approved until the next visit of the vendor
  healthops.clinical.baseline:
    waivers:
      - control: sshd_ciphers
        reason: The analysers' transfer program knows CBC ciphers only.
        owner: Ines Halloran, laboratory systems
        approver: Tomas Brandt, security officer
        ticket: SEC-2041
        compensating_control: SSH is reachable from the analysers' network only.
        expires: "2026-12-18"
        groups: [interface_engines]
  become: true

- name: Put the host back as it was before the newest run
  healthops.clinical.baseline:
    state: reverted
  become: true
"""

RETURN = r"""
run_id:
  description: The id of this run, under which its journal and its evidence are kept.
  returned: always
  type: str
  sample: 20261122T150000Z-1f3a
reverted_run_id:
  description: The run that was taken back.
  returned: with O(state=reverted)
  type: str
findings:
  description: One entry for each control of the tier, in the catalogue's order.
  returned: with O(state=enforced)
  type: list
  elements: dict
  contains:
    id:
      description: The control.
      type: str
    result:
      description: One of C(pass), C(fail), C(fixed), C(error), C(notapplicable), C(notchecked), C(waived).
      type: str
    reason:
      description: Why it is not a plain pass.
      type: str
    subject:
      description: What the control is about on this host.
      type: str
    wanted:
      description: The value that is wanted, in words.
      type: str
    before:
      description: What was set before.
      type: str
    after:
      description: What is set now, or in check mode what would be.
      type: str
    verdicts:
      description: The looks at C(running), C(on_disk) and C(survives_reboot), each with C(state) and C(saw).
      type: dict
    references:
      description: What the control supports, as a mapping of framework to reference to strength.
      type: dict
      sample:
        hipaa_security_rule: {"164.312(a)(1)": partial}
    waiver:
      description: The waiver that the result rests on, as in RV(waivers).
      type: dict
profiles:
  description: The profiles that were chosen for this host, with C(id) and C(title).
  returned: with O(state=enforced)
  type: list
  elements: dict
frameworks:
  description:
    - What RV(findings[].references) name, by id, with C(title), C(version), C(status) (law, proposed, guidance or
      benchmark), C(as_of), C(source) and C(quotable).
  returned: with O(state=enforced)
  type: dict
configurations:
  description: How the configurations stand that M(healthops.clinical.service_config) has applied on this host.
  returned: in check mode, with O(state=enforced)
  type: list
  elements: dict
  contains:
    name:
      description: The name of the configuration.
      type: str
    run_id:
      description: The run of the host's journal that configured it.
      type: str
    configured:
      description: When that was.
      type: str
    changed:
      description: Whether this run changed anything of it, or would.
      type: bool
    drift:
      description:
        - What is otherwise than it was configured, each with C(subject), C(entry), C(before), C(set), C(now), C(since),
          C(reason), and C(run_id) where a later run of ours changed it. Of a secret only that it differs.
      type: list
      elements: dict
    restarts_due:
      description: Held units that run with older files.
      type: list
      elements: str
    errors:
      description: What could not be read or done.
      type: list
      elements: str
waivers:
  description: The waivers that concern this host, with what they say.
  returned: with O(state=enforced)
  type: list
  elements: dict
  contains:
    control:
      description: The control that is waived.
      type: str
    expires:
      description: The last day on which it holds.
      type: str
    days_left:
      description: How many days are left; negative once it has expired.
      type: int
    expired:
      description: Whether it has expired.
      type: bool
    used:
      description: Whether a finding rests on it. One that is not used is warned of.
      type: bool
changes:
  description: What was changed, or in check mode would be.
  returned: with O(state=enforced)
  type: list
  elements: dict
  contains:
    subject:
      description: What is changed.
      type: str
    before:
      description: What it was.
      type: str
    after:
      description: What it becomes.
      type: str
    why:
      description: What the change is good for.
      type: str
    controls:
      description: The controls that ask for it.
      type: list
      elements: str
reverted_runs:
  description: All runs that were taken back, the newest first.
  returned: with O(state=reverted)
  type: list
  elements: str
restored:
  description: What was put back, or in check mode would be, in the shape of RV(changes).
  returned: with O(state=reverted)
  type: list
  elements: dict
left:
  description: What was left as it is, because others have changed the same since.
  returned: with O(state=reverted)
  type: list
  elements: dict
  contains:
    subject:
      description: What is left.
      type: str
    entry:
      description: The path, the entry or the line of it that is concerned; empty where it is the whole.
      type: str
    before:
      description: What it was before the run. Secrets, and files that not everybody may read, show a digest.
      type: str
    set:
      description: What the run had made of it.
      type: str
    now:
      description: What it is now.
      type: str
    reason:
      description: Why it is left.
      type: str
    run_id:
      description: The later run that has changed it, empty where it was somebody else.
      type: str
guard:
  description: Whether what could have locked people out was confirmed.
  returned: always
  type: dict
  sample:
    state: confirmed
    run_id: 20261122T150000Z-1f3a
    within: 120
    until: "2026-11-22T15:02:04Z"
    seconds_left: 0
    ended: "2026-11-22T15:00:06Z"
    why: a fresh login worked
    survives_reboot: true
  contains:
    state:
      description:
        - C(none) where nothing guarded was changed, C(confirmed), C(reverted), C(skipped) where no login was at stake,
          C(off) where it was switched off, C(unknown) where the host did not answer any more, C(armed) until confirmed.
      type: str
    run_id:
      description: The run that it guards.
      type: str
    within:
      description: The seconds in which it had to be confirmed.
      type: int
    until:
      description: When it was to be taken back, in UTC, by the host's clock.
      type: str
    seconds_left:
      description: How many seconds are left to confirm it.
      type: int
    ended:
      description: When it was confirmed or taken back.
      type: str
    why:
      description: Why it ended as it did, or why nothing was guarded.
      type: str
    survives_reboot:
      description: Whether it would be taken back at the next boot as well; not so where systemd does not run.
      type: bool
availability:
  description: What listened on the host before the run and does not any more, or could be reached and cannot any more.
  returned: always
  type: dict
  sample:
    compared: true
    before: 12
    lost: []
    appeared: []
    unreachable: []
    consented: [tcp 631 (cups.service)]
    ended: []
  contains:
    compared:
      description: Whether it was looked at; not so where nothing was changed.
      type: bool
    before:
      description: How many listening sockets there were.
      type: int
    lost:
      description: Sockets and units that are gone although nobody consented. Then the host took the run back.
      type: list
      elements: str
    appeared:
      description: Sockets that listen since the run.
      type: list
      elements: str
    unreachable:
      description: Sockets that the controller could reach before and not after. Then the host took the run back.
      type: list
      elements: str
    consented:
      description: Sockets and units that are gone because somebody consented.
      type: list
      elements: str
    ended:
      description:
        - Sockets that are gone, of programs that somebody had started by hand. Without a unit that is no loss.
      type: list
      elements: str
listeners_to_probe:
  description: The sockets that the controller should try before the run, which was not begun yet.
  returned: with O(survey_only=true), where something would be changed
  type: list
  elements: dict
summary:
  description: How many controls ended with which result.
  returned: with O(state=enforced)
  type: dict
host:
  description: The facts that decided what applies, such as C(distribution), C(version), C(family) and C(container).
  returned: always
  type: dict
catalogue:
  description: The digest and the number of the controls that the host was held against.
  returned: with O(state=enforced)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils import _core

TEXT = {"type": "str", "required": True}
TEXTS = {"type": "list", "elements": "str"}
WAIVER = {
    "control": TEXT,
    "reason": TEXT,
    "owner": TEXT,
    "approver": TEXT,
    "ticket": TEXT,
    "compensating_control": TEXT,
    "expires": TEXT,
    "hosts": TEXTS,
    "groups": TEXTS,
    "value": {"type": "raw"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["enforced", "reverted"], "default": "enforced"},
            "tier": {"type": "str", "choices": ["essential", "standard", "strict"], "default": "standard"},
            "tunables": {"type": "dict", "default": {}},
            "profiles": {"type": "list", "elements": "str", "default": []},
            "skip": {"type": "dict", "default": {}},
            "waivers": {"type": "list", "elements": "dict", "default": [], "options": WAIVER},
            "allow_stop": {"type": "list", "elements": "str", "default": []},
            "host_purposes": {"type": "list", "elements": "str", "default": []},
            "required_services": {"type": "list", "elements": "str", "default": []},
            "check_availability": {"type": "bool", "default": True},
            "extra_catalogues": {"type": "list", "elements": "path", "default": []},
            "run_id": {"type": "str", "default": ""},
            "revert_run_id": {"type": "str", "default": ""},
            "force": {"type": "bool", "default": False},
            "later_runs": {"type": "bool", "default": False},
            "journal_keep": {"type": "int", "default": 20},
            "confirm_within": {"type": "int", "default": 120},
            "break_glass_users": {"type": "list", "elements": "str", "default": []},
            "watch_next_boot": {"type": "bool", "default": True},
            "keeps": {"type": "dict", "default": {}},
            "survey_only": {"type": "bool", "default": False},
            "controls": {"type": "json", "default": "", "no_log": True},
            "core": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    _core.answer(module, "baseline")


if __name__ == "__main__":
    main()
