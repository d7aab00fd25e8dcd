# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages are installed, in which versions (dpkg and apt)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..._host.processes import Process, read_volatile
from ..._text.lines import split_lines
from ..._text.numbers import is_natural
from .. import start_policy
from .base import Conflict, Image, WayBack, WholeSubject
from .mounts import MountPoint, mounted

#: Packages that were removed are kept here, so that a revert needs no mirror.
ARCHIVE = "/var/lib/healthops/packages"
#: Where apt remembers which packages were asked for and which came along.
AUTO_MARKS = "/var/lib/apt/extended_states"
_APT = (
    *("apt-get", "--yes", "--quiet", "--no-install-recommends"),
    *("-o", "DPkg::Lock::Timeout=60", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
)
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "APT_LISTCHANGES_FRONTEND": "none"}
#: What dpkg has not written down yet; left behind only where it was cut.
JOURNAL = "/var/lib/dpkg/updates"
#: Where every package has files.
_PLACES = ("/usr", "/etc")
#: The hook that lets apt make a read-only file system writable for as long as it works.
_REMOUNTS = re.compile(r"^DPkg::Pre-I(?:nvoke|nstall-Pkgs)::? .*remount", re.MULTILINE)
_AWAY = ("not-installed", "config-files")
#: Whatever else dpkg says of a package, it began with it and did not end.
_FINISHED = ("installed", *_AWAY)
_LOCK = "/var/lib/dpkg/lock-frontend"
_HOLDER = re.compile(r"It is held by process \d+ \([^)\n]*\)")
#: What dpkg says of a package whose script fails: the package on one line, and the reason on the next. It says so on
#: apt's output, which apt has from a terminal of its own.
_PACKAGE_FAILED = re.compile(r"^dpkg: error processing (?:package|archive) [^\n]*\n[^\n]*", re.MULTILINE)
_SIMULATED = re.compile(r"^(Inst|Remv) (\S+)(?: \[([^\]]+)\])?(?: \((\S+))?", re.MULTILINE)


#: Asks dpkg of packages: name, version and status of each that it knows.
PackageQuery = Callable[[Host, Sequence[str]], list[list[str]]]


def query(host: Host, names: Sequence[str]) -> list[list[str]]:
    """Return name, version and status of each package that dpkg knows."""
    if not names:
        return []
    form = "--showformat=${Package}\\t${Version}\\t${db:Status-Status}\\n"
    done = host.run(["dpkg-query", "--show", form, *names])
    if done.rc not in (0, 1):  # 1: some of the names are unknown, which is an answer
        raise ClinicalError("Asking dpkg for", ", ".join(names), done.err_line, "Try: dpkg --audit")
    return [_fields(line, 3) for line in split_lines(done.out)]


def installed(
    host: Host, names: Sequence[str], ask: PackageQuery = query
) -> tuple[dict[str, str | None], dict[str, str]]:
    """Return the installed version of each package, None where it is not installed, and what is installed in part.

    The latter is by package the status of which dpkg says that it began with it and did not end.
    """
    rows = ask(host, names)
    versions = {name: version for name, version, status in rows if status == "installed"}
    unfinished = {name: status for name, _version, status in rows if status not in _FINISHED}
    return {name: versions.get(name) for name in names}, unfinished


def broken(host: Host) -> tuple[str, ...]:
    """Return what keeps any package from being changed, a sentence each.

    That is what dpkg began with and did not end, since nothing else can end before it, and where it cannot write.
    """
    form = "--showformat=${Package}\\t${db:Status-Status}\\t${db:Status-Eflag}\\n"
    done = host.run(["dpkg-query", "--show", form])
    if done.rc != 0:
        raise ClinicalError("Asking dpkg for", "every package", done.err_line, "Try: dpkg --audit")
    reasons = []
    for line in split_lines(done.out):
        name, status, flag = _fields(line, 3)
        if status not in _FINISHED or flag != "ok":
            reasons.append(f"{name} is {status}")
    return (*reasons, *interrupted(host), *read_only(host))


