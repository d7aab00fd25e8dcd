# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the values of settings mean, and which of two is the stricter: sizes, times, counts, modes, booleans, hashes.

Each program spells them in its own way and has its own word for "without end", which is never a small number. It knows
no host and no file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .._vocabulary.results import setting_text

#: Operations that compare by order, with the words before the limit.
ORDERED = {"at_most": "at most ", "at_least": "at least ", "up_to": "1 to "}
OPERATIONS = ("equal", *ORDERED)
_ENDLESS = math.inf
#: The largest first; the last stands for no unit at all.
_SYSTEMD_SIZES = "EPTGMKB-"
_SYSTEMD_TIMES = {
    **dict.fromkeys(("usec", "us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("", "seconds", "second", "sec", "s"), 1.0),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), 86400.0),
    **dict.fromkeys(("weeks", "week", "w"), 604800.0),
    **dict.fromkeys(("months", "month", "M"), 2629800.0),
    **dict.fromkeys(("years", "year", "y"), 31557600.0),
}
_TRUE = {
    "systemd": ("1", "yes", "y", "true", "t", "on"),
    "apt": ("yes", "true", "with", "on", "enable"),
}
_FALSE = {
    "systemd": ("0", "no", "n", "false", "f", "off"),
    "apt": ("no", "false", "without", "off", "disable"),
}
#: Of what login.defs calls them, the quickest to guess first.
_HASHES = ("DES", "MD5", "SHA256", "SHA512", "BCRYPT", "YESCRYPT")


@dataclass(frozen=True)
class Measure:
    """How values of one kind are read and ordered.

    ``read`` returns None for what the program does not understand. Of ``bits`` a value is at most another where it has
    no bit that the other lacks.
    """

    read: Callable[[str], float | None]
    bits: bool = False

    def at_most(self, value: float, limit: float) -> bool:
        """Return whether a value is no more than the limit; of bits, whether it has none that the limit has not."""
        return not int(value) & ~int(limit) if self.bits else value <= limit


def _number(text: str) -> float | None:
    if re.fullmatch(r"\s*[+-]?[0-9]+", text, re.ASCII):
        return float(text)
    return None


def _scanned(text: str) -> float | None:
    """Read a number as ``sscanf`` does for faillock: what stands after it does not count."""
    match = re.match(r"\s*([+-]?[0-9]+)", text)
    if match:
        return float(int(match[1]) % 2**32)
    return None


def _seconds_or_never(text: str) -> float | None:
    return _ENDLESS if text == "never" else _zero_is_endless(_scanned)(text)


def _zero_is_endless(read: Callable[[str], float | None]) -> Callable[[str], float | None]:
    return lambda text: _ENDLESS if read(text) == 0 else read(text)


def _mode(text: str) -> float | None:
    if re.fullmatch(r"[0-7]{1,6}", text):
        return float(int(text, 8))
    return None


def _login_number(text: str) -> float | None:
    """Read a number as shadow does: with a nought before it, it is octal."""
    if re.fullmatch(r"0[0-7]*", text):
        return float(int(text, 8))
    if re.fullmatch(r"[1-9][0-9]*|0[xX][0-9a-fA-F]+", text):
        return float(int(text, 0))
    return None


def _login_mode(text: str) -> float | None:
    """Read a mode that all readers of login.defs take alike; without a nought before it, shadow reads it as decimal."""
    if text.startswith("0"):
        return _mode(text)
    return None


def _leading_mode(text: str) -> float | None:
    """Read a mode as Perl does for adduser: what stands after it does not count."""
    match = re.match(r"[ \t]*([0-7]+)", text)
    if match:
        return float(int(match[1], 8))
    return None


def _amounts(text: str, number: str) -> list[tuple[float, str]] | None:
    """Return the numbers of a text with the unit after each, as in ``1G 512M`` or ``1h30min``."""
    rest, amounts = text.strip(), list[tuple[float, str]]()
    while rest:
        match = re.match(rf"\s*({number})\s*([A-Za-zµμ]*)", rest)
        if match is None:
            return None
        amounts.append((float(match[1]), match[2]))
        rest = rest[match.end() :]
    return amounts or None


def _systemd_bytes(text: str) -> float | None:
    """Read sizes, of which each has to have a smaller unit than the one before it."""
    amounts = _amounts(text, r"[0-9]+(?:\.[0-9]+)?") or []
    units = [unit for _number, unit in amounts]
    order = [_SYSTEMD_SIZES.find(unit or "-") for unit in units]
    if not amounts or -1 in order or order != sorted(set(order)):
        return None
    return sum(number * 1024.0 ** max(0, 6 - place) for place, (number, _unit) in zip(order, amounts))


def _systemd_seconds(text: str) -> float | None:
    if text.strip() == "infinity":
        return _ENDLESS
    amounts = _amounts(text, r"[0-9]*\.?[0-9]+|[0-9]+\.") or []
    if not amounts or any(unit not in _SYSTEMD_TIMES for _number, unit in amounts):
        return None
    return sum(number * _SYSTEMD_TIMES[unit] for number, unit in amounts)


def _boolean(program: str) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        if text.lower() in _TRUE[program]:
            return 1.0
        if text.lower() in _FALSE[program]:
            return 0.0
        return None

    return read


def _apt_boolean(text: str) -> float | None:
    return _number(text) if text in ("0", "1") else _boolean("apt")(text)


def _login_boolean(text: str) -> float | None:
    return float(text.lower() == "yes")  # for the programs of shadow all other words are no


def _sudo_minutes(text: str) -> float | None:
    """Read minutes with a fraction; less than none is a password that is remembered for ever."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
        return None
    return _ENDLESS if text.startswith("-") and float(text) else float(text)


def _hash(text: str) -> float | None:
    if text in _HASHES:
        return float(_HASHES.index(text))
    return None


MEASURES = {
    "number": Measure(_number),
    "faillock_number": Measure(_scanned),
    "seconds_or_never": Measure(_seconds_or_never),
    "mode": Measure(_mode, bits=True),
    "login_mode": Measure(_login_mode, bits=True),
    "login_number": Measure(_login_number),
    "adduser_mode": Measure(_leading_mode, bits=True),
    "systemd_bytes": Measure(_systemd_bytes),
    "systemd_bytes_or_endless": Measure(_zero_is_endless(_systemd_bytes)),
    "systemd_seconds": Measure(_systemd_seconds),
    "systemd_seconds_or_endless": Measure(_zero_is_endless(_systemd_seconds)),
    "systemd_boolean": Measure(_boolean("systemd")),
    "apt_boolean": Measure(_apt_boolean),
    "login_boolean": Measure(_login_boolean),
    "sudo_minutes": Measure(_sudo_minutes),
    "password_hash": Measure(_hash),
}


def compare(op: str, value: str, wanted: Any, accept: Sequence[Any] = (), measure: str = "") -> bool:
    """Return whether ``value``, as a file or a program spells it, is what is wanted or stricter.

    ``equal`` without a measure compares words. ``up_to`` is for settings in which nought switches the limit off.
    Whatever stands in ``accept`` is accepted too.
    """
    accepted = [setting_text(alternative) for alternative in accept]
    if value in accepted:
        return True
    if measure and any(_compare_measured("equal", value, alternative, MEASURES[measure]) for alternative in accepted):
        return True
    if op == "equal" and not measure:
        return value == setting_text(wanted)
    return _compare_measured(op, value, setting_text(wanted), MEASURES[measure or "number"])


def _compare_measured(op: str, value: str, wanted: str, measure: Measure) -> bool:
    amount, limit = measure.read(value), measure.read(wanted)
    if amount is None or limit is None:
        return False
    if op == "equal":
        return amount == limit
    if op == "at_least":
        return measure.at_most(limit, amount)
    return measure.at_most(amount, limit) and (op == "at_most" or amount > 0)


def describe_wanted(op: str, value: Any, accept: Sequence[Any] = ()) -> str:
    """Return the wanted value in words, as the report shows it: ``at most 4``, ``1 or 2``."""
    prefix = ORDERED.get(op, "")
    return " or ".join([prefix + (setting_text(value) or "set"), *(setting_text(accepted) for accepted in accept)])


@dataclass(frozen=True)
class Parts:
    """A value of several numbers with an operation for each. What is ``at_least`` makes it stricter and is no limit."""

    separator: str
    operations: tuple[str, ...]

    def within(self, value: str, limits: str) -> bool:
        """Return whether no number is beyond its limit."""
        parts = self._pairs(value, limits)
        judged = [part for part in parts if part[0] != "at_least"]
        return len(parts) == len(self.operations) and all(compare(*part) for part in judged)

    def strictest(self, value: str, limits: str) -> str:
        """Return of each number the stricter one, so that setting limits never weakens what was stricter."""
        parts = self._pairs(value, limits)
        if len(parts) != len(self.operations):
            return limits
        return self.separator.join(part[1] if compare(*part) else part[2] for part in parts)

    def _pairs(self, value: str, limits: str) -> list[tuple[str, str, str]]:
        numbers, wanted = value.split(self.separator), limits.split(self.separator)
        if not len(numbers) == len(wanted) == len(self.operations):
            return []
        return list(zip(self.operations, numbers, wanted))
