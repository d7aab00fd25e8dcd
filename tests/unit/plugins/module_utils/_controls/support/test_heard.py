# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be learned of what a host hears, and what cannot."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._controls.support import heard
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.ruleset import Port
from ansible_collections.healthops.clinical.plugins.module_utils._host.sockets import Listener

LENT = range(32768, 61000)


def listener(port: int, unit: str, protocol: str = "tcp") -> Listener:
    return Listener(protocol=protocol, address="0.0.0.0", port=port, inode=port, unit=unit)


def test_a_raw_socket_is_learned_as_a_protocol() -> None:
    assert heard.ports_of([listener(112, "keepalived.service", "raw")]) == (
        Port("protocol", 112, who="keepalived.service"),
    )


def test_rpcinfo_is_read_by_service() -> None:
    output = (
        "   program vers proto   port  service\n    100024    1   udp  35201  status\n    391002    2   tcp  40000\n"
    )
    assert heard.parse_rpcinfo(output) == [("udp", 35201, "status"), ("tcp", 40000, "391002")]


def test_only_who_moved_is_followed() -> None:
    learned = [
        Port("tcp", 45271, who="a.service"),
        Port("tcp", 45272, who="b.service"),
        Port("tcp", 80, who="c.service"),
    ]
    now = [listener(39011, "a.service"), listener(45272, "b.service"), listener(39012, "b.service")]
    assert heard.followed(learned, now, LENT) == (
        Port("tcp", 80, who="c.service"),
        Port("tcp", 39011, who="a.service"),
        Port("tcp", 45272, who="b.service"),
    )
