# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root in a test host: what the host looks like, kept in a file, and compared with that file later.

    snapshot.py take FILE
    snapshot.py compare FILE      prints every difference and exits with 1 where there is one

It asks the system's own tools and shares nothing with the code under test.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Callable

#: What lies outside /etc and is touched by some control; logs grow, so of those only owner and mode count.
BESIDE = (
    "/root",
    "/root/.ssh",
    "/root/.ssh/authorized_keys",
    "/root/.rhosts",
    "/root/.shosts",
    "/home/automation",
    "/home/automation/.ssh",
    "/home/automation/.ssh/authorized_keys",
)
#: Whole trees outside of /etc.
TREES = ("/home", "/srv/access", "/usr/share/pam-configs", "/var/lib/pam")
#: Where Ansible keeps its own files, and what etckeeper writes down whenever a package comes or goes.
PASSING_FILES = re.compile(r"/\.ansible(/|$)|^/etc/\.(git|etckeeper)(/|$)")
GROWING = ("/var/log/auth.log*", "/var/log/syslog*")
KERNEL = re.compile(
    r"^(net\.ipv4\.(conf|icmp_|tcp_syncookies)|net\.ipv6\.conf|net\.core\.bpf|fs\.(protected|suid)|dev\.tty\.ldisc"
    r"|vm\.unprivileged|kernel\.(dmesg|kptr|perf_event_paranoid|randomize|sysrq|unprivileged|yama))"
)
#: Units that come and go by themselves: sessions, timers' jobs; and a milestone of the boot, which stays when reached.
PASSING = re.compile(
    r"^(session-|user@|user-|run-|systemd-(hostnamed|timedated|tmpfiles-clean)\.|apt-daily|dpkg-db|network-pre\.target)"
)


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def entry(path: str, content: bool = True) -> str:
    """One line that says all there is about a directory entry: kind, mode, owner, attributes, target or bytes."""
    info = os.lstat(path)
    parts = [stat.filemode(info.st_mode), f"{info.st_uid}:{info.st_gid}"]
    if stat.S_ISLNK(info.st_mode):
        return " ".join([*parts, "->", os.readlink(path)])
    parts += [f"{name}={os.getxattr(path, name).hex()}" for name in sorted(os.listxattr(path))]
    if content and stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            parts.append(hashlib.sha256(file.read()).hexdigest())
    return " ".join(parts)


def files() -> Iterator[tuple[str, str]]:
    yield "/etc", entry("/etc")
    for tree in ("/etc", *TREES):
        for folder, folders, names in os.walk(tree):
            for path in (os.path.join(folder, name) for name in folders + names):
                if not PASSING_FILES.search(path):
                    yield path, entry(path)
    for path in BESIDE:
        if os.path.lexists(path):
            yield path, entry(path)
    for pattern in GROWING:
        for path in glob.glob(pattern):
            yield path, entry(path, content=False)


def sshd() -> Iterator[tuple[str, str]]:
    for number, line in enumerate(run("sshd", "-T").splitlines()):
        option, _blank, value = line.partition(" ")
        yield (f"{option} {number}" if option in ("acceptenv", "hostkey", "listenaddress") else option), value


def kernel() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["sysctl", "-a"], check=False, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        key, _equals, value = line.partition(" = ")
        if KERNEL.match(key):
            yield key, value


def units() -> Iterator[tuple[str, str]]:
    for line in run("systemctl", "list-unit-files", "--plain", "--no-legend").splitlines():
        name, state = line.split()[:2]
        if not PASSING.match(name):
            yield f"file of {name}", state
    listed = run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service,socket,timer,target")
    for line in listed.splitlines():
        name, load, active = line.split()[:3]
        # A unit that is only named by others is as good as none: systemd forgets those when it likes.
        if not PASSING.match(name) and (active != "inactive" or load == "masked"):
            yield name, f"{load} {active}"


def packages() -> Iterator[tuple[str, str]]:
    for line in run("dpkg-query", "--show", "--showformat=${binary:Package}\t${Version} ${Status}\n").splitlines():
        name, _tab, state = line.partition("\t")
        yield name, state
    # Where apt-mark keeps its marks; it takes a second to say what stands there. Held ones show in their status.
    with open("/var/lib/apt/extended_states", encoding="utf-8") as file:
        text = file.read()
    for name, mark in re.findall(r"^Package: (\S+)$.*?^Auto-Installed: (\d)$", text, re.MULTILINE | re.DOTALL):
        yield f"came along {name}", mark


def firewall() -> Iterator[tuple[str, str]]:
    """One entry a table, because each is somebody's."""
    if not shutil.which("nft"):  # a mess may have taken it away
        return
    for table in re.split(r"^(?=table )", run("nft", "--stateless", "list", "ruleset"), flags=re.MULTILINE):
        if table:
            yield table.partition(" {")[0], table


def listeners() -> Iterator[tuple[str, str]]:
    for line in run("ss", "--no-header", "--numeric", "--listening", "--tcp").splitlines():
        yield line.split()[3], "listens"


def mounts() -> Iterator[tuple[str, str]]:
    for line in run("findmnt", "--raw", "--noheadings", "--output", "TARGET,SOURCE,FSTYPE,OPTIONS").splitlines():
        target, _blank, attributes = line.partition(" ")
        if not target.startswith("/run/"):
            # Where the engine keeps the layers of a container is the engine's business.
            yield target, re.sub(r",(lower|upper|work)dir=[^,]*", "", attributes)


SECTIONS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
    "file": files,
    "sshd": sshd,
    "kernel": kernel,
    "unit": units,
    "package": packages,
    "firewall": firewall,
    "listener": listeners,
    "mount": mounts,
}


def snapshot() -> dict[str, str]:
    return {f"{section} {name}": value for section, read in SECTIONS.items() for name, value in read()}


def main(verb: str, path: str) -> int:
    now = snapshot()
    if verb == "take":
        with open(path, "w", encoding="utf-8") as file:
            json.dump(now, file)
        return 0
    with open(path, encoding="utf-8") as file:
        then = json.load(file)
    different = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    for name in different:
        print(f"{name}: {then.get(name, 'absent')} -> {now.get(name, 'absent')}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
