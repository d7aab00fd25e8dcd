# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of dnf in its own words: a program of its own, run by the Python that dnf itself runs with.

``program`` gives it a question as JSON; the answer is JSON on standard output. It imports nothing of ours, and dnf only
where it is run. Only ``transact`` changes packages.
"""

from __future__ import annotations

import fcntl
import fnmatch
import hashlib
import json
import os
import re
import shutil
import struct
import sys
import time
from copy import deepcopy
from importlib import import_module
from typing import Any

Json = dict[str, Any]
#: Name, architecture and version of a package.
Key = tuple[str, str, str]

#: What vendors call a severity -> what we call it.
SEVERITIES = {"critical": "critical", "important": "high", "moderate": "medium", "low": "low"}
CVE = re.compile(r"\bCVE-[0-9]{4}-[0-9]+\b", re.IGNORECASE)
VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
PAUSE = 1.0
#: struct flock of fcntl(2): type, whence, start, length and process.
_FLOCK = "hhqqi"


def open_base(
    available: bool, folder: str = "", expire: bool = False, cache_only: bool = False
) -> tuple[Any, list[str]]:
    """Return dnf's view of this host, and the repositories that cannot be read, with the reason.

    Lists that lie there are taken as they are, unless they are to be read anew (``expire``). With ``cache_only`` one
    that does not lie there cannot be read.
    """
    dnf = import_module("dnf")
    base = dnf.Base()
    base.conf.read()
    base.conf.substitutions.update_from_etc("/")
    base.conf.disable_excludes = ["all"]  # what is excluded is named, not hidden
    base.conf.assumeyes = True
    base.conf.exit_on_lock = True  # else it waits without an end
    base.conf.install_weak_deps = False
    base.conf.clean_requirements_on_remove = False
    failed = []
    if available:
        base.read_all_repos()
        for repo in base.repos.iter_enabled():
            repo.skip_if_unavailable = False
            if expire:
                repo._repo.expire()
            else:
                repo.metadata_expire = -1
            if cache_only:
                repo._repo.setSyncStrategy(dnf.repo.SYNC_ONLY_CACHE)
            if folder:
                repo.pkgdir = folder
            try:
                repo.load()
            except dnf.exceptions.RepoError as error:
                failed.append(f"{repo.id}: {one_line(error)}")
                repo.disable()
    base.fill_sack(load_system_repo=True, load_available_repos=available)
    return base, failed


def one_line(error: object) -> str:
    """Return an error's text in one line of at most 300 characters."""
    return " ".join(str(error).split())[:300]


def evr(pkg: Any) -> str:
    """Return epoch:version-release, without an epoch that is nothing."""
    epoch = f"{pkg.epoch}:" if pkg.epoch else ""
    return f"{epoch}{pkg.version}-{pkg.release}"


def source_of(pkg: Any) -> tuple[str, str]:
    """Return the name of the source package, and its version with the epoch of this one."""
    parts = (pkg.sourcerpm or "").rsplit(".", 2)[0].rsplit("-", 2)
    if len(parts) != 3:
        return pkg.name, evr(pkg)
    epoch = f"{pkg.epoch}:" if pkg.epoch else ""
    return parts[0], f"{epoch}{parts[1]}-{parts[2]}"


def locked() -> list[str]:
    """Return the lines of the versionlock list that hold a package."""
    try:
        with open(VERSIONLOCK, encoding="utf-8", errors="replace") as stream:
            lines = [line.split("#")[0].strip() for line in stream]
    except OSError:
        return []
    return [line for line in lines if line and not line.startswith("!")]


def held_names(base: Any) -> set[tuple[str, str]]:
    """Return name and architecture of every installed package that is held.

    It may be so by the versionlock list, or because it is excluded in a configuration file.
    """
    hawkey = import_module("hawkey")
    patterns = list(base.conf.excludepkgs)
    for repo in base.repos.iter_enabled():
        patterns += list(repo.excludepkgs)
    held = set()
    for pkg in base.sack.query().installed():
        if is_excluded(pkg, patterns):
            held.add((pkg.name, pkg.arch))
    for line in locked():
        subject = hawkey.Subject(line)
        query = subject.get_best_query(base.sack, with_provides=False, with_filenames=False)
        names = {pkg.name for pkg in query.installed()} or {nevra.name for nevra in subject.get_nevra_possibilities()}
        held |= {(pkg.name, pkg.arch) for pkg in base.sack.query().installed().filterm(name=list(names))}
    return held


