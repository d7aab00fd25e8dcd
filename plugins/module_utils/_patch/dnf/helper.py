# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of dnf in its own words: a program of its own, run by the Python that dnf itself runs with. Private.

``manager`` writes this file to the host and gives it a question as JSON; the answer is JSON on standard output. It
imports nothing of ours, and dnf only where it is run. Only ``transact`` changes packages.
"""

from __future__ import annotations

import fcntl
import fnmatch
import hashlib
import json
import os
import shutil
import struct
import sys
import time
from copy import deepcopy
from importlib import import_module
from typing import Any

Json = dict[str, Any]

#: What vendors call a severity -> what we call it.
SEVERITIES = {"critical": "critical", "important": "high", "moderate": "medium", "low": "low"}
VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
PAUSE = 1.0
#: struct flock of fcntl(2): type, whence, start, length and process.
_FLOCK = "hhqqi"


def opened(available: bool, folder: str = "", refresh: bool = False) -> tuple[Any, list[str]]:
    """dnf's view of this host. Lists that lie there are taken as they are, unless they are to be read anew."""
    dnf = import_module("dnf")
    base = dnf.Base()
    base.conf.read()
    base.conf.substitutions.update_from_etc("/")
    base.conf.disable_excludes = ["all"]  # what is excluded is told, not hidden
    base.conf.assumeyes = True
    base.conf.exit_on_lock = True  # else it waits without an end
    base.conf.install_weak_deps = False
    base.conf.clean_requirements_on_remove = False
    failed = []
    if available:
        base.read_all_repos()
        for repo in base.repos.iter_enabled():
            repo.skip_if_unavailable = False
            if refresh:
                repo._repo.expire()
            else:
                repo.metadata_expire = -1
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
    return " ".join(str(error).split())[:300]


def evr(pkg: Any) -> str:
    """epoch:version-release, without an epoch that is nothing."""
    epoch = f"{pkg.epoch}:" if pkg.epoch else ""
    return f"{epoch}{pkg.version}-{pkg.release}"


def source_of(pkg: Any) -> tuple[str, str]:
    """The name of the source package, and its version with the epoch of this one."""
    parts = (pkg.sourcerpm or "").rsplit(".", 2)[0].rsplit("-", 2)
    if len(parts) != 3:
        return pkg.name, evr(pkg)
    epoch = f"{pkg.epoch}:" if pkg.epoch else ""
    return parts[0], f"{epoch}{parts[1]}-{parts[2]}"


def locked() -> list[str]:
    """Names of packages that the versionlock list holds."""
    try:
        with open(VERSIONLOCK, encoding="utf-8") as stream:
            lines = [line.split("#")[0].strip() for line in stream]
    except OSError:
        return []
    return [line for line in lines if line and not line.startswith("!")]


def held_names(base: Any, free: list[list[str]]) -> set[tuple[str, str]]:
    """Every installed package that is held: by the versionlock list, or excluded in a configuration file."""
    hawkey = import_module("hawkey")
    patterns = list(base.conf.excludepkgs)
    for repo in base.repos.iter_enabled():
        patterns += list(repo.excludepkgs)
    found = set()
    for pkg in base.sack.query().installed():
        words = (pkg.name, f"{pkg.name}.{pkg.arch}", str(pkg))
        if any(fnmatch.fnmatchcase(word, pattern) for word in words for pattern in patterns):
            found.add((pkg.name, pkg.arch))
    for line in locked():
        subject = hawkey.Subject(line)
        query = subject.get_best_query(base.sack, with_provides=False, with_filenames=False)
        names = {pkg.name for pkg in query.installed()} or {nevra.name for nevra in subject.get_nevra_possibilities()}
        found |= {(pkg.name, pkg.arch) for pkg in base.sack.query().installed().filterm(name=list(names))}
    return found - {tuple(each) for each in free}


