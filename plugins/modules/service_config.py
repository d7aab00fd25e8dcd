#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One system's whole configuration on a host, in one call and as one transaction."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_config
short_description: Configure a system on a host, all of it or nothing
version_added: 1.1.0
description:
  - One call takes the whole configuration of a system on a host. Packages, accounts, folders, files, links, kernel
    values and units are looked at once, and what differs is journaled, written, checked by the daemons' own checkers,
    and only then made live by a reload or a restart.
  - Where a check, a start or a reload fails, or a unit dies within the next seconds, the host has its earlier
    configuration back, its services run on it, and the module fails with the checker's own words.
  - Templates are rendered on the control node by the action plugin of the same name.
  - A file that an earlier configuration of the same O(name) had and this one has not is removed; what stood there
    before the system came is put back.
  - With O(confirm_within), the host takes everything back by itself unless a later task says O(state=confirmed).
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
      - Also on a host where the packages are not there yet. The daemons' own checkers are not run in check mode.
  diff_mode:
    support: full
    details:
      - The content of a file marked O(files[].secret) is never shown.
  idempotent:
    support: full
options:
  name:
    description: The name of the configuration, such as that of its role. Lower-case letters, digits and C(_).
    type: str
    required: true
  state:
    description:
      - With V(applied), make the host have the configuration.
      - With V(confirmed), keep the run O(run_id) that was applied with O(confirm_within).
      - With V(reverted), take that run back at once. One that was confirmed is taken back with
        M(healthops.clinical.baseline), which takes all systems of a play back when it is given the play's run.
      - With V(removed), take away what the configuration put on the host. Folders marked O(folders[].data), accounts
        and packages stay, and are named in RV(remaining).
    type: str
    choices: [applied, confirmed, reverted, removed]
    default: applied
  packages:
    description:
      - Packages of the distribution that are installed where they are missing. None is ever removed for it.
      - Units that O(units) starts or stops, and that do not run yet, are not started by their packages, whose settings
        are others. C(/usr/sbin/policy-rc.d) forbids it to the package manager of this run alone.
    type: list
    elements: str
    default: []
  groups:
    description: Groups of the system, made where they are missing.
    type: list
    elements: str
    default: []
  accounts:
    description: Accounts of the system, without a password.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the account.
        type: str
        required: true
      group:
        description: Its own group, made where it is missing; one of the account's name when left out.
        type: str
      groups:
        description: Further groups.
        type: list
        elements: str
        default: []
      home:
        description: Its home directory, which is not created.
        type: path
        default: /nonexistent
      shell:
        description: Its shell.
        type: path
        default: /usr/sbin/nologin
      comment:
        description: What it is for.
        type: str
        default: ""
  folders:
    description: Folders with owner, group and mode. Folders above a file that nobody names are made for root.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder.
        type: path
        required: true
      owner:
        description: Its owner, who may come with one of the O(packages).
        type: str
        default: root
      group:
        description: Its group.
        type: str
        default: root
      mode:
        description: Its permission bits, as octal digits in quotes.
        type: str
        default: "0755"
      acl:
        description:
          - Its access control list beside O(folders[].mode), one entry each as C(getfacl) prints it, such as
            C(user:www-data:r-x) or C(default:group:audit:r-x). Names may come with one of the O(packages). The mask
            lets all of it through unless C(mask::) says otherwise.
          - An empty list takes one away; left out, what is there stays.
        type: list
        elements: str
      data:
        description: Whether what is in it outlives the configuration.
        type: bool
        default: false
  files:
    description:
      - Files, each with exactly one of C(content), C(template), C(source), C(remote_source), C(generate) and C(derive).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      content:
        description: Its content.
        type: str
      template:
        description: A template of the role or the playbook.
        type: str
      vars:
        description: Further variables for the template.
        type: dict
      source:
        description: A file of the role or the playbook, on the control node.
        type: str
      remote_source:
        description: A file of the host whose bytes it gets.
        type: path
      generate:
        description:
          - A command of the host that prints the content, run once where the file is missing; a list that begins with
            the whole path of a program. So a key never leaves the host.
        type: list
        elements: str
      fresh:
        description: A command that fails where the file has to be generated again, such as C(openssl x509 -checkend).
        type: list
        elements: str
      derive:
        description:
          - A command of the host that prints the content out of what is there, such as other files; a list that begins
            with the whole path of a program.
          - It is run each time, in check mode as well, so it must change nothing. Where it fails because what it reads
            is yet to come, it is run once more when that is there.
        type: list
        elements: str
      stdin:
        description: What the command in O(files[].generate) or O(files[].derive) reads, such as passwords.
        type: str
      requires:
        description:
          - A command that has to succeed before the content may change, such as one that finds nothing drained.
          - It is asked in check mode as well. Where it fails, nothing at all is changed.
        type: list
        elements: str
      owner:
        description: Its owner, who may come with one of the O(packages).
        type: str
        default: root
      group:
        description: Its group.
        type: str
        default: root
      mode:
        description: Its permission bits, as octal digits in quotes.
        type: str
        default: "0644"
      acl:
        description: Its access control list, as O(folders[].acl) says it. It has no C(default:) entries.
        type: list
        elements: str
      secret:
        description: Whether its content must never be shown.
        type: bool
        default: false
      once:
        description: Whether one that is there already stays as it is, but for owner and mode.
        type: bool
        default: false
      reload:
        description: Units that read it when they are reloaded.
        type: list
        elements: str
        default: []
      restart:
        description: Units that read it only when they start.
        type: list
        elements: str
        default: []
  links:
    description: Symbolic links.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The link.
        type: path
        required: true
      target:
        description: Where it points.
        type: str
        required: true
      reload:
        description: Units that follow it when they are reloaded.
        type: list
        elements: str
        default: []
  absent:
    description:
      - Paths that must not be there, such as a package's own example site, also where a package of this run brings it.
    type: list
    elements: path
    default: []
  kernel:
    description: Kernel values by their sysctl keys, for now and for the next boot.
    type: dict
    default: {}
  nftables:
    description: Tables of nftables, each with a unit that loads this table and no other.
    type: list
    elements: dict
    default: []
    suboptions:
      unit:
        description: The name of the unit, without C(.service).
        type: str
        required: true
      table:
        description: The family and the name of the table, such as V(inet interface_gateway).
        type: str
        required: true
      description:
        description: What the rules are for.
        type: str
        required: true
      path:
        description: Where the rules lie.
        type: path
        required: true
      template:
        description:
          - A template of the rules. They begin with C(table ...) and C(delete table ...), so that loading is one step.
        type: str
      content:
        description: The rules themselves.
        type: str
      ports:
        description:
          - Instead of O(nftables[].template) and O(nftables[].content), who reaches which ports; the table is an
            C(inet) one. Nobody else does; the host itself always does, and connections that are open go on.
          - It takes away and never opens. A firewall of the host that refuses by default has to let the same ports
            in.
        type: list
        elements: dict
        suboptions:
          port:
            description: The port.
            type: int
            required: true
          protocol:
            description: Its protocol.
            type: str
            choices: [tcp, udp]
            default: tcp
          sources:
            description: The addresses and networks that reach it. With none, only the host itself does.
            type: list
            elements: str
            default: []
      mode:
        description: The permission bits of the rules.
        type: str
        default: "0600"
      enabled:
        description: Whether they are loaded at boot; left alone where O(nftables[].state=unmanaged).
        type: bool
        default: true
      state:
        description: Whether they are loaded now.
        type: str
        choices: [started, stopped, unmanaged]
        default: started
  units:
    description:
      - Units of systemd. One that runs reads its files anew where they changed, or are newer than what it has read.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit.
        type: str
        required: true
      enabled:
        description: Whether it starts at boot; left alone when left out.
        type: bool
      state:
        description: Whether it runs.
        type: str
        choices: [started, stopped, unmanaged]
        default: unmanaged
      reload_on:
        description: Files of others that it reads when it is reloaded, such as certificates.
        type: list
        elements: path
        default: []
      restart_on:
        description: Files of others that it reads only when it starts.
        type: list
        elements: path
        default: []
      held:
        description: Whether it is never restarted here. RV(restarts_due) then says that the role has to, after a drain.
        type: bool
        default: false
  log_rotations:
    description:
      - Logs that are rotated, each as a file in C(/etc/logrotate.d), which C(logrotate --debug) checks. C(logrotate) is
        installed for it.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the file. Lower-case letters, digits, C(_) and C(-).
        type: str
        required: true
      paths:
        description: The logs, which may have C(*) and C(?) in them.
        type: list
        elements: str
        required: true
      every:
        description: How often.
        type: str
        choices: [daily, weekly, monthly]
        default: daily
      keep:
        description: How many rotated logs are kept.
        type: int
        default: 14
      size:
        description: The size from which a log is rotated before its time, such as V(50M).
        type: str
        default: ""
      owner:
        description: The owner of the new log.
        type: str
        default: root
      group:
        description: Its group.
        type: str
        default: adm
      mode:
        description: Its permission bits, as octal digits in quotes.
        type: str
        default: "0640"
      reload:
        description: The service that opens the new log when it is reloaded; it is not where it does not run.
        type: str
        default: ""
      command:
        description: Instead of O(log_rotations[].reload), a command that has the new log opened.
        type: list
        elements: str
        default: []
  certificates:
    description:
      - The certificates that the system lives by. RV(certificates) says how long they are valid, and a warning which
        have to be renewed.
      - C(UNIT-certificates.timer) looks at them every day, and C(UNIT-certificates.service) fails while one has fewer
        days left, for a monitoring to see. What looks is C(openssl), which is installed for it.
    type: dict
    suboptions:
      unit:
        description: What the units that look are named after. Lower-case letters, digits and C(-).
        type: str
        required: true
      paths:
        description: The certificates on the host, in PEM. Of a file with several, the first one counts.
        type: list
        elements: path
        default: []
      watched:
        description:
          - What is looked at every day, where a system keeps copies of its own. Empty means O(certificates.paths).
        type: list
        elements: path
        default: []
      renew_days:
        description: With fewer days left, a certificate has to be renewed. From 1 to 1825.
        type: int
        default: 30
      required:
        description: Whether nothing is configured with a certificate that has expired.
        type: bool
        default: false
  platforms:
    description:
      - >-
        The distributions that the configuration is for, and of each the releases, such as C({Debian: ["12", "13"]}). On
        any other host nothing is changed. With none it is for all.
    type: dict
    default: {}
  checks:
    description:
      - Commands that have to succeed once everything is written and before anything is told of it, such as
        C(haproxy -c). Lists that begin with the whole path of a program; no shell runs them.
    type: list
    elements: list
    default: []
  confirm_within:
    description: How many seconds there are to confirm, from 10 to 3600; 0 where nothing is to be confirmed.
    type: int
    default: 0
  drains:
    description:
      - Units that keep clients back while the role drains the system before a restart. Where the host takes the
        configuration back, it stops and disables those that were not active before.
      - Else a control node that dies in the middle of a drain would leave a system that takes no new work.
    type: list
    elements: str
    default: []
  run_id:
    description:
      - The name of the play's run; made from the time when left out. The host's journal holds it with O(name) after it.
      - With V(confirmed) or V(reverted), RV(run_id) of the task that applied it.
    type: str
    default: ""
  why:
    description: With V(confirmed) or V(reverted), the reason, which stands in the host's record.
    type: str
    default: ""
  journal_keep:
    description: How many runs the host's journal keeps. The newest is never forgotten.
    type: int
    default: 20
  rendered:
    description: What the action plugin rendered. It sets it, and nobody else.
    type: json
    default: "{}"
