# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else may listen on a port, by the first bytes it says."""

from __future__ import annotations

import re

KINDS = (
    ("SSH", re.compile(rb"SSH-\d")),
    ("HTTP", re.compile(rb"HTTP/\d|\s*<(!doctype|html)", re.IGNORECASE)),
    # An alert or a handshake, and the major version of all there are.
    ("TLS", re.compile(rb"[\x15\x16]\x03[\x00-\x04]")),
    ("MLLP", re.compile(rb"\x0bMSH")),
    ("DICOM", re.compile(rb"[\x02\x03\x07]\x00\x00[\x00-\x03]..\x00", re.DOTALL)),
    ("SMTP or FTP", re.compile(rb"220[ -]")),
)


def peer_kind(data: bytes) -> str:
    """Return the name of the protocol that begins with these bytes, or "" where it is none of those known here."""
    return next((name for name, pattern in KINDS if pattern.match(data)), "")