def observe(request: Json) -> Json:
    """What an upgrade of everything would change, what is held, where it comes from, and what was left half done."""
    base, failed = opened(True)
    held = held_names(base, request.get("free", []))
    upgrades = base.sack.query().upgrades().latest()
    kept_back = [pkg for pkg in upgrades if (pkg.name, pkg.arch) in held]
    names = [name for name, _arch in held]
    if names:
        base.sack.add_excludes(base.sack.query().available().filterm(name=names))
    base.upgrade_all()
    complaint = resolved(base)
    return {
        "changes": changes_of(base) if not complaint else [],
        "held": [described(base, pkg, "upgrade") for pkg in kept_back],
        "skipped": skipped(base, [pkg for pkg in upgrades if (pkg.name, pkg.arch) not in held])
        if not complaint
        else [],
        "held_names": sorted(held),
        "sources": [source(repo) for repo in base.repos.iter_enabled()],
        "failed": failed,
        "complaint": complaint,
        "duplicates": duplicates(base),
    }


def resolved(base: Any, allow_erasing: bool = False) -> str:
    """Resolve; what stands against it in one line, or nothing."""
    dnf = import_module("dnf")
    try:
        base.resolve(allow_erasing=allow_erasing)
    except dnf.exceptions.Error as error:
        return one_line(error)
    return ""


def problems(base: Any) -> list[str]:
    """Why the newest versions cannot all come, as dnf words it when nothing less will do."""
    goal = deepcopy(base._goal)
    goal.run(allow_uninstall=False, force_best=True, ignore_weak=True)
    return [one_line(line) for rule in goal.problem_rules() for line in rule]


def skipped(base: Any, upgrades: list[Any]) -> list[Json]:
    """Updates that dnf leaves out by itself, since something that they need is not to be had, with its reason."""
    come = {(item.pkg.name, item.pkg.arch) for item in base.transaction}
    lost = [pkg for pkg in upgrades if (pkg.name, pkg.arch) not in come]
    said = problems(base) if lost else []
    told = []
    for pkg in lost:
        why = [line for line in said if pkg.name in line and "best update candidate" not in line]
        told.append(
            dict(described(base, pkg, "upgrade"), reason=(why or ["a package that it needs is not to be had"])[0])
        )
    return told


def changes_of(base: Any) -> list[Json]:
    """The transaction as changes: what comes with what it replaces, and what goes for nothing."""
    kinds = import_module("dnf.transaction")

    words = {kinds.PKG_INSTALL: "install", kinds.PKG_UPGRADE: "upgrade", kinds.PKG_DOWNGRADE: "downgrade"}
    going = (kinds.PKG_ERASE, kinds.PKG_OBSOLETED)
    found = []
    for item in base.transaction:
        if item.action in words:
            found.append(described(base, item.pkg, words[item.action]))
        elif item.action == kinds.PKG_OBSOLETE:
            found.append(described(base, item.pkg, "install"))
        elif item.action in going:
            found.append(described(base, item.pkg, "remove"))
    return found


def described(base: Any, pkg: Any, change: str) -> Json:
    """One change, with the advisories whose fix it brings."""
    name, version = source_of(pkg)
    told = {
        "name": pkg.name,
        "arch": pkg.arch,
        "change": change,
        "from": "",
        "to": evr(pkg),
        "source": name,
        "source_old": "",
        "source_new": version,
        "origin": pkg.reponame,
        "download_bytes": int(pkg.downloadsize or 0),
        "installed_bytes": int(pkg.installsize or 0),
        "advisories": [],
        "cves": [],
        "severities": [],
        "security": None,
    }
    if change == "remove":
        return dict(told, **{"from": evr(pkg), "to": "", "source_old": version, "source_new": "", "download_bytes": 0})
    installed = list(base.sack.query().installed().filterm(name=pkg.name, arch=pkg.arch))
    old = max(installed) if installed else None
    if old is not None and change != "install":
        told["from"], (_name, told["source_old"]) = evr(old), source_of(old)
    advisories = brought(base, old, pkg) if old is not None else []
    told["security"] = True if advisories else False if advised(base, pkg.reponame) else None
    for advisory in advisories:
        told["advisories"].append(advisory.id)
        told["severities"].append(SEVERITIES.get((advisory.severity or "").lower(), "unknown"))
        told["cves"] += [ref.id for ref in advisory.references if ref.id.startswith("CVE-")]
    told["cves"], told["advisories"] = sorted(set(told["cves"])), sorted(set(told["advisories"]))
    return told


