# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a package manager in memory. Each package that it changes is one operation; a fault may strike there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Callable

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import ledger, stages, unit
from ansible_collections.healthops.clinical.plugins.module_utils._patch import run as patch_run
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import versions
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import (
    BarCheck,
    KeptPackage,
    ServiceRequest,
)
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import (
    INSTALL,
    REMOVE,
    UPGRADE,
    InstalledPackage,
    Observed,
    OmittedChange,
    PackageChange,
    in_order,
)
from ansible_collections.healthops.clinical.plugins.module_utils._patch.plan import PlanInputs
from ansible_collections.healthops.clinical.plugins.module_utils._patch.policy import read
from ansible_collections.healthops.clinical.plugins.module_utils._patch.request import PatchRequest, PatchResult
from fake_host import FakeHost, Killed
from fake_programs import FakeUnit

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=timezone.utc)
CONF = "/etc/conf.conf"
#: What the package leaves alone, as dpkg does.
EDITED = "level = 9\n"
FREE = 10 << 30


def patched_host(system: str = "debian-12", free: int = FREE) -> FakeHost:
    """A host that answers what patching asks beside its package manager."""
    host = FakeHost(system)
    host.programs.add("df")
    df = ("df", "--block-size=1", "--output=avail,target", "--", "/", "/var", "/boot")
    host.answers[df] = CommandResult(df, 0, "Avail Mounted on\n" + f"{free} /\n" * 3, "")
    host.answers[("systemctl", "is-active", "--quiet", unit.UNIT)] = CommandResult((), 3, "", "")
    for folder in ("/var/cache", "/var/lib/healthops"):
        host.add_dir(folder)
    host.add_file(CONF, "level = 7\n")
    host.units["service.service"] = FakeUnit(active=True)
    return host


@dataclass
class FakeManager:
    """Packages ``a`` to ``c`` can be upgraded, ``new`` comes with them, and ``gone`` goes."""

    host: FakeHost
    audit: str = "lab --audit"
    there: dict[str, str] = field(default_factory=lambda: {"a": "1", "b": "1", "service": "1", "gone": "1"})
    wanted: dict[str, str] = field(default_factory=lambda: {"a": "2", "b": "2", "service": "2", "new": "2", "gone": ""})
    half: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)
    fetched: dict[str, set[str]] = field(default_factory=dict)
    marked: str = "marks"
    suspended: bool = False
    lock: str = ""
    mirror: bool = True
    origin: str = "Lab:1/stable"
    built: str = "here"
    asks: list[tuple[str, str]] = field(default_factory=list)

    def brings(self, version: str, installed: str, candidate: str) -> bool:
        return versions.brings(version, installed, candidate)

    def refresh(self) -> tuple[str, ...]:
        return () if self.mirror else ("Failed to fetch http://mirror.example/debian",)

    def installed(self) -> Mapping[str, InstalledPackage]:
        return {
            n: InstalledPackage(n, "all", v, n, v, n not in self.half, n in self.held) for n, v in self.there.items()
        }

    def observe(self, released: Collection[str] = ()) -> Observed:
        held = self.held - set(released)
        changes = [self._change(name) for name, new in self.wanted.items() if self.there.get(name, "") != new]
        return Observed(
            self.installed(),
            in_order(change for change in changes if change.name not in held),
            tuple(OmittedChange("held", change, "it is on hold") for change in changes if change.name in held),
            broken=tuple(f"{name} is installed only in part" for name in sorted(self.half)),
        )

    def cves(self, refresh: bool) -> tuple[str, ...]:
        return ()

    def _change(self, name: str) -> PackageChange:
        old, new = self.there.get(name, ""), self.wanted[name]
        kind = UPGRADE if old and new else INSTALL if new else REMOVE
        more = {"source": name, "source_old": old, "source_new": new, "download_bytes": 1000, "installed_bytes": 1000}
        if new:
            more.update(origin=self.origin, checksum=f"sha256:{name}-{new}-{self.built}")
        return PackageChange(name, "all", kind, old, new, name == "a", **more)  # type: ignore[arg-type]

    def narrow(
        self, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck
    ) -> tuple[tuple[PackageChange, ...], tuple[OmittedChange, ...]]:
        return tuple(chosen), ()

    def missing(self, folder: str, changes: Sequence[PackageChange]) -> tuple[str, ...]:
        return tuple(c.name for c in changes if c.new and c.name not in self.fetched.get(folder, set()))

    def fetch(self, folder: str, changes: Sequence[PackageChange]) -> None:
        for name in self.missing(folder, changes):
            if not self.mirror:
                raise ClinicalError("Downloading", name, "Could not connect to mirror.example:80")
            self.host.change(f"fetch {name}", lambda: self.fetched.setdefault(folder, set()).add(name))  # noqa: B023

    def keep(self, folder: str, changes: Iterable[PackageChange]) -> tuple[KeptPackage, ...]:
        packages = [
            KeptPackage(c.name, c.arch, c.old, f"{folder}/{c.name}_{c.old}.deb", "mirror", "0")
            for c in changes
            if c.old
        ]
        for package in packages:
            self.host.write(package.path, package.version.encode(), 0o600, 0, 0, {})
        return tuple(packages)

    def damaged(self, packages: Sequence[KeptPackage]) -> tuple[str, ...]:
        return tuple(package.path for package in packages if self.host.read(package.path) != package.version.encode())

    def install(self, folder: str, changes: Sequence[PackageChange], log: str) -> CommandResult:
        if self.lock:
            return CommandResult((), 100, "", f"E: Could not get lock. It is held by process {self.lock}")
        for change in changes:
            if change.new and change.name not in self.fetched.get(folder, set()):
                return CommandResult((), 100, "", f"E: {change.name} is not there")
            if self.there.get(change.name, "") == change.new and change.name not in self.half:
                continue
            self._put(change.name, change.new)
        return self._said()

    def put_back(self, changes: Sequence[PackageChange], packages: Sequence[KeptPackage], log: str) -> CommandResult:
        for change in changes:
            self._put(change.name, change.old)
        return self._said()

    def repair(self, log: str) -> CommandResult:
        for name in sorted(self.half - self.fails):
            self.host.change(f"configure {name}", lambda: self.half.discard(name))  # noqa: B023
        return self._said()

    def _put(self, name: str, version: str) -> None:
        """Unpacking and configuring, between which a package is half there."""
        if not version:
            self.host.change(f"remove {name}", lambda: self.there.pop(name, None))
            self.half.discard(name)
            return

        def unpacked() -> None:
            self.there[name] = version
            self.half.add(name)

        self.host.change(f"unpack {name}", unpacked)
        if name in self.fails and version == self.wanted[name]:
            return
        self.host.change(f"configure {name}", lambda: self.half.discard(name))
        if name == "service":
            self.asks.append(("service.service", "restart"))
        if name == "b" and self.host.text(CONF) != EDITED:
            self.host.write(CONF, f"level = {version}\n".encode(), 0o644, 0, 0, {})

    def _said(self) -> CommandResult:
        failed = sorted(self.half)
        return CommandResult((), 100 if failed else 0, "", f"E: {', '.join(failed)} failed" if failed else "")

    def suspend(self, again: bool) -> None:
        self.suspended = True
        self.asks = self.asks if again else []

    def resume(self) -> tuple[ServiceRequest, ...]:
        self.suspended = False
        return tuple(dict.fromkeys(ServiceRequest(*requested) for requested in self.asks))

    def set_hold(self, names: Sequence[str], held: bool) -> None:
        for name in names:
            self.host.change(f"hold {name} {held}", lambda: (self.held.add if held else self.held.discard)(name))  # noqa: B023

    def marks(self) -> str:
        return self.marked

    def set_marks(self, marks: str, changes: Sequence[PackageChange]) -> None:
        self.marked = marks

    def configuration(self, changes: Iterable[PackageChange]) -> tuple[str, ...]:
        return (CONF,)

    def files(self, change: PackageChange) -> tuple[str, ...]:
        return (f"/usr/share/{change.name}",)

    def unattended_updaters(self) -> tuple[str, ...]:
        return ()

    def kernels(self, packages: Mapping[str, InstalledPackage]) -> tuple[str, ...]:
        return ()


