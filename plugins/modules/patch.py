#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host patched: planned, staged, applied, rolled back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patch
short_description: Plan, stage, apply and roll back the updates of one host
version_added: 1.0.0
description:
  - Tells what a host would change and why, with one digest over exactly that set, its versions, where they come from
    and the checksums of their files; has everything on the host before the window; changes that set and nothing else in
    one transaction; and takes it back with packages that it kept.
  - On Debian a change is a security update when any version that it passes has the label Debian-Security, or when an
    advisory names a fixed version in that range. The origin of the newest version alone does not tell.
  - What cannot be known is V(unknown), with the reason. That is so for a mirror with an old Release date, for a missing
    source of security updates, and for lists that cannot be read.
  - A run that was cut, by a lost connection, a killed process or a power loss, is found by the next call. That says in
    what state the host is, and carries on.
author:
  - healthops.clinical contributors (@healthops)
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.actiongroup_clinical
  - healthops.clinical._core
attributes:
  check_mode:
    support: full
    details:
      - With O(state=planned) the lists of packages are not read anew and nothing is written down as seen, so that
        nothing at all is changed on the host.
  diff_mode:
    support: none
    details:
      - RV(done) tells every change in any mode.
  idempotent:
    support: full
options:
  state:
    description:
      - With V(planned), tell what would change, why, by when, and what that interrupts. No package is changed.
      - With V(staged), download and verify everything, keep the versions that would be replaced, and see that there is
        room, so that the window is used for installing only.
      - With V(applied), change exactly the set of O(digest). What is not staged yet is staged first.
      - With V(rolled_back), have the earlier versions back, with the configuration that they had.
    type: str
    choices: [planned, staged, applied, rolled_back]
    default: planned
  digest:
    description:
      - With O(state=applied), the digest of the plan that was approved. It fails, and tells the difference, where this
        host would now do something else.
      - With O(state=staged), fail where the plan has another digest.
    type: str
    default: ""
  run_id:
    description:
      - With O(state=rolled_back), the run to take back; the newest one that changed something when left out.
      - Otherwise the name of the run that is begun; made from the time when left out.
    type: str
    default: ""
  policy:
    description:
      - Which updates this host takes. Its keys are V(security_only), V(exclude) and V(pin) (lists of rules with
        V(packages), V(reason), V(expires), and for a pin V(version)), V(minimum_age) and V(deadlines) (days by
        V(kev), V(critical), V(high), V(default) and V(unknown)), V(allowed_origins) (patterns such as
        V(Debian-Security:*)) and V(epss_at_least) (a severity that a probability raises to).
      - A package that is left out is told with the reason. It may still come where it is only not chosen, and another
        one needs it; what is excluded, pinned or of another origin never comes.
    type: dict
    default: {}
  advisories:
    description:
      - What is known of the source packages of this host, as the action plugin prepares it from files of the Debian
        security tracker, of CISA's known exploited vulnerabilities and of EPSS.
      - Without it every severity is V(unknown), and the labels alone tell what a security update is.
      - It is one packed text, so that the host's syslog, where Ansible notes the options of modules, does not fill with
        it. What is given here in a playbook is ignored.
    type: str
    default: ""
  advisory_files:
    description:
      - Files on the control node that tell of vulnerabilities, as people carried them in, compressed with gzip or not.
        Nothing is downloaded. Each is indexed once, and the host is sent only what is newer than what it has.
      - A relative path starts in the directory in which the command was typed, here and in O(approvals).
      - A file that was cut, or is another than its name here says, fails the task before any package is looked at.
    type: dict
    suboptions:
      debian_tracker:
        description: The data of the Debian security tracker, as JSON.
        type: path
      cisa_kev:
        description: CISA's catalogue of known exploited vulnerabilities, as JSON.
        type: path
      epss:
        description: The scores of the Exploit Prediction Scoring System, as CSV.
        type: path
  advisory_cache:
    description: Directory on the control node for the index of these files; below Ansible's own directory by default.
    type: path
  advisory_max_age:
    description: Above how many days the age of one of these files is warned of.
    type: int
    default: 14
  approvals:
    description:
      - File on the control node that says which digest somebody approved for which host, with the keys C(approver),
        C(expires), C(hosts) and, where wanted, C(ticket) and C(comment). With O(state=applied) and O(state=staged)
        it takes the place of O(digest).
      - A host that it does not name, and an approval that has ended, fail before the host is contacted.
    type: path
  survey_only:
    description:
      - Only return RV(rating_inputs), by which the controller chooses the advisories that this host needs. The action
        plugin of the same name sets it, and nobody else. What is given here in a playbook is ignored.
    type: bool
    default: false
  refresh:
    description:
      - Read the lists of the mirrors anew. O(state=applied) never does, so that the set stays what it was.
    type: bool
    default: true
  restart:
    description:
      - No script of a package restarts a service while packages are installed. With V(now) the restarts are done
        afterwards; with V(ask) they are only told in RV(to_restart).
    type: str
    choices: [now, ask]
    default: now
  restart_order:
    description:
      - Units or patterns in the order in which services are restarted; all others follow.
    type: list
    elements: str
    default: []
  repair:
    description:
      - With O(state=applied), finish first what a cut or failed installation left half done.
    type: bool
    default: false
  hold_days:
    description:
      - With O(state=rolled_back), for how many days the packages are held, so that the next run does not put the
        bad versions back. With V(0) they are not.
    type: int
    default: 14
  keep_runs:
    description: How many runs are remembered, with the packages that they need to be rolled back.
    type: int
    default: 10
  manager:
    description: The package manager; V(auto) is the one of the host's family.
    type: str
    choices: [auto, apt, dnf]
    default: auto
  lock_wait:
    description: For how many seconds a lock of the package manager is waited for; then the failure names who holds it.
    type: int
    default: 300
  patience:
    description: For how many seconds another run on the same host is waited for.
    type: int
    default: 0
