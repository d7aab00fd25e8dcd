# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all probes share, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """``DOCUMENTATION`` for every probe, ``PEER`` for those that are told a host and a port."""

    DOCUMENTATION = r"""
options:
  timeout:
    description:
      - Seconds for everything together. They hold for the name, the connection, TLS, and the whole answer. From 0.1
        to 600.
      - A peer that sends its answer a byte at a time gets no more time than one that is silent.
    type: float
    default: 5.0
  patience:
    description:
      - For how many seconds a peer that is not healthy is probed again, a second after each answer. From 0 to 3600. The
        result is that of the last probe.
      - C(until) would do the same, but its task fails in the end, whatever O(fail_unhealthy) says.
    type: float
    default: 0.0
    version_added: 1.0.0
  fail_unhealthy:
    description:
      - Whether the task fails when the peer is not healthy. The result has the same keys then, so that C(until) and
        C(rescue) can use it.
      - With V(false) only what cannot be tried at all fails, such as a file that cannot be read; RV(ignore:state) is
        then V(not_probed).
    type: bool
    default: true
  ca_path:
    description:
      - File or directory with the certificates, in PEM form, of the authorities that may vouch for the peer.
      - The default is the authorities that the system trusts.
    type: path
  client_cert:
    description:
      - File with the client certificate, in PEM form, by which the peer recognises this probe. It may hold the key as
        well.
      - Files are read on the host that executes the module.
    type: path
  client_key:
    description: File with the key of O(client_cert), without a passphrase.
    type: path
  server_name:
    description:
      - The name that must be in the peer's certificate. The default is the name or address that is connected to.
    type: str
notes:
  - It really probes in check mode, too. A probe changes nothing, and check mode would otherwise not tell the truth.
  - TLS is 1.2 or newer, and the peer's certificate and name are always verified.
"""

    PEER = r"""
options:
  host:
    description: Name or address of the peer.
    type: str
    required: true
  port:
    description: Port on which the peer listens.
    type: int
    required: true
  tls:
    description: Whether the peer speaks TLS. It must be V(true) when any of the options of TLS is given.
    type: bool
    default: false
"""
