# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probes cost themselves: each against the bare library call for the same peer, in turns, in one run.

Peers: an interface engine on python3-hl7, an archive on pynetdicom, a web server of the standard library, each its own
process. Prints medians, ratios and the difference. Nothing here passes or fails by the clock; the reader judges.
"""

from __future__ import annotations

import argparse
import importlib
import json
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path[:0] = [str(CHECKOUT / "tests" / "unit"), str(CHECKOUT / "tests")]
importlib.import_module("conftest")  # makes the checkout importable by the collection's name

import hl7  # noqa: E402
import pki  # noqa: E402
import pynetdicom  # noqa: E402
from ansible_collections.healthops.clinical.plugins.module_utils._probe import dicom_echo, fhir_capability, mllp_echo  # noqa: E402
from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Endpoint, Tls  # noqa: E402
from ansible_collections.healthops.clinical.plugins.module_utils._probe.result import ProbeResult  # noqa: E402

ENGINE = CHECKOUT / "tests" / "hosts" / "inside" / "hl7_engine.py"
STATEMENT = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "filler": ["a resource"] * 2000}
TITLE = "BENCH"
ARCHIVE = """
import sys, pynetdicom
entity = pynetdicom.AE(ae_title=sys.argv[2])
entity.add_supported_context("1.2.840.10008.1.1")
entity.start_server(("127.0.0.1", int(sys.argv[1])))
"""
WEB = """
import http.server, ssl, sys
class Statement(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
body = open(sys.argv[2], "rb").read()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Statement)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
Call = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how often each is measured (default 200)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, ExitStack() as peers:
        pairs = everything(pki.make(Path(name), {"server": "IP:127.0.0.1", "client": ""}), peers)
        for probe, bare in pairs.values():
            expect_ready(probe())
            bare()
        show({name: measure(probe, bare, rounds) for name, (probe, bare) in pairs.items()})


def everything(folder: Path, peers: ExitStack) -> dict[str, tuple[Call, Call]]:
    """Name -> the probe and the bare call, with their peers running."""
    (folder / "statement.json").write_text(json.dumps(STATEMENT), encoding="utf-8")
    tls = Tls(str(folder / "ca.pem"), str(folder / "client.pem"), str(folder / "client.key"))
    server = [str(folder / "server.pem"), str(folder / "server.key")]

    def start(*command: str) -> int:
        return peers.enter_context(running([sys.executable, *command]))

    engine = [str(ENGINE), "--address", "127.0.0.1", "--store", str(folder / "store"), "--port", PORT]
    secured = ["--cert", server[0], "--key", server[1], "--ca", tls.ca_path]
    plain_engine, tls_engine = start(*engine), start(*engine, *secured)
    archive = start("-c", ARCHIVE, PORT, TITLE)
    statement = str(folder / "statement.json")
    plain_web, tls_web = start("-c", WEB, PORT, statement), start("-c", WEB, PORT, statement, *server)
    return {
        "mllp_echo": (mllp(plain_engine, None), bare_mllp(plain_engine, None)),
        "mllp_echo, TLS": (mllp(tls_engine, tls), bare_mllp(tls_engine, tls)),
        "dicom_echo": (dicom(archive), bare_dicom(archive)),
        "fhir_capability_info": (fhir(f"http://127.0.0.1:{plain_web}", tls), bare_fhir(plain_web, None)),
        "fhir_capability_info, TLS": (fhir(f"https://127.0.0.1:{tls_web}", tls), bare_fhir(tls_web, tls)),
    }


# --- the probes, and the bare calls -----------------------------------------------------------------------------------


def mllp(port: int, tls: Tls | None) -> Call:
    header = {3: "HEALTHPROBE", 4: "OPS", 11: "D", 12: "2.5"}
    return lambda: mllp_echo.probe(mllp_echo.MllpEchoRequest(Endpoint("127.0.0.1", port), tls, 5.0, 65536, header))


def bare_mllp(port: int, tls: Tls | None) -> Call:
    """A socket and the parser of python3-hl7."""
    message = b"\x0bMSH|^~\\&|BENCH|OPS|||20261125||NMD^N02^NMD_N02|BARE|D|2.5\rNCK|20261125\r\x1c\r"

    def call() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            sock = context(tls).wrap_socket(connection, server_hostname="127.0.0.1") if tls else connection
            sock.sendall(message)
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += sock.recv(65536)
            assert str(hl7.parse(answer[1:-2].decode()).segment("MSA")[1]) == "AA"
            sock.close()

    return call


def context(tls: Tls) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=tls.ca_path)
    made.load_cert_chain(tls.client_cert, tls.client_key)
    return made


def dicom(port: int) -> Call:
    return lambda: dicom_echo.probe(dicom_echo.DicomEchoRequest(Endpoint("127.0.0.1", port), None, 5.0, "PROBE", TITLE))


def bare_dicom(port: int) -> Call:
    def call() -> None:
        entity = pynetdicom.AE(ae_title="PROBE")
        entity.add_requested_context(dicom_echo.VERIFICATION)
        association = entity.associate("127.0.0.1", port, ae_title=TITLE)
        assert association.send_c_echo().Status == 0
        association.release()

    return call


def fhir(base: str, tls: Tls) -> Call:
    return lambda: fhir_capability.probe(fhir_capability.FhirCapabilityRequest(base, tls, 5.0, 4194304, "4.0"))


def bare_fhir(port: int, tls: Tls | None) -> Call:
    def call() -> None:
        url = f"http{'s' if tls else ''}://127.0.0.1:{port}/metadata?_summary=true"
        with urllib.request.urlopen(url, timeout=5, context=context(tls) if tls else None) as answer:
            assert json.load(answer)["fhirVersion"] == "4.0.1"

    return call


# --- peers and measuring ----------------------------------------------------------------------------------------------

PORT = "{port}"


@contextmanager
def running(command: list[str]) -> Iterator[int]:
    """Start it on a port of its own, wait until it listens, and end it afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([str(port) if part == PORT else part for part in command])
    try:
        for _attempt in range(300):
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            sys.exit(f"{command} does not listen")
        yield port
    finally:
        process.terminate()
        process.wait()


def expect_ready(result: object) -> None:
    """Refuse to measure something else than what the name of the measurement says."""
    if not isinstance(result, ProbeResult) or not result.healthy:
        sys.exit(f"a peer is not ready: {result}")


def measure(probe: Call, bare: Call, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each; who goes first takes turns."""
    took: dict[Call, list[float]] = {probe: [], bare: []}
    for number in range(rounds):
        for call in (probe, bare) if number % 2 else (bare, probe):
            began = time.perf_counter()
            call()
            took[call].append((time.perf_counter() - began) * 1000)
    return took[probe], took[bare]


def show(times: dict[str, tuple[list[float], list[float]]]) -> None:
    print(f"{'':<28}{'probe':>11}{'bare call':>12}{'ratio':>8}{'own time':>12}   times")
    for name, (probe, bare) in times.items():
        ours, bare_ms = statistics.median(probe), statistics.median(bare)
        numbers = f"{ours:>8.2f} ms{bare_ms:>9.2f} ms{ours / bare_ms:>8.2f}{ours - bare_ms:>9.2f} ms"
        print(f"{name:<28}{numbers}   {len(probe)}")


if __name__ == "__main__":
    main()
