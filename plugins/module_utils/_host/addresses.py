# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that this host has, out of /proc."""

from __future__ import annotations

import ipaddress
import re

from .._text.lines import split_lines
from .door import Host
from .processes import read_volatile

_LOCAL = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")
_TEMPORARY, _LINK = 0x01, 0x20


def own_addresses(host: Host) -> frozenset[str]:
    """Return the addresses at which others find this host; none of loopback, and none that IPv6 changes by itself."""
    addresses = set(_LOCAL.findall(read_volatile(host, "/proc/net/fib_trie")))
    for line in split_lines(read_volatile(host, "/proc/net/if_inet6")):
        fields = line.split()  # address, interface, length of the prefix, scope, flags, name
        if len(fields) == 6 and int(fields[3], 16) != _LINK and not int(fields[4], 16) & _TEMPORARY:
            addresses.add(str(ipaddress.IPv6Address(bytes.fromhex(fields[0]))))
    return frozenset(address for address in addresses if not ipaddress.ip_address(address).is_loopback)
