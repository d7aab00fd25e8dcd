# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access control lists of files, as acl(5) has them and the kernel keeps them in an extended attribute."""

from __future__ import annotations

import struct

ATTRIBUTE = "system.posix_acl_access"
_VERSION = 2
_NOBODY = 0xFFFFFFFF
_OWNER, _OWNING_GROUP, _GROUP, _MASK, _EVERYBODY = 0x01, 0x04, 0x08, 0x10, 0x20
_READ, _WRITE = 4, 2


def read_by_group(gid: int) -> bytes:
    """Return the list of a file of mode 0640 that one more group may read, whatever group owns it."""
    entries = (
        (_OWNER, _READ | _WRITE, _NOBODY),
        (_OWNING_GROUP, _READ, _NOBODY),
        (_GROUP, _READ, gid),
        (_MASK, _READ, _NOBODY),
        (_EVERYBODY, 0, _NOBODY),
    )
    return struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
