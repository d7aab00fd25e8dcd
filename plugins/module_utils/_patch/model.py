# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package, change, source, plan: the records that both package managers speak of. Knows neither of them.

Everything here goes to plain data and back without loss: the plan that a run follows is kept on the host as JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .._vocabulary.patch import LEFT_OUT

UPGRADE = "upgrade"
INSTALL = "install"
REMOVE = "remove"
DOWNGRADE = "downgrade"


def key_of(name: str, arch: str) -> str:
    """Return a package's name with its architecture, where it was built for one."""
    return name if arch in ("all", "noarch") else f"{name}:{arch}"


@dataclass(frozen=True)
class InstalledPackage:
    """One package as it is installed. ``intact`` is false where its installation was cut or failed.

    Where versions stand beside each other (``side_by_side``), as kernels of dnf do, ``version`` is the latest, and
    ``earlier`` are all other ones.
    """

    name: str
    arch: str
    version: str
    source: str
    source_version: str
    intact: bool = True
    held: bool = False
    side_by_side: bool = False
    earlier: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The package's name on this host, as the package manager takes it."""
        return key_of(self.name, self.arch)

    def has(self, version: str) -> bool:
        """Return whether this version is installed."""
        return version in (self.version, *self.earlier)


@dataclass(frozen=True)
class PackageChange:
    """One package of the set, worded so that a person can decide on it.

    ``old`` and ``new`` are versions, empty where there is none; ``source_old`` and ``source_new`` those of the source
    package, which is what advisories speak of. ``security`` is None where nobody can tell. ``checksum`` is that of the
    new version's file with its kind, as the signed lists of ``origin`` have it (``sha256:...``).
    """

    name: str
    arch: str
    change: str
    old: str = ""
    new: str = ""
    security: bool | None = None
    why: tuple[str, ...] = ()
    advisories: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    severity: str = "unknown"
    epss: float | None = None
    first_seen: str = ""
    deadline: str | None = None
    days_left: int | None = None
    restarts: tuple[str, ...] = ()
    reboot: bool = False
    download_bytes: int = 0
    installed_bytes: int = 0
    origin: str = ""
    checksum: str = ""
    source: str = ""
    source_old: str = ""
    source_new: str = ""

    @property
    def key(self) -> str:
        """The package's name on this host, as the package manager takes it."""
        return key_of(self.name, self.arch)

    def as_result(self) -> dict[str, Any]:
        """Return it as the module does: ``from`` and ``to``, lists instead of tuples."""
        result = _as_plain_data(self)
        result["from"], result["to"] = result.pop("old"), result.pop("new")
        return result

    @classmethod
    def from_result(cls, data: Mapping[str, Any]) -> PackageChange:
        """Return the change that ``as_result`` returned this of; keys of others are passed over."""
        change: PackageChange = _read(cls, {**data, "old": data.get("from", ""), "new": data.get("to", "")})
        return change


@dataclass(frozen=True)
class OmittedChange:
    """A change that is not part of the set. ``kind`` is one of LEFT_OUT; ``expires`` is empty where it does not."""

    kind: str
    change: PackageChange
    reason: str
    expires: str = ""

    def as_result(self) -> dict[str, Any]:
        """Return it as the module does: the change with ``reason`` and ``expires``."""
        return {**self.change.as_result(), "reason": self.reason, "expires": self.expires}


#: The days by which the clocks of a host and of its mirror may differ.
CLOCK_DAYS = 1


@dataclass(frozen=True)
class PackageSource:
    """One list of packages that the host takes from a mirror, with the date that the mirror's Release file bears."""

    uri: str
    suite: str
    codename: str
    label: str
    origin: str
    component: str
    released: str
    age_days: int | None
    stale: bool
    security: bool

    @property
    def of_the_future(self) -> bool:
        """Return whether it was made later than now, so that its age says nothing: a clock is wrong."""
        return self.age_days is not None and self.age_days < -CLOCK_DAYS

    def describe_age(self) -> str:
        """Return in words how old it is."""
        if self.age_days is None:
            return "without a date"
        if self.of_the_future:
            return f"of {self.released}, which is in the future: the clock of the host or of the mirror is wrong"
        return f"{self.age_days} days old"


@dataclass(frozen=True)
class Space:
    """What is free where the change needs room."""

    path: str
    free_bytes: int
    needed_bytes: int

    @property
    def enough(self) -> bool:
        """Return whether there is room."""
        return self.free_bytes >= self.needed_bytes

    def as_result(self) -> dict[str, Any]:
        """Return it as the module does, with ``enough``."""
        return {**asdict(self), "enough": self.enough}