def request(run_id: str = "run", **more: object) -> PatchRequest:
    policy = read(more.pop("policy", None))
    inputs = PlanInputs(policy, more.pop("now", NOW), advisories=more.pop("advisories", None))  # type: ignore[arg-type]
    return replace(PatchRequest(inputs, run_id), **more)  # type: ignore[arg-type]


# --- one host in all its states ---

OLD = {"a": "1", "b": "1", "service": "1", "gone": "1"}
NEW = {"a": "2", "b": "2", "service": "2", "new": "2"}


def machine(**more: object) -> tuple[FakeHost, FakeManager]:
    host = patched_host(**more)  # type: ignore[arg-type]
    return host, FakeManager(host)


def digest(manager: FakeManager) -> str:
    return str(patch_run.report_plan(manager.host, manager, request(check=True)).plan["digest"])


def digest_at(manager: FakeManager, now: object) -> str:
    return str(patch_run.report_plan(manager.host, manager, request(check=True, now=now)).plan["digest"])


def apply(manager: FakeManager, run_id: str = "run", **more: object) -> PatchResult:
    wanted = more.pop("digest", None) or digest(manager)
    return patch_run.apply(manager.host, manager, request(run_id, digest=wanted, **more))


def stage_of(host: FakeHost, run_id: str = "run") -> str:
    return stages.find(host, run_id).stage


def noted(host: FakeHost, what: str) -> list[str]:
    return sorted(str(entry["name"]) for entry in ledger.read(host).entries if entry["what"] == what)


def operations(act: Callable[[FakeManager], object], prepare: Callable[[FakeManager], object] = lambda _m: None) -> int:
    host, manager = machine()
    prepare(manager)
    before = len(host.operations)
    act(manager)
    return len(host.operations) - before


def cut(
    at: int, how: str, act: Callable[[FakeManager], object], prepare: Callable[[FakeManager], object]
) -> FakeManager:
    """A host on which the act was cut at that operation."""
    host, manager = machine()
    prepare(manager)
    host.strike(at, how)
    with pytest.raises(Killed):
        act(manager)
    host.fault = None
    return manager


def applied_with(wanted: str) -> Callable[[FakeManager], object]:
    return lambda manager: apply(manager, digest=wanted)


WANTED = digest(machine()[1])
ALL_OF_APPLY = operations(applied_with(WANTED))