notes:
  - On the host it needs Python 3.9 and nothing but the distribution's own packages.
  - Local configuration files are kept. What a package would have put there lies beside it, as C(.dpkg-dist) or
    C(.rpmnew).
  - With dnf, a package is held by a line of the versionlock list, and an earlier version has to be in a repository or
    in dnf's cache to be kept; it cannot be packed again. It was run with the dnf 4 and rpm of Debian, with no package
    of a real Enterprise Linux.
  - Holds and the marks of automatically installed packages are the same after a run as before it.
  - With dnf, kernels stand beside each other. The oldest one, which dnf removes where there are too many, is not kept,
    and does not come back with O(state=rolled_back).
  - needrestart is kept from restarting anything meanwhile, and asked afterwards where it is installed. What runs old
    libraries is read from C(/proc) in any case.
  - A service that the site restarts itself, for example after a drain, is left running and told in RV(to_restart). It
    is one that the site's own C(/usr/sbin/policy-rc.d) forbids packages to restart, or one that runs old libraries and
    that C(override_rc) of needrestart puts off. Without needrestart these are services that carry the network,
    containers or virtual machines.
seealso:
  - module: healthops.clinical.patch_info
"""

EXAMPLES = r"""
- name: See what would change
  healthops.clinical.patch:
    state: planned
    policy:
      security_only: true
      exclude:
        - packages: [mirth*, postgresql-15]
          reason: the vendor tests the new version until the end of the month
          expires: "2026-12-31"
  become: true
  register: plan

- name: Have everything on the host before the window
  healthops.clinical.patch:
    state: staged
    digest: "{{ plan.digest }}"
  become: true

- name: Change exactly what was approved
  healthops.clinical.patch:
    state: applied
    digest: sha256:1236f6c12aaf0a8fee75bbbf6ac02cb37ac822789967827f67eb01b9d3be5b1c
    restart_order: [postgresql*, mirth*]
  become: true
  register: patched

- name: Take it back
  healthops.clinical.patch:
    state: rolled_back
    run_id: "{{ patched.run.run_id }}"
  become: true
