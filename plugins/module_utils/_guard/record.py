# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guard: the run that it guards is taken back unless somebody confirms it in time.

Its record lies beside the journal of its run and is the only truth about it. What goes off is an alarm that may go off
as often as it likes: it asks the record.
"""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .._change import journal, run_store, ssh_server
from .._change.subjects.units import show
from .._errors import ClinicalError
from .._host.boot import boot_id
from .._host.door import Host
from .._vocabulary.guard import ARMED, KEYS, REVERTED, no_guard
from .._vocabulary.run_id import RunId
from .._vocabulary.stamp import stamp_of
from . import alarm

FOREIGN = "Find out who wrote below /var/lib/healthops; nothing of it was run."

SHORTEST, LONGEST = 10, 3600


@dataclass(frozen=True)
class GuardTerms:
    """How a change is to be guarded: ``within`` how many seconds it has to be confirmed.

    ``units`` are reloaded and ``commands`` run once it was taken back. Of ``held`` units, those that have started
    meanwhile, and so read what was taken back, are restarted; the others go on undisturbed. ``drains`` that were not
    active before are lifted.
    """

    within: int
    units: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    drains: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Guard:
    """The record of a guard.

    ``deadline`` is in seconds of the monotonic clock of the boot ``boot_id``; ``until`` and ``ended`` are wall-clock
    times for people. ``armed_by`` is when the arming process started, in clock ticks: only a younger login counts.
    ``reload`` and ``running`` are the units to reload, and those that ran, for after the change was taken back;
    ``held`` are the invocations of units that are restarted then if they have another one, ``lifted`` units that are
    stopped and disabled.
    ``announced`` is whether a later run has told its people how this one ended; on the disk its key is ``told``.
    """

    run_id: str
    state: str
    within: int
    until: str
    deadline: float
    boot_id: str
    armed_by: int
    reload: tuple[str, ...]
    running: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    survives_reboot: bool
    ended: str = ""
    why: str = ""
    announced: bool = False
    held: Mapping[str, str] = field(default_factory=dict)
    lifted: tuple[str, ...] = ()


def check_within(within: int) -> None:
    """Refuse a time in which nobody could log in, or for which nobody would wait."""
    if not SHORTEST <= within <= LONGEST:
        reason = f"it is not between {SHORTEST} and {LONGEST} seconds"
        raise ClinicalError("Using confirm_within", str(within), reason, "120 is a good value.")


def load(host: Host, run_id: str) -> Guard | None:
    """Return the guard of a run, or None where it has none.

    A record that cannot be read counts as armed and overdue while there is an alarm that it may belong to.
    """
    content = host.read(_path(run_id))
    if content is None:
        return None
    record = run_store.unline(content.rstrip(b"\n"))
    if record is None:
        if alarm.is_prepared(host):
            return _overdue(run_id)
        return None
    if record.get("run_id") != run_id:
        raise ClinicalError("Reading the guard of", run_id, f"its record is that of {record.get('run_id')}", FOREIGN)
    return _from_record(record)


def _overdue(run_id: str) -> Guard:
    """Return the guard that stands for a record that cannot be read."""
    return Guard(
        run_id=run_id,
        state=ARMED,
        within=0,
        until="",
        deadline=0.0,
        boot_id="",
        armed_by=0,
        reload=(),
        running=ssh_server.SERVICES,
        commands=(),
        survives_reboot=False,
    )


def newest(host: Host, state: str = "") -> Guard | None:
    """Return the guard of the newest run that has one (in that state), or None."""
    for run in reversed(journal.runs(host)):
        guard = load(host, run.run_id)
        if guard is not None and state in ("", guard.state):
            return guard
    return None


def armed(host: Host) -> Guard | None:
    """Return the guard that waits for a confirmation, or None."""
    return newest(host, ARMED)


def unsettled(host: Host) -> Guard | None:
    """Return the guard that a new run has to care about, or None.

    That is an armed one, or the newest, where nobody was told yet that it took its run back.
    """
    last = newest(host)
    return armed(host) or (last if last is not None and last.state == REVERTED and not last.announced else None)


def seconds_left(host: Host, guard: Guard) -> int:
    """Return the seconds until it is due; none are left after a reboot."""
    if guard.state != ARMED or guard.boot_id != boot_id(host):
        return 0
    return max(0, math.ceil(guard.deadline - host.monotonic()))


def arm(host: Host, run_id: str, terms: GuardTerms, units: Sequence[str] = ()) -> Guard:
    """Have the journaled run taken back after ``terms.within`` seconds, and at the next boot.

    Raises ClinicalError where that cannot be promised; then nothing is armed, and an earlier guard is as it was.
    """
    from .._host.login import own_start  # the many runs that arm nothing do not pay for reading it

    earlier = load(host, run_id)
    states = show(host, [*terms.units, *terms.held, *terms.drains, *units, *ssh_server.UNITS])
    guard = _from_now(
        host,
        Guard(
            run_id=run_id,
            state=ARMED,
            within=terms.within,
            until="",
            deadline=0.0,
            boot_id=boot_id(host),
            armed_by=own_start(host),
            reload=terms.units,
            running=tuple(name for name, unit in states.items() if unit.running),
            commands=terms.commands,
            survives_reboot=alarm.survives_reboot(host),
            held={name: states[name].invocation for name in terms.held if name in states},
            lifted=tuple(name for name in terms.drains if name in states and not states[name].running),
        ),
    )
    try:
        alarm.prepare(host)
        _write(host, guard)
        alarm.set_off_in(host, terms.within)
    except ClinicalError:
        alarm.clear(host)
        if earlier is None:
            host.remove(_path(run_id))
        else:
            _write(host, earlier)
        raise
    return guard


def renew(host: Host, guard: Guard) -> Guard:
    """Let the time begin anew and return the guard: whatever goes off earlier waits for it."""
    later = _from_now(host, guard)
    _write(host, later)
    return later


def end(host: Host, guard: Guard, state: str, why: str) -> Guard:
    """Note how it ended, and only then take the alarm away: one that still goes off finds nothing to do.

    ``state`` is confirmed or reverted. Returns the guard as it ended.
    """
    ended = replace(guard, state=state, why=why, ended=stamp_of(host.now()))
    _write(host, ended)
    alarm.clear(host)
    return ended


def note_announced(host: Host, guard: Guard) -> None:
    """Note that people have been told how it ended."""
    _write(host, replace(guard, announced=True))


def as_result(host: Host, guard: Guard | None) -> dict[str, Any]:
    """Return a guard as a module's result has it; always the same keys."""
    if guard is None:
        return no_guard(alarm.survives_reboot(host))
    record = {**asdict(guard), "seconds_left": seconds_left(host, guard)}
    return {key: record[key] for key in KEYS}