def interrupted(host: Host) -> tuple[str, ...]:
    """Return a sentence where dpkg was cut so hard that it has not written down yet what it did."""
    cut = any(is_natural(name) for name in host.listdir(JOURNAL))
    if cut:
        return ("dpkg was cut in the middle of its work",)
    return ()


def read_only(host: Host) -> tuple[str, ...]:
    """Return a sentence for each place of packages that is mounted read-only, unless apt is told to remount it."""
    points = mounted(host)
    places = [
        point for point in map(partial(_mount_of, points), _PLACES) if point is not None and "ro" in point.options
    ]
    if not places or _REMOUNTS.search(host.run(["apt-config", "dump"]).out):
        return ()
    return tuple(
        dict.fromkeys(f"{point.path}, where packages are, is mounted read-only: remount it" for point in places)
    )


def _mount_of(points: Mapping[str, MountPoint], path: str) -> MountPoint | None:
    """Return what a path lies on."""
    while path not in points and path != "/":
        path = posixpath.dirname(path)
    return points.get(path)


def present(host: Host, names: Sequence[str], ask: PackageQuery = query) -> set[str]:
    """Return those of the packages that are installed, also in part, as dpkg or rpm says."""
    if not names:
        return set()
    if host.which("dpkg-query") is not None:
        return {name for name, _version, status in ask(host, names) if status not in _AWAY}
    if host.which("rpm") is None:
        return set()
    # For what is not installed rpm prints a sentence, and has an exit code of its own.
    return set(host.run(["rpm", "--query", "--queryformat", "%{NAME}\\n", *names]).out.split("\n")) & set(names)


def _fields(line: str, number: int) -> list[str]:
    fields = line.split("\t")
    if len(fields) != number:
        raise ClinicalError("Reading what dpkg-query says in the line", repr(line[:80]), "it is none of its lines")
    return fields


def simulate(host: Host, install: Sequence[str], remove: Sequence[str]) -> tuple[Image, Image]:
    """Return what apt would do: the versions before and after, of every package that would change.

    Nothing is changed and no lock is taken. Raises ClinicalError where apt sees no way.
    """
    arguments = [*install, *(f"{name}-" for name in remove)]
    done = host.run([*_APT, "--simulate", "-o", "Debug::NoLocking=1", "install", *arguments], env=_QUIET)
    if done.rc != 0:
        raise ClinicalError("Planning the packages", " ".join(arguments), _complaint(host, done), "Try: apt-get update")
    return parse_simulation(done.out)


def parse_simulation(output: str) -> tuple[Image, Image]:
    """Read ``Inst name [old] (new ...)`` and ``Remv name [old]`` lines into the images before and after."""
    rows = _SIMULATED.findall(output)
    before = {name: old or None for _verb, name, old, _new in rows}
    after = {name: (new or None) if verb == "Inst" else None for verb, name, _old, new in rows}
    return {"packages": before}, {"packages": after}


def can_archive(host: Host, versions: Mapping[str, str]) -> bool:
    """Ask, without fetching them, that the packages could be fetched as they are installed now."""
    missing = [f"{name}={version}" for name, version in versions.items() if archived_path(host, name, version) is None]
    return not missing or host.run(["apt-get", "--quiet", "--print-uris", "download", *missing], env=_QUIET).rc == 0


def archive_package(host: Host, name: str, version: str) -> None:
    """Fetch the package as it is installed now, so that it can come back; raises where no mirror or cache has it."""
    if archived_path(host, name, version):
        return
    for folder in (posixpath.dirname(ARCHIVE), ARCHIVE):
        host.mkdir(folder, 0o700, 0, 0)
    fetch = 'cd "$1" && exec apt-get --quiet -o APT::Sandbox::User=root download "$2"'
    done = host.run(["sh", "-c", fetch, "sh", ARCHIVE, f"{name}={version}"], timeout=300.0, env=_QUIET)
    if done.rc != 0:
        raise ClinicalError("Keeping the package", f"{name}={version}", _complaint(host, done), "Try: apt-get update")


