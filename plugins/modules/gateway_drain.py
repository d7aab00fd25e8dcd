#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine behind HAProxy, or HAProxy itself, is taken out of service with proof, and put back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_drain
short_description: Take an engine behind HAProxy out of service, with proof
version_added: 1.0.0
description:
  - Interfaces keep their connections open for days. HAProxy's own C(drain) state and its maintenance mode leave those
    in place for ever, and after a reload they belong to a worker that the ordinary statistics do not show. This module
    counts the sessions of every worker, and an engine is drained only when none is left.
  - An engine stays drained over a reload and a restart of HAProxy.
  - Use it through C(tasks_from=drain) and C(tasks_from=undrain) of the role C(healthops.clinical.interface_gateway),
    which put an engine back when draining it failed.
author:
  - healthops.clinical contributors (@healthops)
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.actiongroup_clinical
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  state:
    description:
      - With V(draining), give the engine no new connections, and do not wait for those it has.
      - With V(drained), do so and wait until none is left. Fails where some are.
      - With V(ready), give it connections again, and wait until new health checks have passed. Fails where they do not.
    type: str
    choices: [draining, drained, ready]
    required: true
  engine:
    description:
      - The engine's name, in every route that has it. Empty means the gateway itself, which then refuses new
        connections on all its routes; that is forgotten at its next reload.
    type: str
    default: ""
  wait:
    description:
      - How many seconds to wait for the last session to end, or for the health checks to pass.
      - With V(ready) it waits at least as long as the health checks of the engine need, as C(/etc/haproxy/haproxy.cfg)
        says (C(inter), C(rise), C(fall), C(timeout check)).
    type: int
    default: 120
  shutdown_sessions:
    description:
      - Consent to shut, after O(wait), the sessions that are left. A sender whose message was at work sends it again,
        so the engine may get that one twice.
    type: bool
    default: false
  allow_outage:
    description: Consent to drain an engine although a route has no other that is in service. Its senders then wait.
    type: bool
    default: false
notes:
  - It needs root on the gateway, and HAProxy's master socket where Debian's unit puts it.
"""

EXAMPLES = r"""
- name: The engine takes no new connection, and has none left
  healthops.clinical.gateway_drain:
    engine: engine-1
    state: drained
    wait: 120
  delegate_to: gateway-1.hospital.example
  become: true

- name: The engine is in service again
  healthops.clinical.gateway_drain:
    engine: engine-1
    state: ready
  delegate_to: gateway-1.hospital.example
  become: true
"""

RETURN = r"""
engine:
  description: The engine, or nothing for the gateway.
  returned: success
  type: str
  sample: engine-1
state:
  description: What it is now.
  returned: success
  type: str
  sample: drained
routes:
  description: The backends that have it, or the frontends of the gateway.
  returned: success
  type: list
  elements: str
  sample: [lab_engines]
sessions:
  description: How many sessions are left, counted in every worker.
  returned: success
  type: int
  sample: 0
sessions_before:
  description: How many there were at the beginning.
  returned: success
  type: int
  sample: 4
sessions_shut:
  description: How many were shut before their time.
  returned: success
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from ansible_collections.healthops.clinical.plugins.module_utils._service import drain
from ansible_collections.healthops.clinical.plugins.module_utils._service.haproxy import MasterSocket
from ansible_collections.healthops.clinical.plugins.module_utils._text.outlet import finish


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["draining", "drained", "ready"], "required": True},
            "engine": {"type": "str", "default": ""},
            "wait": {"type": "int", "default": 120},
            "shutdown_sessions": {"type": "bool", "default": False},
            "allow_outage": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    request = drain.DrainRequest(
        engine=module.params["engine"],
        state=module.params["state"],
        wait=module.params["wait"],
        shut_sessions=module.params["shutdown_sessions"],
        allow_outage=module.params["allow_outage"],
    )
    try:
        drained = drain.Drain(MasterSocket(), RealHost(), request, module.check_mode).carry_out()
        result = drained.as_result(request.engine)
    except ClinicalError as error:
        result = {"failed": True, "msg": str(error), "engine": request.engine}
    finish(module, result)


if __name__ == "__main__":
    main()