seealso:
  - module: healthops.clinical.baseline
  - module: healthops.clinical.commit_confirm
"""

EXAMPLES = r"""
- name: Configure HAProxy, and keep it only if it answers
  become: true
  block:
    - name: Configure HAProxy
      healthops.clinical.service_config:
        name: load_balancer
        packages: [haproxy]
        files:
          - path: /etc/haproxy/haproxy.cfg
            template: haproxy.cfg.j2
            group: haproxy
            mode: "0640"
            reload: [haproxy.service]
        units:
          - {name: haproxy.service, enabled: true, state: started}
        checks:
          - [/usr/sbin/haproxy, -c, -f, /etc/haproxy/haproxy.cfg]
        confirm_within: 60
      register: configured

    - name: Ask it as a client would
      ansible.builtin.uri:
        url: "https://{{ inventory_hostname }}/health"
      delegate_to: localhost

    - name: Keep the configuration
      healthops.clinical.service_config:
        name: load_balancer
        state: confirmed
        run_id: "{{ configured.run_id }}"
      when: configured is changed
  rescue:
    - name: Have the earlier configuration back at once
      healthops.clinical.service_config:
        name: load_balancer
        state: reverted
        run_id: "{{ configured.run_id }}"
      when: configured is changed

    - name: Fail all the same
      ansible.builtin.fail:
        msg: "{{ ansible_failed_result.msg }}"
