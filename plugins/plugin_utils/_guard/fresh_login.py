# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of commit-confirm: log in anew, have the host confirm, or learn what became of the change.

The host decides: it reverts by itself when nobody confirms. So nothing here counts but the host's own word; the
controller's clock only says when asking is over. Private to the collection.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.healthops.clinical.plugins.module_utils import _core
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import (
    ARMED,
    CONFIRMED,
    NONE,
    OFF,
    REVERTED,
    SKIPPED,
    UNKNOWN,
    no_guard,
)

MODULE = "healthops.clinical.commit_confirm"

SETTLED = (CONFIRMED, REVERTED)

NO_GUARD: t.Mapping[str, t.Any] = no_guard()

DEFAULT_WITHIN = 120
REVERT_TAKES = 4.0  # a login while the host is still reverting would only be refused once more
GRACE = 60.0  # how long after the deadline a host has to revert and to answer again
LONGEST_PAUSE = 8.0
# Each refused login counts for whatever bans addresses or locks accounts on the host, and outlasts the revert.
REFUSED_PAUSE = 30.0
CUT_TRIES, CUT_SECONDS = 3, 10.0

_REFUSED = re.compile(r"permission denied|authenticat|incorrect", re.IGNORECASE)

_CONTAINERS = (
    *("buildah", "chroot", "docker", "docker_api", "incus", "iocage", "jail", "kubectl", "lxc", "lxd"),
    *("machinectl", "nsenter", "nspawn", "oc", "podman", "zone"),
)
#: Connections that no login stands before, so that nothing the host changes can shut them out.
_WITHOUT_LOGIN = {
    **dict.fromkeys(_CONTAINERS, "The connection goes into a container from outside"),
    "local": "The connection is local",
}

Result = t.Dict[str, t.Any]


def why_skipped(transport: str) -> str:
    """Why a change over this connection needs no guard, or nothing; a connection nobody knows is guarded."""
    reason = _WITHOUT_LOGIN.get(transport.rpartition(".")[2])
    return f"{reason} ({transport}), so no login is at stake." if reason else ""


def whole_number(value: t.Any, default: int) -> int:
    """An option that the module has yet to check; what is no number stays the module's to refuse."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return default


def names(value: t.Any) -> list[str]:
    """A list option as Ansible's modules take it: a list, or words with commas between them."""
    listed = value.split(",") if isinstance(value, str) else value or []
    return [str(name).strip() for name in listed if str(name).strip()]


@dataclass(frozen=True)
class Reach:
    """How the controller reaches one host. All that takes time or can fail is handed in.

    ``execute`` runs the commit_confirm module with the arguments given. ``lost`` are the exceptions that mean that the
    connection broke, ``failures`` all that mean that the host could not be asked.
    """

    host: str
    connection: t.Any
    execute: t.Callable[[t.Mapping[str, t.Any]], Result]
    lost: tuple[type[Exception], ...]
    failures: tuple[type[Exception], ...]
    tell: t.Callable[[str], t.Any]
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], t.Any] = time.sleep


@dataclass(frozen=True)
class Outcome:
    """What became of a guard: confirmed, reverted, none or unknown; what was tried in vain; the host's last answer."""

    state: str
    guard: t.Mapping[str, t.Any]
    tried: tuple[str, ...] = ()
    answer: t.Mapping[str, t.Any] = field(default_factory=dict)


# --- a fresh login ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def fresh(connection: t.Any, seconds: float, failures: tuple[type[Exception], ...]) -> t.Iterator[None]:
    """Close what is open, also what is shared, and be patient with the next login for as long as there is time."""
    with _patient(connection, seconds, failures):
        # Closed first: some plugins' reset logs in again at once when it finds itself connected.
        for way in ("close", "reset", "close"):
            with contextlib.suppress(AttributeError, *failures):
                getattr(connection, way)()
        yield


@contextlib.contextmanager
def _patient(connection: t.Any, seconds: float, failures: tuple[type[Exception], ...]) -> t.Iterator[None]:
    """Raise the connection's timeout, which bounds the login and the wait for the privilege escalation's prompt."""
    before: t.Any = None
    with contextlib.suppress(AttributeError, KeyError, *failures):
        before = connection.get_option("timeout")
    if before is None:
        yield
        return
    connection.set_option("timeout", max(whole_number(before, 0), math.ceil(seconds)))
    try:
        yield
    finally:
        connection.set_option("timeout", before)


