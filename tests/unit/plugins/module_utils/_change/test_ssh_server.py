# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How settings of the SSH server become live, by how it was started."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.ssh_server import live_verb, make_room
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Effect
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
