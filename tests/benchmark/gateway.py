# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the interface gateway costs: messages through it beside messages straight to the engine, in turns, in one run.

Each sender waits for its acknowledgement before it sends the next message, over a connection that is open already. The
engine is python3-hl7 and has each message on its disk before it acknowledges, as an engine must. A peer that stores and
parses nothing is measured as well, to see what the gateway itself takes: sender, gateway and engine then contend for
this machine, and one sender sees nothing but the way. Nothing here passes or fails by the clock; the reader judges.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from side_by_side import Timings, hosts, read_options

HERE = Path(__file__).resolve().parent
SETUP = HERE / "gateway"
GATEWAY, ENGINE = (f"10.197.109.{last}" for last in (21, 22))
SENDERS = (1, 16, 128)
BODY = b"PID|1||BENCH\r" + b"OBX|1|NM|2951-2^Sodium^LN||140|mmol/L\r" * 20


@dataclass(frozen=True)
class Case:
    """The same messages to two ports: straight to the engine, and through the gateway."""

    name: str
    direct: int
    through: int
    tls: bool = False


CASES = (
    Case("plain", 2575, 2575),
    Case("TLS", 2576, 2576, tls=True),
    Case("plain, nothing stored", 2577, 2577),
)


def message(number: int) -> bytes:
    return b"\x0bMSH|^~\\&|BENCH|LAB|ENGINE|CLINIC|20261125||ORU^R01|%d|P|2.5\r%b\x1c\r" % (number, BODY)


def connect(host: str, port: int, context: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection((host, port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(connection, server_hostname=host) if context else connection


def acknowledged(connection: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"\x1c\r"):
        piece = connection.recv(4096)
        if not piece:
            sys.exit(f"{connection.getpeername()} closed the connection")
        answer += piece
    if b"MSA|AA|" not in answer:
        sys.exit(f"{connection.getpeername()} answered {answer!r}")


def send(host: str, port: int, context: ssl.SSLContext | None, senders: int, seconds: float, timings: Timings) -> None:
    """One process sends for all: it only writes bytes that are ready and looks for the end of the answer."""
    selector = selectors.DefaultSelector()
    connections = [connect(host, port, context) for _number in range(senders)]
    for connection in connections:
        selector.register(connection, selectors.EVENT_READ)
    number, sent = 0, {}
    for connection in connections:  # as interfaces do: connected all the way long before the message
        connection.sendall(message(0))
        acknowledged(connection)
    for connection in connections:
        sent[connection] = time.perf_counter()
        connection.sendall(message(number := number + 1))
    began = time.perf_counter()
    until, count = began + seconds, 0
    while time.perf_counter() < until:
        for key, _events in selector.select(1):
            connection = key.fileobj  # type: ignore[assignment]
            acknowledged(connection)
            now = time.perf_counter()
            timings.waits.append(now - sent[connection])
            count += 1
            sent[connection] = now
            connection.sendall(message(number := number + 1))
    timings.rates.append(count / (time.perf_counter() - began))
    for connection in connections:
        connection.close()


def wait_for(host: str, port: int, context: ssl.SSLContext | None) -> None:
    """Until the gateway has found out that the engine takes messages."""
    for _attempt in range(60):
        with connect(host, port, context) as connection:
            connection.sendall(message(0))
            if connection.recv(4096):
                return
        time.sleep(1)
    sys.exit(f"{host}:{port} hands nothing to an engine")


def measure(folder: Path, rounds: int, seconds: float) -> None:
    context = ssl.create_default_context(cafile=folder / "pilot-ca.pem")
    context.load_cert_chain(folder / "sender.pem", folder / "sender.pem.key")
    print(f"{'':<34}{'direct':>12}{'gateway':>12}{'ratio':>8}   {'median / 99 % wait, ms':>24}")
    for case in CASES:
        tls = context if case.tls else None
        for senders in SENDERS:
            direct, through = Timings(), Timings()
            ways = [(ENGINE, case.direct, direct), (GATEWAY, case.through, through)]
            for host, port, _seen in ways:
                wait_for(host, port, tls)
                send(host, port, tls, senders, seconds / 4, Timings())  # everything is warm
            for number in range(rounds):
                for host, port, timings in ways if number % 2 else reversed(ways):
                    send(host, port, tls, senders, seconds, timings)
            waits = " ".join(f"{timings.wait(50):6.2f} /{timings.wait(99):7.2f}" for timings in (direct, through))
            name = f"{case.name}, {senders} sender{'s' if senders > 1 else ''}"
            rates = f"{direct.rate:>10.0f}/s{through.rate:>10.0f}/s{through.rate / direct.rate:>8.2f}"
            print(f"{name:<34}{rates}   {waits}", flush=True)


def main() -> None:
    options = read_options(__doc__, seconds=2)
    with hosts(SETUP) as folder:
        measure(folder, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