def is_excluded(pkg: Any, patterns: list[str]) -> bool:
    """Return whether one of these patterns means the package."""
    spellings = (pkg.name, f"{pkg.name}.{pkg.arch}", str(pkg))
    return any(fnmatch.filter(spellings, pattern) for pattern in patterns)


def observe(request: Json) -> Json:
    """Return what an upgrade of everything would change, what is held, from where, and what was left half done."""
    base, failed = open_base(True, cache_only=request.get("cache_only", False))
    on_hold = held_names(base)
    held = on_hold - set(map(tuple, request.get("free", [])))
    upgrades = base.sack.query().upgrades().latest()
    kept_back = [pkg for pkg in upgrades if (pkg.name, pkg.arch) in held]
    names = [name for name, _arch in held]
    if names:
        base.sack.add_excludes(base.sack.query().available().filterm(name=names))
    base.upgrade_all()
    complaint = resolve(base)
    free = [pkg for pkg in upgrades if (pkg.name, pkg.arch) not in held]
    return {
        "changes": [] if complaint else changes_of(base),
        "held": [describe(base, pkg, "upgrade") for pkg in kept_back],
        "skipped": [] if complaint else skipped(base, free),
        "held_names": sorted(on_hold),
        "sources": [source(repo) for repo in base.repos.iter_enabled()],
        "failed": failed,
        "complaint": complaint,
        "duplicates": duplicates(base),
    }


def resolve(base: Any, allow_erasing: bool = False) -> str:
    """Resolve the transaction; return what stands against it in one line, or an empty text."""
    dnf = import_module("dnf")
    try:
        base.resolve(allow_erasing=allow_erasing)
    except dnf.exceptions.Error as error:
        return one_line(error)
    return ""


def problems(base: Any) -> list[str]:
    """Return why the newest versions cannot all come, as dnf words it when nothing less will do."""
    goal = deepcopy(base._goal)
    goal.run(allow_uninstall=False, force_best=True, ignore_weak=True)
    lines = []
    for rule in goal.problem_rules():
        lines += [one_line(line) for line in rule]
    return lines


def skipped(base: Any, upgrades: list[Any]) -> list[Json]:
    """Return updates that dnf leaves out by itself, with the reason: something that they need is not to be had."""
    come = {(pkg.name, pkg.arch) for pkg, _change in items_of(base)}
    lost = [pkg for pkg in upgrades if (pkg.name, pkg.arch) not in come]
    lines = problems(base) if lost else []
    changes = []
    for pkg in lost:
        reasons = [line for line in lines if pkg.name in line and "best update candidate" not in line]
        reasons.append("a package that it needs is not to be had")
        changes.append(dict(describe(base, pkg, "upgrade"), reason=reasons[0]))
    return changes


def changes_of(base: Any) -> list[Json]:
    """Return the transaction as changes: what comes with what it replaces, and what goes for nothing."""
    return [describe(base, pkg, change) for pkg, change in items_of(base)]


def items_of(base: Any) -> list[tuple[Any, str]]:
    """Return the packages of the transaction, each with its change. Items without a package only change a mark."""
    kinds = import_module("dnf.transaction")

    names = {
        kinds.PKG_INSTALL: "install",
        kinds.PKG_UPGRADE: "upgrade",
        kinds.PKG_DOWNGRADE: "downgrade",
        kinds.PKG_OBSOLETE: "install",
        kinds.PKG_ERASE: "remove",
        kinds.PKG_OBSOLETED: "remove",
    }
    return [(item.pkg, names[item.action]) for item in base.transaction if item.action in names]


