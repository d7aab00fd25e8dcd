# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of the Python API of dnf 4 and hawkey as ``helper`` uses, over packages in memory."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

KINDS = {"PKG_INSTALL": 1, "PKG_UPGRADE": 2, "PKG_DOWNGRADE": 3, "PKG_OBSOLETE": 4, "PKG_ERASE": 5, "PKG_OBSOLETED": 6}


class DnfError(Exception):
    """dnf.exceptions.Error."""


class DownloadError(DnfError):
    """dnf.exceptions.DownloadError."""


class RepoError(DnfError):
    """dnf.exceptions.RepoError."""


class ProcessLockError(DnfError):
    """dnf.exceptions.ProcessLockError."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


@functools.total_ordering
@dataclass(eq=False)
class FakePkg:
    """One package; its file has its name and version for content."""

    name: str
    version: str
    folder: Path = Path("/nowhere")
    arch: str = "noarch"
    release: str = "1"
    epoch: int = 0
    reponame: str = "lab"
    advisories: list[Any] = field(default_factory=list)
    downloadsize: int = 10
    installsize: int = 20

    @property
    def sourcerpm(self) -> str:
        return f"{self.name}-{self.version}-{self.release}.src.rpm"

    @property
    def content(self) -> bytes:
        return f"{self.name} {self.version}".encode()

    @property
    def chksum(self) -> tuple[int, bytes]:
        return 1, hashlib.sha256(self.content).digest()

    def localPkg(self) -> str:  # noqa: N802 - as hawkey has it
        return str(self.folder / f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm")

    def get_advisories(self, _comparison: int) -> list[Any]:
        return self.advisories

    def __str__(self) -> str:
        return f"{self.name}-{self.version}-{self.release}.{self.arch}"

    def __lt__(self, other: FakePkg) -> bool:
        return (self.name, self.version) < (other.name, other.version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FakePkg) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class Query:
    """The packages of a sack, narrowed step by step."""

    def __init__(self, base: FakeBase, pkgs: Iterable[FakePkg]) -> None:
        self.base, self.pkgs = base, list(pkgs)

    def __iter__(self) -> Iterator[FakePkg]:
        return iter(self.pkgs)

    def __len__(self) -> int:
        return len(self.pkgs)

    def available(self) -> Query:
        return Query(self.base, (p for p in self.pkgs if p in self.base.offered and p not in self.base.excluded))

    def installed(self) -> Query:
        return Query(self.base, (p for p in self.pkgs if p in self.base.there))

    def upgrades(self) -> Query:
        older = {p.name: p for p in self.base.there}
        return Query(self.base, (p for p in self.available() if p.name in older and p > older[p.name]))

    def latest(self) -> Query:
        return self

    def duplicated(self) -> Query:
        names = [p.name for p in self.pkgs]
        return Query(self.base, (p for p in self.pkgs if names.count(p.name) > 1))

    def difference(self, other: Query) -> Query:
        return Query(self.base, (p for p in self.pkgs if p not in other.pkgs))

    def filterm(self, name: Any = None, arch: str | None = None, pkg: list[FakePkg] | None = None) -> Query:
        names = [name] if isinstance(name, str) else name
        kept = [p for p in self.pkgs if (names is None or p.name in names) and arch in (None, p.arch)]
        return Query(self.base, (p for p in kept if pkg is None or p in pkg))


class FakeBase:
    """dnf.Base; ``wanted`` is what was asked of it, and resolving makes a transaction of that."""

    def __init__(self, there: list[FakePkg], offered: list[FakePkg]) -> None:
        self.there, self.offered, self.excluded = there, offered, set[FakePkg]()
        self.wanted: list[tuple[int, FakePkg]] = []
        self.transaction: list[Any] = []
        self.conflict = ""
        self.unreachable = ""
        self.strategies: list[int] = []
        self.unsigned: set[str] = set()
        self.done = False
        self.conf = SimpleNamespace(
            read=lambda: None,
            substitutions=SimpleNamespace(update_from_etc=lambda _root: None),
            excludepkgs=[],
        )
        self._repo = SimpleNamespace(
            id="lab",
            name="Laboratory",
            baseurl=["file:///srv/lab"],
            excludepkgs=[],
            gpgcheck=True,
            load=self._load,
            disable=lambda: None,
            get_metadata_path=lambda kind: f"/srv/lab/{kind}",
            _repo=SimpleNamespace(
                expire=lambda: None, getMaxTimestamp=lambda: 1795596466, setSyncStrategy=self.strategies.append
            ),
        )
        self.repos = SimpleNamespace(iter_enabled=lambda: iter([self._repo]), get=lambda _name: self._repo)
        self.sack = SimpleNamespace(
            query=lambda: Query(self, {str(p): p for p in [*self.there, *self.offered]}.values()),
            add_excludes=self.excluded.update,
            evr_cmp=lambda one, other: (one > other) - (one < other),
        )
        self._goal = SimpleNamespace(run=lambda **_how: None, problem_rules=lambda: [["nothing provides x"]])

    def _load(self) -> None:
        if self.unreachable:
            raise RepoError(self.unreachable)

    def read_all_repos(self) -> None:
        return

    def fill_sack(self, load_system_repo: bool, load_available_repos: bool) -> None:
        return

    def upgrade_all(self) -> None:
        self.wanted += [(KINDS["PKG_UPGRADE"], p) for p in self.sack.query().upgrades()]

    def package_install(self, pkg: FakePkg, strict: bool = True) -> None:
        self.wanted.append((KINDS["PKG_INSTALL"], pkg))

    def package_upgrade(self, pkg: FakePkg) -> None:
        self.wanted.append((KINDS["PKG_UPGRADE"], pkg))

    def package_downgrade(self, pkg: FakePkg, strict: bool = False) -> None:
        self.wanted.append((KINDS["PKG_DOWNGRADE"], pkg))

    def package_remove(self, pkg: FakePkg) -> None:
        self.wanted.append((KINDS["PKG_ERASE"], pkg))

    def resolve(self, allow_erasing: bool) -> None:
        if self.conflict:
            raise DnfError(self.conflict)
        self.transaction = [SimpleNamespace(action=kind, pkg=pkg) for kind, pkg in self.wanted]

    def add_remote_rpms(self, paths: list[str]) -> list[FakePkg]:
        return [p for p in self.offered if p.localPkg() in paths]

    def download_packages(self, pkgs: list[FakePkg]) -> None:
        for pkg in pkgs:
            if self.unreachable:
                raise DownloadError(self.unreachable)
            Path(pkg.localPkg()).write_bytes(pkg.content)

    def package_signature_check(self, pkg: FakePkg) -> tuple[int, str]:
        return (1, f"{pkg} is not signed") if pkg.name in self.unsigned else (0, "")

    def _get_installonly_query(self, query: Query) -> Query:
        return Query(self, (p for p in query if p.name.startswith("kernel")))

    def do_transaction(self) -> None:
        self.done = True


def modules(base: FakeBase) -> dict[str, Any]:
    """Return what ``import_module`` finds where this dnf is installed."""
    errors = SimpleNamespace(
        Error=DnfError, DownloadError=DownloadError, RepoError=RepoError, ProcessLockError=ProcessLockError
    )
    return {
        "dnf": SimpleNamespace(Base=lambda: base, exceptions=errors, repo=SimpleNamespace(SYNC_ONLY_CACHE=2)),
        "dnf.transaction": SimpleNamespace(**KINDS),
        "hawkey": SimpleNamespace(GT=1, ADVISORY_SECURITY=2, chksum_name=lambda _kind: "sha256"),
        "rpm": SimpleNamespace(expandMacro=lambda _macro: "/nowhere/.rpm.lock"),
    }
