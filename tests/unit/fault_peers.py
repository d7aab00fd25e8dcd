# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers on loopback that do what a peer should not: each is a function that is handed a connection."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.healthops.clinical.tests import pki

Serve = Callable[[socket.socket], None]
NAMES = {
    "server": "DNS:localhost,IP:127.0.0.1",
    "other": "DNS:other.example",
    "expired": "DNS:localhost,IP:127.0.0.1",
    "rogue-server": "DNS:localhost,IP:127.0.0.1",
    "client": "",
    "rogue-client": "",
    "expired-client": "",
}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert shutil.which("openssl"), "these tests need the program openssl"
    return pki.make(tmp_path_factory.mktemp("pki"), NAMES)


def server_context(certificates: Path, name: str = "server", ask: bool = False) -> ssl.SSLContext:
    """A peer that presents the certificate of this name and, with ``ask``, wants one of its own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "ca.pem")
    return context


@contextlib.contextmanager
def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a peer that does this to everybody who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, serve, tls), daemon=True).start()
        yield listener.getsockname()[1]
        # Closing alone would leave the thread in accept().
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, serve: Serve, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _address = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, serve, tls), daemon=True).start()


def _serve(connection: socket.socket, serve: Serve, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), connection:
        if tls is None:
            serve(connection)
            return
        with tls.wrap_socket(connection, server_side=True) as secured:
            serve(secured)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def resets(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def closes(connection: socket.socket) -> None:
    connection.recv(65536)


def stays_silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def says(data: bytes) -> Serve:
    """Answers whatever it is asked with the same words, and waits for the other to close."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)
        stays_silent(connection)

    return serve


def drips(data: bytes) -> Serve:
    """The right answer, at a pace at which it never comes to its end."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    return serve


def floods(head: bytes) -> Serve:
    """Begins like an answer and goes on for ever."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while True:
            connection.sendall(b"x" * 65536)

    return serve


def patience(state: str) -> float:
    """Return how many seconds a probe waits, in a test: only where the time has to pass is it short.

    Whoever answers may take long to do so on a busy machine, and must not be called silent for that.
    """
    return {"silent": 0.5, "slow": 2.0}.get(state, 30.0)
