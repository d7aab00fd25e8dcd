# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a guard, seen from the controller: time that only passes when something takes it, logins by script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import fresh_login

RUN_ID = "20261122T150000Z-1f3a"


class Lost(Exception):
    """Stands for AnsibleConnectionFailure."""


class Failed(Exception):
    """Stands for any other AnsibleError."""


@dataclass
class Login:
    """How one login goes: how long it takes, and what goes wrong."""

    seconds: float = 1.0
    error: Exception | None = None
    answer: dict[str, Any] | None = None  # instead of the module's
    stale: bool = False  # the login that was there before the change
    swallowed: Exception | None = None  # the module ran, but its answer never came


@dataclass
class GuardedHost:
    """Answers like the module. ``logins`` go by in turn; the last one is how every further login goes."""

    logins: list[Login] = field(default_factory=lambda: [Login()])
    armed: bool = True
    within: int = 120
    reverting: float = 2.0  # how long the revert takes
    refuses: str = ""  # what the check of the break-glass accounts finds
    stuck: bool = False  # armed beyond its time
    now: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    state: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        self.state = "armed" if self.armed else "none"

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def execute(self, request: Mapping[str, Any]) -> dict[str, Any]:
        login = self.logins.pop(0) if len(self.logins) > 1 else self.logins[0]
        self.requests.append({**request, "at": self.now})
        self.now += login.seconds
        if login.error is not None:
            raise login.error
        if login.answer is not None:
            return login.answer
        answer = self._answer(str(request["state"]), login)
        if login.swallowed is not None:
            raise login.swallowed
        return answer

    def _answer(self, state: str, login: Login) -> dict[str, Any]:
        self._time_passed()
        if state == "status":
            return self._result()
        if self.state != "armed":
            return self._result(failed=self.state != state)
        if state == "reverted":
            self._end("reverted", "a task asked for it")
            return self._result(changed=True)
        if login.stale:
            return self._result(failed=True, msg="This login is older than the change.")
        if self.refuses:
            self._end("reverted", self.refuses)
            return self._result(failed=True)
        self._end("confirmed", "a fresh login worked")
        return self._result(changed=True)

    def _time_passed(self) -> None:
        if self.state == "armed" and not self.stuck and self.now >= self.within + self.reverting:
            self._end("reverted", "nobody confirmed it in time")

    def _end(self, state: str, why: str) -> None:
        self.state, self.why = state, why

    def _result(self, changed: bool = False, failed: bool = False, msg: str = "") -> dict[str, Any]:
        answer = {"changed": changed, "run_id": RUN_ID, "guard": self.guard(), "msg": msg or f"It is {self.state}."}
        return {**answer, "failed": True} if failed else answer

    def guard(self) -> dict[str, Any]:
        if self.state == "none":
            return dict(fresh_login.NO_GUARD)
        ended = "2026-11-22T15:02:02Z" if self.why else ""
        return {
            **fresh_login.NO_GUARD,
            "state": self.state,
            "run_id": RUN_ID,
            "within": self.within,
            "until": "2026-11-22T15:02:00Z",
            "seconds_left": max(0, int(self.within - self.now)) if self.state == "armed" else 0,
            "ended": ended,
            "why": self.why,
        }


class Shell:
    tmpdir: str | None = "/home/deploy/.ansible/tmp/one"


@dataclass
class FakeConnection:
    """Notes what is done to it; ``timeout`` is its option, None where the plugin has none."""

    timeout: int | None = 10
    transport: str = "ssh"
    broken_reset: Exception | None = None
    calls: list[str] = field(default_factory=list)
    timeouts: list[Any] = field(default_factory=list)
    _shell: Shell = field(default_factory=Shell)

    def get_option(self, name: str) -> Any:
        if self.timeout is None:
            raise KeyError(name)
        return self.timeout

    def set_option(self, name: str, value: Any) -> None:
        assert name == "timeout"
        self.timeouts.append(value)
        self.timeout = value

    def close(self) -> None:
        self.calls.append("close")

    def reset(self) -> None:
        self.calls.append("reset")
        if self.broken_reset is not None:
            raise self.broken_reset


def reach(
    host: GuardedHost, connection: FakeConnection | None = None, tell: Callable[[str], Any] = lambda text: None
) -> fresh_login.Reach:
    return fresh_login.Reach(
        "portal-01",
        connection or FakeConnection(),
        host.execute,
        (Lost,),
        (Lost, Failed, OSError),
        tell,
        clock=lambda: host.now,
        sleep=host.sleep,
    )
