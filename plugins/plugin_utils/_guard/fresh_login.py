# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of commit-confirm: log in anew, have the host confirm, or learn what became of the change.

The host decides: it reverts by itself when nobody confirms. So nothing here counts but the host's own word; the
controller's clock only says when asking is over.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils import _core
from ansible_collections.healthops.clinical.plugins.module_utils._text.lines import split_lines
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
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.quiet import quiet

MODULE = "healthops.clinical.commit_confirm"

SETTLED = (CONFIRMED, REVERTED)

NO_GUARD: Mapping[str, Any] = no_guard()

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

Result = dict[str, Any]


def why_skipped(transport: str) -> str:
    """Return the reason why a change over this connection needs no guard, else nothing; an unknown one is guarded."""
    reason = _WITHOUT_LOGIN.get(transport.rpartition(".")[2])
    if reason:
        return f"{reason} ({transport}), so no login is at stake."
    return ""


def whole_number(value: Any, default: int) -> int:
    """Return an option that the module has yet to check; what is no number is the module's to refuse."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return default


def names(value: Any) -> list[str]:
    """Return a list option as Ansible's modules take it: a list, or names with commas between them."""
    listed = value.split(",") if isinstance(value, str) else value or []
    return [str(name).strip() for name in listed if str(name).strip()]


@dataclass(frozen=True)
class Reach:
    """How the controller reaches one host. All that takes time or can fail is handed in.

    ``execute`` runs the commit_confirm module with the arguments given. ``lost`` are the exceptions that mean that the
    connection broke, ``failures`` all that mean that the host could not be asked.
    """

    host: str
    connection: Any
    execute: Callable[[Mapping[str, Any]], Result]
    lost: tuple[type[Exception], ...]
    failures: tuple[type[Exception], ...]
    tell: Callable[[str], Any]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Any] = time.sleep


@dataclass(frozen=True)
class GuardOutcome:
    """What became of a guard: confirmed, reverted, none or unknown; what was tried in vain; the host's last answer."""

    state: str
    guard: Mapping[str, Any]
    tried: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)


# --- a fresh login ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def fresh(connection: Any, seconds: float, failures: tuple[type[Exception], ...]) -> Iterator[None]:
    """Close what is open, also what is shared, and be patient with the next login for as long as there is time."""
    with _patient(connection, seconds, failures):
        # Closed first: some plugins' reset logs in again at once when it finds itself connected.
        for way in ("close", "reset", "close"):
            with contextlib.suppress(AttributeError, *failures):
                getattr(connection, way)()
        yield


@contextlib.contextmanager
def _patient(connection: Any, seconds: float, failures: tuple[type[Exception], ...]) -> Iterator[None]:
    """Raise the connection's timeout, which bounds the login and the wait for the privilege escalation's prompt."""
    before: Any = None
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
    def seconds_left(self) -> float:
        return self.end - self.reach.clock()

    def ask(self, state: str, final: Collection[str] = SETTLED, **more: Any) -> Result:
        """Run the module with this state once, and note an answer that is not yet a ``final`` one."""
        answer = self._answer({"state": state, "run_id": self.run_id, **more})
        self.refused = not self.state(answer) and _REFUSED.search(_complaint(answer)) is not None
        if self.state(answer) not in final:
            self.tried.append(_complaint(answer))
            self.reach.tell(f"{self.reach.host} has not settled it yet: {self.tried[-1]}")
        return answer

    def _answer(self, args: Mapping[str, Any]) -> Result:
        reach = self.reach
        try:
            with fresh(reach.connection, self.seconds_left, reach.failures):
                return reach.execute(args)
        except reach.lost as error:  # pylint: disable=catching-non-exception
            return {"failed": True, "msg": _last_line(error)}  # before it may stand the whole banner of the host
        except reach.failures as error:  # pylint: disable=catching-non-exception
            # The directory for modules that an earlier call made may be gone, with a reboot for one.
            reach.connection._shell.tmpdir = None
            return {"failed": True, "msg": str(error)}

    def state(self, answer: Result) -> str:
        """Return the state that the host says of this guard; an answer about another one says nothing."""
        guard = guard_of(answer)
        known = guard["state"] == NONE or not self.run_id or guard["run_id"] == self.run_id
        if known and "guard" in answer:
            return str(guard["state"])
        return ""

    def wait(self) -> None:
        """Let some time pass until the next try, longer each time."""
        pause = REFUSED_PAUSE if self.refused else self.pause
        self.reach.sleep(max(0.0, min(pause, self.seconds_left)))
        self.pause = min(2 * self.pause, LONGEST_PAUSE)

    def outcome(self, answer: Result) -> GuardOutcome:
        """Return how it ended, by the host's last answer."""
        return GuardOutcome(
            state=self.state(answer),
            guard=guard_of(answer),
            tried=tuple(self.tried),
            answer=answer,
        )