"""

RETURN = r"""
digest:
  description: A name for exactly the set that would change.
  returned: with O(state=planned)
  type: str
  sample: sha256:1236f6c12aaf0a8fee75bbbf6ac02cb37ac822789967827f67eb01b9d3be5b1c
verdict:
  description: V(updates), V(none), or V(unknown) where it cannot be said that there is nothing else.
  returned: with O(state=planned)
  type: str
  sample: updates
unknown_because:
  description: Why the verdict is V(unknown).
  returned: with O(state=planned)
  type: list
  elements: str
  sample: [no source brings the security updates of bookworm]
changes:
  description: The set that would change, one entry a package.
  returned: with O(state=planned)
  type: list
  elements: dict
  contains:
    name:
      description: The package.
      type: str
    arch:
      description: Its architecture.
      type: str
    change:
      description: V(upgrade), V(install), V(remove) or V(downgrade).
      type: str
    from:
      description: The installed version; empty where there is none.
      type: str
    to:
      description: The version that comes; empty where the package goes.
      type: str
    security:
      description: Whether it is a security update; null where nobody can tell.
      type: bool
    why:
      description: Reasons in words.
      type: list
      elements: str
    advisories:
      description: Advisories that it closes.
      type: list
      elements: str
    cves:
      description: Vulnerabilities that it closes.
      type: list
      elements: str
    severity:
      description: V(kev), V(critical), V(high), V(medium), V(low) or V(unknown).
      type: str
    epss:
      description: The highest probability of exploitation among them.
      type: float
    first_seen:
      description: When this host first saw an update that it does not have yet.
      type: str
    deadline:
      description: By when the policy wants it.
      type: str
    days_left:
      description: Whole days until then; negative when it is over.
      type: int
    restarts:
      description: Services that run what would be replaced.
      type: list
      elements: str
    reboot:
      description: Whether it takes a reboot to run it, as for a kernel, libc, dbus and systemd.
      type: bool
    download_bytes:
      description: The size of the package.
      type: int
    installed_bytes:
      description: The size of what is in it.
      type: int
    origin:
      description: Where it comes from, as apt names it.
      type: str
    checksum:
      description: The checksum of the package's file with its kind, as the signed lists have it; empty where it goes.
      type: str
      sample: sha256:2f7c0b9df3a9d6d8a4e06e9f1c2f0d3ee1f1d4f5a3e0d1b6a58b3f6b1f4d5c9e
    source:
      description: The source package.
      type: str
    source_old:
      description: The version of the source package that is installed.
      type: str
    source_new:
      description: The version of the source package that comes.
      type: str
held:
  description: What is on hold or kept back, like RV(changes), with RV(ignore:reason) and RV(ignore:expires).
  returned: with O(state=planned)
  type: list
  elements: dict
phased:
  description: What its mirror offers to a part of all hosts only, not to this one yet. Like RV(held).
  returned: with O(state=planned)
  type: list
  elements: dict
excluded:
  description: What the policy excludes or pins, and what cannot come without it. Like RV(held).
  returned: with O(state=planned)
  type: list
  elements: dict
too_young:
  description: What is not old enough yet. Like RV(held).
  returned: with O(state=planned)
  type: list
  elements: dict
not_allowed:
  description: What is of no allowed origin, or no security update where only those are wanted. Like RV(held).
  returned: with O(state=planned)
  type: list
  elements: dict
sources:
  description: The lists of packages with the date of their Release file, its age, and whether that is too old.
  returned: with O(state=planned)
  type: list
  elements: dict
space:
  description: What is free and what is needed in C(/), C(/var) and C(/boot).
  returned: with O(state=planned)
  type: list
  elements: dict
reboot:
  description: Whether the host has to be restarted to run what is installed (RV(ignore:needed)), and why.
  returned: with O(state=planned), and after a change
  type: dict
  sample:
    needed: true
    why: [kernel 6.1.0-40-amd64 runs, 6.1.0-41-amd64 is installed]
services:
  description: Services that run what is no longer installed.
  returned: with O(state=planned), and after a change
  type: list
  elements: str
own_will:
  description: What would install or restart by itself in the middle of a run.
  returned: with O(state=planned)
  type: list
  elements: str