def brought(base: Any, old: Any, new: Any) -> list[Any]:
    """The security advisories of versions after the installed one, up to the new one."""
    hawkey = import_module("hawkey")
    found = {}
    for advisory in old.get_advisories(hawkey.GT):
        if advisory.type != hawkey.ADVISORY_SECURITY:
            continue
        for each in advisory.packages:
            if (each.name, each.arch) == (new.name, new.arch) and base.sack.evr_cmp(each.evr, evr(new)) <= 0:
                found[advisory.id] = advisory
    return [found[key] for key in sorted(found)]


def advised(base: Any, repo_id: str) -> bool:
    """Whether a repository says of any version that it is for security."""
    repo = base.repos.get(repo_id)
    return bool(repo is not None and repo.get_metadata_path("updateinfo"))


def source(repo: Any) -> Json:
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
    """Packages of which two versions are installed although only one may be: a transaction was cut."""
    installed = base.sack.query().installed()
    several = installed.difference(base._get_installonly_query(installed)).duplicated()
    return sorted(f"{pkg.name}.{pkg.arch} {evr(pkg)}" for pkg in several)


def narrow(request: Json) -> Json:
    """What it takes to bring the chosen, when nothing comes that is barred."""
    base, _failed = opened(True)
    barred = {tuple(each) for each in request["barred"]}
    out = [pkg for pkg in base.sack.query().available() if (pkg.name, pkg.arch, evr(pkg)) in barred]
    if out:
        base.sack.add_excludes(base.sack.query().filterm(pkg=out))
    wanted = {tuple(each) for each in request["chosen"]}
    for pkg in sorted(base.sack.query().available()):
        key = (pkg.name, pkg.arch, evr(pkg))
        if key in wanted:
            wanted.discard(key)
            if base.sack.query().installed().filterm(name=pkg.name, arch=pkg.arch) and not only_installed(base, pkg):
                base.package_upgrade(pkg)
            else:
                base.package_install(pkg, strict=False)
    complaint = resolved(base)
    return {"changes": changes_of(base) if not complaint else [], "complaint": complaint}


def only_installed(base: Any, pkg: Any) -> bool:
    """Whether versions of it stand beside each other, as kernels do."""
    return bool(base._get_installonly_query(base.sack.query().filterm(pkg=[pkg])))


def found_in_lists(base: Any, wanted: list[list[str]]) -> dict[tuple[str, ...], Any]:
    """name, arch, version -> its package in a repository; one that is known by its checksum where several have it."""
    keys = {tuple(each) for each in wanted}
    names = sorted({key[0] for key in keys})
    found: dict[tuple[str, ...], Any] = {}
    for pkg in base.sack.query().available().filterm(name=names) if names else []:
        key = (pkg.name, pkg.arch, evr(pkg))
        if key in keys:
            found.setdefault(key, pkg)
    return found


def is_there(pkg: Any, path: str) -> bool:
    """Whether a file is this package, whole, by the checksum that the signed lists have."""
    kind, wanted = import_module("hawkey").chksum_name(pkg.chksum[0]), pkg.chksum[1]
    try:
        with open(path, "rb") as stream:
            digest = hashlib.new(kind)
            for piece in iter(lambda: stream.read(1 << 20), b""):
                digest.update(piece)
    except OSError:
        return False
    return digest.digest() == bytes(wanted)


def placed(pkg: Any, folder: str) -> str:
    return os.path.join(folder, os.path.basename(pkg.localPkg()))


def missing(request: Json) -> Json:
    """Which of the files do not lie in the folder as the lists say."""
    base, _failed = opened(True, request["folder"])
    found = found_in_lists(base, request["wanted"])
    told = []
    for key in (tuple(each) for each in request["wanted"]):
        pkg = found.get(key)
        if pkg is None or not is_there(pkg, placed(pkg, request["folder"])):
            told.append(placed(pkg, request["folder"]) if pkg is not None else "-".join(key))
    return {"missing": told}


