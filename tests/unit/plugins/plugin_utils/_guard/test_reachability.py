# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers the controller, over real sockets of this machine's loopback."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any, Iterator

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


def said(address: str, port: Any = 443) -> dict[str, Any]:
    return {"place": f"tcp {address} {port}", "told": f"tcp {port} (x.service)", "address": address, "port": port}


@pytest.fixture(name="names")
def fixture_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that this node knows."""
    known = {"portal-01": ["10.0.0.5", "2001:db8::5"], "10.0.0.5": ["10.0.0.5"]}

    def getaddrinfo(name: str, *_arguments: Any, **_more: Any) -> list[tuple[Any, ...]]:
        if name not in known:
            raise socket.gaierror
        return [(None, None, None, "", (address, 0)) for address in known[name]]

    monkeypatch.setattr(reachability.socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    ("address", "host", "asked"),
    [
        pytest.param("", "portal-01", ["portal-01"], id="on any address"),
        pytest.param("10.0.0.5", "portal-01", ["10.0.0.5"], id="on the one that the name stands for"),
        pytest.param("2001:db8::5", "portal-01", ["2001:db8::5"], id="on its other one"),
        pytest.param("10.0.0.99", "portal-01", [], id="on one that only the host knows"),
        pytest.param("169.254.169.254", "10.0.0.5", [], id="where clouds keep their secrets"),
        pytest.param("127.0.0.1", "portal-01", [], id="on this node"),
        pytest.param("printer.example", "portal-01", [], id="a name"),
        pytest.param("", "only-in-ssh-config", [], id="a name that only ssh knows"),
        pytest.param("", "", [], id="no address"),
    ],
)
@pytest.mark.usefixtures("names")
def test_nothing_is_asked_but_the_host_as_the_play_knows_it(address: str, host: str, asked: list[str]) -> None:
    assert [it.address for it in reachability.targets([said(address)], host)] == asked


@pytest.mark.parametrize("port", [0, 65536, -1, "22", None, 22.5])
@pytest.mark.usefixtures("names")
def test_a_port_that_is_none_is_not_asked(port: Any) -> None:
    assert reachability.targets([said("", port), {}, said("")], "portal-01")[0].port == 443
    assert len(reachability.targets([said("", port), {}, said("")], "portal-01")) == 1


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
    assert [it.label for it in reachability.lost(before, consented, ask, clock, clock.sleep)] == lost
    assert asked[1:] == [1] * len(asked[1:])  # what answered is not asked again
    assert clock.now <= reachability.PATIENCE + 1


def test_nobody_waits_for_what_somebody_started_by_hand() -> None:
    clock = Clock()
    by_hand = replace(target(8080), by_hand=True)
    before = frozenset({target(80), by_hand})
    assert reachability.lost(before, (), lambda *_: frozenset({target(80)}), clock, clock.sleep) == [by_hand]
    assert clock.now == 0
