#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C-ECHO to an imaging archive, as it would answer a modality."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dicom_echo
short_description: Ask an imaging archive with C-ECHO whether it is ready
version_added: 1.0.0
description:
  - Asks a DICOM application entity for an association, over TLS with a client certificate if wanted, sends one C-ECHO
    in it, and releases it.
  - Give the probe an AE title of its own to which the archive grants the echo and nothing else. It can then neither
    store nor find anything.
  - pynetdicom speaks DICOM; what it waits for and what it keeps have limits, whatever the peer sends.
  - Nothing that the peer sends is ever returned or logged; RV(saw) is in this module's own words.
requirements:
  - pynetdicom 3 (Python 3.10 or newer) for the Python that executes the module. Debian has no package of it, so
    delegate the task to the control node, or to any host that has it; execution environments made for this collection
    bring it.
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
  called_ae:
    description: The AE title of the archive.
    type: str
    required: true
  calling_ae:
    description: The AE title of this probe.
    type: str
    default: HEALTHPROBE
seealso:
  - module: healthops.clinical.mllp_echo
  - module: healthops.clinical.fhir_capability_info
"""

EXAMPLES = r"""
- name: The archive answers as it would answer a modality
  healthops.clinical.dicom_echo:
    host: archive.hospital.example
    port: 2762
    called_ae: CLINARCH
    tls: true
    ca_path: /etc/ssl/hospital/ca.pem
    client_cert: /etc/ssl/hospital/probe.pem
    client_key: /etc/ssl/hospital/probe.key
  delegate_to: localhost
  become: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"

- name: The archive comes back after its restart
  healthops.clinical.dicom_echo:
    host: archive.hospital.example
    port: 11112
    called_ae: CLINARCH
  delegate_to: localhost
  become: false
  register: archive
  until: archive.healthy
  retries: 30
  delay: 2
"""

RETURN = r"""
healthy:
  description: Whether RV(state) is V(ready).
  returned: always
  type: bool
  sample: true
state:
  description:
    - V(ready) when the echo was answered with success; V(wrong_ae_title) when the archive does not know the called or
      the calling title, RV(saw) tells which; V(rejecting) when it refuses the association or the echo; V(aborted)
      when it aborts the association.
    - V(wrong_peer) when something else answers; V(garbage) when the answer is not DICOM; V(oversized), V(slow) and
      V(silent) when there is too much, too little in time, or nothing.
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
  sample: 12.5
saw:
  description: What was seen, in this module's own words.
  returned: always
  type: str
  sample: C-ECHO answered with status 0x0000
target:
  description: Whom it asked.
  returned: always
  type: str
  sample: dicoms://CLINARCH@archive.hospital.example:2762
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils._probe import arguments, dicom_echo


def request(params: dict[str, Any]) -> dicom_echo.DicomEchoRequest:
    """Return the request that the options make; raise ClinicalError where they cannot."""
    return dicom_echo.DicomEchoRequest(
        endpoint=arguments.endpoint(params),
        tls=arguments.tls_if_wanted(params),
        timeout=arguments.timeout(params),
        calling_ae=params["calling_ae"],
        called_ae=params["called_ae"],
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.COMMON,
            **arguments.PEER,
            "called_ae": {"type": "str", "required": True},
            "calling_ae": {"type": "str", "default": "HEALTHPROBE"},
        },
        supports_check_mode=True,
    )
    arguments.run_probe(
        module,
        arguments.target("dicom", module.params),
        lambda: dicom_echo.probe(request(module.params)),
    )


if __name__ == "__main__":
    main()
