# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel hears without any process: tunnels, IPsec, SCTP."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host import protocols
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

LINKS = ("ip", "-details", "-json", "link", "show", "up")
POLICY = "src 10.1.1.1/32 dst 10.1.1.2/32 \n\tdir in priority 0 ptype main \n\t\tproto esp reqid 0 mode transport\n"


def test_tunnels_ipsec_and_sctp() -> None:
    host = FakeHost()
    host.links = [{}, {"ifname": "a", "linkinfo": {"info_kind": "ipip"}}, {"ifname": "b", "linkinfo": {}}]
    host.xfrm = POLICY
    host.add_file(
        "/proc/net/sctp/eps", " ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS\n 0 0 2 10 0 2905 0 9 0.0.0.0\n"
    )
    assert protocols.heard_by_kernel(host) == {132: "sctp sockets", 4: "interface a", 50: "IPsec"}


def test_nothing_is_heard_on_an_ordinary_host() -> None:
    host = FakeHost()
    host.add_file("/proc/net/sctp/eps", " ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS\n")
    assert protocols.heard_by_kernel(host) == {}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (CommandResult(LINKS, 1, "", "Operation not permitted\n"), "Operation not permitted"),
        (CommandResult(LINKS, 0, "1: lo", ""), "no JSON"),
    ],
)
def test_what_cannot_be_asked_is_no_absence(result: CommandResult, words: str) -> None:
    host = FakeHost()
    host.answers[LINKS] = result
    with pytest.raises(ClinicalError, match=words):
        protocols.heard_by_kernel(host)


def test_a_kernel_without_ipsec_has_none() -> None:
    host = FakeHost()
    for what in ("state", "policy"):
        argv = ("ip", "xfrm", what)
        host.answers[argv] = CommandResult(argv, 1, "", "Cannot open netlink socket: Protocol not supported\n")
    assert protocols.heard_by_kernel(host) == {}


def test_names_are_those_of_the_host() -> None:
    host = FakeHost()
    host.add_file("/etc/protocols", "# Internet protocols\nip\t0\tIP\nospf\t89\tOSPFIGP\t# routing\nvrrp\t112\n")
    assert protocols.system_names(host) == {0: "ip", 89: "ospf", 112: "vrrp"}


@pytest.mark.parametrize(("text", "number"), [("vrrp", 112), ("47", 47), ("0", None), ("256", None), ("tcp", None)])
def test_how_a_site_writes_a_protocol(text: str, number: int | None) -> None:
    assert protocols.parse_protocol(text) == number
