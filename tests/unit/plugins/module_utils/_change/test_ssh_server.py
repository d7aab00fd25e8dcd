# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How settings of the SSH server become live, by how it was started."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.ssh_server import live_verb, make_room, wake
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Effect
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost
from fake_programs import FakeUnit


def host(socket: bool, service: bool = True) -> FakeHost:
    made = FakeHost()
    made.units.update({"ssh.service": FakeUnit(active=service), "ssh.socket": FakeUnit(active=socket)})
    return made


@pytest.mark.parametrize(
    ("socket", "verb", "unit", "live"),
    [
        (False, "reload", "ssh.service", "reload"),
        (True, "reload", "ssh.service", "restart"),
        (True, "reload-or-restart", "ssh.service", "restart"),
        (False, "reload-or-restart", "ssh.service", "reload-or-restart"),
        (True, "restart", "ssh.service", "restart"),
        (True, "reload", "cups.service", "reload"),
    ],
)
def test_a_server_whose_socket_systemd_holds_is_restarted(socket: bool, verb: str, unit: str, live: str) -> None:
    assert live_verb(host(socket), verb, unit) == live


def test_the_effect_leaves_a_server_behind_that_listens() -> None:
    made = host(socket=True)
    Effect("reload", "ssh.service").happen(made)
    assert made.operations == ["systemctl restart ssh.service"]
    assert made.units["ssh.service"].active


def test_a_server_that_no_connection_has_started_yet_is_left_alone() -> None:
    made = host(socket=True, service=False)
    Effect("reload", "ssh.service").happen(made)
    assert made.operations == []


def test_a_server_that_listens_by_itself_makes_room_for_its_socket_and_for_nothing_else() -> None:
    made = host(socket=False)
    make_room(made, "cups.socket")
    assert made.operations == []
    make_room(made, "ssh.socket")
    assert made.operations == ["systemctl stop ssh.service"]


@pytest.mark.parametrize(
    ("socket", "service", "accept", "started"),
    [
        (True, False, "no", True),
        (True, False, "yes", False),
        (True, True, "no", False),
        (False, False, "no", False),
    ],
)
def test_a_server_that_a_connection_would_start_is_started(
    socket: bool, service: bool, accept: str, started: bool
) -> None:
    made = host(socket, service)
    argv = ("systemctl", "show", "--property=Accept", "--value", "ssh.socket")
    made.answers[argv] = CommandResult(argv, 0, f"{accept}\n", "")
    wake(made)
    assert made.operations == (["systemctl start ssh.service"] if started else [])
