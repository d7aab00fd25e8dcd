# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of authorized_keys let somebody in: our verdict, and a real login by a real sshd on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._guard import ssh_access
from ansible_collections.healthops.clinical.plugins.module_utils._guard.authorized_keys import (
    Policy,
    Visit,
    is_like,
    matches_hosts,
    matches_list,
    why_refused,
)
from ansible_collections.healthops.clinical.plugins.module_utils._guard.ssh_access import Account, Options
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost

SSHD = "/usr/sbin/sshd"
ROOT = Account("root", 0, 0, "/root", "/bin/bash", ("root",))
NOW = 1_795_350_000.0  # 22 November 2026
VISIT = Visit(address="192.0.2.7", name="192.0.2.7", now=NOW)
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm5yqDQqTtGkGSLJm2RlUdMnqz3Q2mRlfWcGRkYc7tW"
YEAR = 365 * 86400


def day(seconds: float) -> str:
    return time.strftime("%Y%m%d", time.localtime(seconds))


def minute(seconds: float) -> str:
    return time.strftime("%Y%m%d%H%M", time.localtime(seconds))


#: Lines, KEY standing for the key of whoever comes, and what our reason has to name, empty where it works.
LINES = [
    ("KEY", ""),
    ("  KEY somebody at a desk", ""),
    ("#KEY", "holds no key"),
    ("", "holds no key"),
    ("ssh-ed25519", "damaged"),
    ("ssh-ed25519 AAAA", "damaged"),
    ("ssh-ed25519 not*base64", "damaged"),
    ("pty", "holds no key"),
    ("ssh-rsa KEYBLOB", "damaged"),
    ('from="127.0.0.1" KEY', ""),
    ('from="127.0.0.*" KEY', ""),
    ('from="127.0.0.0/8" KEY', ""),
    ('FROM="127.0.0.0/8" KEY', ""),
    ('from="10.0.0.0/8,127.0.0.1" KEY', ""),
    ('from="10.0.0.0/8" KEY', "(from)"),
    ('from="!127.0.0.1,*" KEY', "(from)"),
    ('from="127.0.0.1/8" KEY', "network in from"),
    ('from="!10.0.0.1" KEY', "(from)"),
    ("from=127.0.0.1 KEY", "without quotes"),
    ('from="127.0.0.1",from="127.0.0.1" KEY', "twice"),
    ('command="/bin/true" KEY', "(command)"),
    ('command="echo \\"x y\\"" KEY', "(command)"),
    (f'expiry-time="{day(time.time() + YEAR)}" KEY', ""),
    (f'expiry-time="{minute(time.time() + YEAR)}" KEY', ""),
    (f'expiry-time="{day(time.time() - YEAR)}" KEY', "(expiry-time)"),
    (f'expiry-time="{minute(time.time() - 3600)}" KEY', "(expiry-time)"),
    ('expiry-time="2026-11-22" KEY', "expiry-time"),
    ('expiry-time="20261399" KEY', "expiry-time"),
    ("restrict KEY", ""),
    ("restrict,pty KEY", ""),
    ("no-pty KEY", ""),
    ("no-pty,no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc KEY", ""),
    ("no-restrict KEY", "neither a key nor"),
    ("no-such-option KEY", "neither a key nor"),
    ("restrict, KEY", ""),
    ("restrict,,pty KEY", ""),
    ("=x KEY", "neither a key nor"),
    ('from="127.0.0.1"restrict KEY', "comma"),
    ("restrict pty KEY", "holds no key"),
    ('environment="A=b" KEY', ""),
    ('environment="A" KEY', "environment"),
    ('permitopen="localhost:80",permitlisten="8080" KEY', ""),
    ('permitopen="80" KEY', "permitopen"),
    ('permitopen="[::1]:80" KEY', ""),
    ('tunnel="0" KEY', ""),
    ('tunnel="x" KEY', "tunnel"),
    ('principals="a,b" KEY', "principals"),
    ('cert-authority,principals="a,root" OTHER', ""),
    ('command="x KEY', "quote"),
    ("cert-authority OTHER", ""),
    ("RSA", ""),
    ("RSA1024", "RequiredRSASize"),
    ("ECDSA", "PubkeyAcceptedAlgorithms"),
    ("OTHER\n\nKEY", ""),
]


@dataclass(frozen=True)
class Server:
    """A real sshd on this machine that lets root in, and the keys of whoever comes."""

    folder: Path
    port: int

    def public(self, name: str) -> str:
        return (self.folder / f"{name}.pub").read_text().strip().rpartition(" ")[0]

    def options(self) -> Options:
        connection = ["-C", "user=root,host=127.0.0.1,addr=127.0.0.1"]
        argv = [SSHD, "-T", "-f", str(self.folder / "sshd_config"), *connection]
        return Options(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)

    def spell(self, line: str) -> str:
        names = {"RSA1024": "short", "RSA": "rsa", "ECDSA": "ecdsa", "OTHER": "ca"}
        key = self.public("key")
        if line in names:
            return self.public(names[line])
        line = line.replace("KEYBLOB", key.split()[1]).replace("OTHER", self.public("ca"))
        return line.replace("KEY", key)

    def lets_in(self) -> bool:
        """Return whether a login with any of the keys gets to a shell."""
        return any(self._login(name) for name in ("key", "rsa", "short", "ecdsa"))

    def _login(self, name: str) -> bool:
        known = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder}/known"]
        quiet = ["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
        key = ["-i", str(self.folder / name), "-p", str(self.port)]
        argv = ["ssh", *known, *quiet, *key, "root@127.0.0.1", "echo shell"]
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30).stdout == "shell\n"


