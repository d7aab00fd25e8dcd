# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hardening means to those outside: who still gets in, who does not, and what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import outside
import pytest
from catalogue import controls

if TYPE_CHECKING:
    from testinfra.host import Host

SETTINGS = {control["id"]: control["settings"] for control in controls()}


def test_automation_logs_in_and_becomes_root(host: Host) -> None:
    done = outside.ssh(host, "sudo id -un")
    assert (done.returncode, done.stdout) == (0, "root\n")


def test_root_logs_in_with_a_key(host: Host) -> None:
    done = outside.ssh(host, "id -un", options=("User=root",))
    assert (done.returncode, done.stdout) == (0, "root\n")


@pytest.mark.parametrize(
    "weak",
    [
        "MACs=hmac-sha1",
        "MACs=hmac-md5",
        "MACs=umac-64@openssh.com",
        "Ciphers=aes128-cbc",
        "KexAlgorithms=diffie-hellman-group14-sha1",
    ],
)
def test_client_with_weak_algorithms_is_refused(host: Host, weak: str) -> None:
    # Ciphers that bring their own checksum would make any MAC do.
    plain = () if weak.startswith("Ciphers") else ("Ciphers=aes128-ctr",)
    done = outside.ssh(host, "true", options=(weak, *plain), verbose="-v")
    assert done.returncode == 255
    assert "no matching" in done.stderr


def test_notice_is_shown_before_the_login(host: Host) -> None:
    # A login that fails shows nothing but what comes before it.
    done = outside.ssh(host, "true", options=("PubkeyAuthentication=no",), verbose="-oLogLevel=INFO")
    assert done.returncode == 255
    assert SETTINGS["banner_network"]["text"].strip() in done.stderr


def test_next_boot_sets_the_kernel_values(host: Host) -> None:
    """What systemd does at boot, done now over wrong values, brings the right ones."""
    wanted = {s["key"]: str(s["value"]) for name, s in SETTINGS.items() if name.startswith("net_")}
    for key in wanted:
        assert outside.root(host, f"sysctl --quiet --write {key}={'1' if wanted[key] == '0' else '0'}").rc == 0
    # It also tries the keys of the machine's kernel that the distribution sets, and says that it may not.
    outside.root(host, "/usr/lib/systemd/systemd-sysctl")
    assert {key: outside.root(host, f"sysctl --values {key}").out for key in wanted} == wanted


def test_journal_is_on_the_disk_and_reaches_the_log_daemon(host: Host) -> None:
    word = "written-after-hardening"
    assert (
        outside.root(host, f"logger --priority user.notice {word} && journalctl --sync && journalctl --flush").rc == 0
    )
    assert word in outside.root(host, f"journalctl --directory /var/log/journal --lines 200 --grep {word}").out
    waiting = f"timeout 30 sh -c 'until grep -q {word} /var/log/syslog; do sleep 0.1; done'"
    assert outside.root(host, waiting).rc == 0


def test_what_runs_is_not_stopped(host: Host) -> None:
    """Nobody consented to stop it."""
    assert outside.root(host, "systemctl is-active cups.service").out == "active"


def test_rules_of_sudo_are_sound(host: Host) -> None:
    assert outside.root(host, "visudo --check").rc == 0


def test_settings_of_sshd_are_sound(host: Host) -> None:
    assert outside.root(host, "sshd -t").rc == 0


def test_nothing_failed_on_the_way(host: Host) -> None:
    assert outside.root(host, "systemctl is-system-running").out == "running"
