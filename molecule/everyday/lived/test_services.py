# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the site has set up since the first run works, for clients on other machines and for people on the host."""

from __future__ import annotations

import os
import shlex
import smtplib
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import hl7
import outside
import pytest
from hl7.client import MLLPClient

if TYPE_CHECKING:
    from testinfra.host import Host

MESSAGE = "MSH|^~\\&|WARD|CLINIC|ENGINE|CLINIC|20261125030000||ADT^A01^ADT_A01|W-1|P|2.5\rPID|1||4711^^^CLINIC^MR\r"
GATEWAY = "everyday1"


def address(host: Host) -> str:
    return outside.variables(host)["ansible_host"]


def from_the_other(host: Host, command: str) -> subprocess.CompletedProcess[str]:
    """What a command answers that runs on the other server of this scenario."""
    other = {"everyday1": "everyday2", "everyday2": "everyday1"}[outside.name(host)]
    argv = ["ssh", "-q", *shlex.split(os.environ["ANSIBLE_SSH_COMMON_ARGS"]), "-o", "BatchMode=yes", other, command]
    nothing = subprocess.DEVNULL
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60, stdin=nothing)


@pytest.mark.parametrize("port", [8081, 8082], ids=["web server", "behind translated addresses"])
def test_page_comes(host: Host, port: int) -> None:
    with urllib.request.urlopen(f"http://{address(host)}:{port}/", timeout=30) as answer:
        assert "The clinic is open" in answer.read().decode()


def test_database_answers(host: Host) -> None:
    where = f"host={address(host)} user=clinic dbname=clinic connect_timeout=30"
    answer = from_the_other(host, f'psql -tA "{where}" -c "SELECT count(*) FROM visits"')
    assert (answer.returncode, answer.stdout.strip()) == (0, "42"), answer.stderr


def test_mail_is_taken_for_the_relay(host: Host) -> None:
    with smtplib.SMTP(address(host), 25, timeout=30) as client:
        client.ehlo("ward.clinic.example")
        assert client.mail("ward@clinic.example")[0] == 250
        assert client.rcpt("doctor@elsewhere.example")[0] == 250
        client.rset()


def is_undone(host: Host) -> bool:
    """Return whether all of our runs have been taken back, the gateway and the updates among them."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "manifests", outside.name(host), "undone.json.gz").exists()


def test_message_is_acknowledged(host: Host) -> None:
    """Through the gateway, or by the engine behind it; without the gateway nobody listens on its port."""
    port = 2575 if outside.name(host) == GATEWAY else 6661
    if port == 2575 and is_undone(host):
        with pytest.raises(ConnectionRefusedError):
            MLLPClient(address(host), port)
        return
    with MLLPClient(address(host), port) as client:
        client.socket.settimeout(30)
        answer = client.send_message(hl7.parse(MESSAGE))
    assert str(hl7.parse(answer.decode().strip("\x0b\x1c\r")).segment("MSA")[1]) == "AA"


def test_automation_logs_in_and_becomes_root(host: Host) -> None:
    done = outside.ssh(host, "sudo id -un")
    assert (done.returncode, done.stdout) == (0, "root\n")


def test_library_has_the_version_of_our_update_until_that_is_taken_back(host: Host) -> None:
    version = outside.root(host, "dpkg-query -Wf '${Version}' clinic-library").out
    assert version == ("1.0" if is_undone(host) else "1.1")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("id -Gn ada", "ada ward"),
        ("runuser -u ada -- whoami", "ada"),
        ("getent passwd vendor | cut -d: -f3,7", "981:/usr/sbin/nologin"),
        ("grep -c clinic-shell /etc/shells", "1"),
        ("LC_ALL=de_DE.UTF-8 locale charmap", "UTF-8"),
        ("openssl verify -CApath /etc/ssl/certs /usr/local/share/ca-certificates/clinic.crt | cut -d' ' -f2", "OK"),
        ("readlink -f /usr/bin/pager", "/usr/local/bin/clinic-pager"),
        ("ldconfig -p | sed -n 's/.*libq.so.1.*=> //p'", "/usr/lib/clinic/libq.so.1"),
        ("python3 -c 'import ctypes; print(ctypes.CDLL(\"libq.so.1\").zlibVersion() != 0)'", "True"),
        ("apt-mark showhold", "python3-apt"),
        ("sysctl -n net.ipv4.ip_local_port_range", "32768\t60000"),
        ("sudo -l -U ada | grep -c 'systemctl restart nginx'", "1"),
        ("tail -n 1 /etc/login.defs", "# Clinic: reviewed by the vendor."),
    ],
)
def test_what_people_set_up_is_there(host: Host, command: str, answer: str) -> None:
    assert outside.root(host, command).out == answer
