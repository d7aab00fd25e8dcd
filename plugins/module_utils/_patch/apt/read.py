# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt and dpkg print, turned into data. Touches no host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ..._errors import ClinicalError
from ..._text.lines import split_lines
from ..._text.quoting import from_apt_value
from ..model import InstalledPackage

#: One line a package, each field ended by a tab.
DPKG_FORMAT = "${Package}\t${Architecture}\t${Version}\t${source:Package}\t${source:Version}\t${Status}\n"
SECURITY_LABEL = "Debian-Security"

_INSTALLED = re.compile(r"([^\t]+)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(\S+) (\S+) (\S+)")
_SIZE = re.compile(r"\s*([0-9]{1,15})")
_STEP = re.compile(
    r"(?P<what>Inst|Remv) (?P<name>[^\s:]+)(?::(?P<foreign>\S+))?(?: \[(?P<old>[^\]]+)\])?"
    r"(?: \((?P<new>\S+) (?P<origins>.*?) ?\[(?P<arch>[^\]]+)\]\))?"
)
_SECTION = {
    "The following packages have been kept back:": "kept_back",
    "The following upgrades have been deferred due to phasing:": "phased",
}
_VERSION = re.compile(r" (?:\*\*\*|   ) (?P<version>\S+) -?\d+(?: \(phased (?P<phased>\d+)%\))?$")
_FROM = re.compile(r" +-?\d+ (?P<list>.+)$")


@dataclass(frozen=True)
class SimulatedStep:
    """One package that apt would install, upgrade or remove. ``arch`` is empty for a removal of the host's own kind."""

    name: str
    arch: str
    old: str
    new: str
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Simulation:
    """What ``apt-get -s`` says: the steps in their order, and the names that it keeps back."""

    steps: tuple[SimulatedStep, ...]
    kept_back: tuple[str, ...] = ()
    phased: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """One version in the table of ``apt-cache policy`` with the lists that bring it; ``phased`` is a percentage."""

    version: str
    lists: tuple[str, ...] = ()
    phased: int | None = None


@dataclass(frozen=True)
class VersionTable:
    """What ``apt-cache policy`` says of one package."""

    installed: str
    candidate: str
    versions: tuple[Offer, ...] = ()


@dataclass(frozen=True)
class PackageIndex:
    """One Packages file that apt reads, with what the Release file above it says of itself."""

    description: str
    path: str
    base: str
    uri: str
    suite: str
    codename: str
    label: str
    origin: str
    component: str
    version: str
    trusted: bool

    @property
    def name(self) -> str:
        """The list as apt names where a version comes from: label, version and suite."""
        return f"{self.label}:{self.version}/{self.suite}"

    @property
    def security(self) -> bool:
        """True for a list of security updates.

        Suites are renamed when a release grows old; the label stays. Ubuntu has one label for all.
        """
        return self.label == SECURITY_LABEL or (self.origin == "Ubuntu" and self.suite.endswith("-security"))


@dataclass(frozen=True)
class ReleaseDates:
    """The dates in a Release file, where it bears them."""

    dated: datetime | None = None
    valid_until: datetime | None = None


def packages(text: str) -> dict[str, InstalledPackage]:
    """Return the packages in output of DPKG_FORMAT that are not plainly away, by their keys."""
    packages = {}
    for number, line in enumerate(split_lines(text), 1):
        match = _INSTALLED.fullmatch(line)
        if match is None:
            problem = f"line {number} of what dpkg-query says is {line!r:.120}"
            raise ClinicalError("Reading", "what is installed", problem, "Try: dpkg --audit")
        name, arch, version, source, source_version, want, flag, state = match.groups()
        if state in ("not-installed", "config-files"):
            continue
        package = InstalledPackage(
            name=name,
            arch=arch,
            version=version,
            source=source,
            source_version=source_version,
            intact=(state, flag) == ("installed", "ok"),
            held=want == "hold",
        )
        packages[package.key] = package
    return packages


def simulated(text: str) -> Simulation:
    """Return the steps and what is kept back; the lists of names are indented below their headings."""
    steps: list[SimulatedStep] = []
    sections: dict[str, list[str]] = {"kept_back": [], "phased": []}
    section: list[str] | None = None
    for line in split_lines(text):
        if line.startswith("  "):
            if section is not None:
                section += line.split()
            continue
        section = sections[_SECTION[line]] if line in _SECTION else None
        match = _STEP.match(line)
        if match:
            steps.append(_step(match))
    return Simulation(tuple(steps), tuple(sections["kept_back"]), tuple(sections["phased"]))