"""

RETURN = r"""
name:
  description: The name of the configuration.
  returned: success
  type: str
run_id:
  description: The name of the run.
  returned: always
  type: str
changes:
  description: What changed, or would, in order.
  returned: success
  type: list
  elements: dict
  contains:
    subject:
      description: What changed.
      type: str
    before:
      description: What it was; of content a digest. The texts of files are in the difference alone.
      type: str
    after:
      description: What it is.
      type: str
    why:
      description: Why it changed.
      type: str
restarts_due:
  description: Units marked O(units[].held) that run with older files.
  returned: success
  type: list
  elements: str
configurations:
  description:
    - How the configuration stands, as evidence has it, with the keys that
      RV(healthops.clinical.baseline#module:configurations) has.
  returned: with O(state=applied) or O(state=removed)
  type: list
  elements: dict
certificates:
  description: How long the O(certificates) are valid; of a check run without those that are yet to come.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The certificate.
      type: str
      returned: success
    ends:
      description: When it ends, in UTC, as C(2026-12-31 07:30:00).
      type: str
      returned: success
    days_left:
      description: How many whole days are left; below 0 when it has expired.
      type: int
      returned: success
    state:
      description: V(valid), V(due) with fewer than O(certificates.renew_days) left, or V(expired).
      type: str
      returned: success
remaining:
  description: What belonged to the configuration before and is left on the host.
  returned: success
  type: list
  elements: str
restored:
  description: What was put back.
  returned: with O(state=reverted)
  type: list
  elements: dict
guard:
  description: How the guard of the run stands, with the keys that RV(healthops.clinical.baseline#module:guard) has.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils import _core

TEXT = {"type": "str", "required": True}
TEXTS = {"type": "list", "elements": "str", "default": []}
PATH = {"type": "path", "required": True}
PATHS = {"type": "list", "elements": "path", "default": []}
FALSE = {"type": "bool", "default": False}
STATE = {"type": "str", "choices": ["started", "stopped", "unmanaged"]}
ROOT = {"type": "str", "default": "root"}
ACL = {"type": "list", "elements": "str"}


def _listed(options: dict[str, object]) -> dict[str, object]:
    return {"type": "list", "elements": "dict", "default": [], "options": options}


ACCOUNTS = _listed(
    {
        "name": TEXT,
        "group": {"type": "str"},
        "groups": TEXTS,
        "home": {"type": "path", "default": "/nonexistent"},
        "shell": {"type": "path", "default": "/usr/sbin/nologin"},
        "comment": {"type": "str", "default": ""},
    }
)
FOLDERS = _listed(
    {
        "path": PATH,
        "owner": ROOT,
        "group": ROOT,
        "mode": {"type": "str", "default": "0755"},
        "acl": ACL,
        "data": FALSE,
    }
)
FILES = _listed(
    {
        "path": PATH,
        "content": {"type": "str"},
        "template": {"type": "str"},
        "vars": {"type": "dict"},
        "source": {"type": "str"},
        "remote_source": {"type": "path"},
        "generate": {"type": "list", "elements": "str"},
        "fresh": {"type": "list", "elements": "str"},
        "derive": {"type": "list", "elements": "str"},
        "stdin": {"type": "str"},
        "requires": {"type": "list", "elements": "str"},
        "owner": ROOT,
        "group": ROOT,
        "mode": {"type": "str", "default": "0644"},
        "acl": ACL,
        "secret": FALSE,
        "once": FALSE,
        "reload": TEXTS,
        "restart": TEXTS,
    }
)
TABLES = _listed(
    {
        "unit": TEXT,
        "table": TEXT,
        "description": TEXT,
        "path": PATH,
        "template": {"type": "str"},
        "content": {"type": "str"},
        "ports": {
            "type": "list",
            "elements": "dict",
            "options": {
                "port": {"type": "int", "required": True},
                "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
                "sources": TEXTS,
            },
        },
        "mode": {"type": "str", "default": "0600"},
        "enabled": {"type": "bool", "default": True},
        "state": {**STATE, "default": "started"},
    }
)
UNITS = _listed(
    {
        "name": TEXT,
        "enabled": {"type": "bool"},
        "state": {**STATE, "default": "unmanaged"},
        "reload_on": PATHS,
        "restart_on": PATHS,
        "held": FALSE,
    }
)
LOG_ROTATIONS = _listed(
    {
        "name": TEXT,
        "paths": {"type": "list", "elements": "str", "required": True},
        "every": {"type": "str", "choices": ["daily", "weekly", "monthly"], "default": "daily"},
        "keep": {"type": "int", "default": 14},
        "size": {"type": "str", "default": ""},
        "owner": ROOT,
        "group": {"type": "str", "default": "adm"},
        "mode": {"type": "str", "default": "0640"},
        "reload": {"type": "str", "default": ""},
        "command": TEXTS,
    }
)


#: The options that a task may give; the action plugin checks them, and renders what they name.
ARGUMENTS = {
    "name": TEXT,
    "state": {"type": "str", "choices": ["applied", "confirmed", "reverted", "removed"], "default": "applied"},
    "packages": TEXTS,
    "groups": TEXTS,
    "accounts": ACCOUNTS,
    "folders": FOLDERS,
    "files": FILES,
    "links": _listed(
        {
            "path": PATH,
            "target": TEXT,
            "reload": TEXTS,
        }
    ),
    "absent": PATHS,
    "kernel": {"type": "dict", "default": {}},
    "nftables": TABLES,
    "units": UNITS,
    "log_rotations": LOG_ROTATIONS,
    "checks": {"type": "list", "elements": "list", "default": []},
    "certificates": {
        "type": "dict",
        "options": {
            "unit": TEXT,
            "paths": PATHS,
            "watched": PATHS,
            "renew_days": {"type": "int", "default": 30},
            "required": FALSE,
        },
    },
    "platforms": {"type": "dict", "default": {}},
    "confirm_within": {"type": "int", "default": 0},
    "drains": TEXTS,
    "run_id": {"type": "str", "default": ""},
    "why": {"type": "str", "default": ""},
    "journal_keep": {"type": "int", "default": 20},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "rendered": {"type": "json", "default": "{}", "no_log": True},
            "core": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    _core.answer(module, "service_config")


if __name__ == "__main__":
    main()
