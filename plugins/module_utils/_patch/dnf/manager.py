# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package manager of Enterprise Linux as patching knows it. Private to the collection.

dnf is asked in its own words by a program that its own Python runs (``helper``); rpm tells what is installed.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, Collection, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..._vocabulary.patch import SEVERITIES
from ..._vocabulary.stamp import format_stamp
from .. import checksums
from ..manager import Asked, Barred, Kept
from ..model import INSTALL, REMOVE, Change, LeftOut, Observed, Package, Source, because, in_order
from ..unit import as_unit
from . import unattended, versions
from .versions import RpmVersion

PLACE = "/run/healthops"
PROGRAM = f"{PLACE}/patch-dnf.py"
REQUEST = f"{PLACE}/patch-dnf.json"
RESTARTS = f"{PLACE}/patch-dnf-restarts"
VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
#: Repositories of a distribution are renewed with each update, some days apart.
STALE_DAYS = 30
SOLVER_TIME, FETCH_TIME = 600.0, 3600.0
_EVR = "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}"
_INSTALLED = f"%{{NAME}}\\t%{{ARCH}}\\t{_EVR}\\t%{{SOURCERPM}}\\n"
_KERNELS = ("kernel-core", "kernel", "kernel-rt-core", "kernel-64k-core")
_BESIDE = "kernel"
#: What of the scripts of packages would start or restart a service does nothing then; enabling still works.
_ENVIRONMENT = {"SYSTEMD_OFFLINE": "1", "NEEDRESTART_SUSPEND": "healthops"}
#: How the scripts of a package ask for a restart: by themselves, or with the marks that systemd collects.
_RESTARTS = re.compile(r"^.*?(?:mark-restart-system-units|try-restart|(?<!-)restart)\s+(.*)$", re.MULTILINE)
_UNIT = re.compile(r"[\w@.\\-]+\.(?:service|socket)")