def make_keys(folder: Path) -> None:
    kinds = {
        "host": ["-t", "ed25519"],
        "key": ["-t", "ed25519"],
        "ca": ["-t", "ed25519"],
        "rsa": ["-t", "rsa", "-b", "2048"],
        "short": ["-t", "rsa", "-b", "1024"],
        "ecdsa": ["-t", "ecdsa"],
    }
    for name, kind in kinds.items():
        subprocess.run(["ssh-keygen", "-q", "-N", "", *kind, "-C", "c", "-f", str(folder / name)], check=True)
    # ssh offers key-cert.pub with the key: a certificate of the authority, in the name of root.
    argv = ["ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "c", "-n", "root", str(folder / "key.pub")]
    subprocess.run(argv, check=True)


CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/%u/keys-%U
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM yes
StrictModes yes
RequiredRSASize 2048
PubkeyAcceptedAlgorithms ssh-ed25519*,rsa-sha2-512,rsa-sha2-256
PermitUserEnvironment yes
PermitTunnel yes
LogLevel QUIET
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if os.getuid() != 0 or shutil.which(SSHD) is None or shutil.which("ssh") is None:
        pytest.skip("it takes root, sshd and ssh to let somebody in")
    os.makedirs("/run/sshd", exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Only root can write the folders above it: StrictModes looks at all of them.
    with tempfile.TemporaryDirectory(dir="/var/lib") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "root").mkdir(mode=0o755)
        make_keys(folder)
        (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder) + no_penalties())
        with subprocess.Popen([SSHD, "-D", "-f", str(folder / "sshd_config")]) as process:
            wait_for(port)
            yield Server(folder=folder, port=port)
            process.terminate()


def no_penalties() -> str:
    """Return the setting by which later versions of sshd do not shut out whoever was refused a few times."""
    known = subprocess.run([SSHD, "-T"], check=False, capture_output=True, text=True).stdout
    return "PerSourcePenalties no\n" if "persourcepenalties" in known else ""


def wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("sshd does not listen")


def trouble(server: Server) -> str:
    visit = Visit(address="127.0.0.1", name="127.0.0.1", now=time.time())
    return ssh_access.key_trouble(RealHost(), ROOT, server.options(), visit) or ""


@pytest.mark.parametrize(("line", "reason"), LINES)
def test_our_verdict_is_that_of_a_real_login(server: Server, line: str, reason: str) -> None:
    keys = server.folder / "root" / "keys-0"
    keys.write_text(f"{server.spell(line)}\n")
    keys.chmod(0o600)
    answer = trouble(server)
    assert (answer == "", reason in answer) == (server.lets_in(), True), answer
    assert bool(answer) is bool(reason), answer


@pytest.mark.parametrize("place", ["root/keys-0", "root", "."])
def test_with_strict_modes_our_verdict_is_that_of_a_real_login(server: Server, place: str) -> None:
    keys = server.folder / "root" / "keys-0"
    keys.write_text(f"{server.spell('KEY')}\n")
    keys.chmod(0o600)
    loose = server.folder / place
    mode = loose.stat().st_mode
    loose.chmod(mode | 0o022)
    try:
        assert "writable by" in trouble(server)
        assert not server.lets_in()
    finally:
        loose.chmod(mode)
    assert trouble(server) == ""


# --- without a server ---


def test_every_algorithm_is_accepted_where_sshd_names_none() -> None:
    assert why_refused(ED25519, Policy(), VISIT) is None


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (
            Policy(ca_algorithms="rsa-sha2-512"),
            "an authority that sshd does not accept",
        ),
        (Policy(algorithms="ssh-ed25519"), "sshd accepts no certificates"),
        (Policy(algorithms="ssh-ed25519-cert-v01@openssh.com", ca_algorithms="ssh-ed25519"), ""),
    ],
)
def test_an_authority_counts_where_its_certificates_could_be_taken(policy: Policy, reason: str) -> None:
    answer = why_refused(f"cert-authority {ED25519}", policy, VISIT) or ""
    assert reason in answer
    assert bool(answer) is bool(reason)


def test_a_time_in_universal_time() -> None:
    assert why_refused(f'expiry-time="20261123000000Z" {ED25519}', Policy(), VISIT) is None
    assert "expired" in (why_refused(f'expiry-time="20261121000000Z" {ED25519}', Policy(), VISIT) or "")


def test_the_first_three_reasons_are_told() -> None:
    text = "\n".join([f'from="198.51.100.9" {ED25519}'] * 5)
    assert why_refused(text, Policy(), VISIT) == "; ".join(
        f"line {number} does not let in 192.0.2.7 (from)" for number in (1, 2, 3)
    )


@pytest.mark.parametrize(
    ("name", "address", "patterns", "fits"),
    [
        ("pc.example.org", "192.0.2.7", "*.Example.org", True),
        ("pc.example.org", "192.0.2.7", "*.example.org,!192.0.2.7", False),
        ("pc.example.org", "192.0.2.7", "!pc.*,192.0.2.7", False),
        ("2001:db8::7", "2001:db8::7", "2001:db8::/32", True),
        ("2001:db8::7", "2001:db8::7", "192.0.2.0/24", False),
        ("fe80::1%eth0", "fe80::1%eth0", "fe80::/10", True),
        ("x", "192.0.2.7", "192.0.2.?", True),
        ("x", "192.0.2.7", "", False),
    ],
)
def test_lists_of_hosts(name: str, address: str, patterns: str, fits: bool) -> None:
    assert matches_hosts(name, address, patterns) is fits


def test_patterns() -> None:
    assert is_like("ssh-ed25519", "ssh-*")
    assert not is_like("ssh-ed25519", "ssh")
    assert matches_list("ssh-ed25519", "rsa-*,ssh-*")
    assert not matches_list("ssh-ed25519", "ssh-*,!ssh-ed25519")