def archived_path(host: Host, name: str, version: str) -> str | None:
    """Return the path of an archived package; apt writes the colon of an epoch as %3a in file names."""
    paths = host.glob(f"{ARCHIVE}/{name}_{version.replace(':', '%3a')}_*.deb")
    if paths:
        return paths[0]
    return None


@dataclass(frozen=True)
class Packages(WholeSubject):
    """The packages of one transaction, named together; sorted names joined by blanks.

    ``residual`` names those that are not installed, but whose configuration files are kept. Without it in an image,
    whatever goes leaves its configuration files. ``unfinished`` names those that dpkg began with and did not end.
    ``waiting`` are units that their packages must not start yet.
    """

    names: str
    type = "packages"
    STANDS_ALONE = False

    @property
    def name(self) -> str:
        return self.names

    def capture(self, host: Host) -> Image:
        """Return the installed version of each package, None where it is not, and what the class says of an image."""
        names = self.names.split()
        rows = query(host, names)
        versions = {name: version for name, version, status in rows if status == "installed"}
        residual = sorted(name for name, _version, status in rows if status == "config-files")
        unfinished = {name: status for name, _version, status in rows if status not in _FINISHED}
        image: Image = {"packages": {name: versions.get(name) for name in names}, "residual": residual}
        return {**image, "unfinished": unfinished} if unfinished else image

    def put(self, host: Host, image: Image) -> None:
        with start_policy.waiting(host, image.get("waiting", ())) as environment:
            self._put(host, image, environment)

    def _put(self, host: Host, image: Image, environment: Mapping[str, str]) -> None:
        wanted: Mapping[str, str | None] = image["packages"]
        image_now = self.capture(host)
        now, unfinished = image_now["packages"], image_now.get("unfinished", {})
        removed = [
            f"{name}-" for name, version in wanted.items() if version is None and (now[name] or name in unfinished)
        ]
        installed_anew = [_source(host, name, v) for name, v in wanted.items() if v is not None and now[name] != v]
        if image.get("keep"):
            for name in [name for name, version in wanted.items() if version != now[name] and now[name]]:
                archive_package(host, name, now[name] or "")
        if removed or installed_anew:
            options = ["--allow-downgrades", "--allow-change-held-packages"]
            # apt takes what dpkg unpacked in part for installed, says so, and does nothing.
            options += ["--reinstall"] if any(wanted.get(name) for name in unfinished) else []
            if any(wanted.get(name, "") is None for name in unfinished):  # dpkg would have it installed again first
                options += ["-o", "Dpkg::Options::=--force-remove-reinstreq"]
            self._apt(host, environment, *options, "install", *installed_anew, *removed)
        if "residual" in image:
            purged = [name for name in self.capture(host)["residual"] if name not in image["residual"]]
            if purged:
                folders = _folders_of(host, purged)
                self._apt(host, environment, "purge", *purged)
                _remove_empty(host, folders)

    def _apt(self, host: Host, environment: Mapping[str, str], *arguments: str) -> None:
        if interrupted(host):  # apt does nothing before dpkg has written that down, which it does before anything else
            host.run(["dpkg", "--set-selections"])
        done = host.run([*_APT, *arguments], timeout=900.0, env={**_QUIET, **environment})
        if done.rc != 0:
            raise ClinicalError("Changing the packages", self.names, _complaint(host, done), "Is another apt at work?")

    def matches(self, image: Image, wanted: Image) -> bool:
        if image["packages"] != wanted["packages"] or image.get("unfinished") != wanted.get("unfinished"):
            return False
        return bool(image["residual"] == wanted.get("residual", image["residual"]))

    def way_back(self, before: Image, after: Image, now: Image, force: bool = False) -> WayBack:
        """Take back what came and what went; of what came, a later upgrade by others goes with it."""
        goal: dict[str, str | None] = dict(now["packages"])
        conflicts = []
        for name, version in now["packages"].items():
            was, made = before["packages"].get(name), after["packages"].get(name)
            if was == made or version == was:
                continue
            if version == made or was is None or force:
                goal[name] = was
            elif made is not None:  # a third version: others have chosen it, and going back would undo an update
                conflicts.append(Conflict(name, was, made, version or "not installed"))
        residual = before["residual"] if "residual" in before else now["residual"]
        left_alone = {name for name in now["packages"] if goal[name] != before["packages"].get(name)}
        goal_residual = (set(residual) - left_alone) | (left_alone & set(now["residual"]))
        return WayBack({"packages": goal, "residual": sorted(goal_residual)}, tuple(conflicts))

    def obstacle(self, host: Host, image: Image) -> str:
        """Return which packages that came since would go along with what is removed."""
        now: Mapping[str, str | None] = self.capture(host)["packages"]
        leaving = [name for name, version in image["packages"].items() if version is None and now[name]]
        if not leaving:
            return ""
        _before, after = simulate(host, [], leaving)
        along = [name for name, version in after["packages"].items() if version is None and name not in now]
        if along:
            return f"{', '.join(along)} came since and would be removed along"
        return ""

    def sweep(self, host: Host) -> None:
        sweep(host)

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        """Compare package by package, because a package manager that is killed has changed some of them."""
        return super().is_partial(now["packages"], before["packages"], after["packages"])


