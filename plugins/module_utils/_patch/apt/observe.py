# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt would do, read in one run of its solver and a few short questions.

On Debian the newest version of a package is often in main although it contains what security fixed. So whether a change
is a security update is asked of every version that it passes, and not of its candidate alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..._change.subjects.packages import interrupted
from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..._host.facts import os_release
from ..._text.lines import split_lines
from ..._vocabulary.stamp import format_stamp
from ..model import (
    CLOCK_DAYS,
    DOWNGRADE,
    INSTALL,
    REMOVE,
    UPGRADE,
    InstalledPackage,
    Observed,
    OmittedChange,
    PackageChange,
    PackageSource,
    in_order,
    key_of,
)
from . import read
from .read import Offer, PackageIndex, SimulatedStep, Simulation, VersionTable
from .versions import brings, is_later

#: Pins are handed to apt on its standard input, so that nothing is written for a question.
PINNED = ("-o", "Dir::Etc::Preferences=/dev/stdin")
SITE_PREFERENCES = "/etc/apt/preferences"
LISTS = "/var/lib/apt/lists"
SOLVER_TIME = 300.0
#: A list that its mirror renews every few hours is stale after so many days. That of a release of Debian itself is
#: renewed only with the next point release, so its age says nothing.
STALE_DAYS = 10
_RENEWED = ("-updates", "-security", "-backports")


@dataclass(frozen=True)
class OfferTable:
    """What apt said of some packages: every version that is offered, and the lists that offer it.

    ``quiet`` is set where there is a source of security that has nothing to offer.
    """

    packages: Mapping[str, InstalledPackage]
    offers: Mapping[str, VersionTable]
    indexes: Mapping[str, PackageIndex]
    quiet: bool = False

    @property
    def native(self) -> str:
        """The host's own architecture."""
        return next((package.arch for package in self.packages.values() if package.name == "dpkg"), "")

    def named(self, name: str, arch: str) -> str:
        """Return a package's name as apt has it: with the architecture only where that is foreign."""
        return name if arch in ("", "all", self.native) else f"{name}:{arch}"

    def installed(self, name: str, arch: str) -> InstalledPackage | None:
        """Return the installed package of a name; without an architecture, of the host's own. None if there is none."""
        keys = [key_of(name, arch)] if arch else []
        packages = (self.packages.get(key) for key in (*keys, name, f"{name}:{self.native}"))
        return next((package for package in packages if package is not None), None)

    def versions_of(self, name: str, arch: str) -> VersionTable:
        """Return what is offered of a package; an empty table where apt said nothing of it."""
        return self.offers.get(self.named(name, arch), VersionTable("", ""))

    def lists(self, offer: Offer) -> tuple[PackageIndex, ...]:
        """Return the lists that bring this version."""
        return tuple(self.indexes[name] for name in offer.lists if name in self.indexes)


def observe(host: Host, now: datetime, released: Collection[str] = ()) -> Observed:
    """Return the whole upgrade, what is kept back, the sources, and what stands in the way of any change.

    Holds on packages named in ``released`` do not count. Raises ClinicalError where apt or dpkg cannot be asked.
    """
    packages = installed(host)
    held = [package for package in packages.values() if package.held and package.name not in released]
    # apt can forget all holds or none, so those that do count are put to it as pins where some do not.
    hold_pins = pins(_stay(package) for package in held) if released else ""
    done = simulate(host, ["dist-upgrade"], hold_pins, bool(released))
    solved = read.simulated(done.out) if done.rc == 0 else Simulation(())
    codename = _codename(host)
    table = OfferTable(
        packages=packages,
        offers={},
        indexes={index.description: index for index in indexes(host)},
        quiet=_quiet(host, codename),
    )
    table = replace(table, offers=offers(host, [*_named(table, solved), *(_name(table, package) for package in held)]))
    waiting = _waiting(table, solved, held)
    changes = described(host, table, [*solved.steps, *waiting])
    coming, staying = changes[: len(solved.steps)], changes[len(solved.steps) :]
    sources = tuple(_source(host, index, now) for index in table.indexes.values())
    return Observed(
        packages=packages,
        changes=in_order(coming),
        omitted=tuple(_omitted(table, change) for change in in_order(staying)),
        sources=sources,
        unknown_because=doubts(table, codename, sources),
        broken=broken(host, packages, done),
    )


def installed(host: Host) -> dict[str, InstalledPackage]:
    """Return the packages that dpkg has installed, by their keys."""
    return read.packages(ask(host, ["dpkg-query", "-W", "-f", read.DPKG_FORMAT]))


def indexes(host: Host) -> tuple[PackageIndex, ...]:
    """Return the lists of packages that apt reads."""
    return read.indexes(ask(host, ["apt-get", "indextargets", "Identifier: Packages"]))