def describe(base: Any, pkg: Any, change: str) -> Json:
    """Return one change, with the advisories whose fix it brings."""
    source, source_version = source_of(pkg)
    result = {
        "name": pkg.name,
        "arch": pkg.arch,
        "change": change,
        "from": "",
        "to": evr(pkg),
        "source": source,
        "source_old": "",
        "source_new": source_version,
        "origin": pkg.reponame,
        "checksum": checksum_of(pkg),
        "download_bytes": int(pkg.downloadsize or 0),
        "installed_bytes": int(pkg.installsize or 0),
        "advisories": [],
        "cves": [],
        "severities": [],
        "security": None,
    }
    if change == "remove":
        going = {"from": evr(pkg), "to": "", "source_old": source_version, "source_new": "", "download_bytes": 0}
        return dict(result, **going, checksum="")
    old = max(base.sack.query().installed().filterm(name=pkg.name, arch=pkg.arch), default=None)
    if old is not None and change != "install":
        result["from"], (_source, result["source_old"]) = evr(old), source_of(old)
    return dict(result, **describe_advisories(base, old, pkg))


def checksum_of(pkg: Any) -> str:
    """Return kind and checksum of a package's file as the repository's lists have them; empty where they have none."""
    if not pkg.chksum:
        return ""
    return f"{import_module('hawkey').chksum_name(pkg.chksum[0])}:{bytes(pkg.chksum[1]).hex()}"


def describe_advisories(base: Any, old: Any, pkg: Any) -> Json:
    """Return the keys of a change that its advisories fill; ``old`` is None where nothing is installed."""
    advisories = brought(base, old, pkg) if old is not None else []
    cves: set[str] = set()
    for advisory in advisories:
        cves |= cves_of(advisory)
    return {
        "advisories": sorted({advisory.id for advisory in advisories}),
        "cves": sorted(cves),
        "severities": [SEVERITIES.get((advisory.severity or "").lower(), "unknown") for advisory in advisories],
        "security": True if advisories else without_advisory(base, pkg),
    }


def without_advisory(base: Any, pkg: Any) -> bool | None:
    """Return False where its repository says of other versions that they are for security; else None: unknown."""
    if advised(base, pkg.reponame):
        return False
    return None


def cves_of(advisory: Any) -> set[str]:
    """Return the CVEs that an advisory names, in capitals. Some vendors name them only in the titles of references."""
    texts = [text or "" for ref in advisory.references for text in (ref.id, ref.title)]
    return {cve.upper() for text in texts for cve in CVE.findall(text)}


def is_security(advisory: Any) -> bool:
    """Return whether an advisory is for security: it says so, or a bug fix that it brings closes a CVE."""
    if advisory.type == import_module("hawkey").ADVISORY_SECURITY:
        return True
    return any(CVE.fullmatch((ref.id or "").strip()) for ref in advisory.references)


def brought(base: Any, old: Any, new: Any) -> list[Any]:
    """Return the advisories for security of versions after the installed one, up to the new one."""
    advisories = {}
    for advisory in old.get_advisories(import_module("hawkey").GT):
        if not is_security(advisory):
            continue
        for fixed in advisory.packages:
            if (fixed.name, fixed.arch) == (new.name, new.arch) and base.sack.evr_cmp(fixed.evr, evr(new)) <= 0:
                advisories[advisory.id] = advisory
    return [advisories[key] for key in sorted(advisories)]


def advised(base: Any, repo_id: str) -> bool:
    """Return whether a repository says of any version that it is for security."""
    repo = base.repos.get(repo_id)
    return bool(repo is not None and repo.get_metadata_path("updateinfo"))


def source(repo: Any) -> Json:
    """Return a repository as the plan shows its lists."""
    locations = list(repo.baseurl) or [repo.metalink or repo.mirrorlist or ""]
    return {
        "id": repo.id,
        "uri": locations[0],
        "name": repo.name,
        "stamp": int(repo._repo.getMaxTimestamp()),
        "advisories": bool(repo.get_metadata_path("updateinfo")),
        "signed": bool(repo.gpgcheck),
    }


def duplicates(base: Any) -> list[str]:
    """Return packages of which two versions are installed although only one may be: a transaction was cut."""
    installed = base.sack.query().installed()
    several = installed.difference(base._get_installonly_query(installed)).duplicated()
    return sorted(f"{pkg.name}.{pkg.arch} {evr(pkg)}" for pkg in several)


