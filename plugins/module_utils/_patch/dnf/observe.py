# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dnf would do, and what is installed, as rpm and ``helper`` answer it. Changes no package."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from ..._vocabulary.patch import SEVERITIES
from ..._vocabulary.stamp import format_stamp
from ..manager import BarCheck, Narrowed
from ..model import (
    CLOCK_DAYS,
    REMOVE,
    InstalledPackage,
    Observed,
    OmittedChange,
    PackageChange,
    PackageSource,
    because,
    in_order,
)
from . import holds
from .program import Program
from .versions import RpmVersion, is_later

#: Repositories of a distribution are renewed with each update, some days apart.
STALE_DAYS = 30
SOLVER_TIME = 600.0
#: epoch:version-release in rpm's query language, without an epoch that is nothing.
EVR = "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}"
_INSTALLED = f"%{{NAME}}\\t%{{ARCH}}\\t{EVR}\\t%{{SOURCERPM}}\\n"
_ROW = re.compile(r"([^\t]+)\t([^\t]*)\t([^\t]*)\t([^\t]*)")
_KERNELS = ("kernel-core", "kernel", "kernel-rt-core", "kernel-64k-core")
#: Packages that begin so stand beside their earlier versions.
_BESIDE = "kernel"


def observe(host: Host, program: Program, now: datetime, released: Collection[str]) -> Observed:
    """Return the whole upgrade, what is kept back, the sources, and what stands in the way of any change."""
    packages = installed(host)
    answer = program.ask("observe", free=[[p.name, p.arch] for p in packages.values() if p.name in released])
    held = {tuple(name_and_arch) for name_and_arch in answer["held_names"]}
    sources = tuple(_source(source, now) for source in answer["sources"])
    return Observed(
        packages={key: replace(p, held=(p.name, p.arch) in held) for key, p in packages.items()},
        changes=in_order(_change(change) for change in answer["changes"]),
        omitted=(
            *(OmittedChange("held", _change(c), "held or excluded on the host") for c in answer["held"]),
            *(OmittedChange("held", _change(c), f"dnf leaves it out: {c['reason']}") for c in answer["skipped"]),
        ),
        sources=sources,
        unknown_because=_doubts(answer, sources),
        broken=tuple(f"{package} was not removed: a transaction was cut" for package in answer["duplicates"]),
    )


def cves(program: Program) -> tuple[str, ...]:
    """Return every CVE that an update of this host would close, sorted, so that the control node can say more of it."""
    answer = program.ask("observe")
    names: set[str] = set()
    for change in (*answer["changes"], *answer["held"]):
        names.update(change["cves"])
    return tuple(sorted(names))


def narrow(program: Program, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck) -> Narrowed:
    """Return ``chosen`` with what it needs, as long as nothing of that is barred; otherwise nothing of it."""
    if not chosen:
        return (), ()
    changes = (*observed.changes, *(out.change for out in observed.omitted))
    known = {(change.name, change.arch, change.new): change for change in changes}
    answer = program.ask(
        "narrow",
        chosen=[[change.name, change.arch, change.new] for change in chosen if change.new],
        barred=[list(key) for key, change in known.items() if barred(change) is not None],
    )
    coming = [known.get((c["name"], c["arch"], c["to"])) or _change(c) for c in answer["changes"]]
    if any(barred(change) is not None for change in coming):
        coming = []
    return _narrowed(coming, chosen)


def _narrowed(coming: Sequence[PackageChange], chosen: Sequence[PackageChange]) -> Narrowed:
    names, chosen_names = {change.name for change in coming}, {change.name for change in chosen}
    changes = [c if c.name in chosen_names else because(c, "the others need it") for c in coming]
    missing = [change for change in in_order(chosen) if change.name not in names and change.change != REMOVE]
    reason = "it needs a package that may not come"
    return in_order(changes), tuple(OmittedChange("excluded", change, reason) for change in missing)


def installed(host: Host) -> dict[str, InstalledPackage]:
    """Return what rpm has installed, by key. Raises ClinicalError where the database cannot be read."""
    done = host.run(["rpm", "-qa", "--qf", _INSTALLED], timeout=SOLVER_TIME)
    if done.rc != 0:
        raise ClinicalError("Reading", "the rpm database", done.err_line, "rpm --rebuilddb may mend it.")
    packages: dict[str, InstalledPackage] = {}
    for number, line in enumerate(split_lines(done.out), 1):
        match = _ROW.fullmatch(line)
        if match is None:
            problem = f"line {number} of what rpm says is {line!r:.120}"
            raise ClinicalError("Reading", "the rpm database", problem, "rpm --rebuilddb may mend it.")
        name, arch, version, source_file = match.groups()
        if arch == "(none)":  # the keys that packages are signed with
            continue
        source, source_version = _source_of(source_file, name, version)
        package = InstalledPackage(
            name=name,
            arch=arch,
            version=version,
            source=source,
            source_version=source_version,
        )
        packages[package.key] = _together(packages.get(package.key), package)
    holding = holds.holding_patterns(host)
    return {key: replace(package, held=holds.is_held(package, holding)) for key, package in packages.items()}


