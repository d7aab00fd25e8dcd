# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package, change, source, plan: the words that both package managers speak. Private to the collection.

Everything here goes to plain data and back without loss: the plan that a run follows is kept on the host as JSON.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Iterable, Mapping, Optional, Tuple

from .._vocabulary.patch import LEFT_OUT

UPGRADE = "upgrade"
INSTALL = "install"
REMOVE = "remove"
DOWNGRADE = "downgrade"


def key_of(name: str, arch: str) -> str:
    return name if arch in ("all", "noarch") else f"{name}:{arch}"


@dataclass(frozen=True)
class Package:
    """One package as it is installed. ``whole`` is false where its installation was cut or failed."""

    name: str
    arch: str
    version: str
    source: str
    source_version: str
    whole: bool = True
    held: bool = False

    @property
    def key(self) -> str:
        return key_of(self.name, self.arch)


@dataclass(frozen=True)
class Change:
    """One package of the set, told so that a person can decide on it.

    ``old`` and ``new`` are versions, empty where there is none; ``source_old`` and ``source_new`` those of the source
    package, which is what advisories speak of. ``security`` is None where nobody can tell.
    """

    name: str
    arch: str
    change: str
    old: str = ""
    new: str = ""
    security: Optional[bool] = None
    why: Tuple[str, ...] = ()
    advisories: Tuple[str, ...] = ()
    cves: Tuple[str, ...] = ()
    severity: str = "unknown"
    epss: Optional[float] = None
    first_seen: str = ""
    deadline: Optional[str] = None
    days_left: Optional[int] = None
    restarts: Tuple[str, ...] = ()
    reboot: bool = False
    download_bytes: int = 0
    installed_bytes: int = 0
    origin: str = ""
    source: str = ""
    source_old: str = ""
    source_new: str = ""

    @property
    def key(self) -> str:
        """The package's name on this host, as the package manager takes it."""
        return key_of(self.name, self.arch)

    def plain(self) -> dict[str, Any]:
        """As the module returns it: ``from`` and ``to``, lists instead of tuples."""
        told = _plain(self)
        told["from"], told["to"] = told.pop("old"), told.pop("new")
        return told

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Change:
        """What ``plain`` told, read back; keys of others are passed over."""
        change: Change = _read(cls, {**data, "old": data.get("from", ""), "new": data.get("to", "")})
        return change


@dataclass(frozen=True)
class LeftOut:
    """A change that is not part of the set. ``kind`` is one of LEFT_OUT; ``expires`` is empty where it does not."""

    kind: str
    change: Change
    reason: str
    expires: str = ""

    def plain(self) -> dict[str, Any]:
        return {**self.change.plain(), "reason": self.reason, "expires": self.expires}


@dataclass(frozen=True)
class Source:
    """One list of packages that the host takes from a mirror, with the date that the mirror's Release file bears."""

    uri: str
    suite: str
    codename: str
    label: str
    origin: str
    component: str
    released: str
    age_days: Optional[int]
    stale: bool
    security: bool


@dataclass(frozen=True)
class Space:
    """What is free where the change needs room."""

    path: str
    free_bytes: int
    needed_bytes: int

    @property
    def enough(self) -> bool:
        return self.free_bytes >= self.needed_bytes

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "enough": self.enough}


@dataclass(frozen=True)
class Reboot:
    """Whether the host has to be restarted to run what is installed, and why."""

    needed: bool = False
    why: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What this host would do now. The digest is over the set to change and nothing else."""

    verdict: str
    unknown_because: Tuple[str, ...] = ()
    changes: Tuple[Change, ...] = ()
    left_out: Tuple[LeftOut, ...] = ()
    sources: Tuple[Source, ...] = ()
    space: Tuple[Space, ...] = ()
    reboot: Reboot = field(default_factory=Reboot)
    services: Tuple[str, ...] = ()
    unattended_updaters: Tuple[str, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest_of(self.changes)

    def plain(self) -> dict[str, Any]:
        """The plan as the module returns it."""
        return {
            "digest": self.digest,
            "verdict": self.verdict,
            "unknown_because": list(self.unknown_because),
            "changes": [change.plain() for change in self.changes],
            **{kind: [out.plain() for out in self.left_out if out.kind == kind] for kind in LEFT_OUT},
            "sources": [_plain(source) for source in self.sources],
            "space": [space.plain() for space in self.space],
            "reboot": _plain(self.reboot),
            "services": list(self.services),
            "own_will": list(self.unattended_updaters),
            "run": dict(self.run),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Plan:
        """What ``plain`` told, read back."""
        left = (
            LeftOut(kind, Change.of(out), out.get("reason", ""), out.get("expires", ""))
            for kind in LEFT_OUT
            for out in data.get(kind, ())
        )
        return cls(
            verdict=data["verdict"],
            unknown_because=tuple(data.get("unknown_because", ())),
            changes=tuple(Change.of(change) for change in data.get("changes", ())),
            left_out=tuple(left),
            sources=tuple(_read(Source, source) for source in data.get("sources", ())),
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

    packages: Mapping[str, Package]
    changes: Tuple[Change, ...] = ()
    left_out: Tuple[LeftOut, ...] = ()
    sources: Tuple[Source, ...] = ()
    unknown_because: Tuple[str, ...] = ()
    broken: Tuple[str, ...] = ()


def digest_of(changes: Iterable[Change]) -> str:
    """One name for exactly this set: the same whatever the order, another where one version differs."""
    rows = sorted([c.name, c.arch, c.old, c.new, c.change] for c in changes)
    text = json.dumps(rows, separators=(",", ":")).encode()
    return "sha256:" + hashlib.sha256(text).hexdigest()


def in_order(changes: Iterable[Change]) -> Tuple[Change, ...]:
    """The changes as a plan lists them."""
    return tuple(sorted(changes, key=lambda change: (change.name, change.arch, change.change)))


def because(change: Change, *reasons: str) -> Change:
    """The same change with more reasons."""
    return replace(change, why=tuple(dict.fromkeys(change.why + reasons)))


def _plain(item: Any) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(item).items()}


def _read(kind: Any, data: Mapping[str, Any]) -> Any:
    names = [one.name for one in fields(kind) if one.name in data]
    return kind(**{name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in names})