@dataclass(frozen=True)
class Reboot:
    """Whether the host has to be restarted to run what is installed, and why."""

    needed: bool = False
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What this host would do now. The digest is over the set to change and nothing else."""

    verdict: str
    unknown_because: tuple[str, ...] = ()
    changes: tuple[PackageChange, ...] = ()
    omitted: tuple[OmittedChange, ...] = ()
    sources: tuple[PackageSource, ...] = ()
    space: tuple[Space, ...] = ()
    reboot: Reboot = field(default_factory=Reboot)
    services: tuple[str, ...] = ()
    unattended_updaters: tuple[str, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The name of exactly this set of changes."""
        return digest_of(self.changes)

    def as_result(self) -> dict[str, Any]:
        """Return the plan as the module does."""
        return {
            "digest": self.digest,
            "verdict": self.verdict,
            "unknown_because": list(self.unknown_because),
            "changes": [change.as_result() for change in self.changes],
            **{kind: [out.as_result() for out in self.omitted if out.kind == kind] for kind in LEFT_OUT},
            "sources": [_as_plain_data(source) for source in self.sources],
            "space": [space.as_result() for space in self.space],
            "reboot": _as_plain_data(self.reboot),
            "services": list(self.services),
            "own_will": list(self.unattended_updaters),
            "run": dict(self.run),
        }

    @classmethod
    def from_result(cls, data: Mapping[str, Any]) -> Plan:
        """Return the plan that ``as_result`` returned this of. Raises KeyError without a verdict."""
        omitted = []
        for kind in LEFT_OUT:
            for out in data.get(kind, ()):
                change = PackageChange.from_result(out)
                omitted.append(
                    OmittedChange(
                        kind=kind,
                        change=change,
                        reason=out.get("reason", ""),
                        expires=out.get("expires", ""),
                    )
                )
        return cls(
            verdict=data["verdict"],
            unknown_because=tuple(data.get("unknown_because", ())),
            changes=tuple(PackageChange.from_result(change) for change in data.get("changes", ())),
            omitted=tuple(omitted),
            sources=tuple(_read(PackageSource, source) for source in data.get("sources", ())),
            space=tuple(_read(Space, space) for space in data.get("space", ())),
            reboot=_read(Reboot, data.get("reboot", {})),
            services=tuple(data.get("services", ())),
            unattended_updaters=tuple(data.get("own_will", ())),
            run=dict(data.get("run", {})),
        )


@dataclass(frozen=True)
class Observed:
    """What the package manager would do by itself, before any policy.

    ``changes`` bear origin, size and source versions, and say ``security`` by the labels alone. ``left_out`` are those
    that it keeps back by itself, held or phased. ``broken`` says which packages were left half installed, in sentences.
    """

    packages: Mapping[str, InstalledPackage]
    changes: tuple[PackageChange, ...] = ()
    omitted: tuple[OmittedChange, ...] = ()
    sources: tuple[PackageSource, ...] = ()
    unknown_because: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def digest_of(changes: Iterable[PackageChange]) -> str:
    """Return a name for exactly this set: the same in any order, another where a version, an origin or a byte differs.

    What was planned by code that knew no checksums keeps the digest that it had.
    """
    rows = [[*_identity(change), *([change.origin, change.checksum] if change.checksum else [])] for change in changes]
    return _digest(rows)


def earlier_digest_of(changes: Iterable[PackageChange]) -> str:
    """Return the digest as earlier code worked it out, over names and versions alone."""
    return _digest([_identity(change) for change in changes])


def _identity(change: PackageChange) -> list[str]:
    return [change.name, change.arch, change.old, change.new, change.change]


def _digest(rows: list[list[str]]) -> str:
    text = json.dumps(sorted(rows), separators=(",", ":")).encode()
    return "sha256:" + hashlib.sha256(text).hexdigest()


def in_order(changes: Iterable[PackageChange]) -> tuple[PackageChange, ...]:
    """Return the changes as a plan lists them: by name, architecture and kind."""
    return tuple(sorted(changes, key=lambda change: (change.name, change.arch, change.change)))


def because(change: PackageChange, *reasons: str) -> PackageChange:
    """Return the same change with more reasons, each once."""
    return replace(change, why=tuple(dict.fromkeys(change.why + reasons)))


def _as_plain_data(item: Any) -> dict[str, Any]:
    return {key: _listed(value) for key, value in asdict(item).items()}


def _read(kind: Any, data: Mapping[str, Any]) -> Any:
    names = [entry.name for entry in fields(kind) if entry.name in data]
    return kind(**{name: _frozen(data[name]) for name in names})


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
