#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message without a patient to an HL7 interface engine, and the acknowledgement judged."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mllp_echo
short_description: Ask an HL7 version 2 interface engine over MLLP whether it is ready
version_added: 1.0.0
description:
  - Connects to an interface engine, over TLS if wanted, sends one message C(NMD^N02) (application management; the
    time and nothing else, no patient), and judges the acknowledgement. The connection is the probe's own and is
    closed afterwards.
  - The answer must be framed as MLLP, and acknowledge exactly our message (C(MSA-2)) in the original mode (V(AA),
    V(AE), V(AR)) or the enhanced mode (V(CA), V(CE), V(CR)).
  - >-
    B(What it costs). An engine may store the probe. It may keep the message as one of no known kind, count it,
    forward it, or fill an error queue, so that a probe every two seconds makes 43200 rows of junk each day. Give the
    engine a listener of its own for probes, or a rule that answers them before anything is stored, and see in the
    engine that nothing is kept. Where neither can be had, probe seldom, before and after work on the engine only.
  - Nothing that the peer sends is ever returned or logged; RV(saw) is in this module's own words.
author:
  - healthops.clinical contributors (@healthops)
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.actiongroup_clinical
  - healthops.clinical._probe
  - healthops.clinical._probe.peer
attributes:
  check_mode:
    details: It really probes; nothing is changed by that.
    support: full
  diff_mode:
    details: It changes nothing that could be shown.
    support: N/A
  idempotent:
    details: It changes nothing on the host that executes it.
    support: full
options:
  sending_application:
    description: C(MSH-3) of the message.
    type: str
    default: HEALTHPROBE
  sending_facility:
    description: C(MSH-4) of the message.
    type: str
    default: OPS
  receiving_application:
    description: C(MSH-5) of the message.
    type: str
    default: ""
  receiving_facility:
    description: C(MSH-6) of the message.
    type: str
    default: ""
  processing_id:
    description:
      - C(MSH-11) of the message. A production engine may refuse what is not for production, and answer V(AR) with
        error V(202). That is RV(state=alive).
    type: str
    choices: [D, T, P]
    default: D
  hl7_version:
    description: C(MSH-12) of the message.
    type: str
    default: "2.5"
  acknowledgement:
    description:
      - With V(original), the answer tells what the application did with the message.
      - With V(enhanced), ask for the accept acknowledgement only (C(MSH-15) V(AL), C(MSH-16) V(NE)), which tells that
        the message is stored safely.
      - An answer of either mode is understood, as some engines know only one.
    type: str
    choices: [original, enhanced]
    default: original
  ready_text:
    description:
      - Text that the engine puts into C(MSA-3) or C(ERR) when it is ready. An accepting answer without it shows only
        that the engine is alive.
    type: str
  draining_text:
    description:
      - Text that the engine puts into C(MSA-3) or C(ERR), with any code, while it takes no new work before it stops.
    type: str
  max_answer:
    description: The most bytes of an answer that are kept, from 64 to 67108864.
    type: int
    default: 65536
  wanted:
    description:
      - The states that count as healthy.
      - V(alive) is not among them by default, because an engine that rejects everything would then look healthy.
    type: list
    elements: str
    choices: [ready, alive, draining]
    default: [ready]
notes:
  - On the host that executes it, it needs Python 3.9 and nothing else.
seealso:
  - module: healthops.clinical.dicom_echo
  - module: healthops.clinical.fhir_capability_info
"""

EXAMPLES = r"""
- name: The engine is ready, asked through the gateway as a sender would
  healthops.clinical.mllp_echo:
    host: gateway.hospital.example
    port: 2575
    tls: true
    ca_path: /etc/ssl/hospital/ca.pem
    client_cert: /etc/ssl/hospital/probe.pem
    client_key: /etc/ssl/hospital/probe.key
  delegate_to: localhost

- name: The engine comes back after its restart
  healthops.clinical.mllp_echo:
    host: 127.0.0.1
    port: 2576
    ready_text: READY
    timeout: 2
  register: engine
  until: engine.healthy
  retries: 30
  delay: 2

- name: The engine has begun to drain
  healthops.clinical.mllp_echo:
    host: 127.0.0.1
    port: 2576
    draining_text: DRAINING
    wanted: [draining]

- name: Look, and decide later
  healthops.clinical.mllp_echo:
    host: 127.0.0.1
    port: 2576
    fail_unhealthy: false
  register: engine
"""

RETURN = r"""
healthy:
  description: Whether RV(state) is among O(wanted).
  returned: always
  type: bool
  sample: true
state:
  description:
    - V(ready) when our message was accepted, V(alive) when the engine reads messages and does not take this kind, or
      does not say O(ready_text), V(draining) when it says O(draining_text), V(rejecting) when it refuses our message.
    - V(wrong_peer) when something else answers, or acknowledges a message that is not ours; V(garbage) when the
      answer is not MLLP or not HL7; V(oversized), V(slow) and V(silent) when there is too much, too little in time,
      or nothing.
    - V(name_not_found), V(unreachable), V(refused), V(reset), V(closed) for the connection.
    - V(wrong_certificate), V(expired_certificate), V(client_certificate_refused) and V(tls_failed) for TLS.
    - V(not_probed) when what was asked for cannot be tried from here.
  returned: always
  type: str
  sample: ready
latency_ms:
  description: Milliseconds from before the name is looked up until the answer is complete, or was given up.
  returned: always
  type: float
  sample: 4.2
saw:
  description: What was seen, in this module's own words.
  returned: always
  type: str
  sample: AA
target:
  description: Whom it asked.
  returned: always
  type: str
  sample: mllps://gateway.hospital.example:2575
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils._probe import arguments, mllp_echo


def request(params: dict[str, Any]) -> mllp_echo.MllpEchoRequest:
    """Return the request that the options make; raise ClinicalError where they cannot."""
    header = {
        3: params["sending_application"],
        4: params["sending_facility"],
        5: params["receiving_application"],
        6: params["receiving_facility"],
        11: params["processing_id"],
        12: params["hl7_version"],
    }
    if params["acknowledgement"] == "enhanced":
        header.update({15: "AL", 16: "NE"})
    return mllp_echo.MllpEchoRequest(
        endpoint=arguments.endpoint(params),
        tls=arguments.tls_if_wanted(params),
        timeout=arguments.timeout(params),
        max_answer=arguments.max_answer(params),
        header=header,
        ready_text=params["ready_text"] or "",
        draining_text=params["draining_text"] or "",
        wanted=tuple(params["wanted"]),
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.COMMON,
            **arguments.PEER,
            "sending_application": {"type": "str", "default": "HEALTHPROBE"},
            "sending_facility": {"type": "str", "default": "OPS"},
            "receiving_application": {"type": "str", "default": ""},
            "receiving_facility": {"type": "str", "default": ""},
            "processing_id": {"type": "str", "choices": ["D", "T", "P"], "default": "D"},
            "hl7_version": {"type": "str", "default": "2.5"},
            "acknowledgement": {"type": "str", "choices": ["original", "enhanced"], "default": "original"},
            "ready_text": {"type": "str"},
            "draining_text": {"type": "str"},
            "max_answer": {"type": "int", "default": 65536},
            "wanted": {
                "type": "list",
                "elements": "str",
                "choices": ["ready", "alive", "draining"],
                "default": ["ready"],
            },
        },
        supports_check_mode=True,
    )
    arguments.run_probe(
        module,
        arguments.target("mllp", module.params),
        lambda: mllp_echo.probe(request(module.params)),
    )


if __name__ == "__main__":
    main()
