# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt would do, read in one run of its solver and a few short questions. Private to the collection.

On Debian the newest version of a package is often in main although it contains what security fixed. So whether a change
is a security update is asked of every version that it passes, and not of its candidate alone.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Collection, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..._host.facts import os_release
from ..._vocabulary.stamp import format_stamp
from ..model import DOWNGRADE, INSTALL, REMOVE, UPGRADE, Change, LeftOut, Observed, Package, Source, in_order, key_of
from . import read
from .read import Index, Offer, Offers, Simulated, Step
from .versions import later, within

#: What dpkg has not written down yet; left behind only where it was cut.
JOURNAL = "/var/lib/dpkg/updates"
#: Pins of a run are handed to apt in a file, which a reboot takes away.
SCRATCH = "/run/healthops"
PREFERENCES = posixpath.join(SCRATCH, "patch-preferences")
SITE_PREFERENCES = "/etc/apt/preferences"
LISTS = "/var/lib/apt/lists"
SOLVER_TIME = 300.0
#: A list that its mirror renews every few hours is stale after so many days. That of a release of Debian itself is
#: renewed only with the next point release, so its age says nothing.
STALE_DAYS = 10
_RENEWED = ("-updates", "-security", "-backports")


@dataclass(frozen=True)
class Table:
    """What apt told of some packages: every version that is offered, and the lists that offer it.

    ``quiet`` is set where there is a source of security that has nothing to offer.
    """

    packages: Mapping[str, Package]
    offers: Mapping[str, Offers]
    indexes: Mapping[str, Index]
    quiet: bool = False

    @property
    def native(self) -> str:
        return next((package.arch for package in self.packages.values() if package.name == "dpkg"), "")

    def named(self, name: str, arch: str) -> str:
        """As apt names it: with the architecture only where that is foreign."""
        return name if arch in ("", "all", self.native) else f"{name}:{arch}"

    def installed(self, name: str, arch: str) -> Optional[Package]:
        keys = [key_of(name, arch)] if arch else []
        found = (self.packages.get(key) for key in (*keys, name, f"{name}:{self.native}"))
        return next((package for package in found if package is not None), None)

    def of(self, name: str, arch: str) -> Offers:
        return self.offers.get(self.named(name, arch), Offers("", ""))

    def lists(self, offer: Offer) -> Tuple[Index, ...]:
        return tuple(self.indexes[each] for each in offer.lists if each in self.indexes)


def observe(host: Host, now: datetime, free: Collection[str] = ()) -> Observed:
    """The whole upgrade, what is kept back, the sources, and what stands in the way of any change."""
    packages = installed(host)
    held = tuple(package for package in packages.values() if package.held and package.name not in free)
    # apt can forget all holds or none, so those that do count are put to it as pins where some do not.
    loosened = pins(_stay(package) for package in held) if free else ""
    done = simulate(host, ["dist-upgrade"], loosened, bool(free))
    solved = read.simulated(done.out) if done.rc == 0 else Simulated(())
    codename = _codename(host)
    table = Table(packages, {}, {index.description: index for index in indexes(host)}, _quiet(host, codename))
    table = replace(table, offers=offers(host, [*_asked_for(table, solved), *(_name(table, one) for one in held)]))
    waiting = _waiting(table, solved, held)
    told = described(host, table, [*solved.steps, *waiting])
    changes, stay = told[: len(solved.steps)], told[len(solved.steps) :]
    sources = tuple(_source(host, index, now) for index in table.indexes.values())
    return Observed(
        packages=packages,
        changes=in_order(changes),
        left_out=tuple(_left_out(table, change) for change in in_order(stay)),
        sources=sources,
        unknown_because=doubts(table, codename, sources),
        broken=broken(host, packages, done),
    )


def installed(host: Host) -> Dict[str, Package]:
    return read.packages(ask(host, ["dpkg-query", "-W", "-f", read.DPKG_FORMAT]))


def indexes(host: Host) -> Tuple[Index, ...]:
    return read.indexes(ask(host, ["apt-get", "indextargets", "Identifier: Packages"]))


def offers(host: Host, names: Iterable[str]) -> Dict[str, Offers]:
    wanted = list(dict.fromkeys(names))
    return read.offers(ask(host, ["apt-cache", "policy", *wanted])) if wanted else {}


