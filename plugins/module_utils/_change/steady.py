# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether units run, and go on running, after they were told new settings: some die a second later."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import ClinicalError
from .._host.door import Host
from .subjects.units import has_systemd, properties_of, shown

#: How long a unit may take until it runs, and how long it is watched then, in seconds.
STARTING, WATCHED = 60.0, 2.0
_INTERVAL = 0.25
_PROPERTIES = ("Id", "ActiveState", "SubState", "Result", "InvocationID", "NRestarts")


def require_steady(host: Host, units: Sequence[str]) -> None:
    """Watch the units for a while. Raises ClinicalError, with what it said, for one that does not run all the time."""
    if not units or not has_systemd(host):
        return
    first = _await_running(host, units)
    end = host.monotonic() + WATCHED
    while host.monotonic() < end:
        host.sleep(_INTERVAL)
        for unit, state in _states(host, units).items():
            if not _is_running(state) or state["InvocationID"] != first[unit]["InvocationID"]:
                _fail(host, unit, state)


def _await_running(host: Host, units: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the states of the units once all of them run."""
    end = host.monotonic() + STARTING
    while True:
        states = _states(host, units)
        late = [unit for unit, state in states.items() if not _is_running(state)]
        if not late:
            return states
        starting = all(states[unit]["ActiveState"] in ("activating", "reloading") for unit in late)
        if not starting or host.monotonic() >= end or any(states[unit]["NRestarts"] not in ("", "0") for unit in late):
            _fail(host, late[0], states[late[0]])
        host.sleep(_INTERVAL)


def _is_running(state: dict[str, str]) -> bool:
    return state["ActiveState"] == "active"


def _states(host: Host, units: Sequence[str]) -> dict[str, dict[str, str]]:
    unknown = dict.fromkeys(_PROPERTIES, "")
    return {unit: {**unknown, **properties_of(block)} for unit, block in shown(host, units, _PROPERTIES).items()}


def _fail(host: Host, unit: str, state: dict[str, str]) -> None:
    said = host.run(["journalctl", "--quiet", "--no-pager", "--output", "cat", "--lines", "5", "--unit", unit])
    last_words = " ".join(line.strip() for line in said.out.split("\n") if line.strip())[-400:] or "nothing"
    how = f"{state['ActiveState']}, {state['Result'] or state['SubState']}"
    problem = f"it does not go on running ({how}). It said: {last_words}"
    raise ClinicalError("Running with the new settings", unit, problem, f"See: journalctl -u {unit}")