def _folders_of(host: Host, names: Sequence[str]) -> list[str]:
    """Return the folders of packages that no other package has, the deepest first."""
    listed = host.run(["dpkg-query", "--listfiles", *names])
    folders = sorted({path for path in split_lines(listed.out) if _is_folder(host, path)}, reverse=True)
    if not folders:
        return []
    owners = [line.rpartition(": ") for line in split_lines(host.run(["dpkg-query", "--search", *folders]).out)]
    shared = {path for packages, _colon, path in owners if set(packages.split(", ")) - set(names)}
    return [folder for folder in folders if folder not in shared]


def _is_folder(host: Host, path: str) -> bool:
    info = host.stat(path)
    return info is not None and info.kind == "dir"


def _remove_empty(host: Host, folders: Sequence[str]) -> None:
    """Remove folders in which nothing is left but sockets, over which dpkg leaves them."""
    for folder in folders:
        if not _is_folder(host, folder):
            continue
        paths = [posixpath.join(folder, name) for name in host.listdir(folder)]
        kinds = [info.kind for info in map(host.stat, paths) if info is not None]
        if all(kind == "other" for kind in kinds):
            for path in (*paths, folder):
                host.remove(path)


def sweep(host: Host) -> None:
    """Take away the policy that a cut run left behind; a package manager that outlived the run still needs it."""
    if start_policy.is_left_behind(host) and not broken(host):
        start_policy.lift(host)


def _source(host: Host, name: str, version: str) -> str:
    return archived_path(host, name, version) or f"{name}={version}"


def _complaint(host: Host, done: CommandResult) -> str:
    """Return what apt complains of: its E: lines, and what they do not say.

    That is which package dpkg could not do and why, and who holds the lock that apt waited for.
    """
    lines = [" ".join(failure.split()) for failure in _PACKAGE_FAILED.findall(f"{done.err}\n{done.out}")]
    lines += [line.strip() for line in split_lines(done.err) if line.startswith("E:")]
    holders = _HOLDER.findall(done.err + done.out)
    if not holders and _LOCK in done.err:
        holders = _lock_holders(host)
    return " ".join([*lines, *holders[-1:]])[:500] or done.err_line


def _lock_holders(host: Host) -> list[str]:
    """Return who holds dpkg's lock, as proc_locks(5) lists it; apt does not always say."""
    lock = host.stat(_LOCK)
    rows = [line.split() for line in split_lines(read_volatile(host, "/proc/locks"))]
    pids = [row[4] for row in rows if lock is not None and len(row) > 5 and row[5].endswith(f":{lock.inode}")]
    return [f"It is held by process {pid} ({Process(host, pid).program})" for pid in pids]