def guard_of_run(host: Host, run_id: str) -> dict[str, Any]:
    """Return the guard for the result of a run that failed; as if there were none where that cannot be read."""
    try:
        return as_result(host, load(host, run_id))
    except ClinicalError:
        return as_result(host, None)


def _from_now(host: Host, guard: Guard) -> Guard:
    return replace(guard, deadline=host.monotonic() + guard.within, until=stamp_of(host.now() + guard.within))


def _path(run_id: str) -> str:
    return posixpath.join(journal.JOURNAL, RunId.of(run_id), "guard")


def _write(host: Host, guard: Guard) -> None:
    host.write(_path(guard.run_id), run_store.line(_as_record(guard)), 0o600, 0, 0, {})


def _as_record(guard: Guard) -> dict[str, Any]:
    """Return a guard as it lies on the disk, as plain JSON data."""
    record: dict[str, Any] = json.loads(json.dumps(asdict(guard)))
    record["told"] = record.pop("announced")
    return record


def _from_record(record: dict[str, Any]) -> Guard:
    """Return the guard that ``_as_record`` made the record of, or an earlier release did."""
    values = {**record, "announced": record.get("told", False)}
    values.pop("told", None)
    if trouble := run_store.misfit(Guard, values):
        reason = f"a newer release of this collection wrote it; {trouble}"
        raise ClinicalError("Reading the guard of the run", values["run_id"], reason, "Use that release.")
    for key in ("reload", "running", "lifted"):
        values[key] = tuple(record.get(key, ()))
    values["commands"] = tuple(tuple(argv) for argv in record["commands"])
    return Guard(**values)