def narrow(request: Json) -> Json:
    """Return what it takes to bring the chosen, when nothing comes that is barred."""
    base, _failed = open_base(True, cache_only=request.get("cache_only", False))
    barred, wanted = set(keys_of(request["barred"])), set(keys_of(request["chosen"]))
    excluded = [pkg for pkg in base.sack.query().available() if key_of(pkg) in barred]
    if excluded:
        base.sack.add_excludes(base.sack.query().filterm(pkg=excluded))
    for pkg in sorted(base.sack.query().available()):
        key = key_of(pkg)
        if key in wanted:
            wanted.discard(key)
            if base.sack.query().installed().filterm(name=pkg.name, arch=pkg.arch) and not only_installed(base, pkg):
                base.package_upgrade(pkg)
            else:
                base.package_install(pkg, strict=False)
    complaint = resolve(base)
    return {"changes": [] if complaint else changes_of(base), "complaint": complaint}


def key_of(pkg: Any) -> Key:
    """Return what tells a package from all others."""
    return pkg.name, pkg.arch, evr(pkg)


def keys_of(rows: list[list[str]]) -> list[Key]:
    """Return the keys in a request, which JSON has as lists."""
    return [(row[0], row[1], row[2]) for row in rows]


def only_installed(base: Any, pkg: Any) -> bool:
    """Return whether versions of it stand beside each other, as kernels do."""
    return bool(base._get_installonly_query(base.sack.query().filterm(pkg=[pkg])))


def packages_in_lists(base: Any, rows: list[list[str]]) -> dict[Key, Any]:
    """Return key -> its package in a repository, the first that has it; where a row names a checksum, with that one."""
    wanted = {(row[0], row[1], row[2]): row[3] for row in rows}
    names = sorted({name for name, _arch, _version in wanted})
    packages: dict[Key, Any] = {}
    for pkg in base.sack.query().available().filterm(name=names) if names else []:
        if key_of(pkg) in wanted and wanted[key_of(pkg)] in ("", checksum_of(pkg)):
            packages.setdefault(key_of(pkg), pkg)
    return packages


def is_intact(pkg: Any, path: str) -> bool:
    """Return whether a file is this package, undamaged, by the checksum that the signed lists have."""
    kind, wanted = import_module("hawkey").chksum_name(pkg.chksum[0]), pkg.chksum[1]
    try:
        with open(path, "rb") as stream:
            digest = hashlib.new(kind)
            for piece in iter(lambda: stream.read(1 << 20), b""):
                digest.update(piece)
    except OSError:
        return False
    return digest.digest() == bytes(wanted)


def place_of(pkg: Any, folder: str) -> str:
    """Return where the file of a package lies in the folder."""
    return os.path.join(folder, os.path.basename(pkg.localPkg()))


def missing(request: Json) -> Json:
    """Return which of the files do not lie in the folder as the lists say."""
    folder, keys = request["folder"], keys_of(request["wanted"])
    base, _failed = open_base(True, folder, cache_only=request.get("cache_only", False))
    packages = packages_in_lists(base, request["wanted"])
    lacking = []
    for key in keys:
        pkg = packages.get(key)
        if pkg is None:
            lacking.append("-".join(key))
        elif not is_intact(pkg, place_of(pkg, folder)):
            lacking.append(place_of(pkg, folder))
    return {"missing": lacking}


def fetch(request: Json) -> Json:
    """Download into the folder and verify; return what does not come with its reason, and where the others lie."""
    dnf = import_module("dnf")
    folder, keys = request["folder"], keys_of(request["wanted"])
    base, failed = open_base(True, folder)
    packages = packages_in_lists(base, request["wanted"])
    lost = ["{0}-{2}.{1}: no repository has it as it was approved".format(*key) for key in keys if key not in packages]
    try:
        base.download_packages([pkg for pkg in packages.values() if not is_intact(pkg, place_of(pkg, folder))])
    except dnf.exceptions.DownloadError as error:
        lost.append(one_line(error))
    paths = {}
    for key, pkg in packages.items():
        path = place_of(pkg, folder)
        if not is_intact(pkg, path):
            if not is_intact(pkg, pkg.localPkg()):
                continue
            shutil.copyfile(pkg.localPkg(), path)  # out of a mounted repository, which may be gone in the window
        code, why = base.package_signature_check(pkg)
        if code != 0:
            lost.append(one_line(why) or f"{pkg}: its signature is not known")
            os.remove(path)
        else:
            paths["\t".join(key)] = path
    return {"paths": paths, "lost": lost, "failed": failed}