def simulate(host: Host, words: Sequence[str], preferences: str = "", ignore_holds: bool = False) -> CommandResult:
    """One run of the solver that changes nothing."""
    options = ["-o", "APT::Ignore-Hold=1"] if ignore_holds else []
    with_pins = preferred(host, preferences)
    return host.run(["apt-get", "-s", "-y", *options, *with_pins, *words], timeout=SOLVER_TIME)


def preferred(host: Host, preferences: str) -> List[str]:
    """The options that make apt heed our pins before those of the site."""
    if not preferences:
        return []
    host.mkdir(SCRATCH, 0o700, 0, 0)
    site = host.read(SITE_PREFERENCES) or b""
    host.write(PREFERENCES, preferences.encode() + b"\n" + site, 0o600, 0, 0, {})
    return ["-o", f"Dir::Etc::Preferences={PREFERENCES}"]


def pins(rules: Iterable[Tuple[str, str, int]]) -> str:
    """Package, version and priority each as a paragraph of apt_preferences(5)."""
    return "\n".join(
        f"Package: {name}\nPin: version {version}\nPin-Priority: {rank}\n" for name, version, rank in rules
    )


def _stay(package: Package) -> Tuple[str, str, int]:
    return package.name, package.version, 1001


def ask(host: Host, argv: Sequence[str]) -> str:
    done = host.run(argv, timeout=SOLVER_TIME)
    if done.rc != 0:
        raise ClinicalError("Asking", " ".join(argv[:2]), done.err_line, "Try the same command on the host.")
    return done.out


def _name(table: Table, package: Package) -> str:
    return table.named(package.name, package.arch)


def _asked_for(table: Table, solved: Simulated) -> List[str]:
    return [table.named(step.name, step.arch) for step in solved.steps] + [*solved.kept_back, *solved.phased]


def _waiting(table: Table, solved: Simulated, held: Sequence[Package]) -> List[Step]:
    """What could be upgraded and is not: kept back, phased or held."""
    names = [*solved.kept_back, *solved.phased, *(_name(table, package) for package in held)]
    found = []
    for full in dict.fromkeys(names):
        name, _colon, arch = full.partition(":")
        package, offered = table.installed(name, arch), table.offers.get(full)
        if package and offered and offered.candidate and later(offered.candidate, package.version):
            found.append(Step(name, package.arch, package.version, offered.candidate))
    return found


def described(host: Host, table: Table, steps: Sequence[Step]) -> Tuple[Change, ...]:
    """The steps as changes, with what the lists tell of the new versions."""
    wanted = {step: f"{table.named(step.name, step.arch)}={step.new}" for step in steps if step.new}
    records = _records(host, list(wanted.values()))
    return tuple(_change(table, step, records.get((step.name, step.new), {})) for step in steps)


def _records(host: Host, wanted: Sequence[str]) -> Dict[Tuple[str, str], Dict[str, str]]:
    """The paragraphs of these versions in the lists; a version that is in none has none."""
    if not wanted:
        return {}
    done = host.run(["apt-cache", "show", *wanted], timeout=SOLVER_TIME)
    found = [part for part in read.paragraphs(done.out) if "Package" in part and "Version" in part]
    return {(part["Package"], part["Version"]): part for part in reversed(found)}


def _change(table: Table, step: Step, record: Mapping[str, str]) -> Change:
    package = table.installed(step.name, step.arch)
    arch = step.arch or (package.arch if package else "")
    source, source_new = read.source_of(record) if record else (package.source if package else step.name, step.new)
    security, why = _security(table, step)
    return Change(
        name=step.name,
        arch=arch,
        change=_kind(step),
        old=step.old,
        new=step.new,
        security=security,
        why=why,
        download_bytes=int(record.get("Size", "0")),
        installed_bytes=1024 * int(record.get("Installed-Size", "0")),
        origin=_origin(table, step),
        source=source,
        source_old=package.source_version if package and step.old else "",
        source_new=source_new if step.new else "",
    )


def _kind(step: Step) -> str:
    if not step.new:
        return REMOVE
    if not step.old:
        return INSTALL
    return DOWNGRADE if later(step.old, step.new) else UPGRADE


