# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers the controller, over real sockets of this machine's loopback."""

from __future__ import annotations

import socket
from typing import Iterator

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import reachability
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard.reachability import Target


@pytest.fixture(name="port")
def fixture_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def target(port: int, address: str = "127.0.0.1") -> Target:
    return Target(f"tcp {port}", f"tcp {port} (x.service)", address, port)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_what_listens_answers_and_what_does_not_does_not(port: int) -> None:
    closed = target(closed_port())
    assert reachability.answering([target(port), closed]) == {target(port)}


@pytest.mark.parametrize("address", ["no.such.name.invalid", "", "\0", "a" * 70 + ".b"])
def test_a_host_that_nobody_knows_answers_nothing(address: str, port: int) -> None:
    assert reachability.answering([target(port, address), target(port)]) == {target(port)}


def test_nothing_is_asked_where_nothing_listens() -> None:
    assert reachability.answering([]) == frozenset()


def test_sockets_on_any_address_are_asked_where_the_play_connects() -> None:
    told = [
        {"place": "tcp 80", "told": "tcp 80 (nginx.service)", "address": "", "port": 80},
        {"place": "tcp 10.0.0.5:443", "told": "tcp 10.0.0.5:443", "address": "10.0.0.5", "port": 443},
    ]
    assert [t.address for t in reachability.targets(told, "portal-01")] == ["portal-01", "10.0.0.5"]
    assert [t.address for t in reachability.targets(told, "")] == ["10.0.0.5"]


class Clock:
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("back_after", "consented", "lost"),
    [
        pytest.param(0.0, (), [], id="never gone"),
        pytest.param(5.0, (), [], id="restarted"),
        pytest.param(99.0, (), ["tcp 80 (x.service)"], id="gone"),
        pytest.param(99.0, ("tcp 80 (x.service)",), [], id="gone with consent"),
        pytest.param(99.0, ("tcp 80",), [], id="closed as the site declared"),
    ],
)
def test_what_was_reachable_and_is_not(back_after: float, consented: tuple[str, ...], lost: list[str]) -> None:
    clock = Clock()
    asked: list[int] = []

    def ask(wanted: object, _seconds: float) -> frozenset[Target]:
        asked.append(len(list(wanted)))  # type: ignore[call-overload]
        return frozenset({target(22), target(80)} if clock.now >= back_after else {target(22)})

    before = frozenset({target(80), target(22)})
    assert reachability.lost(before, consented, ask, clock, clock.sleep) == lost
    assert asked[1:] == [1] * len(asked[1:])  # what answered is not asked again
    assert clock.now <= reachability.PATIENCE + 1
