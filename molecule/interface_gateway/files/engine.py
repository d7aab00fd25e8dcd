# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small interface engine for the tests, on Debian's python3-hl7: engine.py FOLDER PORT PROBE_PORT [--option ...]

It keeps a line for each message in FOLDER/store: the monotonic time, the control id, and the digest of its content. The
line is on the disk before the message is acknowledged. With --acknowledge-first it is not, as in engines that lose
messages. SIGUSR1 drains it: it says DRAINING to a probe, finishes the message at work, and closes. SIGUSR2 makes it
READY again. SIGTERM drains it and ends it. It answers a probe on the probe port, and keeps nothing of it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import hl7
from hl7.mllp import InvalidBlockError, start_hl7_server


class Engine:
    def __init__(self, options: argparse.Namespace) -> None:
        options.folder.mkdir(parents=True, exist_ok=True)
        # A large buffer that nobody flushes is what "acknowledged but not stored" looks like.
        self.store = open(options.folder / "store", "a", buffering=1 << 20, encoding="utf-8")  # noqa: SIM115
        self.folder, self.proxied = options.folder, options.proxied
        self.safe = not options.acknowledge_first
        self.draining = asyncio.Event()
        self.ended = asyncio.Event()

    def keep(self, message: hl7.Message) -> None:
        digest = hashlib.sha256(str(message).encode()).hexdigest()
        self.store.write(f"{time.monotonic_ns()} {message.extract_field('MSH', 1, 10)} {digest}\n")
        if self.safe:
            self.store.flush()
            os.fsync(self.store.fileno())

    async def source(self, reader: Any) -> None:
        """Read the PROXY protocol's header, version 2, for IPv4, and keep who it says is there."""
        header = await reader.readexactly(16)
        rest = await reader.readexactly(int.from_bytes(header[14:], "big"))
        (self.folder / "source").write_text(socket.inet_ntoa(rest[:4]), encoding="utf-8")

    async def messages(self, reader: Any, writer: Any) -> None:
        """One sender: a message, its acknowledgement, the next message; until it goes, or until the engine drains."""
        try:
            if self.proxied:
                await self.source(reader)
            while not self.draining.is_set():
                message = await self.unless_draining(reader.readmessage())
                if message is None:
                    break
                self.keep(message)
                writer.writemessage(message.create_ack())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, InvalidBlockError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def unless_draining(self, reading: Any) -> hl7.Message | None:
        read, drain = asyncio.ensure_future(reading), asyncio.ensure_future(self.draining.wait())
        await asyncio.wait({read, drain}, return_when=asyncio.FIRST_COMPLETED)
        drain.cancel()
        if read.done():
            return read.result()
        read.cancel()
        return None

    async def probes(self, reader: Any, writer: Any) -> None:
        try:
            message = await reader.readmessage()
            answer = message.create_ack()
            answer.segment("MSA").append(hl7.Field("", ["DRAINING" if self.draining.is_set() else "READY"]))
            writer.writemessage(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, InvalidBlockError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def end(self) -> None:
        self.draining.set()
        self.ended.set()


def tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(options.certificate)
    return context


async def serve(options: argparse.Namespace) -> None:
    engine = Engine(options)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, engine.draining.set)
    loop.add_signal_handler(signal.SIGUSR2, engine.draining.clear)
    loop.add_signal_handler(signal.SIGTERM, engine.end)
    context = tls(options)
    servers = [
        await start_hl7_server(engine.messages, port=options.port, ssl=context),
        await start_hl7_server(engine.probes, port=options.probe_port, ssl=context),
    ]
    await engine.ended.wait()
    for server in servers:
        server.close()
    await asyncio.sleep(0.2)  # what is at work is acknowledged
    engine.store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("probe_port", type=int)
    parser.add_argument("--acknowledge-first", action="store_true")
    parser.add_argument("--proxied", action="store_true")
    parser.add_argument("--certificate")
    parser.add_argument("--ca")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
