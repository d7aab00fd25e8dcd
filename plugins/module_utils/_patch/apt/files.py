# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package files: the new ones downloaded and verified, the old ones kept, else packed again. Private.

A mirror keeps one version of a package, so the version that an upgrade replaces has to be kept before.
"""

from __future__ import annotations

import posixpath
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..checksums import checksums
from ..manager import Kept
from ..model import REMOVE, Change
from . import read
from .observe import SOLVER_TIME

CACHE = "/var/cache/apt/archives"
INFO = "/var/lib/dpkg/info"
DIVERSIONS = "/var/lib/dpkg/diversions"
FETCH_TIME = 3600.0
#: Files beside the control file that a package brings; the list of its files is not among them.
_CONTROL = (
    *("preinst", "postinst", "prerm", "postrm", "config", "templates", "conffiles", "triggers"),
    *("shlibs", "symbols", "md5sums"),
)
#: What dpkg tells of an installed package and what is no field of a package file.
_NOT_PACKED = ("Status", "Config-Version")
_AS_APT = ("-o", "APT::Sandbox::User=root")


def file_name(name: str, version: str, arch: str) -> str:
    """As apt names a downloaded package."""
    return f"{name}_{version.replace(':', '%3a')}_{arch}.deb"


def missing(host: Host, folder: str, changes: Sequence[Change]) -> Tuple[str, ...]:
    """The files that are not in ``folder`` with the checksum that the signed lists tell."""
    wanted = [change for change in changes if change.change != REMOVE]
    paths = {change: posixpath.join(folder, file_name(change.name, change.new, change.arch)) for change in wanted}
    there = [path for path in paths.values() if host.stat(path) is not None]
    sums = checksums(host, there)
    records = available(host, [(change, change.new) for change in wanted]) if there else {}
    told = {path: records.get((change.name, change.new), {}).get("SHA256", "") for change, path in paths.items()}
    return tuple(path for path in paths.values() if not told[path] or sums.get(path) != told[path])


def fetch(host: Host, folder: str, changes: Sequence[Change], words: Sequence[str]) -> None:
    """Have the new versions in ``folder``; what lies there already and is whole is not fetched again."""
    make(host, folder)
    lacking = missing(host, folder, changes)
    if not lacking:
        return
    for path in lacking:  # apt takes a file of the right length for the right one
        host.remove(path)
    done = host.run([*_downloading(folder), "install", *words], timeout=FETCH_TIME)
    if done.rc != 0:
        raise ClinicalError("Downloading", f"{len(lacking)} packages", _complaint(done), _advice(done))
    lacking = missing(host, folder, changes)
    if lacking:
        saw = "they are not what the signed lists say"
        raise ClinicalError("Verifying", ", ".join(lacking), saw, "Plan and stage again.")


def make(host: Host, folder: str) -> None:
    """A folder that apt takes for its cache; apt downloads as a user of its own, who may see it but not change it."""
    above = ""
    for part in folder.strip("/").split("/"):
        above = f"{above}/{part}"
        if host.stat(above) is None:
            host.mkdir(above, 0o755, 0, 0)
    user = host.uid("_apt")
    host.mkdir(posixpath.join(folder, "partial"), 0o700, 0 if user is None else user, 0)


def _downloading(folder: str) -> List[str]:
    quiet = ["-o", "Acquire::Retries=2", "-o", "DPkg::Lock::Timeout=60"]
    return [
        "apt-get",
        "-y",
        "-q",
        "-d",
        "--allow-downgrades",
        "--no-install-recommends",
        "-o",
        f"Dir::Cache::archives={folder}/",
        *quiet,
    ]


def _complaint(done: CommandResult) -> str:
    errors = [line[3:] for line in done.err.splitlines() if line.startswith("E: ")]
    return (errors or [done.err_line])[0]


def _advice(done: CommandResult) -> str:
    if "404" in done.err:
        return "The mirror no longer has this version: plan anew."
    return "Nothing was changed. Is the mirror reachable? Stage again; what was downloaded is kept."


def available(host: Host, wanted: Iterable[Tuple[Change, str]]) -> Dict[Tuple[str, str], Dict[str, str]]:
    """What the lists say of these versions, by name and version; only what a mirror has is named with a file."""
    words = [f"{change.key}={version}" for change, version in wanted]
    if not words:
        return {}
    done = host.run(["apt-cache", "show", *words], timeout=SOLVER_TIME)
    parts = [part for part in read.paragraphs(done.out) if "Filename" in part and "Package" in part]
    return {(part["Package"], part["Version"]): part for part in reversed(parts)}


# --- the versions that are replaced ---


def keep(host: Host, folder: str, changes: Iterable[Change]) -> Tuple[Kept, ...]:
    """The package file of every version that goes: from the cache, from the mirror, else packed again."""
    going = [change for change in changes if change.old]
    records = available(host, [(change, change.old) for change in going])
    kept: Dict[str, Kept] = {}
    for change in going:
        found = _had_already(host, folder, change, records.get((change.name, change.old), {}))
        if found:
            kept[change.key] = found
    missing = [change for change in going if change.key not in kept]
    kept.update(_from_mirror(host, folder, [c for c in missing if (c.name, c.old) in records], records))
    for change in going:
        if change.key not in kept:
            kept[change.key] = _repacked(host, folder, change)
    return tuple(kept[change.key] for change in going)


def _had_already(host: Host, folder: str, change: Change, record: Mapping[str, str]) -> Optional[Kept]:
    """The file where an earlier run kept it, or where apt did."""
    name = file_name(change.name, change.old, change.arch)
    for place, how in ((folder, ""), (CACHE, "cache")):
        path = posixpath.join(place, name)
        if host.stat(path) is None or not _is(host, path, change, record):
            continue
        own = posixpath.join(folder, name)
        if path != own:
            _copy(host, path, own)
        return _noted(host, change, own, how or (host.read(f"{own}.how") or b"cache").decode())
    return None


def _is(host: Host, path: str, change: Change, record: Mapping[str, str]) -> bool:
    """Whether a file is this version, whole: by the list's checksum, else by reading all of it."""
    if record.get("SHA256"):
        return checksums(host, [path]).get(path) == record["SHA256"]
    told = host.run(["dpkg-deb", "--field", path, "Package", "Version", "Architecture"])
    fields = next(read.paragraphs(told.out), {})
    named = (fields.get("Package"), fields.get("Version"), fields.get("Architecture"))
    return named == (change.name, change.old, change.arch) and host.run(["dpkg-deb", "--contents", path]).rc == 0


