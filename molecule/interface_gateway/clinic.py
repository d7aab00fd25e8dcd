# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario's gateways, engines and senders, as somebody sees them who is on none of these hosts."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hl7
import testinfra
from hl7.client import MLLPClient

if TYPE_CHECKING:
    from testinfra.host import Host

HERE = Path(__file__).resolve().parent
INVENTORY = HERE / "inventory" / "hosts"
#: Stands in every message that is sent here. Nothing of it may be on the gateway afterwards.
MRN = "MRN-4711-0815"
PATIENT = "Featherstonehaugh"
#: For an answer, in seconds: far more than it takes, also on a busy machine.
PATIENCE = 30.0
#: For how long a connection has to be open to be taken for accepted.
LASTS = 2.0
LAB, WARD, ANALYSER, LATE, PROXIED, WHOLE = 2575, 2576, 2577, 2578, 2579, 2580


def gateways() -> list[Host]:
    """All of them: what takes long is done on all at once."""
    return list(testinfra.get_hosts(["ansible://interface_gateways"], ansible_inventory=str(INVENTORY)))


def variables(host: Host) -> dict[str, Any]:
    return dict(host.ansible.get_variables())


def address(host: Host) -> str:
    return str(variables(host)["ansible_host"])


def root(name: str, command: str, check: bool = True) -> str:
    """What a shell command answers that root runs in the host of this name."""
    argv = ["ssh", "-q", *shlex.split(os.environ["ANSIBLE_SSH_COMMON_ARGS"])]
    argv += ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", "ControlPath=/tmp/%C", name]
    done = subprocess.run(
        [*argv, f"sudo sh -c {shlex.quote(command)}"], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 or not check, f"{name}: {command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


# --- TLS --------------------------------------------------------------------------------------------------------------


def issued(host: Host, name: str) -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], variables(host)["inventory_hostname"], name)


def context(host: Host, sender: str | None = "lab") -> ssl.SSLContext:
    """TLS as a sender speaks it, with the certificate that the pilot's CA has issued to it."""
    made = ssl.create_default_context(cafile=issued(host, "pilot-ca.pem"))
    if sender:
        certificate = issued(host, f"{sender}.hospital.example.pem")
        made.load_cert_chain(certificate, f"{certificate}.key")
    return made


def s_client(host: Host, port: int, *options: str) -> str:
    """What openssl sees of a connection on which it sends nothing, until its end, or until it has lasted for a while.

    With TLS 1.3, a certificate is refused only after the handshake.
    """
    argv = ["openssl", "s_client", "-connect", f"{address(host)}:{port}", *options]
    argv += ["-CAfile", str(issued(host, "pilot-ca.pem")), "-verify_return_error", "-ign_eof"]
    with tempfile.TemporaryFile() as seen:
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=seen, stderr=subprocess.STDOUT) as process:
            until = time.monotonic() + PATIENCE
            while process.poll() is None and time.monotonic() < until:
                if b"Verify return code" in os.pread(seen.fileno(), 1 << 20, 0):
                    until = min(until, time.monotonic() + LASTS)
                time.sleep(0.1)
            still_open = process.poll() is None
            process.kill()
        return os.pread(seen.fileno(), 1 << 20, 0).decode() + ("STILL OPEN" if still_open else "")


def certificate(host: Host, name: str) -> list[str]:
    path = issued(host, f"{name}.hospital.example.pem")
    return ["-cert", str(path), "-key", f"{path}.key"]