def fetch(request: Json) -> Json:
    """Download into the folder and verify; what does not come is told with its reason, and where the others lie."""
    dnf = import_module("dnf")
    folder = request["folder"]
    base, failed = opened(True, folder)
    found = found_in_lists(base, request["wanted"])
    keys = [tuple(each) for each in request["wanted"]]
    lost = ["{0}-{2}.{1}: no repository has it".format(*key) for key in keys if key not in found]
    try:
        base.download_packages([pkg for pkg in found.values() if not is_there(pkg, placed(pkg, folder))])
    except dnf.exceptions.DownloadError as error:
        lost.append(one_line(error))
    paths = {}
    for key, pkg in found.items():
        path = placed(pkg, folder)
        if not is_there(pkg, path):
            if not is_there(pkg, pkg.localPkg()):
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
    """One transaction of exactly the set, out of these files alone. Says what is wrong and ends with 1."""
    base, _failed = opened(False)
    install = base.add_remote_rpms(request["files"]) if request["files"] else []
    for pkg in install:
        there = list(base.sack.query().installed().filterm(name=pkg.name, arch=pkg.arch))
        if not there or only_installed(base, pkg):
            base.package_install(pkg)
        elif max(there) < pkg:
            base.package_upgrade(pkg)
        elif max(there) > pkg:
            base.package_downgrade(pkg, strict=True)
    for name, arch, version in request["remove"]:
        for pkg in base.sack.query().installed().filterm(name=name, arch=arch):
            if evr(pkg) == version:
                base.package_remove(pkg)
    complaint = resolved(base, allow_erasing=bool(request["remove"]))
    if complaint:
        return said(f"error: {complaint}")
    if base.transaction is None or not len(base.transaction):
        return 0
    expected = {tuple(each) for each in request["expected"]}
    found = {(each["name"], each["arch"], each["change"], each["to"] or each["from"]) for each in changes_of(base)}
    if found - expected:
        strange = sorted(" ".join(each) for each in found - expected)
        return said("error: it would also change {}; nothing was changed".format(", ".join(strange)))
    holder = holder_of(rpm_lock())
    if holder:
        raise import_module("dnf").exceptions.ProcessLockError(f"rpm already locked by {holder}", holder)
    base.do_transaction()
    return 0


# --- locks of others ---


def rpm_lock() -> str:
    """rpm says of its own lock only that it cannot have it."""
    macro: str = import_module("rpm").expandMacro("%{?_rpmlock_path}")
    return macro or "/var/lib/rpm/.rpm.lock"


def holder_of(path: str) -> int:
    """The process that has locked a file; 0 for none."""
    if not os.path.exists(path):
        return 0
    with open(path, "r+b") as file:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return int(pid) if kind != fcntl.F_UNLCK else 0


def patiently(request: Json) -> int:
    """As soon as whoever has the lock is done; after that patience, who that is."""
    locked_error = import_module("dnf").exceptions.ProcessLockError
    until = time.monotonic() + request["lock_wait"]
    while True:
        try:
            return answered(request)
        except locked_error as error:
            if time.monotonic() >= until:
                return said(f"error: {one_line(error)}. It is held by process {error.pid} ({named(error.pid)})")
        time.sleep(PAUSE)


def named(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return "which has ended"


def said(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 1


def main(argv: list[str]) -> int:
    with open(argv[1], encoding="utf-8") as stream:
        return patiently(json.load(stream))


def answered(request: Json) -> int:
    if request["what"] == "transact":
        return transact(request)
    asked = {"observe": observe, "narrow": narrow, "missing": missing, "fetch": fetch, "refresh": refreshed}
    json.dump(asked[request["what"]](request), sys.stdout)
    return 0


def refreshed(_request: Json) -> Json:
    return {"failed": opened(True, refresh=True)[1]}


if __name__ == "__main__":
    dnf = import_module("dnf")
    try:
        raise SystemExit(main(sys.argv))
    except dnf.exceptions.Error as error:
        raise SystemExit(said(f"error: {one_line(error)}")) from error
