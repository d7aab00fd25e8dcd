# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of homes and of what shells read: what each finds, and what it would write."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.account_checks import (
    AccountsView,
    Home,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.account_files import (
    LOCKED_PASSWORD,
    Account,
    Accounts,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.home_checks import (
    HOME_CHECKS,
    SHELL_CHECKS,
    SHELLS,
    TIMEOUT_FILE,
    path_folders,
    rsa_bits,
)
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Stat

ALICE = Account(name="alice", mark=LOCKED_PASSWORD, uid=1000, gid=1000, home="/home/alice", shell="/bin/sh")  # noqa: S604
NOBODY = Accounts(readable_accounts=(ALICE,))
CHECKS = {**HOME_CHECKS, **SHELL_CHECKS}


def stat(kind: str = "file", mode: int = 0o644, uid: int = 1000) -> Stat:
    return Stat(kind=kind, mode=mode, uid=uid, gid=uid)


def home(entries: dict[str, Stat], info: Stat | None = None, keys: dict[str, str] | None = None) -> Home:
    return Home(
        account=ALICE,
        path="/home/alice",
        stat=info or stat("dir", 0o750),
        entries={f"/home/alice/{name}": of_entry for name, of_entry in entries.items()},
        keys=keys or {},
    )


def violations(check: str, **more: Any) -> list[tuple[str, bool]]:
    """What a check finds, and whether it mends that itself."""
    view = AccountsView(
        control="c1",
        settings={"value": 900, "except": more.pop("excepted", ())},
        files=NOBODY,
        protected=frozenset(),
        today=20000,
        **more,
    )
    return [(violation.what, violation.step is not None) for violation in CHECKS[check][0](view)]


def blob(*numbers: bytes) -> str:
    return base64.b64encode(b"".join(len(n).to_bytes(4, "big") + n for n in (b"ssh-rsa", *numbers))).decode()


SHORT_KEY = f"ssh-rsa {blob(b'x', bytes([128]) + bytes(127))} alice@ward"
LONG_KEY = f"ssh-rsa {blob(b'x', bytes([0, 128]) + bytes(511))} alice@ward"


@pytest.mark.parametrize(
    ("check", "entry", "mode", "what", "mends"),
    [
        ("dot_files", ".profile", 0o666, "/home/alice/.profile has mode 0666", True),
        ("private_files", ".netrc", 0o644, "/home/alice/.netrc has mode 0644", True),
        ("private_files", ".ssh/id_ed25519", 0o640, "/home/alice/.ssh/id_ed25519 has mode 0640", True),
        ("login_keys", ".ssh/authorized_keys", 0o664, "/home/alice/.ssh/authorized_keys has mode 0664", True),
        ("trust_files", ".rhosts", 0o600, "/home/alice/.rhosts is there", True),
        ("forward_files", ".forward", 0o600, "/home/alice/.forward is there", False),
        ("netrc_files", ".netrc", 0o600, "/home/alice/.netrc is there", False),
    ],
)
def test_an_entry_of_a_home(check: str, entry: str, mode: int, what: str, mends: bool) -> None:
    assert violations(check, homes=[home({entry: stat(mode=mode)})]) == [(what, mends)]
    assert violations(check, homes=[home({".bashrc": stat(mode=0o600)})]) == []


@pytest.mark.parametrize(
    ("check", "info", "what"),
    [
        ("homes_exist", stat("file"), "alice's home /home/alice is not there"),
        ("homes_owned", stat("dir", 0o750, uid=33), "alice's home /home/alice belongs to somebody else"),
        ("homes_closed", stat("dir", 0o755), "/home/alice has mode 0755"),
    ],
)
def test_a_home_itself(check: str, info: Stat, what: str) -> None:
    assert [found for found, _mends in violations(check, homes=[home({}, info)])] == [what]
    assert violations(check, homes=[home({}, info)], excepted=["alice"]) == []
    assert violations(check, homes=[home({})]) == []


def test_somebody_elses_list_of_keys_is_left_to_people() -> None:
    foreign = home({".ssh/authorized_keys": stat(mode=0o644, uid=33)})
    what = "/home/alice/.ssh/authorized_keys belongs to another account"
    assert violations("login_keys", homes=[foreign]) == [(what, False)]


def test_weak_keys_are_named_by_file_and_line() -> None:
    lines = f"# ssh-dss AAAA\n{LONG_KEY}\nssh-dss AAAA alice\n{SHORT_KEY}\n"
    weak = home({}, keys={"/home/alice/.ssh/authorized_keys": lines})
    assert [what for what, _mends in violations("login_key_strength", homes=[weak])] == [
        "/home/alice/.ssh/authorized_keys:3 is a DSA key",
        "/home/alice/.ssh/authorized_keys:4 is an RSA key of 1024 bits",
    ]


def test_the_length_of_a_key_is_read_from_the_key() -> None:
    assert rsa_bits(SHORT_KEY.split()[1]) == 1024
    assert rsa_bits(LONG_KEY.split()[1]) == 4096
    assert rsa_bits("AAAA") == rsa_bits("not base64") == 0


@pytest.mark.parametrize(
    ("check", "texts", "found"),
    [
        ("shells_list", {SHELLS: "/bin/sh\n/usr/sbin/nologin\n"}, [("nologin is listed as a shell", True)]),
        ("shells_list", {SHELLS: "/bin/sh\n"}, []),
        ("shell_timeout", {}, [("a shell waits for ever", True)]),
        ("shell_timeout", {TIMEOUT_FILE: "TMOUT=901\n"}, [(f"{TIMEOUT_FILE} sets 901 seconds", True)]),
        ("shell_timeout", {"/etc/profile": "TMOUT=0\n"}, [("/etc/profile sets 0 seconds", False)]),
        ("shell_timeout", {"/etc/profile": "TMOUT=600\n"}, []),
        ("shell_umask", {"/etc/profile": "umask 022\n"}, [("/etc/profile sets the mask 022", False)]),
        ("shell_umask", {"/etc/profile": "umask 027\n", "/root/.bashrc": "umask 022\n"}, []),
        ("root_umask", {"/root/.bashrc": "umask 022\n"}, [("/root/.bashrc sets the mask 022", True)]),
        ("root_umask", {"/root/.bashrc": "umask 077\n"}, []),
        (
            "root_path",
            {"/etc/profile": 'PATH="/usr/bin:bin:$HOME/bin"\n'},
            [("/etc/profile: root's path holds bin, which is taken from the current folder", False)],
        ),
    ],
)
def test_what_shells_read(check: str, texts: dict[str, str], found: list[tuple[str, bool]]) -> None:
    assert violations(check, texts=texts) == found


def test_folders_of_the_path_of_root() -> None:
    assert path_folders({"a": "PATH=/usr/sbin:/usr/bin:bin\n", "b": "ENV_SUPATH PATH=/opt/ehr:/usr/bin\n"}) == [
        "/opt/ehr",
        "/usr/bin",
        "/usr/sbin",
    ]
    folders = {"/opt/ehr": stat("dir", 0o775, uid=0)}
    assert violations("root_path", texts={"b": "PATH=/opt/ehr\n"}, folders=folders) == [
        ("b: others can write to /opt/ehr, which is in root's path", False)
    ]