def _copy(host: Host, path: str, own: str) -> None:
    done = host.run(["cp", "--reflink=auto", "--", path, f"{own}.part"], timeout=FETCH_TIME)
    if done.rc == 0:
        done = host.run(["mv", "--", f"{own}.part", own])
    if done.rc != 0:
        raise ClinicalError("Keeping", own, done.err_line, "Nothing was changed.")


def _noted(host: Host, change: Change, path: str, how: str) -> Kept:
    host.write(f"{path}.how", how.encode(), 0o600, 0, 0, {})
    return Kept(change.name, change.arch, change.old, path, how, checksums(host, [path]).get(path, ""))


def _from_mirror(
    host: Host, folder: str, changes: Sequence[Change], records: Mapping[Tuple[str, str], Mapping[str, str]]
) -> Dict[str, Kept]:
    """Those that a mirror still has. One that does not come is no error: it is packed again."""
    if not changes:
        return {}
    words = [f"{change.key}={change.old}" for change in changes]
    host.run(["env", "-C", folder, "apt-get", "-q", *_AS_APT, "download", *words], timeout=FETCH_TIME)
    found = {}
    for change in changes:
        path = posixpath.join(folder, file_name(change.name, change.old, change.arch))
        if host.stat(path) is not None and _is(host, path, change, records[(change.name, change.old)]):
            found[change.key] = _noted(host, change, path, "mirror")
    return found


# --- packing again what nobody has any more ---


