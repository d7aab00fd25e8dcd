# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is patched, as somebody sees it who stands beside it: here the module, there dpkg and systemd."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INVENTORY = HERE / "inventory" / "hosts"
NETWORK = json.loads(subprocess.run([INVENTORY, "--list"], check=True, capture_output=True, text=True).stdout)[
    "test_hosts"
]["vars"]["test_hosts_network"]
PATIENCE = 120.0

#: Packages with their version before the updates and after them; those that stay are named with one version.
BEFORE = {
    "lab-auto": "0.9-1",
    "lab-conf": "1.0-1",
    "lab-daemon": "1.0-1",
    "lab-epoch": "1:1.0~rc1-1",
    "lab-feature": "2.0-1",
    "lab-held": "1.0-1",
    "lab-library": "1.0-1",
    "lab-main": "1.0-1",
    "lab-phased": "1.0-1",
    "lab-postinst": "1.0-1",
    "lab-reader": "1.0-1",
    "lab-security": "1.0-1",
    "lab-service": "1.0-1",
    "lab-slow": "1.0-1",
    "linux-image-6.90.0-1-lab-amd64": "6.90.1-1",
    "linux-image-lab-amd64": "6.90.1-1",
}
AFTER = {
    **BEFORE,
    "lab-auto": "0.9-2",
    "lab-conf": "1.0-2",
    "lab-daemon": "1.0-2",
    "lab-epoch": "1:1.0-1",
    "lab-feature": "2.1-1",
    "lab-library": "1.0-1+deb12u1",
    "lab-main": "1.0-2",
    "lab-postinst": "1.0-2",
    "lab-security": "1.0-1+deb12u1",
    "lab-service": "1.0-1+deb12u1",
    "lab-slow": "1.0-2",
    "linux-image-6.90.0-2-lab-amd64": "6.90.2-1",
    "linux-image-lab-amd64": "6.90.2-1",
}
SERVICES = ("lab-daemon", "lab-reader", "lab-service")


RESET = r"""
set -e
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
rm -rf /etc/lab-slow-waits /run/lab-slow-began /var/lib/apt/lists/*
rm -rf /var/lib/healthops /var/cache/healthops/packages
touch /etc/lab-postinst-may
dpkg --force-confold --configure -a
rm /etc/lab-postinst-may
apt-mark unhold 'lab-*' 'linux-image*' > /dev/null
apt-get update -qq
apt-get install -y -qq --allow-downgrades -o Dpkg::Options::=--force-confold {wanted} > /dev/null
dpkg --purge linux-image-6.90.0-2-lab-amd64 2> /dev/null
apt-mark hold lab-held > /dev/null
apt-mark auto lab-auto linux-image-6.90.0-1-lab-amd64 > /dev/null
apt-get clean
systemctl reset-failed
systemctl restart {services}
rm -f /etc/lab-conf.conf.dpkg-*
echo level = 7 > /etc/lab-conf.conf
chmod 0640 /etc/lab-conf.conf
"""


def excluding(*packages: str, **more: Any) -> dict[str, Any]:
    """A policy that leaves these out."""
    rule = {"packages": list(packages), "reason": "of the test", "expires": "2099-12-31"}
    return {"exclude": [rule], **more}


def only(*packages: str) -> dict[str, Any]:
    """A policy that leaves everything else out."""
    return excluding(*(name for name, version in AFTER.items() if BEFORE.get(name) != version and name not in packages))


#: What works: without the service that does not start and the package that fails.
GOOD = excluding("lab-postinst", "lab-service")


def engine(*argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("HEALTHOPS_ENGINE") or str(ROOT / "tests" / "hosts" / "engine" / "podman")
    return subprocess.run([program, *argv], check=check, capture_output=True, text=True, timeout=PATIENCE)


@dataclass
class Mirror:
    """The mirror that all hosts have."""

    container: str = f"{NETWORK}-mirror"

    def show(self, age: str) -> None:
        engine("exec", self.container, "ln", "-sfn", age, "/srv/lab/debian")

    def up(self, runs: bool) -> None:
        engine("exec", self.container, "systemctl", "start" if runs else "stop", "lab-mirror.service")


@dataclass
class Patched:
    """One host."""

    name: str

    @property
    def container(self) -> str:
        return f"{NETWORK}-{self.name}"

    # --- from beside it ---

    def look(self, command: str, check: bool = True) -> str:
        return engine("exec", self.container, "bash", "-c", command, check=check).stdout.strip()

    def versions(self) -> dict[str, str]:
        """What dpkg has whole of the packages that stand for something."""
        told = self.look(r"dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' 'lab-*' 'linux-image*lab*'")
        rows = [line.split() for line in told.splitlines()]
        return {row[0]: row[1] for row in rows if row[-1] == "installed" and row[0] in AFTER}

    def held(self) -> set[str]:
        return set(self.look("apt-mark showhold").split())

    def automatic(self) -> set[str]:
        return set(self.look("apt-mark showauto 'lab-*' 'linux-image*'").split())

    def active(self) -> dict[str, str]:
        return {name: self.look(f"systemctl is-active {name}", check=False) for name in SERVICES}

    def wait_for(self, command: str) -> None:
        end = time.monotonic() + PATIENCE
        while engine("exec", self.container, "bash", "-c", command, check=False).returncode != 0:
            assert time.monotonic() < end, f"{self.name}: never so: {command}"
            time.sleep(0.2)

    def reset(self, mirror: Mirror) -> None:
        """The host of the days before the updates, with nothing remembered, and the mirror of today."""
        mirror.up(True)
        mirror.show("before")
        wanted = " ".join(f"{name}={version}" for name, version in BEFORE.items())
        self.look(RESET.format(wanted=wanted, services=" ".join(SERVICES)))
        mirror.show("after")
        assert self.versions() == BEFORE

    # --- what the module does and says ---

    def begin(self, **options: Any) -> subprocess.Popen[str]:
        check = ["--check"] if options.pop("check", False) else []
        argv = [
            "ansible",
            "-i",
            str(INVENTORY),
            self.name,
            *check,
            "-m",
            "healthops.clinical.patch",
            "-a",
            json.dumps(options),
        ]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment())

    def patch(self, **options: Any) -> dict[str, Any]:
        """The module's answer; ``failed`` is set where it says so."""
        return answer(self.begin(**options))

    def planned(self, **options: Any) -> dict[str, Any]:
        return self.patch(state="planned", **options)

    def applied(self, policy: dict[str, Any], **options: Any) -> dict[str, Any]:
        plan = self.planned(policy=policy)
        return self.patch(state="applied", digest=plan["digest"], policy=policy, **options)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, _nothing = process.communicate(timeout=4 * PATIENCE)
    head, found, rest = said.partition("=> {")
    assert found, said
    told: dict[str, Any] = json.JSONDecoder().raw_decode("{" + rest)[0]
    return {**told, "failed": "FAILED" in head or "UNREACHABLE" in head}


def _environment() -> dict[str, str]:
    plain = {
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "hosts" / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "0",
        "LC_ALL": "C.UTF-8",
    }
    ours = {"ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    return {**{k: v for k, v in os.environ.items() if not k.startswith("ANSIBLE_")}, **plain, **ours}