@dataclass
class _Tries:
    """Asking one host about one guard, each time over a fresh login, until an end."""

    reach: Reach
    run_id: str
    end: float
    tried: list[str] = field(default_factory=list)
    pause: float = 1.0
    refused: bool = False

    @property
    def left(self) -> float:
        return self.end - self.reach.clock()

    def ask(self, state: str, final: t.Collection[str] = SETTLED, **more: t.Any) -> Result:
        answer = self._answer({"state": state, "run_id": self.run_id, **more})
        self.refused = not self.state(answer) and _REFUSED.search(_complaint(answer)) is not None
        if self.state(answer) not in final:
            self.tried.append(_complaint(answer))
            self.reach.tell(f"{self.reach.host} has not settled it yet: {self.tried[-1]}")
        return answer

    def _answer(self, asked: t.Mapping[str, t.Any]) -> Result:
        reach = self.reach
        try:
            with fresh(reach.connection, self.left, reach.failures):
                return reach.execute(asked)
        except reach.lost as error:  # pylint: disable=catching-non-exception
            return {"failed": True, "msg": _last_line(error)}  # before it may stand the whole banner of the host
        except reach.failures as error:  # pylint: disable=catching-non-exception
            # The directory for modules that an earlier call made may be gone, with a reboot for one.
            reach.connection._shell.tmpdir = None
            return {"failed": True, "msg": str(error)}

    def state(self, answer: Result) -> str:
        """What the host says of this guard; an answer about another one says nothing."""
        guard = guard_of(answer)
        known = guard["state"] == NONE or not self.run_id or guard["run_id"] == self.run_id
        return str(guard["state"]) if known and "guard" in answer else ""

    def rest(self) -> None:
        self.reach.sleep(max(0.0, min(REFUSED_PAUSE if self.refused else self.pause, self.left)))
        self.pause = min(2 * self.pause, LONGEST_PAUSE)

    def outcome(self, answer: Result) -> Outcome:
        return Outcome(self.state(answer), guard_of(answer), tuple(self.tried), answer)


def guard_of(result: t.Mapping[str, t.Any]) -> Result:
    return {**NO_GUARD, **(result.get("guard") or {})}


def guard_or_run(result: t.Mapping[str, t.Any]) -> Result:
    """The guard of a result; for a run that nothing guards, what it takes to ask for it as for a guarded one."""
    guard = guard_of(result)
    if guard["state"] == ARMED:
        return guard
    return {**NO_GUARD, "run_id": result.get("run_id", ""), "seconds_left": int(GRACE), "survives_reboot": False}


def _complaint(answer: Result) -> str:
    """Why an answer settles nothing, in one line; a program's own last words say more than Ansible's."""
    words = [answer.get("msg"), *(_last_line(answer.get(key)) for key in ("module_stderr", "module_stdout"))]
    told = ": ".join(dict.fromkeys(" ".join(str(word).split()) for word in words if word))
    return told or f"the guard is {guard_of(answer)['state']}"


def _last_line(text: t.Any) -> str:
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


# --- confirming -------------------------------------------------------------------------------------------------------


def confirm(
    reach: Reach, guard: t.Mapping[str, t.Any], users: t.Sequence[str], final: t.Collection[str] = SETTLED
) -> Outcome:
    """Have the host confirm over a fresh login for as long as it waits, then learn how it ended."""
    reach.tell(f"Confirming {_run(guard)} on {reach.host} by a fresh login")
    tries = _Tries(reach, guard["run_id"], reach.clock() + guard["seconds_left"])
    while tries.left > 0:
        answer = tries.ask("confirmed", final, break_glass_users=list(users))
        state = tries.state(answer)
        if state in final:
            return tries.outcome(answer)
        if state == ARMED:  # the host counts, not this clock
            guard = guard_of(answer)
            tries.end = reach.clock() + guard["seconds_left"]
        tries.rest()
    return _learn(tries, guard, final)


def _learn(tries: _Tries, guard: t.Mapping[str, t.Any], final: t.Collection[str] = SETTLED) -> Outcome:
    """The time is over. The host reverts now, and says so as soon as it can be reached."""
    tries.reach.tell(f"The time to confirm {_run(guard)} is over; asking {tries.reach.host} what became of it")
    tries.end, tries.pause = tries.reach.clock() + GRACE, 1.0
    tries.reach.sleep(REVERT_TAKES)
    while tries.left > 0:
        answer = tries.ask("status", (*final, ARMED))  # a host that is reverting yet was not asked in vain
        if tries.state(answer) in final:
            return tries.outcome(answer)
        tries.rest()
    return Outcome(UNKNOWN, {**NO_GUARD, **guard, "state": UNKNOWN, "seconds_left": 0}, tuple(tries.tried))


def take_back(reach: Reach, guard: t.Mapping[str, t.Any], final: t.Collection[str] = SETTLED, why: str = "") -> Outcome:
    """Have the host revert now; where it cannot be reached it does so by itself, and it is asked until then.

    ``why`` stands in the host's record, and has it also take back a run that nothing guards.
    """
    tries = _Tries(reach, guard["run_id"], reach.clock() + guard["seconds_left"])
    while tries.left > 0:
        answer = tries.ask("reverted", final, **({"why": why} if why else {}))
        if tries.state(answer) in final:
            return tries.outcome(answer)
        tries.rest()
    return _learn(tries, guard, final)


# --- a call that was cut ----------------------------------------------------------------------------------------------