def offers(host: Host, names: Iterable[str]) -> dict[str, VersionTable]:
    """Return every version that is offered of each of these packages, by name."""
    wanted = list(dict.fromkeys(names))
    if wanted:
        return read.offers(ask(host, ["apt-cache", "policy", *wanted]))
    return {}


def simulate(host: Host, arguments: Sequence[str], preferences: str = "", ignore_holds: bool = False) -> CommandResult:
    """Return what one run of the solver says, which changes nothing.

    ``preferences`` are paragraphs of apt_preferences(5) that count before those of the site.
    """
    options = ["-o", "APT::Ignore-Hold=1"] if ignore_holds else []
    argv = ["apt-get", "-s", "-y", *options]
    if not preferences:
        return host.run([*argv, *arguments], timeout=SOLVER_TIME)
    pinned = f"{preferences}\n{host.read_text(SITE_PREFERENCES)}"
    return host.run([*argv, *PINNED, *arguments], timeout=SOLVER_TIME, stdin=pinned)


def pins(rules: Iterable[tuple[str, str, int]]) -> str:
    """Return package, version and priority each as a paragraph of apt_preferences(5)."""
    return "\n".join(
        f"Package: {name}\nPin: version {version}\nPin-Priority: {rank}\n" for name, version, rank in rules
    )


def _stay(package: InstalledPackage) -> tuple[str, str, int]:
    return package.name, package.version, 1001


def ask(host: Host, argv: Sequence[str]) -> str:
    """Return what a command prints. Raises ClinicalError where it fails."""
    done = host.run(argv, timeout=SOLVER_TIME)
    if done.rc != 0:
        raise ClinicalError("Asking", " ".join(argv[:2]), done.err_line, "Try the same command on the host.")
    return done.out


def _name(table: OfferTable, package: InstalledPackage) -> str:
    return table.named(package.name, package.arch)


def _named(table: OfferTable, solved: Simulation) -> list[str]:
    return [table.named(step.name, step.arch) for step in solved.steps] + [*solved.kept_back, *solved.phased]


def _waiting(table: OfferTable, solved: Simulation, held: Sequence[InstalledPackage]) -> list[SimulatedStep]:
    """Return what could be upgraded and is not: kept back, phased or held."""
    names = [*solved.kept_back, *solved.phased, *(_name(table, package) for package in held)]
    steps = []
    for full in dict.fromkeys(names):
        name, _colon, arch = full.partition(":")
        package, offers = table.installed(name, arch), table.offers.get(full)
        if package and offers and offers.candidate and is_later(offers.candidate, package.version):
            steps.append(
                SimulatedStep(
                    name=name,
                    arch=package.arch,
                    old=package.version,
                    new=offers.candidate,
                )
            )
    return steps


def described(host: Host, table: OfferTable, steps: Sequence[SimulatedStep]) -> tuple[PackageChange, ...]:
    """Return the steps as changes, with what the lists say of the new versions."""
    wanted = {step: f"{table.named(step.name, step.arch)}={step.new}" for step in steps if step.new}
    records = _records(host, list(wanted.values()))
    return tuple(_change(table, step, records.get((step.name, step.new), {})) for step in steps)


