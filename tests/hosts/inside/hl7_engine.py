# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HL7 interface engine on python3-hl7, whose framing and parsing are its own: what we speak with is not our code.

It keeps every message on disk before it acknowledges it. What it does beside that is told by the message and a file:

- a processing id that it was told to refuse: AR with error 202
- receiving application FAULTY: AE; OTHER: the acknowledgement of another message
- ``--state FILE``: what the file holds stands in MSA-3, and READY where there is none
- ``--probe-port PORT``: a listener beside it that acknowledges and keeps nothing
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import ssl
from pathlib import Path
from typing import Any

import hl7.mllp


class Engine:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.store = open(options.store, "a", encoding="utf-8")  # noqa: SIM115 - as long as the engine lives

    async def serve(self, reader: Any, writer: Any) -> None:
        await self.converse(reader, writer, keep=True)

    async def serve_probes(self, reader: Any, writer: Any) -> None:
        await self.converse(reader, writer, keep=False)

    async def converse(self, reader: Any, writer: Any, keep: bool) -> None:
        try:
            while not reader.at_eof():
                message = await reader.readmessage()
                if keep:
                    self.keep(message)
                writer.writemessage(self.acknowledgement(message))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, hl7.mllp.InvalidBlockError):
            pass
        finally:
            writer.close()

    def keep(self, message: Any) -> None:
        """One line a message, on disk when this returns."""
        msh = message.segment("MSH")
        segments = [str(segment[0]) for segment in message]
        line = {"type": str(msh[9]), "id": str(msh[10]), "segments": segments, "text": str(message)}
        self.store.write(json.dumps(line) + "\n")
        self.store.flush()
        os.fsync(self.store.fileno())

    def acknowledgement(self, message: Any) -> str:
        msh = message.segment("MSH")
        if str(msh[11]) in self.options.refuse:
            refused = str(message.create_ack("AR")).rstrip("\r")
            return f"{refused}\rERR||MSH^1^11|202^Unsupported processing id^HL70357|E\r"
        answer = str(message.create_ack("AE" if str(msh[5]) == "FAULTY" else "AA")).rstrip("\r")
        if str(msh[5]) == "OTHER":
            answer = answer.replace(str(msh[10]), "ANOTHER")
        state = Path(self.options.state)
        return f"{answer}|{state.read_text(encoding='ascii').strip() if state.is_file() else 'READY'}\r"


def context(options: argparse.Namespace) -> ssl.SSLContext | None:
    """TLS that wants a certificate of its own authority from everybody, where a certificate is given."""
    if not options.cert:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(options.cert, options.key)
    made.load_verify_locations(options.ca)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


async def run(options: argparse.Namespace) -> None:
    engine = Engine(options)
    listeners = {options.port: engine.serve, options.probe_port: engine.serve_probes}
    listen = functools.partial(
        hl7.mllp.start_hl7_server, host=options.address, ssl=context(options), encoding="utf-8", limit=16 * 1024 * 1024
    )
    servers = [await listen(serve, port=port) for port, serve in listeners.items() if port]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="0.0.0.0")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--probe-port", type=int, default=0)
    parser.add_argument("--store", required=True, help="file that keeps the messages")
    parser.add_argument("--state", default="", help="file with what to say in MSA-3")
    parser.add_argument("--refuse", nargs="*", default=[], help="processing ids to refuse")
    for option in ("--cert", "--key", "--ca"):
        parser.add_argument(option, default="")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