def guard_of(result: Mapping[str, Any]) -> Result:
    """Return the guard of a result with all its keys, also where the result has none."""
    return {**NO_GUARD, **(result.get("guard") or {})}


def guard_or_run(result: Mapping[str, Any]) -> Result:
    """Return the guard of a result; for a run that nothing guards, one by which the host can be asked for it."""
    guard = guard_of(result)
    if guard["state"] == ARMED:
        return guard
    return {**NO_GUARD, "run_id": result.get("run_id", ""), "seconds_left": int(GRACE), "survives_reboot": False}


def _complaint(answer: Result) -> str:
    """Return the reason why an answer settles nothing, in one line; a program's last line says more than Ansible's."""
    lines = [answer.get("msg"), *(_last_line(answer.get(key)) for key in ("module_stderr", "module_stdout"))]
    reason = ": ".join(dict.fromkeys(" ".join(str(line).split()) for line in lines if line))
    return reason or f"the guard is {guard_of(answer)['state']}"


def _last_line(text: Any) -> str:
    lines = [line for line in split_lines(str(text or "")) if line.strip()]
    if lines:
        return lines[-1]
    return ""


# --- confirming -------------------------------------------------------------------------------------------------------


def confirm(
    reach: Reach,
    guard: Mapping[str, Any],
    users: Sequence[str],
    final: Collection[str] = SETTLED,
    watch_next_boot: Any = True,
) -> GuardOutcome:
    """Have the host confirm over a fresh login for as long as it waits, then learn how it ended.

    ``users`` are the break-glass accounts to check, ``final`` the states that end the asking. With ``watch_next_boot``
    the host looks again after its next boot.
    """
    reach.tell(f"Confirming {_run(guard)} on {reach.host} by a fresh login")
    tries = _Tries(reach, guard["run_id"], reach.clock() + guard["seconds_left"])
    while tries.seconds_left > 0:
        answer = tries.ask("confirmed", final, break_glass_users=list(users), watch_next_boot=watch_next_boot)
        state = tries.state(answer)
        if state in final:
            return tries.outcome(answer)
        if state == ARMED:  # the host counts, not this clock
            guard = guard_of(answer)
            tries.end = reach.clock() + guard["seconds_left"]
        tries.wait()
    return _learn(tries, guard, final)


def _learn(tries: _Tries, guard: Mapping[str, Any], final: Collection[str] = SETTLED) -> GuardOutcome:
    """Ask what became of it: the time is over, the host reverts now, and says so as soon as it can be reached."""
    tries.reach.tell(f"The time to confirm {_run(guard)} is over; asking {tries.reach.host} what became of it")
    tries.end, tries.pause = tries.reach.clock() + GRACE, 1.0
    tries.reach.sleep(REVERT_TAKES)
    while tries.seconds_left > 0:
        answer = tries.ask("status", (*final, ARMED))  # a host that is reverting yet was not asked in vain
        if tries.state(answer) in final:
            return tries.outcome(answer)
        tries.wait()
    return GuardOutcome(UNKNOWN, {**NO_GUARD, **guard, "state": UNKNOWN, "seconds_left": 0}, tuple(tries.tried))


def take_back(reach: Reach, guard: Mapping[str, Any], final: Collection[str] = SETTLED, why: str = "") -> GuardOutcome:
    """Have the host revert now; where it cannot be reached it does so by itself, and it is asked until then.

    ``why`` stands in the host's record, and has it also take back a run that nothing guards.
    """
    tries = _Tries(reach, guard["run_id"], reach.clock() + guard["seconds_left"])
    more = {"why": why} if why else {}
    while tries.seconds_left > 0:
        answer = tries.ask("reverted", final, **more)
        if tries.state(answer) in final:
            return tries.outcome(answer)
        tries.wait()
    return _learn(tries, guard, final)


# --- a call that was cut ----------------------------------------------------------------------------------------------


def sent(reach: Reach, run_id: str, within: int, send: Callable[[], Result]) -> Result:
    """Make the call that may arm the guard ``run_id`` for ``within`` seconds, and return its result.

    Where the call is cut, see to it that the host takes the change back; raises what ``send`` raises where nothing can
    be said of it.
    """
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


