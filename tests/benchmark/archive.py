# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the imaging archive costs: images to it beside images to a bare Orthanc, in turns, in one run.

Nothing stands between a modality and the archive that the role sets up: there is no proxy to go around. What the role
adds is in Orthanc's own process and below it: a sandbox, the doors in nftables, titles and addresses that are checked,
rights by peer, and TLS. So there are two comparisons. In "role" and "role, TLS", both sides speak the same, and an
Orthanc of the same package with its own defaults is beside the role's: the price of all but TLS. In "all", the role's
archive as it is by default is beside that Orthanc without TLS: the price of everything, encryption included.

All sync each image to the disk before they acknowledge it, which is Orthanc's default. A modality opens an association,
sends ten slices of half a megabyte, each after the acknowledgement of the one before it, and closes. The bytes are made
beforehand and nothing is parsed but the status, so that little of this machine goes into sending. Orthanc serves four
associations at a time; with more modalities than that the others wait until it is their turn, on each side alike.
Nothing here passes or fails by the clock; the reader judges.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from side_by_side import Timings, hosts, read_options

HERE = Path(__file__).resolve().parent
SETUP = HERE / "archive"
MODALITIES = (1, 16, 128)
IN_ONE_ASSOCIATION = 10
CT = b"1.2.840.10008.5.1.4.1.1.2"
LITTLE_ENDIAN = b"1.2.840.10008.1.2"
CONTEXT = 1
#: Of the same length each time, so that it can be replaced in the bytes of an image.
UID = b"1.2.826.0.1.3680043.10.9999.4.1%011d"
NUMBERS = count(1)


@dataclass(frozen=True)
class Way:
    name: str
    host: str
    port: int
    tls: bool


WAYS = (
    Way("bare", "10.197.109.33", 2761, tls=False),
    Way("role", "10.197.109.31", 2762, tls=False),
    Way("bare, TLS", "10.197.109.33", 2762, tls=True),
    Way("role, TLS", "10.197.109.32", 2762, tls=True),
)


# --- DICOM, as bytes --------------------------------------------------------------------------------------------------


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


def pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(content)) + content


def element(group: int, number: int, value: bytes) -> bytes:
    """Of a command or of an image, in implicit VR little endian."""
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", group, number, len(value)) + value


def association() -> bytes:
    syntaxes = item(0x30, CT) + item(0x40, LITTLE_ENDIAN)
    user = item(0x51, struct.pack(">I", 1 << 16)) + item(0x52, b"1.2.826.0.1.3680043.10.9999")
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, bytes([CONTEXT, 0, 0, 0]) + syntaxes) + item(0x50, user)
    return pdu(1, struct.pack(">Hxx16s16s32x", 1, b"ARCHIVE".ljust(16), b"BENCH".ljust(16)) + items)


def command(uid: bytes) -> bytes:
    """C-STORE-RQ."""
    numbers = ((0x0100, 1), (0x0110, 1), (0x0700, 0), (0x0800, 0))
    elements = element(0, 2, CT) + b"".join(element(0, key, struct.pack("<H", value)) for key, value in numbers)
    elements += element(0, 0x1000, uid)
    return element(0, 0, struct.pack("<I", len(elements))) + elements


def image(uid: bytes) -> bytes:
    """A slice of 512 by 512, of a patient who does not exist; os.urandom, because pixels do not compress well."""
    texts = (
        (0x0008, 0x16, CT),
        (0x0008, 0x18, uid),
        (0x0008, 0x60, b"CT"),
        (0x0010, 0x10, b"BENCH"),
        (0x0010, 0x20, b"BENCH"),
    )
    series = ((0x0020, 0x0D, b"1.2.826.0.1.3680043.10.9999.2"), (0x0020, 0x0E, b"1.2.826.0.1.3680043.10.9999.3"))
    shape = ((0x02, 1), (0x10, 512), (0x11, 512), (0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 0))
    elements = b"".join(element(group, key, value) for group, key, value in texts + series)
    elements += b"".join(element(0x0028, key, struct.pack("<H", value)) for key, value in shape)
    return elements + element(0x7FE0, 0x10, os.urandom(512 * 512 * 2))