def _step(match: re.Match[str]) -> SimulatedStep:
    return SimulatedStep(
        name=match["name"],
        arch=match["arch"] or match["foreign"] or "",
        old=match["old"] or "",
        new=match["new"] or "",
        origins=tuple(part.strip() for part in (match["origins"] or "").split(",") if part.strip()),
    )


def offers(text: str) -> dict[str, VersionTable]:
    """Return the version tables in ``apt-cache policy`` by package; a foreign one has its architecture in its name."""
    tables: dict[str, VersionTable] = {}
    for name, lines in _headed(text):
        parts = [line.strip().partition(": ") for line in lines[:2]]
        fields = {key: "" if value == "(none)" else value for key, _colon, value in parts}
        installed, candidate = fields.get("Installed", ""), fields.get("Candidate", "")
        tables[name] = VersionTable(installed, candidate, tuple(_versions(lines)))
    return tables


def _headed(text: str) -> Iterator[tuple[str, list[str]]]:
    name = ""
    lines: list[str] = []
    for line in split_lines(text):
        if line.endswith(":") and not line.startswith(" "):
            if name:
                yield name, lines
            name, lines = line[:-1], []
        else:
            lines.append(line)
    if name:
        yield name, lines


def _versions(lines: list[str]) -> Iterator[Offer]:
    version = ""
    phased: int | None = None
    lists: list[str] = []
    for line in lines:
        head, below = _VERSION.match(line), _FROM.match(line)
        if head:
            if version:
                yield Offer(version, tuple(lists), phased)
            version, lists = head["version"], []
            phased = int(head["phased"]) if head["phased"] else None
        elif below and version:
            lists.append(below["list"])
    if version:
        yield Offer(version, tuple(lists), phased)


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Yield the paragraphs of a control file, each as its single-line fields."""
    fields: dict[str, str] = {}
    for line in [*split_lines(text), ""]:
        if not line:
            if fields:
                yield fields
            fields = {}
        elif line[0] not in " \t" and ":" in line:
            key, _colon, value = line.partition(":")
            fields[key] = value.strip()


def size(text: str) -> int:
    """Return a size in a package's paragraph as apt reads it: the digits that it begins with, nothing where none."""
    match = _SIZE.match(text)
    if match:
        return int(match[1])
    return 0


def source_of(fields: Mapping[str, str]) -> tuple[str, str]:
    """Return source package and its version of a paragraph in Packages; named there only where they differ."""
    name, _blank, version = fields.get("Source", fields["Package"]).partition(" ")
    return name, version.strip("()") or fields["Version"]


def indexes(text: str) -> tuple[PackageIndex, ...]:
    """Return the Packages files that ``apt-get indextargets`` names, in the order of the sources."""
    indexes = []
    for fields in paragraphs(text):
        path = fields.get("Filename", "")
        if "MetaKey" not in fields or "Description" not in fields:
            problem = f"apt-get indextargets says of {path or 'one'} only {', '.join(fields)}"
            raise ClinicalError("Reading", "the lists of packages", problem, "Look at the sources below /etc/apt.")
        end = path.rfind(fields["MetaKey"].replace("/", "_"))
        codename = fields.get("Codename") or fields.get("Release", "")
        indexes.append(
            PackageIndex(
                description=fields["Description"],
                path=path,
                base=path[:end] if end > 0 else "",
                uri=fields.get("Repo-URI", fields.get("Site", "")),
                suite=fields.get("Suite", ""),
                codename=codename,
                label=fields.get("Label", ""),
                origin=fields.get("Origin", ""),
                component=fields.get("Component", ""),
                version=fields.get("Version", ""),
                trusted=fields.get("Trusted") == "yes",
            )
        )
    return tuple(indexes)


def release(text: str) -> ReleaseDates:
    """Return the dates of a Release or InRelease file; what is no date is None."""
    fields = next((part for part in paragraphs(text) if "Date" in part), {})
    return ReleaseDates(_date(fields.get("Date", "")), _date(fields.get("Valid-Until", "")))


def _date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text.replace("UTC", "+0000"))
        return when.replace(tzinfo=when.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError):
        return None


def config(text: str) -> dict[str, str]:
    """Return the single values of ``apt-config dump``; members of lists are left away."""
    values = {}
    for line in split_lines(text):
        key, _blank, value = line.partition(" ")
        if not key.endswith("::"):
            values[key] = from_apt_value(value)
    return values