def _together(known: InstalledPackage | None, package: InstalledPackage) -> InstalledPackage:
    """Return the latest of two versions of one package. Kernels have more than one; else a transaction was cut."""
    side_by_side = stands_beside(package.name)
    if known is None:
        return replace(package, side_by_side=side_by_side)
    latest = package if is_later(package.version, known.version) else known
    versions = (*known.earlier, known.version, package.version)
    earlier = tuple(version for version in versions if version != latest.version)
    return replace(latest, intact=side_by_side, side_by_side=side_by_side, earlier=earlier)


def stands_beside(name: str) -> bool:
    """Return whether versions of a package of this name stand beside each other, so that a new one replaces none."""
    return name.startswith(_BESIDE)


def listed(host: Host, option: str, change: PackageChange) -> tuple[str, ...]:
    """Return the paths that rpm lists of the installed version with an option, ``-ql`` or ``-qc``."""
    if not change.old:
        return ()
    done = host.run(["rpm", option, f"{change.name}.{change.arch}"], timeout=SOLVER_TIME)
    return tuple(line for line in split_lines(done.out) if line.startswith("/"))


def configuration(host: Host, changes: Iterable[PackageChange]) -> tuple[str, ...]:
    """Return the configuration files that rpm knows of the installed versions, each once."""
    paths: list[str] = []
    for change in changes:
        paths += listed(host, "-qc", change)
    return tuple(dict.fromkeys(paths))


def kernels(host: Host) -> tuple[str, ...]:
    """Return the releases of the installed kernels, oldest first."""
    done = host.run(["rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}.%{ARCH}\\n", *_KERNELS])
    releases = {line for line in split_lines(done.out) if line and " " not in line}
    return tuple(sorted(releases, key=RpmVersion))


def _doubts(answer: Mapping[str, Any], sources: Sequence[PackageSource]) -> tuple[str, ...]:
    """Return why nobody can tell what this host needs."""
    doubts = [f"a list could not be read: {failure}" for failure in answer["failed"]]
    if answer["complaint"]:
        doubts.append(f"dnf cannot resolve the upgrade: {answer['complaint']}")
    if not sources:
        doubts.append("no repository is enabled")
    for source in sources:
        if not source.security:
            doubts.append(f"the repository {source.suite} has no advisories, so nobody says what is for security")
        if source.stale:
            doubts.append(f"the list of {source.suite} is {source.describe_age()}")
    return tuple(doubts)


def _change(answer: Mapping[str, Any]) -> PackageChange:
    change = PackageChange.from_result({key: value for key, value in answer.items() if key != "severities"})
    severity = min(answer["severities"], key=SEVERITIES.index, default="unknown")
    why = [f"{', '.join(change.advisories)} is for security"] if change.advisories else []
    return replace(change, severity=severity, why=tuple(why))


def _source(answer: Mapping[str, Any], now: datetime) -> PackageSource:
    released = _time_of(answer["stamp"])
    age = (now - released).days if released else None
    return PackageSource(
        uri=answer["uri"],
        suite=answer["id"],
        codename="",
        label=answer["name"],
        origin=answer["id"],
        component="",
        released=format_stamp(released) if released else "",
        age_days=age,
        stale=age is None or not -CLOCK_DAYS <= age <= STALE_DAYS,
        security=bool(answer["advisories"]),
    )


def _time_of(stamp: int) -> datetime | None:
    """Return the time of a repository's stamp, None where it bears none or no time."""
    try:
        if stamp:
            return datetime.fromtimestamp(stamp, timezone.utc)
        return None
    except (ValueError, OverflowError, OSError):
        return None


def _source_of(file: str, name: str, version: str) -> tuple[str, str]:
    """Return the source package and its version, with the epoch of the package that was made of it."""
    parts = file.rsplit(".", 2)[0].rsplit("-", 2)
    if len(parts) != 3:
        return name, version
    epoch = f"{version.partition(':')[0]}:" if ":" in version else ""
    return parts[0], f"{epoch}{parts[1]}-{parts[2]}"