def _after_cut(reach: Reach, run_id: str, error: str) -> GuardOutcome:
    """Learn what the host made of a call whose answer never came; a guard without a run id: it could not be asked.

    It is asked to revert, not only how it stands: the call may be at work there yet, and reverting waits for its end.
    """
    tries = _Tries(reach, run_id, reach.clock() + CUT_SECONDS)
    while not _REFUSED.search(error) and len(tries.tried) < CUT_TRIES and tries.seconds_left > 0:
        answer = tries.ask("reverted", (NONE, *SETTLED))
        state = tries.state(answer)
        if state == ARMED:
            return take_back(reach, guard_of(answer))
        if state:
            return tries.outcome(answer)
        error = tries.tried[-1]
        tries.wait()
    return GuardOutcome(UNKNOWN, NO_GUARD, tuple(tries.tried))


def _by_itself(host: str, within: int) -> str:
    return (
        f"Should the run have begun to change what is guarded, {host} takes it back by itself within {within} seconds."
    )


def _cut(reach: Reach, outcome: GuardOutcome, error: str) -> Result:
    """Return the result of a call that was cut after the host had armed its guard."""
    msg = f"The connection to {reach.host} was lost before the result came ({error.rstrip('.')}). "
    msg += describe_outcome(outcome, reach.host)
    return {
        "failed": True,
        "changed": outcome.state != REVERTED,
        "run_id": outcome.guard["run_id"],
        "guard": dict(outcome.guard),
        "msg": msg,
    }


# --- words ------------------------------------------------------------------------------------------------------------


def describe_outcome(outcome: GuardOutcome, host: str) -> str:
    """Return what a person must know of a change that was not confirmed, or whose confirmation was never asked for."""
    sentences = [_SENTENCES[outcome.state](outcome.guard, host), _describe_attempts(outcome.tried)]
    return " ".join(filter(None, sentences))


def _describe_reverted(guard: Mapping[str, Any], host: str) -> str:
    at = f" at {guard['ended']}" if guard["ended"] else ""
    why = f": {guard['why'].rstrip('.')}" if guard["why"] else ""
    return f"{host} took back {_run(guard)}{at} and is as it was{why}."


def _describe_confirmed(guard: Mapping[str, Any], host: str) -> str:
    return f"{host} keeps {_run(guard)}, which somebody confirmed at {guard['ended']}."


def _describe_unknown(guard: Mapping[str, Any], host: str) -> str:
    until = f" at {guard['until']}" if guard["until"] else ""
    boot = ", and at its next boot" if guard["survives_reboot"] else ""
    return (
        f"Nobody knows whether {host} took back {_run(guard)}: it has not answered since. It takes it back by "
        f"itself{until}{boot}. Wait until then and try a login; if there is none, look at its console. "
        "See docs/when-a-host-takes-a-change-back.md."
    )


_SENTENCES = {REVERTED: _describe_reverted, CONFIRMED: _describe_confirmed, UNKNOWN: _describe_unknown}


def _run(guard: Mapping[str, Any]) -> str:
    return f"run {guard['run_id']}" if guard["run_id"] else "the change"


def _describe_attempts(tried: Sequence[str]) -> str:
    """Return the last three distinct attempts, each with how often it went that way."""
    if not tried:
        return ""
    distinct = sorted(set(tried), key=lambda text: len(tried) - tried[::-1].index(text))
    counted = [_with_count(text, tried.count(text)) for text in distinct]
    tries = "once" if len(tried) == 1 else f"{len(tried)} times"
    return f"A fresh login was tried {tries} in vain: {'; '.join(counted[-3:])}."


def _with_count(text: str, count: int) -> str:
    text = text.rstrip(".")
    return f"{text} ({count} times)" if count > 1 else text


def skipped_guard(why: str) -> Result:
    """Return the guard of a result where no login is at stake."""
    return {**NO_GUARD, "state": SKIPPED, "why": why}


def off_guard() -> Result:
    """Return the guard of a result where the play switched it off."""
    return {**NO_GUARD, "state": OFF, "why": "confirm_within is 0."}


# --- for the action plugins -------------------------------------------------------------------------------------------


def reach(
    action: Any,
    task_vars: Mapping[str, Any] | None,
    lost: tuple[type[Exception], ...],
    failures: tuple[type[Exception], ...],
    tell: Callable[[str], Any],
) -> Reach:
    """Return how to reach the host that an action works on as its task says: same connection plugin, user, become."""

    def execute(args: Mapping[str, Any]) -> Result:
        sent = {**args, "core": _core.packed("commit_confirm")}
        result: Result = action._execute_module(module_name=MODULE, module_args=sent, task_vars=quiet(task_vars))
        return result

    host = str(action._task.delegate_to or (task_vars or {}).get("inventory_hostname", "the host"))
    return Reach(
        host=host,
        connection=action._connection,
        execute=execute,
        lost=lost,
        failures=failures,
        tell=tell,
    )
