#!/usr/bin/python
# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CapabilityStatement of a FHIR server, judged."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fhir_capability_info
short_description: Ask a FHIR server for its CapabilityStatement
version_added: 1.0.0
description:
  - Reads C([base]/metadata?_summary=true) and judges whether it is a CapabilityStatement of the expected version of
    FHIR.
  - It never searches for, reads or writes a resource, so no patient's data can come into it.
  - Redirects are followed on the same server only, as another one would get our credentials.
  - Nothing that the peer sends is ever returned or logged, but the version of FHIR where it is one; RV(saw) is in
    this module's own words.
author:
  - healthops.clinical contributors (@healthops)
extends_documentation_fragment:
  - healthops.clinical._attributes
  - healthops.clinical._attributes.actiongroup_clinical
  - healthops.clinical._probe
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
  base:
    description: The server's base URL, with the scheme V(http) or V(https), and without credentials.
    type: str
    required: true
  fhir_version:
    description: The version of FHIR that is expected, in full (V(4.0.1)) or its beginning (V(4.0)).
    type: str
    default: "4.0"
  token_path:
    description:
      - File with a bearer token to send, on the host that executes the module. The token itself is in no option,
        result or log.
      - It is never sent in clear text, except to the loopback address.
    type: path
  max_answer:
    description: The most bytes of an answer that are kept, from 64 to 67108864.
    type: int
    default: 4194304
notes:
  - On the host that executes it, it needs Python 3.9 and nothing else.
seealso:
  - module: healthops.clinical.mllp_echo
  - module: healthops.clinical.dicom_echo
"""

EXAMPLES = r"""
- name: The FHIR server is what it should be
  healthops.clinical.fhir_capability_info:
    base: https://fhir.hospital.example/r4
    fhir_version: 4.0.1
    ca_path: /etc/ssl/hospital/ca.pem
    token_path: /etc/hospital/probe.token
  delegate_to: localhost

- name: The FHIR server comes back after its restart
  healthops.clinical.fhir_capability_info:
    base: http://127.0.0.1:3000/4_0_1
  register: fhir
  until: fhir.healthy
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
    - V(ready) when there is a CapabilityStatement of the expected version; V(wrong_version) when it is of another
      one; V(rejecting) when credentials are missing or not accepted; V(unavailable) when the server says that it
      cannot answer now; V(redirected) when it sends us to another server, or round in circles.
    - V(wrong_peer) when something else answers, a page of HTML for one; V(garbage) when the answer is not HTTP;
      V(oversized), V(slow) and V(silent) when there is too much, too little in time, or nothing.
    - V(name_not_found), V(unreachable), V(refused), V(reset), V(closed) for the connection.
    - V(wrong_certificate), V(expired_certificate), V(client_certificate_refused) and V(tls_failed) for TLS.
    - V(not_probed) when what was asked for cannot be tried from here.
  returned: always
  type: str
  sample: ready
latency_ms:
  description: Milliseconds from before the name is looked up until the answer is complete and read, or was given up.
  returned: always
  type: float
  sample: 8.1
saw:
  description: What was seen, in this module's own words.
  returned: always
  type: str
  sample: a CapabilityStatement of FHIR 4.0.1
target:
  description: Whom it asked.
  returned: always
  type: str
  sample: https://fhir.hospital.example/r4/metadata
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.healthops.clinical.plugins.module_utils._probe import arguments, fhir_capability


def request(params: dict[str, Any]) -> fhir_capability.FhirCapabilityRequest:
    """Return the request that the options make; raise ClinicalError where they cannot."""
    return fhir_capability.FhirCapabilityRequest(
        base=params["base"],
        tls=arguments.tls(params),
        timeout=arguments.timeout(params),
        max_answer=arguments.max_answer(params),
        fhir_version=params["fhir_version"],
        token=fhir_capability.read_token(params["token_path"]) if params["token_path"] else "",
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **arguments.COMMON,
            "base": {"type": "str", "required": True},
            "fhir_version": {"type": "str", "default": "4.0"},
            # A path, not a secret.
            "token_path": {"type": "path", "no_log": False},
            "max_answer": {"type": "int", "default": 4 * 1024 * 1024},
        },
        supports_check_mode=True,
    )
    arguments.run_probe(module, "the FHIR server", lambda: fhir_capability.probe(request(module.params)))


if __name__ == "__main__":
    main()
