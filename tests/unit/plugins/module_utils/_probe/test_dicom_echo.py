# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""C-ECHO: what an archive's answers mean, and that no peer holds the probe or fills its memory."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._probe import dicom_echo
from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Endpoint, Tls
from fault_peers import (
    Serve,
    certificates,
    closes,
    drips,
    floods,
    free_port,
    listening,
    patience,
    resets,
    says,
    server_context,
    stays_silent,
)

__all__ = ["certificates"]


def request(port: int, **more: Any) -> dicom_echo.DicomEchoRequest:
    return replace(
        dicom_echo.DicomEchoRequest(Endpoint("127.0.0.1", port), None, 5.0, "HEALTHPROBE", "CLINARCH"), **more
    )


@pytest.mark.parametrize("title", ["", " ", "SEVENTEEN LETTERS", "BACK\\SLASH", "é", "A\n"])
def test_titles_that_are_none(title: str) -> None:
    with pytest.raises(ClinicalError, match="called_ae"):
        dicom_echo.probe(request(1, called_ae=title))


def test_without_pynetdicom_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynetdicom", None)
    with pytest.raises(ClinicalError, match="pip install 'pynetdicom"):
        dicom_echo.probe(request(1))


pynetdicom = pytest.importorskip("pynetdicom")


@contextlib.contextmanager
def archive(status: int = 0x0000, context: Any = None, echo: bool = True, **rules: Any) -> Iterator[int]:
    entity = pynetdicom.AE(ae_title="CLINARCH")
    entity.add_supported_context(dicom_echo.VERIFICATION if echo else "1.2.840.10008.5.1.4.31")
    for rule, value in rules.items():
        setattr(entity, rule, value)
    handlers = [(pynetdicom.evt.EVT_C_ECHO, lambda _event: status)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=context)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_an_archive_that_is_ready() -> None:
    with archive(require_called_aet=True) as port:
        result = dicom_echo.probe(request(port))
    assert (result.healthy, result.state, result.saw) == (True, "ready", "C-ECHO answered with status 0x0000")
    assert result.target == f"dicom://CLINARCH@127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("behaviour", "state", "saw"),
    [
        pytest.param({"require_called_aet": True, "ae_title": "OTHER"}, "wrong_ae_title", "called", id="called"),
        pytest.param({"require_calling_aet": ["OTHER"]}, "wrong_ae_title", "calling", id="calling"),
        pytest.param({"echo": False}, "rejecting", "does not take C-ECHO", id="no-echo"),
        pytest.param({"status": 0x0122}, "rejecting", "0x0122", id="status"),
    ],
)
def test_an_archive_that_refuses(behaviour: Any, state: str, saw: str) -> None:
    with archive(**behaviour) as port:
        result = dicom_echo.probe(request(port))
    assert (result.healthy, result.state) == (False, state)
    assert saw in result.saw


def test_a_rejection_counts_also_where_the_peer_hangs_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """pynetdicom calls it aborted where its own thread comes too late to see the connection open."""
    at_once = pynetdicom.acse.ACSE.send_request

    def late(self: Any) -> None:
        at_once(self)
        time.sleep(0.3)

    monkeypatch.setattr(pynetdicom.acse.ACSE, "send_request", late)
    with archive(require_calling_aet=["OTHER"]) as port:
        assert dicom_echo.probe(request(port)).state == "wrong_ae_title"


ABORT = b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00"
BUSY = b"\x03\x00\x00\x00\x00\x04\x00\x02\x03\x01"
ACCEPT_HEAD = b"\x02\x00\x00\x00\x00\xb8"


@pytest.mark.parametrize(
    ("serve", "state"),
    [
        pytest.param(resets, "reset", id="reset"),
        pytest.param(closes, "closed", id="closed"),
        pytest.param(stays_silent, "silent", id="silent"),
        pytest.param(says(ABORT), "aborted", id="aborted"),
        pytest.param(says(BUSY), "rejecting", id="busy"),
        pytest.param(says(ACCEPT_HEAD), "slow", id="half-an-answer"),
        pytest.param(drips(ACCEPT_HEAD + bytes(0xB8)), "slow", id="drips"),
        pytest.param(says(ACCEPT_HEAD + bytes(0xB8)), "garbage", id="accepts-with-garbage"),
        pytest.param(says(b"\x2a" * 64), "garbage", id="garbage"),
        pytest.param(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "wrong_peer", id="http"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "wrong_peer", id="ssh"),
        pytest.param(says(b"\x02\x00\xff\xff\xff\xff"), "oversized", id="announces-4-GiB"),
        pytest.param(floods(b"\x04\x00\x00\x03\xff\x00"), "garbage", id="floods-out-of-turn"),
        pytest.param(floods(b"\x02\x00\x00\x04\x00\x00"), "oversized", id="floods"),
    ],
)
def test_peers_that_fail(serve: Serve, state: str) -> None:
    with listening(serve) as port:
        result = dicom_echo.probe(request(port, timeout=patience(state)))
    assert (result.healthy, result.state) == (False, state)


def test_nobody_listens() -> None:
    assert dicom_echo.probe(request(free_port())).state == "refused"


@pytest.mark.parametrize(
    ("server", "client", "state"),
    [
        ("server", "client", "ready"),
        ("server", "", "client_certificate_refused"),
        ("server", "rogue-client", "client_certificate_refused"),
        ("rogue-server", "client", "wrong_certificate"),
        ("expired", "client", "expired_certificate"),
    ],
)
def test_over_tls(certificates: Path, server: str, client: str, state: str) -> None:
    cert, key = ([str(certificates / f"{client}.{kind}") for kind in ("pem", "key")]) if client else ("", "")
    tls = Tls(str(certificates / "ca.pem"), cert, key)
    with archive(context=server_context(certificates, server, ask=True)) as port:
        assert dicom_echo.probe(request(port, tls=tls)).state == state