class Dnf:
    """dnf and rpm of one host, at one moment."""

    def __init__(self, host: Host, now: datetime, lock_wait: int) -> None:
        self.host = host
        self.now = now
        self.lock_wait = lock_wait

    def within(self, version: str, installed: str, candidate: str) -> bool:
        return versions.within(version, installed, candidate)

    # --- looking ---

    def refresh(self) -> Tuple[str, ...]:
        return tuple(self._asked("refresh")["failed"])

    def observe(self, free: Collection[str] = ()) -> Observed:
        packages = self._held_or_not(free)
        told = self._asked("observe", free=[[p.name, p.arch] for p in packages.values() if p.key in free])
        held = {tuple(each) for each in told["held_names"]}
        return Observed(
            packages={
                key: replace(package, held=(package.name, package.arch) in held) for key, package in packages.items()
            },
            changes=in_order(_change(each) for each in told["changes"]),
            left_out=(
                *(LeftOut("held", _change(each), "held or excluded on the host") for each in told["held"]),
                *(LeftOut("held", _change(each), f"dnf leaves it out: {each['reason']}") for each in told["skipped"]),
            ),
            sources=tuple(_source(each, self.now) for each in told["sources"]),
            unknown_because=self._doubts(told),
            broken=tuple(f"{each} was not removed: a transaction was cut" for each in told["duplicates"]),
        )

    def cves(self, refresh: bool) -> Tuple[str, ...]:
        """Every CVE that an update of this host would close, so that the control node can say more of it."""
        if refresh:
            self.refresh()
        told = self._asked("observe")
        return tuple(sorted({cve for each in (*told["changes"], *told["held"]) for cve in each["cves"]}))

    def _doubts(self, told: Mapping[str, Any]) -> Tuple[str, ...]:
        """Why nobody can tell what this host needs."""
        doubts = [f"a list could not be read: {each}" for each in told["failed"]]
        if told["complaint"]:
            doubts.append(f"dnf cannot resolve the upgrade: {told['complaint']}")
        if not told["sources"]:
            doubts.append("no repository is enabled")
        for each in told["sources"]:
            source = _source(each, self.now)
            if not each["advisories"]:
                doubts.append(f"the repository {each['id']} has no advisories, so nobody says what is for security")
            if source.stale:
                doubts.append(f"the list of {each['id']} is {source.age_days} days old")
        return tuple(doubts)

    def narrowed(
        self, observed: Observed, chosen: Sequence[Change], barred: Barred
    ) -> Tuple[Tuple[Change, ...], Tuple[LeftOut, ...]]:
        if not chosen:
            return (), ()
        known = {(c.name, c.arch, c.new): c for c in (*observed.changes, *(out.change for out in observed.left_out))}
        out = [change for change in known.values() if barred(change) is not None]
        told = self._asked(
            "narrow",
            chosen=[[c.name, c.arch, c.new] for c in chosen if c.new],
            barred=[[c.name, c.arch, c.new] for c in out],
        )
        names = {change.name for change in chosen}
        found = [known.get((each["name"], each["arch"], each["to"])) or _change(each) for each in told["changes"]]
        if any(barred(change) is not None for change in found):
            found = []
        come = {change.name for change in found}
        why = "it needs a package that may not come"
        lost = [LeftOut("excluded", c, why) for c in in_order(chosen) if c.name not in come and c.change != REMOVE]
        return in_order(c if c.name in names else because(c, "the others need it") for c in found), tuple(lost)

    def installed(self) -> Mapping[str, Package]:
        return self._held_or_not(())

    def _held_or_not(self, free: Collection[str]) -> Dict[str, Package]:
        done = self.host.run(["rpm", "-qa", "--qf", _INSTALLED], timeout=SOLVER_TIME)
        if done.rc != 0:
            raise ClinicalError("Reading", "the rpm database", done.err_line, "rpm --rebuilddb may mend it.")
        locked = {name for name, _line in self._locks()}
        found: Dict[str, Package] = {}
        for line in done.out.splitlines():
            name, arch, version, source = line.split("\t")
            if arch == "(none)":  # the keys that packages are signed with
                continue
            package = Package(name, arch, version, *_source_of(source, name, version))
            held = name in locked and package.key not in free
            known = found.get(package.key)
            # Kernels stand beside each other, and the latest counts; two of anything else mean a cut transaction.
            whole = known is None or name.startswith(_BESIDE)
            latest = package if known is None or versions.later(version, known.version) else known
            found[package.key] = replace(latest, held=held, whole=whole)
        return found

    def files(self, change: Change) -> Tuple[str, ...]:
        return self._listed("-ql", change)

    def configuration(self, changes: Iterable[Change]) -> Tuple[str, ...]:
        found = [path for change in changes if change.old for path in self._listed("-qc", change)]
        return tuple(dict.fromkeys(found))

    def _listed(self, option: str, change: Change) -> Tuple[str, ...]:
        if not change.old:
            return ()
        done = self.host.run(["rpm", option, f"{change.name}.{change.arch}"], timeout=SOLVER_TIME)
        return tuple(line for line in done.out.splitlines() if line.startswith("/"))

    def kernels(self, packages: Mapping[str, Package]) -> Tuple[str, ...]:
        done = self.host.run(["rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}.%{ARCH}\\n", *_KERNELS])
        names = {line for line in done.out.splitlines() if line and " " not in line}
        return tuple(sorted(names, key=RpmVersion))

    # --- files ---

    def missing(self, folder: str, changes: Sequence[Change]) -> Tuple[str, ...]:
        return tuple(self._asked("missing", folder=folder, wanted=_wanted(changes))["missing"])

    def fetch(self, folder: str, changes: Sequence[Change]) -> None:
        self._folder(folder)
        told = self._asked("fetch", folder=folder, wanted=_wanted(changes))
        if told["lost"]:
            hint = "Nothing was changed. Is the mirror reachable? Stage again; what was downloaded is kept."
            raise ClinicalError("Downloading", f"{len(_wanted(changes))} packages", "; ".join(told["lost"]), hint)
        self.host.write(f"{folder}/paths.json", json.dumps(told["paths"]).encode(), 0o600, 0, 0, {})

    def keep(self, folder: str, changes: Iterable[Change]) -> Tuple[Kept, ...]:
        """From a repository, which on Enterprise Linux mostly has earlier versions too, else from dnf's cache."""
        going = [change for change in changes if change.old]
        self._folder(folder)
        told = self._asked("fetch", folder=folder, wanted=[[c.name, c.arch, c.old] for c in going])
        found = [(change, self._earlier(folder, change, told["paths"])) for change in going]
        lost = [f"{c.name}-{c.old}.{c.arch}" for c, (path, _how) in found if not path]
        if lost:
            saw = f"no repository and no cache has it any more: {', '.join(lost)}"
            hint = "Nothing was changed. Put the file below /var/cache/dnf, or into a repository, and stage again."
            raise ClinicalError("Keeping", "the earlier packages", saw, hint)
        sums = checksums.checksums(self.host, [path for _change_, (path, _how) in found])
        return tuple(Kept(c.name, c.arch, c.old, path, how, sums.get(path, "")) for c, (path, how) in found)

    def _earlier(self, folder: str, change: Change, paths: Mapping[str, str]) -> Tuple[str, str]:
        """The file of a version that goes, and how it came; two empty texts where nobody has it."""
        path = paths.get("\t".join((change.name, change.arch, change.old)))
        if path:
            return path, "mirror"
        name = f"{change.name}-{change.old.rpartition(':')[2]}.{change.arch}.rpm"
        for path in (posixpath.join(folder, name), *self.host.glob(f"/var/cache/dnf/*/packages/{name}")):
            if self._is(path, change):
                own = posixpath.join(folder, name)
                if path != own and self.host.run(["cp", "--reflink=auto", "--", path, own]).rc != 0:
                    continue
                return own, "cache"
        return "", ""

    def _is(self, path: str, change: Change) -> bool:
        """Whether a file is this version, whole."""
        if self.host.stat(path) is None or self.host.run(["rpm", "-K", "--nosignature", path]).rc != 0:
            return False
        told = self.host.run(["rpm", "-qp", "--nosignature", "--qf", f"%{{NAME}} %{{ARCH}} {_EVR}", path])
        return told.out.strip() == f"{change.name} {change.arch} {change.old}"

    def damaged(self, kept: Sequence[Kept]) -> Tuple[str, ...]:
        return checksums.damaged(self.host, kept)

    def unattended_updaters(self) -> Tuple[str, ...]:
        return unattended.unattended_updaters(self.host)

    # --- changing ---

    def install(self, folder: str, changes: Sequence[Change], log: str) -> CommandResult:
        paths = json.loads((self.host.read(f"{folder}/paths.json") or b"{}").decode())
        files = [paths.get("\t".join(key), "") for key in map(tuple, _wanted(changes))]
        gone = [[c.name, c.arch, c.old] for c in changes if c.change == REMOVE]
        return self._transaction(files, gone, [[c.name, c.arch, c.change, c.new or c.old] for c in changes], log)

    def put_back(self, changes: Sequence[Change], kept: Sequence[Kept], log: str) -> CommandResult:
        files = {(one.name, one.arch): one.path for one in kept}
        back = [c for c in changes if c.old and (c.name, c.arch) in files]
        gone = [[c.name, c.arch, c.new] for c in changes if c.change == INSTALL]
        ways = {REMOVE: INSTALL}
        expected = [[c.name, c.arch, ways.get(c.change, "downgrade"), c.old] for c in back]
        expected += [[*each[:2], REMOVE, each[2]] for each in gone]
        return self._transaction([files[(c.name, c.arch)] for c in back], gone, expected, log)

    def _transaction(
        self, files: Sequence[str], remove: Sequence[Sequence[str]], expected: Sequence[Sequence[str]], log: str
    ) -> CommandResult:
        before = self._saved(expected)
        self._note_restarts(expected)
        request = {"what": "transact", "files": list(files), "remove": list(remove), "expected": list(expected)}
        self._written(request)
        done = as_unit(self.host, [self._python(), PROGRAM, REQUEST], log, _ENVIRONMENT)
        self._own_configuration(before)
        return done

    def repair(self, log: str) -> CommandResult:
        """What a cut transaction had put in beside its earlier version and had not taken out: that goes now."""
        told = self._asked("observe")["duplicates"]
        newest = self.installed()
        stale = []
        for each in told:
            name, _blank, version = each.partition(" ")
            package = next((p for p in newest.values() if f"{p.name}.{p.arch}" == name), None)
            if package is not None and package.version != version:
                stale.append(f"{name.rpartition('.')[0]}-{version.rpartition(':')[2]}.{name.rpartition('.')[2]}")
        if not stale:
            return CommandResult(("rpm",), 0, "", "")
        return as_unit(self.host, ["rpm", "-e", "--nodeps", *stale], log, _ENVIRONMENT)

    def suspend(self, again: bool) -> None:
        """The environment of the transaction does it."""
        if not again:
            self.host.remove(RESTARTS)

    def resume(self) -> Tuple[Asked, ...]:
        units = self.host.read_text(RESTARTS).split()
        return tuple(Asked(unit, "restart") for unit in dict.fromkeys(units))

    def _note_restarts(self, expected: Sequence[Sequence[str]]) -> None:
        """In a transaction nobody says what was asked for, so it is read from the scripts before it begins."""
        names = [f"{name}.{arch}" for name, arch, *_rest in expected]
        done = self.host.run(["rpm", "-q", "--scripts", *names], timeout=SOLVER_TIME) if names else None
        units = [unit for words in _RESTARTS.findall(done.out if done else "") for unit in _UNIT.findall(words)]
        self._folder(PLACE)
        self.host.append(RESTARTS, "".join(f"{unit}\n" for unit in units).encode())

    # --- configuration files of the site ---

    def _saved(self, expected: Sequence[Sequence[str]]) -> Tuple[str, ...]:
        """The configuration files of what changes that have no ``.rpmsave`` beside them yet."""
        names = [f"{name}.{arch}" for name, arch, *_rest in expected]
        done = self.host.run(["rpm", "-qc", *names], timeout=SOLVER_TIME) if names else None
        paths = [line for line in done.out.splitlines() if line.startswith("/")] if done else []
        return tuple(path for path in paths if self.host.stat(f"{path}.rpmsave") is None)

    def _own_configuration(self, paths: Iterable[str]) -> None:
        """rpm puts some changed files aside and takes its own; the site's stay, and rpm's lie beside them."""
        for path in paths:
            saved, stat = self.host.read(f"{path}.rpmsave"), self.host.stat(f"{path}.rpmsave")
            new, new_stat = self.host.read(path), self.host.stat(path)
            if saved is None or stat is None:
                continue
            if new is not None and new_stat is not None:
                self.host.write(f"{path}.rpmnew", new, new_stat.mode, new_stat.uid, new_stat.gid, {})
            self.host.write(path, saved, stat.mode, stat.uid, stat.gid, self.host.xattrs(f"{path}.rpmsave"))
            self.host.remove(f"{path}.rpmsave")

    # --- holds and marks ---

    def _locks(self) -> List[Tuple[str, str]]:
        """Name and line of each package that the versionlock list holds."""
        text = self.host.read_text(VERSIONLOCK)
        lines = [line for line in text.splitlines() if line.split("#")[0].strip() and not line.startswith("!")]
        return [(line.split("#")[0].strip().rsplit("-", 2)[0], line) for line in lines]

    def set_hold(self, names: Sequence[str], held: bool) -> None:
        if not names:
            return
        packages = self.installed()
        mine = {package.name for key, package in packages.items() if key in names}
        text = self.host.read_text(VERSIONLOCK)
        if held:
            new = [f"{p.name}-{_epoch(p.version)}.*" for p in packages.values() if p.key in names]
            text = "".join(f"{line}\n" for line in [*text.splitlines(), *new])
        else:
            gone = {line for name, line in self._locks() if name in mine}
            text = "".join(f"{line}\n" for line in text.splitlines() if line not in gone)
        above = ""
        for part in posixpath.dirname(VERSIONLOCK).strip("/").split("/"):
            above = f"{above}/{part}"
            if self.host.stat(above) is None:
                self.host.mkdir(above, 0o755, 0, 0)
        self.host.write(VERSIONLOCK, text.encode(), 0o644, 0, 0, {})

    def marks(self) -> str:
        told = self._dnf("repoquery", "--userinstalled", "--qf", "%{name}.%{arch}")
        return "".join(f"{line}\n" for line in sorted(set(told.out.split())))

    def set_marks(self, marks: str, changes: Sequence[Change]) -> None:
        brought = {f"{c.name}.{c.arch}" for c in changes if c.change == INSTALL}
        there = {f"{p.name}.{p.arch}" for p in self.installed().values()}
        wanted, now = (set(marks.split()) - brought) & there, set(self.marks().split())
        for way, names in (("install", wanted - now), ("remove", now - wanted)):
            if names:
                self._dnf("mark", way, *sorted(names))

    def _dnf(self, *words: str) -> CommandResult:
        done = self.host.run(["dnf", "-q", "-C", "-y", *words], timeout=SOLVER_TIME)
        if done.rc != 0:
            raise ClinicalError("Asking", f"dnf {words[0]}", done.err_line, "Nothing was changed by that.")
        return done

    # --- the program ---

    def _asked(self, what: str, **more: Any) -> Dict[str, Any]:
        self._written({"what": what, **more})
        done = self.host.run([self._python(), PROGRAM, REQUEST], timeout=FETCH_TIME)
        if done.rc != 0:
            raise ClinicalError("Asking dnf", what, done.err.strip().splitlines()[-1][:300] if done.err else "nothing")
        told: Dict[str, Any] = json.loads(done.out)
        return told

    def _written(self, request: Mapping[str, Any]) -> None:
        self._folder(PLACE)
        self.host.write(PROGRAM, _program().encode(), 0o600, 0, 0, {})
        self.host.write(REQUEST, json.dumps({"lock_wait": self.lock_wait, **request}).encode(), 0o600, 0, 0, {})

    def _folder(self, path: str) -> None:
        above = ""
        for part in path.strip("/").split("/"):
            above = f"{above}/{part}"
            if self.host.stat(above) is None:
                self.host.mkdir(above, 0o700, 0, 0)

    def _python(self) -> str:
        """The Python that dnf itself runs with; only that one is sure to have dnf."""
        path = self.host.which("dnf")
        first = (self.host.read(self.host.resolve(path)) or b"").split(b"\n", 1)[0].decode() if path else ""
        if not first.startswith("#!"):
            raise ClinicalError("Looking for", "dnf", f"saw {first!r} in {path or 'no place'}", "dnf 4 is needed.")
        return first[2:].split()[0]