def _records(host: Host, wanted: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the paragraphs of these versions in the lists; a version that is in none has none."""
    if not wanted:
        return {}
    done = host.run(["apt-cache", "show", *wanted], timeout=SOLVER_TIME)
    parts = [part for part in read.paragraphs(done.out) if "Package" in part and "Version" in part]
    return {(part["Package"], part["Version"]): part for part in reversed(parts)}


def _change(table: OfferTable, step: SimulatedStep, record: Mapping[str, str]) -> PackageChange:
    package = table.installed(step.name, step.arch)
    arch = step.arch or (package.arch if package else "")
    if record:
        source, source_new = read.source_of(record)
    else:
        source, source_new = package.source if package else step.name, step.new
    security, why = _security(table, step)
    return PackageChange(
        name=step.name,
        arch=arch,
        change=_kind(step),
        old=step.old,
        new=step.new,
        security=security,
        why=why,
        download_bytes=read.size(record.get("Size", "")),
        installed_bytes=1024 * read.size(record.get("Installed-Size", "")),
        origin=_origin(table, step),
        checksum=f"sha256:{record['SHA256']}" if "SHA256" in record else "",
        source=source,
        source_old=package.source_version if package and step.old else "",
        source_new=source_new if step.new else "",
    )


def _kind(step: SimulatedStep) -> str:
    if not step.new:
        return REMOVE
    if not step.old:
        return INSTALL
    return DOWNGRADE if is_later(step.old, step.new) else UPGRADE


def _security(table: OfferTable, step: SimulatedStep) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether a change passes a version that security brought, and why.

    Without a source of security nobody can tell: None.
    """
    if not step.new:
        return False, ("it stands in the way of the others",)
    reasons = []
    for offer in table.versions_of(step.name, step.arch).versions:
        if _passes(step, offer.version):
            indexes = [index for index in table.lists(offer) if index.security]
            reasons += [f"{offer.version} has the label {index.label} in {index.codename}" for index in indexes]
    if reasons:
        return True, tuple(reasons)
    known = table.quiet or any(index.security for index in table.indexes.values())
    why = "a newer version without a label of security" if step.old else "the others need it"
    return (False if known else None), (why,)


def _passes(step: SimulatedStep, version: str) -> bool:
    return brings(version, step.old, step.new) if step.old else version == step.new


def _origin(table: OfferTable, step: SimulatedStep) -> str:
    """Return where the new version comes from: of several lists that have it, the one of security."""
    lists: list[PackageIndex] = []
    for offer in table.versions_of(step.name, step.arch).versions:
        if offer.version == step.new:
            lists += table.lists(offer)
    secure = [index for index in lists if index.security]
    if secure or lists:
        return (secure or lists)[0].name
    return next(iter(step.origins), "")


def _omitted(table: OfferTable, change: PackageChange) -> OmittedChange:
    package = table.installed(change.name, change.arch)
    if package and package.held:
        return OmittedChange("held", change, "it is on hold")
    versions = table.versions_of(change.name, change.arch).versions
    offer = next((offer for offer in versions if offer.version == change.new), None)
    if offer and offer.phased is not None:
        reason = f"its mirror offers it to {offer.phased}% of the hosts so far, not to this one"
        return OmittedChange("phased", change, reason)
    return OmittedChange("held", change, "apt keeps it back, because it would need what is not to be had")


def _source(host: Host, index: PackageIndex, now: datetime) -> PackageSource:
    files = (host.read(f"{index.base}{name}") for name in ("InRelease", "Release"))
    content = next((content for content in files if content is not None), b"")
    dates = read.release(content[:4096].decode("utf-8", "replace"))
    age = (now - dates.dated).days if dates.dated else None
    renewed = index.security or dates.valid_until is not None or index.codename.endswith(_RENEWED)
    over = dates.valid_until is not None and dates.valid_until < now
    return PackageSource(
        uri=index.uri,
        suite=index.suite,
        codename=index.codename,
        label=index.label,
        origin=index.origin,
        component=index.component,
        released=format_stamp(dates.dated) if dates.dated else "",
        age_days=age,
        stale=age is None or over or age < -CLOCK_DAYS or (renewed and age > STALE_DAYS),
        security=index.security,
    )


def _codename(host: Host) -> str:
    return os_release(host).get("VERSION_CODENAME", "")


def _quiet(host: Host, codename: str) -> bool:
    """Return whether the security of this release has an empty list, of which apt says nothing.

    Its Release file is there then.
    """
    if not codename:
        return False
    for path in host.glob(f"{LISTS}/*_{codename}-security_*Release"):
        head = (host.read(path) or b"")[:4096].decode("utf-8", "replace")
        if any(part.get("Label") == read.SECURITY_LABEL for part in read.paragraphs(head)):
            return True
    return False


def doubts(table: OfferTable, codename: str, sources: Sequence[PackageSource]) -> tuple[str, ...]:
    """Return why "no updates" would prove nothing here."""
    known = tuple(table.indexes.values())
    if not known:
        return ("there is no list of packages: no source is set, or apt-get update never succeeded",)
    reasons = []
    fitting = [index for index in known if index.security and index.codename.partition("-")[0] in (codename, "")]
    if not fitting and not table.quiet:
        reasons.append(f"no source brings the security updates of {codename or 'this release'}")
    reasons += [
        f"{index.uri} {index.codename} is not signed by a key that apt trusts" for index in known if not index.trusted
    ]
    return (*reasons, *dict.fromkeys(_stale(source) for source in sources if source.stale))


def _stale(source: PackageSource) -> str:
    where = f"{source.uri} {source.codename}"
    if source.age_days is None:
        return f"{where} has no Release file that bears a date"
    if source.of_the_future:
        return f"{where} is {source.describe_age()}"
    return f"{where} is {source.describe_age()} (Release of {source.released}): its mirror is no longer renewed"


def broken(host: Host, packages: Mapping[str, InstalledPackage], solved: CommandResult) -> tuple[str, ...]:
    """Return what has to be repaired before anything is changed, a sentence each."""
    reasons = [f"{key} is installed only in part" for key, package in sorted(packages.items()) if not package.intact]
    reasons += interrupted(host)
    if solved.rc != 0:
        errors = [line[3:] for line in split_lines(solved.err) if line.startswith("E: ")]
        reasons.append(f"apt finds no way to upgrade: {(errors or [solved.err_line])[0]}")
    return tuple(reasons)