def fragments(header: int, content: bytes, longest: int) -> Iterator[bytes]:
    """P-DATA-TF; bit 0 of the header says that it is a command, bit 1 that it is the last."""
    step = longest - 6
    for start in range(0, len(content), step):
        last = 2 if start + step >= len(content) else 0
        piece = bytes([CONTEXT, header | last]) + content[start : start + step]
        yield pdu(4, struct.pack(">I", len(piece)) + piece)


def receive(connection: socket.socket) -> tuple[int, bytes]:
    # Orthanc writes an answer in two pieces, and would wait 40 ms for our word that we have the first.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def exactly(length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = connection.recv(length - len(data))
            if not piece:
                raise ConnectionError("closed")
            data += piece
        return data

    kind, length = struct.unpack(">BxI", exactly(6))
    return kind, exactly(length)


class Modality:
    """An association, and images over it."""

    #: One image for all, in which only the UID is another each time.
    IMAGE = image(UID % 0)

    def __init__(self, way: Way, context: ssl.SSLContext | None) -> None:
        plain = socket.create_connection((way.host, way.port), timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = context.wrap_socket(plain, server_hostname=way.host) if context else plain
        self.connection.sendall(association())
        kind, accepted = receive(self.connection)
        if kind != 2:
            sys.exit(f"{way.name} takes no association")
        place = accepted.index(item(0x51, bytes(4))[:4])
        self.longest = struct.unpack(">I", accepted[place + 4 : place + 8])[0]

    def store(self) -> None:
        uid = UID % next(NUMBERS)
        said = fragments(1, command(uid), self.longest)
        self.connection.sendall(b"".join([*said, *fragments(0, self.IMAGE.replace(UID % 0, uid, 1), self.longest)]))
        kind, answer = receive(self.connection)
        if kind != 4 or element(0, 0x0900, b"\0\0") not in answer:
            sys.exit(f"not stored: {answer!r}")

    def release(self) -> None:
        with suppress(OSError):
            self.connection.sendall(pdu(5, bytes(4)))
            receive(self.connection)
        self.connection.close()


# --- measuring --------------------------------------------------------------------------------------------------------


def send(way: Way, context: ssl.SSLContext | None, modalities: int, seconds: float, timings: Timings) -> None:
    """As many modalities at once, for so long; each finishes the image that it has begun."""
    began = time.perf_counter()
    until = began + seconds
    stored: list[float] = []

    def work() -> None:
        while time.perf_counter() < until:
            modality = Modality(way, context if way.tls else None)
            for _image in range(IN_ONE_ASSOCIATION):
                start = time.perf_counter()
                if start >= until:
                    break
                modality.store()
                stored.append(time.perf_counter() - start)
            modality.release()

    with ThreadPoolExecutor(max_workers=modalities) as pool:
        for job in [pool.submit(work) for _number in range(modalities)]:
            job.result()
    timings.rates.append(len(stored) / (time.perf_counter() - began))
    timings.waits += stored


def measure(folder: Path, rounds: int, seconds: float) -> None:
    context = ssl.create_default_context(cafile=folder / "pilot-ca.pem")
    context.load_cert_chain(folder / "modality.pem", folder / "modality.pem.key")
    ways = "".join(f"{way.name:>11}" for way in WAYS)
    print(f"{'images a second':<16}{ways}   ratios:{'role':>6}{'role, TLS':>11}{'all':>6}")
    for modalities in MODALITIES:
        timings = {way: Timings() for way in WAYS}
        for way in WAYS:
            send(way, context, modalities, seconds / 2, Timings())  # everything is warm
        for number in range(rounds):
            for way in WAYS if number % 2 else reversed(WAYS):
                send(way, context, modalities, seconds, timings[way])
        bare, role, bare_tls, role_tls = (timings[way].rate for way in WAYS)
        rates = "".join(f"{rate:>11.1f}" for rate in (bare, role, bare_tls, role_tls))
        name = f"{modalities} modalit{'ies' if modalities > 1 else 'y'}"
        print(f"{name:<16}{rates}{role / bare:>16.2f}{role_tls / bare_tls:>11.2f}{role_tls / bare:>6.2f}")
        for percent in (50, 99):
            waits = "".join(f"{way.wait(percent):>11.1f}" for way in timings.values())
            print(f"{f'  {percent} % wait, ms':<16}{waits}", flush=True)


def main() -> None:
    options = read_options(__doc__, seconds=4)
    with hosts(SETUP) as folder:
        measure(folder, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