def _program() -> str:
    from . import helper

    loader = helper.__loader__
    source: Optional[str] = loader.get_source(helper.__name__) if loader else None  # type: ignore[attr-defined]
    if source is None:
        raise ClinicalError("Asking", "dnf", "our own program cannot be read", "This is a defect: please report.")
    return source


def _wanted(changes: Iterable[Change]) -> List[List[str]]:
    return [[c.name, c.arch, c.new] for c in changes if c.change != REMOVE]


def _change(told: Mapping[str, Any]) -> Change:
    change = Change.of({key: value for key, value in told.items() if key != "severities"})
    severity = min(told["severities"], key=SEVERITIES.index, default="unknown")
    why = [f"{', '.join(change.advisories)} says that it is for security"] if change.advisories else []
    return replace(change, severity=severity, why=tuple(why))


def _source(told: Mapping[str, Any], now: datetime) -> Source:
    made = datetime.fromtimestamp(told["stamp"], timezone.utc)
    age = (now - made).days
    return Source(
        uri=told["uri"],
        suite=told["id"],
        codename="",
        label=told["name"],
        origin=told["id"],
        component="",
        released=format_stamp(made) if told["stamp"] else "",
        age_days=age if told["stamp"] else None,
        stale=not told["stamp"] or age > STALE_DAYS,
        security=bool(told["advisories"]),
    )


def _source_of(file: str, name: str, version: str) -> Tuple[str, str]:
    """The source package and its version, with the epoch of the package that was made of it."""
    parts = file.rsplit(".", 2)[0].rsplit("-", 2)
    if len(parts) != 3:
        return name, version
    epoch = f"{version.partition(':')[0]}:" if ":" in version else ""
    return parts[0], f"{epoch}{parts[1]}-{parts[2]}"


def _epoch(version: str) -> str:
    """epoch:version-release with its epoch, as the versionlock list wants it."""
    return version if ":" in version else f"0:{version}"