class Client(MLLPClient):  # type: ignore[misc]
    """The library's client, which knows neither TLS nor a time limit."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None, timeout: float = PATIENCE) -> None:
        plain = socket.create_connection((host, port), timeout=timeout)
        self.socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        self.encoding = "utf-8"


def message(sender: str, number: int) -> hl7.Message:
    return hl7.parse(
        f"MSH|^~\\&|{sender}|LAB|ENGINE|CLINIC|20261125030000||ORU^R01^ORU_R01|{sender}-{number}|P|2.5\r"
        f"PID|1||{MRN}^^^CLINIC^MR||{PATIENT}^Ada\r"
        f"OBX|1|NM|2951-2^Sodium^LN||{130 + number % 20}|mmol/L\r"
    )


def acknowledged(client: MLLPClient, sent: hl7.Message) -> bool:
    """Send it and wait for its own acknowledgement; an end of the connection is none."""
    answer = client.send_message(sent)
    if not answer:
        raise ConnectionError("closed before it acknowledged")
    ack = hl7.parse(answer.decode().strip("\x0b\x1c\r"))
    return str(ack.segment("MSA")[1]) == "AA" and str(ack.segment("MSA")[2]) == str(sent.extract_field("MSH", 1, 10))


# --- senders ----------------------------------------------------------------------------------------------------------


@dataclass
class Sender(threading.Thread):
    """Sends its messages in their order, each again until it is acknowledged, and keeps its connection."""

    name_of: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    count: int
    pause: float = 0.03
    #: control id and digest of what was acknowledged, in this order
    acked: list[tuple[str, str]] = field(default_factory=list)
    worst_gap: float = 0.0
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        client: Client | None = None
        last = time.monotonic()
        number = -1
        while (number := number + 1) < self.count:
            sent = message(self.name_of, number)
            while not self.stop.is_set():
                try:
                    client = client or self._connect()
                    if acknowledged(client, sent):
                        break
                except OSError:
                    self._close(client)
                    client = None
                    time.sleep(0.05)
            if self.stop.is_set():
                break
            digest = hashlib.sha256(str(sent).encode()).hexdigest()
            self.acked.append((f"{self.name_of}-{number}", digest))
            self.worst_gap, last = max(self.worst_gap, time.monotonic() - last), time.monotonic()
            time.sleep(self.pause)
        self._close(client)

    def _connect(self) -> Client:
        self.connections += 1
        return Client(self.host, self.port, self.tls)

    def _close(self, client: Client | None) -> None:
        if client is not None:
            client.socket.close()


@dataclass(frozen=True)
class Count:
    """What became of the acknowledged messages, over all engines of the route."""

    acked: int
    lost: int
    duplicates: int
    out_of_order: int
    worst_gap: float


class Ward:
    """Four senders on one route of a gateway, and the engines' stores behind it, which begin empty."""

    def __init__(self, host: Host, port: int, engines: list[str], count: int = 150) -> None:
        self.gateway = str(variables(host)["inventory_hostname"])
        self.engine_host = str(variables(host)["engine_host"])
        self.engines = engines
        for engine in engines:
            root(self.engine_host, f"systemctl reset-failed {engine}; systemctl restart {engine}", check=False)
            root(self.engine_host, f"truncate -s 0 /srv/{engine}/store")
        wait_until_up(self.gateway, engines)
        tls = context(host)
        self.senders = [Sender(f"S{n}", address(host), port, tls, count) for n in range(4)]

    def begin(self) -> Ward:
        for sender in self.senders:
            sender.start()
        return self

    def wait_for(self, acked: int, seconds: float = 120) -> None:
        """Until each sender has so many acknowledgements."""
        until = time.monotonic() + seconds
        while min(len(sender.acked) for sender in self.senders) < acked:
            assert time.monotonic() < until, [len(sender.acked) for sender in self.senders]
            time.sleep(0.02)

    def kill(self, engine: str) -> None:
        root(self.engine_host, f"systemctl kill --signal KILL {engine}")

    def signal(self, engine: str, name: str) -> None:
        root(self.engine_host, f"systemctl kill --signal {name} {engine}")

    def finish(self, soon: bool = False) -> Count:
        """Once every sender has sent all it has, or 20 more."""
        for sender in self.senders if soon else []:
            sender.count = len(sender.acked) + 20
        for sender in self.senders:
            sender.join(120)
        unfinished = [sender.name_of for sender in self.senders if sender.is_alive()]
        for sender in self.senders:
            sender.stop.set()
        assert not unfinished, unfinished
        stored = self._stored()
        acked = [message for sender in self.senders for message in sender.acked]
        times = Counter(stored)
        return Count(
            acked=len(acked),
            lost=sum(1 for message in acked if not times[message]),
            duplicates=sum(times[message] - 1 for message in times),
            out_of_order=sum(self._out_of_order(sender, stored) for sender in self.senders),
            worst_gap=max(sender.worst_gap for sender in self.senders),
        )

    def _stored(self) -> list[tuple[str, str]]:
        """Control id and digest in the order of storing: the engines share one host, and so one clock."""
        text = root(self.engine_host, "cat " + " ".join(f"/srv/{engine}/store" for engine in self.engines))
        rows = sorted((int(row[0]), row[1], row[2]) for row in map(str.split, text.splitlines()) if len(row) == 3)
        return [(identity, digest) for _time, identity, digest in rows]

    @staticmethod
    def _out_of_order(sender: Sender, stored: list[tuple[str, str]]) -> int:
        numbers = [int(name.split("-")[1]) for name, _digest in stored if name.startswith(f"{sender.name_of}-")]
        return sum(1 for before, after in zip(numbers, numbers[1:]) if after < before)


def everywhere(port: int, engines: list[str], count: int = 150) -> list[Ward]:
    return [ward.begin() for ward in [Ward(host, port, engines, count) for host in gateways()]]


# --- the gateway's own view -------------------------------------------------------------------------------------------

ASK = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect("/run/haproxy/admin.sock")
connection.sendall(sys.argv[1].encode() + b"\\n")
print(connection.makefile().read())
"""


def ask(gateway: str, command: str) -> str:
    return root(gateway, f"python3 -c {shlex.quote(ASK)} {shlex.quote(command)}")


def states(gateway: str) -> dict[str, str]:
    """route_engines/engine -> its status word, read from HAProxy's ordinary socket."""
    rows = [line.split(",") for line in ask(gateway, "show stat").splitlines()]
    return {f"{row[0]}/{row[1]}": row[17] for row in rows if len(row) > 17 and row[1] not in ("FRONTEND", "BACKEND")}


def wait_until_up(gateway: str, engines: list[str], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while True:
        seen = {name: state for name, state in states(gateway).items() if name.split("/")[1] in engines}
        if seen and set(seen.values()) == {"UP"}:
            return
        assert time.monotonic() < until, seen
        time.sleep(0.3)


def playbook(name: str, *words: str, **more: object) -> str:
    """Run one of the scenario's playbooks on all gateways; what it said, and after it what it warned of."""
    argv = ["ansible-playbook", "--inventory", str(INVENTORY), str(HERE / name), *words]
    argv += ["--extra-vars", json.dumps(more)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return f"{done.stdout}\n{done.stderr}"
