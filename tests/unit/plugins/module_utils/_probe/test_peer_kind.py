# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stranger on the port is named by its first bytes, and a name is never guessed."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._probe.peer_kind import peer_kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH", id="ssh"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", "HTTP", id="http"),
        pytest.param(b"\n <!DOCTYPE html>", "HTTP", id="page-without-headers"),
        pytest.param(b"<HTML>", "HTTP", id="old-page"),
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x16", "TLS", id="tls-alert"),
        pytest.param(b"\x16\x03\x01\x02\x00", "TLS", id="tls-handshake"),
        pytest.param(b"\x0bMSH|^~\\&|", "MLLP", id="mllp"),
        pytest.param(b"\x02\x00\x00\x00\x00\xb8\x00\x01", "DICOM", id="association-accepted"),
        pytest.param(b"\x07\x00\x00\x00\x00\x04\x00\x00", "DICOM", id="association-aborted"),
        pytest.param(b"220 mail.example ESMTP\r\n", "SMTP or FTP", id="smtp"),
        pytest.param(b"220-Welcome\r\n", "SMTP or FTP", id="ftp-of-many-lines"),
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"SSH", "", id="cut-short"),
        pytest.param(b"\x16\x02\x00", "", id="ssl-2"),
        pytest.param(b"\x02\x00\xff\xff\xff\xff\x00", "", id="pdu-of-4-GiB"),
        pytest.param(b"2200 bytes", "", id="a-number"),
        pytest.param(b"say SSH-2.0", "", id="not-at-the-beginning"),
    ],
)
def test_a_peer_is_named_by_its_first_bytes(data: bytes, kind: str) -> None:
    assert peer_kind(data) == kind
