# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host can tell by itself of the ways into it."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._guard import break_glass, ways_in
from ansible_collections.healthops.clinical.plugins.module_utils._host import login as ssh_login
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.login import Connection, Login
from fake_host import FakeHost
from fake_sockets import listen

LOGIN = Login(1, Connection(client="192.0.2.7", server="192.0.2.1", port=22))
PAM = ("systemd-run", "--quiet", "--wait", "--collect", "--uid=alice", "--property=PAMName=sshd", "/bin/true")


def test_one_account_that_gets_in_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = []

    def problems(_host: FakeHost, users: tuple[str, ...], login: Login, today: int) -> list[str]:
        questions.append((users, login, today))
        return [] if users == ("bob",) else [f"{users[0]} is out"]

    monkeypatch.setattr(break_glass, "problems", problems)
    host = FakeHost()
    assert ways_in.account_troubles(host, ("alice", "bob"), LOGIN, 20781) == []
    assert ways_in.account_troubles(host, ("alice", "carol"), LOGIN, 20781) == ["alice is out", "carol is out"]
    assert questions[0] == (("alice",), LOGIN, 20781)


def test_an_sshd_that_nobody_has_connected_to_yet_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = "it could not be checked: sshd -T says: Missing privilege separation directory: /run/sshd"
    monkeypatch.setattr(break_glass, "problems", lambda *_arguments: [asleep])
    assert ways_in.account_troubles(FakeHost(), ("alice",), LOGIN, 20781) == []


@pytest.mark.parametrize(("people", "names"), [(frozenset({33}), ["www-data"]), (frozenset(), ["root"])])
def test_who_logged_in(monkeypatch: pytest.MonkeyPatch, people: frozenset[int], names: list[str]) -> None:
    monkeypatch.setattr(ssh_login, "people_above", lambda host: people)
    assert ways_in.account_names(FakeHost()) == names


@pytest.mark.parametrize(("rc", "admitted"), [(0, True), (224, False)])
def test_pam_is_asked_as_sshd_asks_it(rc: int, admitted: bool) -> None:
    host = FakeHost()
    host.answers[PAM] = CommandResult(PAM, rc, "", "")
    assert ways_in.is_admitted(host, "alice") is admitted


def test_sshd_has_to_listen_on_the_port_that_people_came_by() -> None:
    host = FakeHost()
    listen(host, 2222, 700, "ssh.service", "sshd")
    assert ways_in.server_trouble(host, 2222) == ""
    assert ways_in.server_trouble(host, 22) == "nothing listens on tcp 22"


@pytest.mark.parametrize(
    ("client", "carrier", "rc", "trouble"),
    [
        ("192.0.2.7", "1", 0, ""),
        ("192.0.2.7", "1", 2, "there is no route to 192.0.2.7: unreachable"),
        ("192.0.2.7", "0", 2, ""),
        ("", "1", 2, ""),
    ],
)
def test_the_way_back_to_the_client(client: str, carrier: str, rc: int, trouble: str) -> None:
    host = FakeHost()
    host.programs.add("ip")
    host.add_file("/sys/class/net/lo/carrier", "1")
    host.add_file("/sys/class/net/eth0/carrier", carrier)
    argv = ("ip", "route", "get", "192.0.2.7")
    host.answers[argv] = CommandResult(argv, rc, "", "unreachable")
    assert ways_in.route_trouble(host, client) == trouble


@pytest.mark.parametrize(
    ("cmdline", "inside"),
    [
        ("sshd: alice@pts/0\0", True),
        ("sshd-session: alice@notty\0", True),
        ("sshd: alice [priv]\0", False),
        ("sshd: [accepted]\0", False),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\0", False),
        ("vi\0mail@example.org\0", False),
    ],
)
def test_somebody_is_in_once_the_session_has_begun(cmdline: str, inside: bool) -> None:
    host = FakeHost()
    host.add_file("/proc/900/cmdline", cmdline)
    assert ways_in.is_somebody_in(host) is inside
