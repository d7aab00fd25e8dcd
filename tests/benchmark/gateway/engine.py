# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that is as fast as one can be that does its duty: engine.py PORT store|tls|echo

With "store" and "tls" each message is on the disk before it is acknowledged. With "echo" nothing is kept.
"""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import sys

END = b"\x1c\r"


def answer(message: bytes) -> bytes:
    identity = message.split(b"|", 10)[9]
    return b"\x0bMSH|^~\\&|ENGINE|||||20261125||ACK|%s|P|2.5\rMSA|AA|%s|READY\r\x1c\r" % (identity, identity)


def take(connection: socket.socket, got: bytes, store: int | None) -> bytes:
    """Everything that is whole is stored and acknowledged; what is left of it comes back."""
    while END in got:
        message, got = got.split(END, 1)
        if store is not None:
            os.write(store, message)
            os.fsync(store)
        connection.sendall(answer(message))
    return got


def main() -> None:
    port, how = int(sys.argv[1]), sys.argv[2]
    store = None if how == "echo" else os.open(f"/srv/store-{port}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if how == "tls":
        context.load_cert_chain("/srv/engine.pem", "/srv/engine.pem.key")
        context.load_verify_locations("/srv/ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("", port), backlog=256)
    selector.register(listener, selectors.EVENT_READ)
    rests: dict[socket.socket, bytes] = {}
    while True:
        for key, _events in selector.select():
            if key.fileobj is listener:
                connection = listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    connection = context.wrap_socket(connection, server_side=True) if how == "tls" else connection
                except OSError:
                    continue
                rests[connection] = b""
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj  # type: ignore[assignment]
            try:
                got = connection.recv(65536)
                if got:
                    rests[connection] = take(connection, rests[connection] + got, store)
            except OSError:
                got = b""
            if not got:
                selector.unregister(connection)
                del rests[connection]
                connection.close()


if __name__ == "__main__":
    main()
