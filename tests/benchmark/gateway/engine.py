# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acknowledges whatever comes, as fast as this language can, and keeps nothing: engine.py PORT"""

from __future__ import annotations

import selectors
import socket
import sys

END = b"\x1c\r"


def answer(message: bytes) -> bytes:
    identity = message.split(b"|", 10)[9]
    return b"\x0bMSH|^~\\&|ENGINE|||||20261125||ACK|%s|P|2.5\rMSA|AA|%s|READY\r\x1c\r" % (identity, identity)


def take(connection: socket.socket, got: bytes) -> bytes:
    """Everything that is whole is acknowledged; what is left of it comes back."""
    while END in got:
        message, got = got.split(END, 1)
        connection.sendall(answer(message))
    return got


def main() -> None:
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("", int(sys.argv[1])), backlog=256)
    selector.register(listener, selectors.EVENT_READ)
    rests: dict[socket.socket, bytes] = {}
    while True:
        for key, _events in selector.select():
            if key.fileobj is listener:
                connection = listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                rests[connection] = b""
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj  # type: ignore[assignment]
            try:
                got = connection.recv(65536)
                if got:
                    rests[connection] = take(connection, rests[connection] + got)
            except OSError:
                got = b""
            if not got:
                selector.unregister(connection)
                del rests[connection]
                connection.close()


if __name__ == "__main__":
    main()