run:
  description: The run that this is about; with O(state=planned) the newest one, and what a cut one left.
  returned: always
  type: dict
  sample:
    run_id: 20261125T082159Z-3fa3
    stage: applied
    digest: sha256:1236f6c12aaf0a8fee75bbbf6ac02cb37ac822789967827f67eb01b9d3be5b1c
    begun: "2026-11-25T08:21:59Z"
    changed: "2026-11-25T08:22:20Z"
    why: ""
rating_inputs:
  description:
    - The release, the source packages with their earliest versions, and CVEs that the host's own lists name. It is for
      the action plugin, which sets O(survey_only) and keeps this to itself.
  returned: with O(survey_only=true)
  type: dict
policy:
  description: The policy as it was read, with the days that each of its rules still holds.
  returned: always
  type: dict
approval:
  description: Who approved what was applied or staged, until when, and the SHA-256 of the file that says so.
  returned: with O(approvals)
  type: dict
advisories_as_of:
  description: How old the files were that told of vulnerabilities.
  returned: with O(advisory_files)
  type: dict
began:
  description: When the task began. RV(ended) is when it ended.
  returned: always
  type: str
ended:
  description: When the task ended.
  returned: always
  type: str
plan:
  description: The plan of the run, with the keys that O(state=planned) returns.
  returned: with O(state=staged), O(state=applied) and O(state=rolled_back)
  type: dict
done:
  description: What was changed, or in check mode would be; name, arch, change, from and to.
  returned: with O(state=staged), O(state=applied) and O(state=rolled_back)
  type: list
  elements: dict
kept:
  description:
    - The packages of the earlier versions, and how they were had, from apt's V(cache), from the V(mirror), or
      V(repacked) from what was installed.
  returned: with O(state=staged), O(state=applied) and O(state=rolled_back)
  type: list
  elements: dict
restarted:
  description: Services that were restarted, in this order.
  returned: with O(state=applied) and O(state=rolled_back)
  type: list
  elements: str
to_restart:
  description: Services that are still to be restarted; with O(restart=now) those that the site restarts itself.
  returned: with O(state=applied) and O(state=rolled_back)
  type: list
  elements: str
down:
  description: What worked before and does not work afterwards. The module fails then.
  returned: with O(state=applied) and O(state=rolled_back)
  type: list
  elements: str
reopened:
  description: What the versions that are gone again had closed.
  returned: with O(state=rolled_back)
  type: list
  elements: dict
restored:
  description: Configuration files that were put back.
  returned: with O(state=rolled_back)
  type: list
  elements: str
held_until:
  description: The packages that are now held, with the version that is not wanted and the end of the hold.
  returned: with O(state=rolled_back)
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils import _core


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["planned", "staged", "applied", "rolled_back"], "default": "planned"},
            "digest": {"type": "str", "default": ""},
            "run_id": {"type": "str", "default": ""},
            "policy": {"type": "dict", "default": {}},
            "advisories": {"type": "str", "default": "", "no_log": True},
            "advisory_files": {
                "type": "dict",
                "options": {name: {"type": "path"} for name in ("debian_tracker", "cisa_kev", "epss")},
            },
            "advisory_cache": {"type": "path"},
            "advisory_max_age": {"type": "int", "default": 14},
            "approvals": {"type": "path"},
            "survey_only": {"type": "bool", "default": False},
            "refresh": {"type": "bool", "default": True},
            "restart": {"type": "str", "choices": ["now", "ask"], "default": "now"},
            "restart_order": {"type": "list", "elements": "str", "default": []},
            "repair": {"type": "bool", "default": False},
            "hold_days": {"type": "int", "default": 14},
            "keep_runs": {"type": "int", "default": 10},
            "manager": {"type": "str", "choices": ["auto", "apt", "dnf"], "default": "auto"},
            "lock_wait": {"type": "int", "default": 300},
            "patience": {"type": "int", "default": 0},
            "core": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    _core.answer(module, "patch")


if __name__ == "__main__":
    main()
