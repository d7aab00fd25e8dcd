# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS, seen through the MLLP probe: who is recognised, who is not, and what each mistake is called."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
import warnings
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._probe import connection as peer_connection
from ansible_collections.healthops.clinical.plugins.module_utils._probe import mllp_echo
from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Endpoint, Tls
from fault_peers import Serve, certificates, closes, listening, server_context, stays_silent

__all__ = ["certificates"]


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def engine(connection: socket.socket) -> None:
    control_id = connection.recv(65536).split(b"|")[9]
    connection.sendall(b"\x0bMSH|^~\\&|E\rMSA|AA|" + control_id + b"\x1c\r")
    stays_silent(connection)


def probe(port: int, tls: Tls, host: str = "127.0.0.1") -> tuple[str, str]:
    request = mllp_echo.MllpEchoRequest(Endpoint(host, port), tls, 2.0, 4096, {3: "HEALTHPROBE", 11: "D", 12: "2.5"})
    result = mllp_echo.probe(request)
    assert result.target.startswith("mllps://")
    return result.state, result.saw


def client_tls(folder: Path, client: str = "", ca: str = "ca", name: str = "") -> Tls:
    cert, key = ([str(folder / f"{client}.{kind}") for kind in ("pem", "key")]) if client else ("", "")
    return Tls(str(folder / f"{ca}.pem"), cert, key, name)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_peer_that_is_who_it_says(certificates: Path, host: str) -> None:
    with listening(engine, server_context(certificates)) as port:
        assert probe(port, client_tls(certificates), host) == ("ready", "AA")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_recognise_each_other(certificates: Path, version: ssl.TLSVersion) -> None:
    context = server_context(certificates, ask=True)
    context.maximum_version = version
    with listening(engine, context) as port:
        assert probe(port, client_tls(certificates, "client")) == ("ready", "AA")


@pytest.mark.parametrize(
    ("server", "ca", "name", "state", "reasons"),
    [
        pytest.param("rogue-server", "ca", "", "wrong_certificate", "self-signed|unable to get", id="rogue-authority"),
        pytest.param("server", "rogue-ca", "", "wrong_certificate", "unable to get", id="not-our-authority"),
        pytest.param("other", "ca", "", "wrong_certificate", "mismatch", id="other-address"),
        pytest.param("server", "ca", "other.example", "wrong_certificate", "mismatch", id="other-name-wanted"),
        pytest.param("expired", "ca", "", "expired_certificate", "expired", id="expired"),
    ],
)
def test_a_peer_that_is_not_recognised(
    certificates: Path, server: str, ca: str, name: str, state: str, reasons: str
) -> None:
    with listening(engine, server_context(certificates, server)) as port:
        returned, said = probe(port, client_tls(certificates, ca=ca, name=name))
    assert returned == state
    assert any(reason in said.lower() for reason in reasons.split("|"))


def test_the_name_can_be_another_than_the_address(certificates: Path) -> None:
    with listening(engine, server_context(certificates, "other")) as port:
        assert probe(port, client_tls(certificates, name="other.example")) == ("ready", "AA")


@pytest.mark.parametrize("client", ["", "rogue-client", "expired-client"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_peer_that_does_not_recognise_us(certificates: Path, version: ssl.TLSVersion, client: str) -> None:
    context = server_context(certificates, ask=True)
    context.maximum_version = version
    with listening(engine, context) as port:
        assert probe(port, client_tls(certificates, client))[0] == "client_certificate_refused"


@pytest.mark.parametrize(("client", "state"), [("", "client_certificate_refused"), ("client", "closed")])
def test_a_peer_that_closes_after_the_handshake(certificates: Path, client: str, state: str) -> None:
    """In TLS 1.3 a client certificate may be refused like that; a gateway without engines ends like that, too."""
    with listening(closes, server_context(certificates)) as port:
        returned, observation = probe(port, client_tls(certificates, client))
    assert returned == state
    assert "certificate" in observation


def test_an_old_tls(certificates: Path) -> None:
    context = server_context(certificates)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with listening(engine, context) as port:
        assert probe(port, client_tls(certificates))[0] == "tls_failed"


def test_a_peer_without_tls(certificates: Path) -> None:
    def plain(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x0bMSH|^~\\&|E\rMSA|AA|X\x1c\r")
        stays_silent(connection)

    with listening(plain) as port:
        assert probe(port, client_tls(certificates)) == ("wrong_peer", "it does not speak TLS")


@pytest.mark.parametrize(("serve", "state"), [(stays_silent, "silent"), (closes, "closed")])
def test_a_handshake_that_does_not_come_about(certificates: Path, serve: Serve, state: str) -> None:
    with listening(serve) as port:
        assert probe(port, client_tls(certificates))[0] == state


def test_tls_where_plain_was_expected(certificates: Path) -> None:
    with listening(engine, server_context(certificates)) as port:
        request = mllp_echo.MllpEchoRequest(Endpoint("127.0.0.1", port), None, 2.0, 4096, {})
        assert mllp_echo.probe(request).state in ("wrong_peer", "closed", "reset")


@pytest.mark.parametrize(
    ("tls", "about"),
    [
        pytest.param(Tls("/no/such/ca.pem"), "/no/such/ca.pem", id="no-authority"),
        pytest.param(Tls("", "/no/such/client.pem"), "/no/such/client.pem", id="no-certificate"),
        pytest.param(Tls("", "ca.pem", "client.key"), "ca.pem", id="key-of-another"),
        pytest.param(Tls("client.key"), "client.key", id="no-certificate-in-it"),
        pytest.param(Tls("", "client.pem", "locked.key"), "client.pem", id="passphrase"),
    ],
)
def test_files_that_cannot_be_used(certificates: Path, tls: Tls, about: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(certificates)
    openssl("ec", "-aes256", "-in", "client.key", "-out", "locked.key", "-passout", "pass:secret")
    with pytest.raises(ClinicalError, match=about):
        peer_connection.client_context(tls)


def test_a_name_that_is_none(certificates: Path) -> None:
    with listening(engine, server_context(certificates)) as port, pytest.raises(ClinicalError, match="server's name"):
        probe(port, client_tls(certificates, name=".example"))


def test_a_directory_of_authorities(certificates: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
    openssl("rehash", str(tmp_path))
    with listening(engine, server_context(certificates)) as port:
        assert probe(port, Tls(str(tmp_path))) == ("ready", "AA")


def test_a_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_named: time.sleep(2) or [])
    asked = mllp_echo.MllpEchoRequest(Endpoint("slow.example", 2575), None, 0.2, 4096, {})
    found = mllp_echo.probe(asked)
    assert (found.state, "name server" in found.saw) == ("name_not_found", True)


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(engine) as port:
        known = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", p)) for p in (1, port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_named: known)
        asked = mllp_echo.MllpEchoRequest(Endpoint("two.example", port), None, 2.0, 4096, {3: "P", 11: "D", 12: "2.5"})
        assert mllp_echo.probe(asked).state == "ready"
