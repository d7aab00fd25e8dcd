# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd runs and what it starts at boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from ..._text.numbers import is_natural
from .base import Image, WholeSubject

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "FragmentPath",
    "StateChangeTimestampMonotonic",
    "NeedDaemonReload",
    "InvocationID",
)
#: Where enabling a unit leaves its links: systemd's own, and those of the older init scripts.
ENABLING_FOLDERS = "/etc/systemd/system:" + ":".join(f"/etc/rc{level}.d" for level in "0123456S")


#: The verb of the effect that starts a unit and does not wait for it.
BEGIN = "begin"


@dataclass(frozen=True)
class Unit:
    """A unit as systemd sees it. ``since`` is when it last changed state or was reloaded, in wall-clock seconds.

    ``outdated`` is true where systemd has not read its files since they changed. ``invocation`` is another one after
    each start.
    """

    name: str
    loaded: str
    active: str
    enabled: str
    fragment: str
    since: float
    outdated: bool = False
    invocation: str = ""

    @property
    def exists(self) -> bool:
        """True where systemd knows such a unit."""
        return self.loaded not in ("not-found", "")

    @property
    def masked(self) -> bool:
        """True where nothing can start it."""
        return self.loaded == "masked" or self.enabled.startswith("masked")

    @property
    def starts_at_boot(self) -> bool:
        """True where it was enabled, for good or until the next boot."""
        return self.enabled in ("enabled", "enabled-runtime")

    @property
    def running(self) -> bool:
        """True where it runs, or is about to."""
        return self.active in ("active", "activating", "reloading")


def has_systemd(host: Host) -> bool:
    """Return True where systemd is the init of this host, as sd_booted(3) asks it."""
    return host.stat("/run/systemd/system") is not None


def show(host: Host, names: Sequence[str]) -> dict[str, Unit]:
    """Return the state of several units, asked in one command; empty where systemd does not run.

    >>> show(host, ["ssh.service"])["ssh.service"].running
    True
    """
    return {name: parse_show(block, host) for name, block in shown(host, names, PROPERTIES).items()}


def shown(host: Host, names: Sequence[str], properties: Sequence[str]) -> dict[str, str]:
    """Return what ``systemctl show`` prints of each unit, by its name; empty where systemd does not run."""
    wanted = list(dict.fromkeys(names))
    if not wanted or not has_systemd(host):
        return {}
    done = host.run(["systemctl", "show", "--property", ",".join(properties), "--", *wanted])
    if done.rc != 0:
        raise ClinicalError("Reading the state of", ", ".join(wanted), done.err_line, "Does systemctl work there?")
    blocks = done.out.split("\n\n")
    if len(blocks) != len(wanted):
        reason = f"systemctl show answers with {len(blocks)} blocks about {len(wanted)} units"
        raise ClinicalError("Reading the state of", ", ".join(wanted), reason, "Does systemctl work there?")
    return dict(zip(wanted, blocks))


def properties_of(block: str) -> dict[str, str]:
    """Return the lines of Property=value that ``systemctl show`` prints of one unit."""
    return dict(line.split("=", 1) for line in split_lines(block.strip()) if "=" in line)


def parse_show(block: str, host: Host) -> Unit:
    """Return one unit out of what ``systemctl show`` prints of it."""
    properties = properties_of(block)
    changed = properties.get("StateChangeTimestampMonotonic", "")
    return Unit(
        name=properties.get("Id", ""),
        loaded=properties.get("LoadState", ""),
        active=properties.get("ActiveState", ""),
        enabled=properties.get("UnitFileState", ""),
        fragment=properties.get("FragmentPath", ""),
        since=host.since_boot(int(changed)) if is_natural(changed) and changed != "0" else 0.0,
        outdated=properties.get("NeedDaemonReload") == "yes",
        invocation=properties.get("InvocationID", ""),
    )