def transact(request: Json) -> int:
    """Make one transaction of exactly the set, out of these files alone. Say what is wrong and return 1 if it fails."""
    base, _failed = open_base(False)
    install = base.add_remote_rpms(request["files"]) if request["files"] else []
    for pkg in install:
        installed = list(base.sack.query().installed().filterm(name=pkg.name, arch=pkg.arch))
        if not installed or only_installed(base, pkg):
            base.package_install(pkg)
        elif max(installed) < pkg:
            base.package_upgrade(pkg)
        elif max(installed) > pkg:
            base.package_downgrade(pkg, strict=True)
    for name, arch, version in request["remove"]:
        for pkg in base.sack.query().installed().filterm(name=name, arch=arch):
            if evr(pkg) == version:
                base.package_remove(pkg)
    complaint = resolve(base, allow_erasing=bool(request["remove"]))
    if complaint:
        return fail(f"error: {complaint}")
    if base.transaction is None or not len(base.transaction):
        return 0
    expected = {tuple(change) for change in request["expected"]}
    resolved = {(c["name"], c["arch"], c["change"], c["to"] or c["from"]) for c in changes_of(base)}
    if resolved - expected:
        strange = sorted(" ".join(change) for change in resolved - expected)
        return fail("error: it would also change {}; nothing was changed".format(", ".join(strange)))
    holder = holder_of(rpm_lock())
    if holder:
        raise import_module("dnf").exceptions.ProcessLockError(f"rpm already locked by {holder}", holder)
    base.do_transaction()
    return 0


# --- locks of others ---


def rpm_lock() -> str:
    """Return the path of rpm's own lock, of which it says only that it cannot have it."""
    macro: str = import_module("rpm").expandMacro("%{?_rpmlock_path}")
    return macro or "/var/lib/rpm/.rpm.lock"


def holder_of(path: str) -> int:
    """Return the process that has locked a file; 0 for none."""
    if not os.path.exists(path):
        return 0
    with open(path, "r+b") as file:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
    if kind != fcntl.F_UNLCK:
        return int(pid)
    return 0


def answer_patiently(request: Json) -> int:
    """Answer as soon as whoever has the lock is done; after ``lock_wait`` seconds, say who that is."""
    locked_error = import_module("dnf").exceptions.ProcessLockError
    until = time.monotonic() + request["lock_wait"]
    while True:
        try:
            return answer(request)
        except locked_error as error:
            if time.monotonic() >= until:
                return fail(f"error: {one_line(error)}. It is held by process {error.pid} ({name_of(error.pid)})")
        time.sleep(PAUSE)


def name_of(pid: int) -> str:
    """Return the name of a process, in words where it has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return "which has ended"


def fail(text: str) -> int:
    """Say what is wrong; return the exit status for it."""
    sys.stderr.write(text + "\n")
    return 1


def main(argv: list[str]) -> int:
    """Answer the request in the file that is the first argument, else on standard input; return the exit status."""
    if len(argv) == 1:
        return answer_patiently(json.load(sys.stdin))
    with open(argv[1], encoding="utf-8") as stream:
        return answer_patiently(json.load(stream))


def answer(request: Json) -> int:
    """Answer a request on standard output; return the exit status."""
    if request["what"] == "transact":
        return transact(request)
    answers = {"observe": observe, "narrow": narrow, "missing": missing, "fetch": fetch, "refresh": refresh}
    json.dump(answers[request["what"]](request), sys.stdout)
    return 0


def refresh(_request: Json) -> Json:
    """Read the lists of all repositories anew; return those that could not be read."""
    return {"failed": open_base(True, expire=True)[1]}


if __name__ == "__main__":
    dnf = import_module("dnf")
    try:
        raise SystemExit(main(sys.argv))
    except dnf.exceptions.Error as error:
        raise SystemExit(fail(f"error: {one_line(error)}")) from error