def _repacked(host: Host, folder: str, change: Change) -> Kept:
    """A package file of what is installed. Its configuration files are those of the site, and it says so of itself."""
    tree = posixpath.join(folder, "tree")
    made = posixpath.join(folder, file_name(change.name, change.old, change.arch))
    _run(host, ["rm", "-rf", "--one-file-system", "--", tree])
    host.mkdir(tree, 0o755, 0, 0)
    away = diversions(host, change)
    places = packed(host, [away.get(path, path) for path in files(host, change)])
    listed = "".join(f"{path.lstrip('/')}\n" for path in places)
    host.write(f"{tree}.list", listed.encode("utf-8", "surrogateescape"), 0o600, 0, 0, {})
    tar = ["tar", "--file", f"{tree}.tar", "-C"]
    _run(host, [*tar, "/", "--create", "--no-recursion", "--ignore-failed-read", "--files-from", f"{tree}.list"])
    _run(host, [*tar, tree, "--extract", "--same-owner", "--preserve-permissions"])
    for path, place in away.items():
        if host.stat(f"{tree}{place}") is not None:
            _run(host, ["mv", "--", f"{tree}{place}", f"{tree}{path}"])
    _control(host, f"{tree}/DEBIAN", change)
    _run(host, ["dpkg-deb", "-Zgzip", "--build", tree, f"{made}.part"])
    _run(host, ["mv", "--", f"{made}.part", made])
    for left in (f"{tree}.list", f"{tree}.tar"):
        host.remove(left)
    _run(host, ["rm", "-rf", "--one-file-system", "--", tree])
    return _noted(host, change, made, "repacked")


def packed(host: Host, paths: Sequence[str]) -> List[str]:
    """The paths to pack. What is a link here and has files below it, as /lib is, is a folder in the package."""
    folders = {posixpath.dirname(path) for path in paths}
    links = {path for path in folders.intersection(paths) if (found := host.stat(path)) and found.kind == "link"}
    return [path for path in paths if path not in ("/.", "/") and path not in links]


def _run(host: Host, argv: Sequence[str]) -> None:
    done = host.run(argv, timeout=FETCH_TIME)
    if done.rc != 0:
        raise ClinicalError("Packing again", argv[-1], done.err_line, "Nothing was changed. Is there enough space?")


def _control(host: Host, folder: str, change: Change) -> None:
    """The control part, out of what dpkg keeps of an installed package."""
    host.mkdir(folder, 0o755, 0, 0)
    told = host.run(["dpkg-query", "--status", change.key])
    if told.rc != 0:
        raise ClinicalError("Reading what dpkg knows of", change.key, told.err_line)
    host.write(f"{folder}/control", control_of(told.out).encode(), 0o644, 0, 0, {})
    for name in _CONTROL:
        content = next((c for c in (host.read(p) for p in _info(change, name)) if c is not None), None)
        if content is not None:
            mode = 0o755 if name in ("preinst", "postinst", "prerm", "postrm", "config") else 0o644
            host.write(f"{folder}/{name}", content, mode, 0, 0, {})


def control_of(status: str) -> str:
    """The fields of an installed package as a package file has them; the list of configuration files goes elsewhere."""
    lines: List[str] = []
    passing = False
    for line in status.splitlines():
        if not line.startswith((" ", "\t")):
            passing = line.partition(":")[0] in (*_NOT_PACKED, "Conffiles")
        if line and not passing:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _info(change: Change, name: str) -> Tuple[str, str]:
    return f"{INFO}/{change.name}.{name}", f"{INFO}/{change.name}:{change.arch}.{name}"


def files(host: Host, change: Change) -> Tuple[str, ...]:
    """The files of the installed version, as the package names them."""
    content = next((c for c in (host.read(path) for path in _info(change, "list")) if c is not None), b"")
    return tuple(content.decode("utf-8", "surrogateescape").splitlines())


def configuration(host: Host, changes: Iterable[Change]) -> Tuple[str, ...]:
    """The configuration files that dpkg knows of the installed versions."""
    found = []
    for change in changes:
        content = next((c for c in (host.read(path) for path in _info(change, "conffiles")) if c is not None), b"")
        lines = content.decode("utf-8", "surrogateescape").splitlines()
        # Since dpkg 1.20.6 a line may begin with a flag, as for a file that the new version no longer has.
        found += [line[line.find("/") :].strip() for line in lines if "/" in line]
    return tuple(dict.fromkeys(found))


def diversions(host: Host, change: Change) -> Dict[str, str]:
    """Where files of this package lie that another package has put aside."""
    told = diverted(host.read_text(DIVERSIONS))
    mine = set(files(host, change))
    return {path: place for path, (place, whose) in told.items() if path in mine and whose != change.name}


def diverted(text: str) -> Dict[str, Tuple[str, str]]:
    """The diversions of dpkg, three lines each: the path, where it went, and the package for which."""
    lines = text.splitlines()
    return {lines[n]: (lines[n + 1], lines[n + 2]) for n in range(0, len(lines) - 2, 3)}