def changed_since(host: Host, path: str, since: float) -> bool:
    """Return whether a file was changed after a unit last read it; a link is followed."""
    info = host.stat(host.resolve(path))
    return info is not None and info.ctime > since


def systemctl(host: Host, verb: str, *units: str) -> None:
    """Run one systemctl verb; raises ClinicalError where systemd refuses it."""
    done = host.run(["systemctl", "--no-ask-password", verb, *units], timeout=180.0)
    if done.rc != 0:
        subject = " ".join(units) or "systemd"
        raise ClinicalError(f"systemctl {verb}", subject, done.err_line, f"See: journalctl -u {subject}")


@dataclass(frozen=True)
class ActiveUnit(WholeSubject):
    """Whether a unit runs; None where there is no such unit, which comes and goes with its package or its file."""

    unit: str
    type = "unit"
    COMES_WITH_OTHERS = True

    @property
    def name(self) -> str:
        return self.unit

    def capture(self, host: Host) -> Image:
        """Return {"active": whether it runs}, None where there is no such unit."""
        unit = show(host, [self.unit]).get(self.unit)
        if unit is None or not unit.exists:
            return {"active": None}
        return {"active": unit.running}

    def put(self, host: Host, image: Image) -> None:
        now, wanted = self.capture(host)["active"], bool(image["active"])
        if now in (None, wanted):
            return
        self.have_read(host)
        systemctl(host, "start" if wanted else "stop", self.unit)

    def have_read(self, host: Host) -> None:
        """Have systemd read its units anew: a mask that was just laid or lifted counts only after this."""
        systemctl(host, "daemon-reload")

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        return _is_new_and_off(now["active"], before["active"]) or super().is_partial(now, before, after)


@dataclass(frozen=True)
class OwnUnit(ActiveUnit):
    """A unit of a system that is configured. One that was not there before is stopped before its file goes.

    With ``anew`` in an image it is started once more where its package has started it already, with other settings.
    """

    type = "own unit"

    def put(self, host: Host, image: Image) -> None:
        running = bool(self.capture(host)["active"])
        if image["active"] and running and image.get("anew"):
            systemctl(host, "restart", self.unit)
        elif image["active"] or running:
            super().put(host, {"active": bool(image["active"])})

    def have_read(self, host: Host) -> None:
        """Have systemd read its units anew where it says itself that this one has changed; nobody masks it here."""
        if show(host, [self.unit])[self.unit].outdated:
            super().have_read(host)

    def matches(self, image: Image, wanted: Image) -> bool:
        return bool(image["active"]) == bool(wanted["active"])

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Say so also of one that a run stopped and then took away, and that was cut after that."""
        return self.matches(now, after) or super().is_partial(now, before, after)


@dataclass(frozen=True)
class EnabledUnit(WholeSubject):
    """Whether a unit is started at boot; None where there is no such unit.

    A Tree over ENABLING_FOLDERS beside it keeps the links to the byte.
    """

    unit: str
    type = "start at boot of unit"
    COMES_WITH_OTHERS = True

    @property
    def name(self) -> str:
        return self.unit

    def capture(self, host: Host) -> Image:
        """Return {"enabled": whether it starts at boot}, None where there is no such unit."""
        unit = show(host, [self.unit]).get(self.unit)
        if unit is None or not unit.exists:
            return {"enabled": None}
        return {"enabled": unit.starts_at_boot}

    def put(self, host: Host, image: Image) -> None:
        if image["enabled"] is not None and bool(self.capture(host)["enabled"]) != image["enabled"]:
            systemctl(host, "enable" if image["enabled"] else "disable", self.unit)

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        return _is_new_and_off(now["enabled"], before["enabled"]) or super().is_partial(now, before, after)


def _is_new_and_off(now: bool | None, before: bool | None) -> bool:
    """Return whether a unit is there by now that was not, and nothing more: a run was cut once it had brought it."""
    return before is None and now is False