def sent(reach: Reach, run_id: str, within: int, send: t.Callable[[], Result]) -> Result:
    """Make the call that may arm the guard ``run_id``. Where it is cut, see to it that the host takes it back."""
    try:
        result = send()
    except reach.lost as error:
        outcome = _after_cut(reach, run_id, str(error))
        if outcome.state == NONE:
            raise
        if not outcome.guard["run_id"]:
            raise type(error)(f"{error} {_by_itself(reach.host, within)}") from None
        return _cut(reach, outcome, str(error))
    if not result.get("failed") or "run_id" in result:
        return result
    outcome = _after_cut(reach, run_id, _complaint(result))
    if outcome.state == NONE:
        return result
    if not outcome.guard["run_id"]:
        return {**result, "msg": f"{result.get('msg', '')} {_by_itself(reach.host, within)}".strip()}
    return _cut(reach, outcome, _complaint(result))


def _after_cut(reach: Reach, run_id: str, error: str) -> Outcome:
    """What the host made of a call whose answer never came; a guard without a run id: it could not be asked.

    It is asked to revert, not only how it stands: the call may be at work there yet, and reverting waits for its end.
    """
    tries = _Tries(reach, run_id, reach.clock() + CUT_SECONDS)
    while not _REFUSED.search(error) and len(tries.tried) < CUT_TRIES and tries.left > 0:
        answer = tries.ask("reverted", (NONE, *SETTLED))
        state = tries.state(answer)
        if state == ARMED:
            return take_back(reach, guard_of(answer))
        if state:
            return tries.outcome(answer)
        error = tries.tried[-1]
        tries.rest()
    return Outcome(UNKNOWN, NO_GUARD, tuple(tries.tried))


def _by_itself(host: str, within: int) -> str:
    return (
        f"Should the run have begun to change what is guarded, {host} takes it back by itself within {within} seconds."
    )


def _cut(reach: Reach, outcome: Outcome, error: str) -> Result:
    """The result of a call that was cut after the host had armed its guard."""
    told = f"The connection to {reach.host} was lost before the result came ({error.rstrip('.')}). "
    told += told_of(outcome, reach.host)
    return {
        "failed": True,
        "changed": outcome.state != REVERTED,
        "run_id": outcome.guard["run_id"],
        "guard": dict(outcome.guard),
        "msg": told,
    }


# --- words ------------------------------------------------------------------------------------------------------------


def told_of(outcome: Outcome, host: str) -> str:
    """What a person must know of a change that was not confirmed, or whose confirmation was never asked for."""
    return " ".join(filter(None, [_TOLD[outcome.state](outcome.guard, host), _told_attempts(outcome.tried)]))


def _told_reverted(guard: t.Mapping[str, t.Any], host: str) -> str:
    at = f" at {guard['ended']}" if guard["ended"] else ""
    why = f": {guard['why'].rstrip('.')}" if guard["why"] else ""
    return f"{host} took back {_run(guard)}{at} and is as it was{why}."


def _told_confirmed(guard: t.Mapping[str, t.Any], host: str) -> str:
    return f"{host} keeps {_run(guard)}, which somebody confirmed at {guard['ended']}."


def _told_unknown(guard: t.Mapping[str, t.Any], host: str) -> str:
    until = f" at {guard['until']}" if guard["until"] else ""
    boot = ", and at its next boot" if guard["survives_reboot"] else ""
    return (
        f"Nobody knows whether {host} took back {_run(guard)}: it has not answered since. It takes it back by "
        f"itself{until}{boot}. Wait until then and try a login; if there is none, look at its console. "
        "See docs/when-a-host-takes-a-change-back.md."
    )


_TOLD = {REVERTED: _told_reverted, CONFIRMED: _told_confirmed, UNKNOWN: _told_unknown}


def _run(guard: t.Mapping[str, t.Any]) -> str:
    return f"run {guard['run_id']}" if guard["run_id"] else "the change"


def _told_attempts(tried: t.Sequence[str]) -> str:
    """The distinct attempts, the last three of them, each with how often it went that way."""
    if not tried:
        return ""
    distinct = sorted(set(tried), key=lambda text: len(tried) - tried[::-1].index(text))
    counted = [
        text.rstrip(".") + (f" ({tried.count(text)} times)" if tried.count(text) > 1 else "") for text in distinct
    ]
    tries = "once" if len(tried) == 1 else f"{len(tried)} times"
    return f"A fresh login was tried {tries} in vain: {'; '.join(counted[-3:])}."


def skipped_guard(why: str) -> Result:
    return {**NO_GUARD, "state": SKIPPED, "why": why}


def off_guard() -> Result:
    return {**NO_GUARD, "state": OFF, "why": "confirm_within is 0."}


# --- for the action plugins -------------------------------------------------------------------------------------------


def reach(
    action: t.Any,
    task_vars: t.Mapping[str, t.Any] | None,
    lost: tuple[type[Exception], ...],
    failures: tuple[type[Exception], ...],
    tell: t.Callable[[str], t.Any],
) -> Reach:
    """The host that an action works on, reached as its task says: same connection plugin, user and become."""

    def execute(asked: t.Mapping[str, t.Any]) -> Result:
        args = {**asked, "core": _core.packed()}
        made: Result = action._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        return made

    host = str(action._task.delegate_to or (task_vars or {}).get("inventory_hostname", "the host"))
    return Reach(host, action._connection, execute, lost, failures, tell)