def _security(table: Table, step: Step) -> Tuple[Optional[bool], Tuple[str, ...]]:
    """Whether the change passes a version that security brought; nobody can tell without a source of security."""
    if not step.new:
        return False, ("it stands in the way of the others",)
    passed = [o for o in table.of(step.name, step.arch).versions if _passes(step, o.version)]
    found = [
        f"{o.version} has the label {one.label} in {one.codename}"
        for o in passed
        for one in table.lists(o)
        if one.security
    ]
    if found:
        return True, tuple(found)
    newer = () if step.old else ("the others need it",)
    known = table.quiet or any(index.security for index in table.indexes.values())
    return (False if known else None), newer or ("a newer version without a label of security",)


def _passes(step: Step, version: str) -> bool:
    return within(version, step.old, step.new) if step.old else version == step.new


def _origin(table: Table, step: Step) -> str:
    """Where the new version comes from; where several lists have it, the one of security is told."""
    offered = [one for one in table.of(step.name, step.arch).versions if one.version == step.new]
    lists = [index for one in offered for index in table.lists(one)]
    best = next((index for index in lists if index.security), lists[0] if lists else None)
    return best.words if best else next(iter(step.origins), "")


def _left_out(table: Table, change: Change) -> LeftOut:
    package = table.installed(change.name, change.arch)
    if package and package.held:
        return LeftOut("held", change, "it is on hold")
    offered = next((one for one in table.of(change.name, change.arch).versions if one.version == change.new), None)
    if offered and offered.phased is not None:
        return LeftOut(
            "phased", change, f"its mirror offers it to {offered.phased}% of the hosts so far, not to this one"
        )
    return LeftOut("held", change, "apt keeps it back, because it would need what is not to be had")


def _source(host: Host, index: Index, now: datetime) -> Source:
    files = (host.read(f"{index.base}{name}") for name in ("InRelease", "Release"))
    content = next((each for each in files if each is not None), b"")
    told = read.release(content[:4096].decode("utf-8", "replace"))
    age = (now - told.dated).days if told.dated else None
    renewed = index.security or told.valid_until is not None or index.codename.endswith(_RENEWED)
    over = told.valid_until is not None and told.valid_until < now
    return Source(
        uri=index.uri,
        suite=index.suite,
        codename=index.codename,
        label=index.label,
        origin=index.origin,
        component=index.component,
        released=format_stamp(told.dated) if told.dated else "",
        age_days=age,
        stale=age is None or over or (renewed and age > STALE_DAYS),
        security=index.security,
    )


def _codename(host: Host) -> str:
    return os_release(host).get("VERSION_CODENAME", "")


def _quiet(host: Host, codename: str) -> bool:
    """Whether the security of this release has an empty list, of which apt says nothing: its Release file is there."""
    for path in host.glob(f"{LISTS}/*_{codename}-security_*Release") if codename else ():
        head = (host.read(path) or b"")[:4096].decode("utf-8", "replace")
        if any(part.get("Label") == read.SECURITY_LABEL for part in read.paragraphs(head)):
            return True
    return False


def doubts(table: Table, codename: str, sources: Sequence[Source]) -> Tuple[str, ...]:
    """Why "no updates" would prove nothing here."""
    known = tuple(table.indexes.values())
    if not known:
        return ("there is no list of packages: no source is set, or apt-get update never succeeded",)
    found = []
    mine = [index for index in known if index.security and index.codename.partition("-")[0] in (codename, "")]
    if not mine and not table.quiet:
        found.append(f"no source brings the security updates of {codename or 'this release'}")
    found += [
        f"{index.uri} {index.codename} is not signed by a key that apt trusts" for index in known if not index.trusted
    ]
    return (*found, *dict.fromkeys(_stale(source) for source in sources if source.stale))


def _stale(source: Source) -> str:
    where = f"{source.uri} {source.codename}"
    if source.age_days is None:
        return f"{where} has no Release file that bears a date"
    return f"{where} is {source.age_days} days old (Release of {source.released}): its mirror is no longer renewed"


def broken(host: Host, packages: Mapping[str, Package], solved: CommandResult) -> Tuple[str, ...]:
    """What has to be repaired before anything is changed."""
    found = [f"{key} is installed only in part" for key, package in sorted(packages.items()) if not package.whole]
    if any(name.isdigit() for name in host.listdir(JOURNAL)):
        found.append("dpkg was cut in the middle of its work")
    if solved.rc != 0:
        errors = [line[3:] for line in solved.err.splitlines() if line.startswith("E: ")]
        found.append(f"apt finds no way to upgrade: {(errors or [solved.err_line])[0]}")
    return tuple(found)
