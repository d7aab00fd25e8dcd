# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PAM itself does after the strict tier: it locks who guesses, never root or the account for emergencies."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import outside
import people
import pytest

if TYPE_CHECKING:
    from testinfra.host import Host


def failures(host: Host, name: str) -> int:
    """How many wrong passwords PAM has noted, in faillock's own words."""
    return len(re.findall(r"^\d{4}-\d\d-\d\d .*V$", outside.root(host, f"faillock --user {name}").out, re.MULTILINE))


@pytest.fixture(autouse=True)
def fixture_unlocked(host: Host) -> None:
    for name in people.PASSWORDS:
        outside.root(host, f"faillock --user {name} --reset")


def guess(host: Host, name: str) -> None:
    for _connection in range(2):
        assert people.with_password(host, name, people.WRONG, tries=3).returncode != 0


def test_who_guesses_is_locked_for_a_while(host: Host) -> None:
    guess(host, "alice")
    assert failures(host, "alice") >= 5
    assert people.with_password(host, "alice", people.PASSWORDS["alice"]).returncode != 0
    assert people.at_the_console(host, "alice", people.PASSWORDS["alice"]).rc != 0
    assert outside.root(host, "faillock --user alice --reset").rc == 0
    assert people.with_password(host, "alice", people.PASSWORDS["alice"]).returncode == 0


def test_the_right_password_forgets_the_wrong_ones(host: Host) -> None:
    assert people.with_password(host, "alice", people.WRONG, tries=2).returncode != 0
    assert failures(host, "alice") == 2
    assert people.with_password(host, "alice", people.PASSWORDS["alice"]).returncode == 0
    assert failures(host, "alice") == 0


def test_the_account_for_emergencies_is_never_locked(host: Host) -> None:
    guess(host, "night")
    assert failures(host, "night") == 0
    assert people.with_password(host, "night", people.PASSWORDS["night"]).returncode == 0


def test_root_is_never_locked_at_the_console(host: Host) -> None:
    for _try in range(6):
        assert people.at_the_console(host, "root", people.WRONG).rc != 0
    assert people.at_the_console(host, "root", people.PASSWORDS["root"]).rc == 0


@pytest.mark.parametrize(
    ("password", "taken"),
    [
        ("password", False),
        ("Short-1", False),
        ("aaaaaaaaaaaaaaaaaaaa", False),
        ("alice-alice-alice-A1", False),
        ("Alice-counts-9-owls", False),  # the one that it has
        ("Green-tea-at-4-after-rounds", True),
    ],
)
def test_weak_and_former_passwords_are_refused(host: Host, password: str, taken: bool) -> None:
    """As root, because in the strict tier the rules hold for root as well."""
    outside.root(host, "cp --archive /etc/shadow /srv/shadow; cp --archive /etc/security/opasswd /srv/opasswd")
    done = outside.root(host, f"echo 'alice:{password}' | chpasswd")
    outside.root(host, "mv /srv/shadow /etc/shadow; mv /srv/opasswd /etc/security/opasswd")
    assert (done.rc == 0) == taken


def test_only_administrators_use_su(host: Host) -> None:
    wanted = f"echo {people.PASSWORDS['night']} | su night --command 'id -un'"
    assert "night" not in people.with_password(host, "alice", people.PASSWORDS["alice"], wanted).stdout
    wanted = f"echo {people.PASSWORDS['alice']} | su alice --command 'id -un'"
    assert "alice" in people.with_password(host, "night", people.PASSWORDS["night"], wanted).stdout


def test_new_files_are_closed_and_a_waiting_shell_ends(host: Host) -> None:
    mask = people.with_password(host, "alice", people.PASSWORDS["alice"], "umask").stdout
    assert int(mask, 8) & 0o007 == 0o007  # on Debian 13 the mask leaves a group of one's own what its owner may
    shell = "bash --login -i -c 'echo $TMOUT; TMOUT=0 2>&1' 2>&1"
    shown = people.with_password(host, "alice", people.PASSWORDS["alice"], shell).stdout
    assert "900" in shown
    assert "readonly" in shown


def test_the_account_files_are_sound(host: Host) -> None:
    assert outside.root(host, "pwck --read-only --quiet").rc == 0
    assert outside.root(host, "grpck --read-only").rc == 0


def test_no_password_and_no_hash_is_in_the_evidence(host: Host) -> None:
    hashes = [line.split(":")[1] for line in outside.root(host, "cat /etc/shadow").out.splitlines()]
    secrets = [word for word in [*hashes, *people.PASSWORDS.values()] if len(word) > 8]
    assert len(secrets) >= 6
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "evidence")
    texts = [path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file()]
    assert texts
    assert [word for word in secrets if any(word in text for text in texts)] == []


def test_what_the_journal_keeps_is_for_root_alone(host: Host) -> None:
    listed = outside.root(host, "find /var/lib/healthops/journal -type f -perm /077").out
    assert listed == ""
