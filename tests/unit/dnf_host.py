# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Enterprise Linux without anything of apt, on which dnf and rpm answer as real ones did."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import unit
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import holds, program
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.manager import Dnf
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import Observed, PackageChange
from fake_host import FakeHost, fixture
from fake_programs import FakeUnit

OBSERVED: dict[str, Any] = json.loads(fixture("dnf_observe", "debian12-4.14.0"))
#: When the repository of the fixture was made.
MADE = datetime.fromtimestamp(OBSERVED["sources"][0]["stamp"], timezone.utc)
NOW = MADE + timedelta(hours=2)
SCRIPTS = fixture("rpm_scripts", "debian12-4.18.0")
CONF = "/etc/lab-conf.conf"
OS_RELEASE = 'NAME="Rocky Linux"\nID=rocky\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
#: Whatever of these a test runs on this host is a defect: Enterprise Linux has none of them.
OF_APT = ("apt-cache", "apt-config", "apt-get", "apt-mark", "dpkg", "dpkg-deb", "dpkg-query")
DF = ("df", "--block-size=1", "--output=avail,target", "--", "/", "/var", "/boot")


class DnfHost(FakeHost):
    """A host on which dnf and rpm answer as they did, and whose transactions are noted."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("debian-12")
        self.helper_answers: dict[str, Any] = {
            "observe": OBSERVED,
            "refresh": {"failed": []},
            "missing": {"missing": []},
            **answers,
        }
        self.requests: list[dict[str, Any]] = []
        self.ran: list[Sequence[str]] = []
        self.scripts = SCRIPTS
        self.installed = fixture("rpm_qa", "debian12-4.18.0")
        self.programs = self.programs.difference(OF_APT) | {"cp", "df", "dnf", "rpm", "sha256sum"}
        self.add_file("/etc/os-release", OS_RELEASE)
        self.add_file("/usr/bin/dnf", "#!/usr/libexec/platform-python -s\nimport dnf\n")
        self.add_file("/var/lib/healthops/patch/log", "")
        self.answers[DF] = CommandResult(DF, 0, "Avail Mounted on\n" + f"{10 << 30} /\n" * 3, "")
        self.answers[("systemctl", "is-active", "--quiet", unit.UNIT)] = CommandResult((), 3, "", "")

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> CommandResult:
        self.ran.append(tuple(argv))
        if program.PROGRAM in argv or program.helper_source() in argv:
            request = json.loads(stdin or self.read(program.REQUEST) or b"{}")
            self.requests.append(request)
            assert "/usr/libexec/platform-python" in argv
            return self.helper(tuple(argv), request)
        outputs = {
            ("rpm", "-qa"): self.installed,
            ("rpm", "-q"): self.scripts,
            ("rpm", "-qc"): f"{CONF}\n",
            ("rpm", "-ql"): f"{CONF}\n(contains no files)\n",
            ("dnf", "-q"): "lab-conf.noarch\nlab-dep.noarch\n",
            ("sha256sum", "--"): "".join(f"aa  {path}\n" for path in argv[2:]),
        }
        if tuple(argv[:2]) in outputs or argv[0] in ("rpm", "dnf", "cp", "systemd-run"):
            return CommandResult(tuple(argv), 0, outputs.get(tuple(argv[:2]), ""), "")
        return super().run(argv, timeout, stdin)

    def helper(self, argv: tuple[str, ...], request: Mapping[str, Any]) -> CommandResult:
        """Answer a request of the program that the host's own Python runs."""
        return CommandResult(argv, 0, json.dumps(self.helper_answers.get(request["what"], {})), "")


class UpdatingHost(DnfHost):
    """The same with packages that really change: what a transaction did is what rpm and dnf tell afterwards."""

    def __init__(self, arch: str = "noarch") -> None:
        super().__init__()
        self.arch = arch
        self.observed: dict[str, Any] = json.loads(json.dumps(OBSERVED).replace('"noarch"', f'"{arch}"'))
        self.installed = self.installed.replace("\tnoarch\t", f"\t{arch}\t")
        rows = [line.split("\t") for line in self.installed.splitlines()]
        self.versions = {name: version for name, _arch, version, _source in rows}
        self.units["lab-daemon.service"] = FakeUnit(active=True)
        self.add_dir("/var/cache")
        self.add_file(CONF, "of = ours\n", mode=0o640)

    def helper(self, argv: tuple[str, ...], request: Mapping[str, Any]) -> CommandResult:
        acts = {"observe": self._observe, "fetch": self._fetch, "transact": self._transact}
        act = acts.get(request["what"])
        return super().helper(argv, request) if act is None else CommandResult(argv, 0, json.dumps(act(request)), "")

    def _observe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is held beside the versionlock list is excluded in the configuration of dnf."""
        on_hold = {name for name, _arch in OBSERVED["held_names"]} | {name for name, _line in self._locks()}
        held = on_hold - {name for name, _arch in request.get("free", [])}
        coming = [*self.observed["changes"], *self.observed["held"]]
        waiting = [change for change in coming if self.versions.get(change["name"]) != change["to"]]
        return {
            **self.observed,
            "changes": [change for change in waiting if change["name"] not in held],
            "held": [change for change in waiting if change["name"] in held],
            "held_names": sorted([name, self.arch] for name in on_hold),
        }

    def _locks(self) -> list[tuple[str, str]]:
        lines = (self.read(holds.VERSIONLOCK) or b"").decode().splitlines()
        return [(line.rsplit("-", 2)[0], line) for line in lines]

    def _fetch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        paths = {}
        for name, arch, version, _checksum in request["wanted"]:
            path = posixpath.join(request["folder"], f"{name}-{version}.{arch}.rpm")
            self.write(path, b"rpm", 0o644, 0, 0, {})
            paths["\t".join((name, arch, version))] = path
        return {"paths": paths, "lost": [], "failed": []}

    def _transact(self, request: Mapping[str, Any]) -> dict[str, Any]:
        for name, _arch, change, version in request["expected"]:
            self.change(f"{change} {name}", lambda: self._put(name, change, version))  # noqa: B023
        return {}

    def _put(self, name: str, change: str, version: str) -> None:
        if change == "remove":
            self.versions.pop(name)
        else:
            self.versions[name] = version
        rows = sorted(self.versions.items())
        self.installed = "".join(f"{key}\t{self.arch}\t{value}\t{key}-{value}.src.rpm\n" for key, value in rows)


def dnf_on(host: DnfHost, now: datetime = NOW) -> Dnf:
    """Return the package manager of a host that waits seven seconds for a lock."""
    return Dnf(host, now, 7)


def changes_by_name(observed: Observed) -> dict[str, PackageChange]:
    return {change.name: change for change in observed.changes}


def answer_with(**parts: Any) -> dict[str, Any]:
    """Return what dnf answered, with other parts."""
    return {**OBSERVED, **parts}
