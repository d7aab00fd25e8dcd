# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole host in memory: files, kernel, units, packages, mounts. It obeys the same door as the real one.

What the core changes here really changes what the simulated programs answer, so that enforcing converges or does not.
Every change counts as one operation, and a Fault strikes at a chosen one.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import itertools
import os
import posixpath
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Sequence, Set, Tuple, Union

from ansible_collections.healthops.clinical.plugins.module_utils._errors import (
    ClinicalError,
    ExchangedError,
    HostWriteError,
    ReadOnlyError,
)
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import (
    EXCHANGED_ADVICE,
    GIVEN_AWAY,
    TEMPORARY_SUFFIX,
    CommandResult,
    Host,
    ScanEntry,
    Stat,
    T,
    exchanged,
    is_exchanged,
)
from fake_programs import PROGRAMS, FakePackage, FakeUnit

#: When the machine came up, in seconds since 1970: 22 November 2026.
BOOTED = 1_795_350_000.0
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
#: What belongs to the collection itself and is no part of the state that a revert restores.
OWN = "/var/lib/healthops"
OWN_NAMES = (OWN, f"/var/lib/.healthops{TEMPORARY_SUFFIX}")

WILDCARDS = frozenset("*?[")

Answer = Union[CommandResult, Callable[["FakeHost", Sequence[str]], CommandResult]]


@cache
def fixture(tool: str, system: str) -> str:
    """A real program's output, captured on ``system`` (debian-12 or debian-13)."""
    return (FIXTURES / tool / f"{system}.txt").read_text(encoding="utf-8")


class Killed(BaseException):
    """The process is no more. Nothing in the core may catch it."""


@dataclass
class Fault:
    """What strikes at the operation number ``at``, counted from 1.

    ``how`` is killed (before the effect), killed_after, or an errno name for operations on the disk; a ``lasting`` one
    stays from there on. A full disk (ENOSPC) still lets things be removed, a read-only one (EROFS) does not.
    """

    at: int
    how: str
    lasting: bool = False

    def strikes(self, number: int) -> bool:
        return number >= self.at if self.lasting else number == self.at


@dataclass
class Node:
    """One directory entry."""

    kind: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    content: bytes = b""
    target: str = ""
    xattrs: Dict[str, bytes] = field(default_factory=dict)
    ctime: float = 0.0
    mtime: int = 0
    inode: int = field(default_factory=itertools.count(1).__next__)

    def __copy__(self) -> Node:
        return Node(
            self.kind,
            self.mode,
            self.uid,
            self.gid,
            self.content,
            self.target,
            dict(self.xattrs),
            ctime=self.ctime,
            mtime=self.mtime,
            inode=self.inode,
        )


class FakeDisk(Dict[str, Node]):
    """The nodes by their path, and beside them, because tests ask a million times, the names in each folder.

    Nodes come and go by item, ``pop`` and ``setdefault``, and none becomes a link or stops to be one in its place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: Dict[str, Set[str]] = {}
        #: Where paths lead, as long as no link comes or goes.
        self.resolved: Dict[str, str] = {}
        self.places: Dict[str, str] = {}

    def __setitem__(self, path: str, node: Node) -> None:
        self._link_changes(self.get(path), node)
        super().__setitem__(path, node)
        folder, name = path.rsplit("/", 1)
        if name:
            self.names.setdefault(folder or "/", set()).add(name)

    def __delitem__(self, path: str) -> None:
        self._link_changes(self[path])
        super().__delitem__(path)
        folder, name = path.rsplit("/", 1)
        self.names[folder or "/"].discard(name)

    def pop(self, path: str, *default: Any) -> Any:
        if path not in self and default:
            return default[0]
        node = self[path]
        del self[path]
        return node

    def setdefault(self, path: str, default: Optional[Node] = None) -> Node:
        if path not in self:
            assert default is not None
            self[path] = default
        return self[path]

    def __copy__(self) -> FakeDisk:
        other = FakeDisk()
        dict.update(other, {path: copy(node) for path, node in self.items()})
        other.names = {folder: set(names) for folder, names in self.names.items()}
        other.resolved, other.places = dict(self.resolved), dict(self.places)
        return other

    def _link_changes(self, *nodes: Optional[Node]) -> None:
        if any(node is not None and node.kind == "link" for node in nodes):
            self.resolved.clear()
            self.places.clear()

    def resolve(self, path: str) -> str:
        if path not in self.resolved:
            self.resolved[path] = self._follow(path)
        return self.resolved[path]

    def _follow(self, path: str) -> str:
        reached = ""
        for part in path.split("/"):
            if not part:
                continue
            node = self.get(f"{reached}/{part}")
            if node is not None and node.kind == "link":
                reached = self.resolve(posixpath.normpath(posixpath.join(reached, node.target)))
            else:
                reached = f"{reached}/{part}"
        return reached or "/"

    def place(self, path: str) -> str:
        """Where a path's own node lies: links among its folders are followed, not the last one."""
        if path not in self.places:
            folder, name = posixpath.split(path)
            self.places[path] = posixpath.join(self.resolve(folder), name)
        return self.places[path]

    def glob(self, pattern: str) -> List[str]:
        paths = [""]
        for part in pattern.lstrip("/").split("/"):
            paths = [f"{folder}/{name}" for folder in paths for name in self._matching(folder or "/", part)]
        return sorted(path for path in paths if path in self)

    def _matching(self, folder: str, pattern: str) -> List[str]:
        if not WILDCARDS.intersection(pattern):
            return [pattern]
        names = [name for name in self.names.get(folder, ()) if fnmatch.fnmatchcase(name, pattern)]
        return [name for name in names if pattern.startswith(".") or not name.startswith(".")]


@dataclass
class FakeMount:
    source: str
    path: str
    fstype: str
    options: List[str]


class FakeHost(Host):
    """A Debian with systemd; ``operations`` tells every change in its order, ``runs`` every command."""

    def __init__(self, system: str = "debian-12") -> None:
        self.system = system
        self.clock = 1000.0
        self.uptime = 5000.0
        self.booted = BOOTED
        self.spawned: List[Tuple[str, ...]] = []
        self.nodes = FakeDisk()
        self.kernel: Dict[str, str] = {"kernel.osrelease": "6.1.0-30-amd64"}
        self.fixed_keys: Set[str] = set()
        self.mounts: List[FakeMount] = []
        self.modules: Dict[str, int] = {}
        self.units: Dict[str, FakeUnit] = {}
        self.packages: Dict[str, str] = {}
        self.residual: Set[str] = set()
        self.unfinished: Dict[str, str] = {}
        self.mirror: Dict[str, FakePackage] = {}
        self.apt_lock = ""
        self.audit: List[str] = []
        self.privileged: List[str] = []
        self.tables: Dict[str, str] = {}
        self.links: List[Dict[str, object]] = []
        self.xfrm = ""
        self.rpc = ""
        self.nft_refuses = ""
        self.nft_refuses_new = ""
        self.users = {"root": 0, "www-data": 33, "alice": 1000}
        self.groups = {"root": 0, "adm": 4, "www-data": 33, "shadow": 42, "crontab": 101, "daemon": 1, "alice": 1000}
        self.programs = set(PROGRAMS)
        self.answers: Dict[Tuple[str, ...], Answer] = {}
        self.locked = 0
        self.operations: List[str] = []
        self.runs: List[Tuple[str, ...]] = []
        self.fault: Optional[Fault] = None
        for folder in ("/etc", "/etc/systemd/system", "/run/systemd/system", "/var/lib", "/proc/self", "/dev", "/root"):
            self.add_dir(folder)
        release = [line for line in fixture("os_release", system).splitlines(keepends=True) if "ID" in line]
        self.add_file("/etc/os-release", "".join(release))
        self.add_file("/proc/self/uid_map", "0 0 4294967295\n")
        self.add_file("/proc/sys/kernel/random/boot_id", "boot-1\n")
        self.add_file("/proc/self/stat", f"4711 (python3) S 1 {'0 ' * 17}900 0 0\n")

    # --- preparing ---

    def add_dir(self, path: str, mode: int = 0o755) -> None:
        above = posixpath.dirname(path)
        if above not in self.nodes and path != "/":
            self.add_dir(above)
        self.nodes.setdefault(path, Node("dir", mode, ctime=self.clock))

    def add_file(self, path: str, text: Union[str, bytes] = "", mode: int = 0o644, uid: int = 0, gid: int = 0) -> None:
        self.add_dir(posixpath.dirname(path))
        content = text.encode() if isinstance(text, str) else text
        self.nodes[path] = Node("file", mode, uid, gid, content, ctime=self.clock)

    def add_link(self, path: str, target: str) -> None:
        self.add_dir(posixpath.dirname(path))
        self.nodes[path] = Node("link", 0o777, target=target, ctime=self.clock)

    def in_container(self, engine: str = "podman", own_users: bool = True) -> None:
        """Make it a container, in a user namespace of its own or as root of the machine."""
        self.add_file("/run/systemd/container", f"{engine}\n")
        self.add_file("/proc/self/uid_map", "0 100000 65536\n" if own_users else "0 0 4294967295\n")

    def set_clock(self, seconds: float) -> None:
        """Let the wall clock stand at this time, in seconds since 1970."""
        self.booted = seconds - self.uptime

    def text(self, path: str) -> str:
        return self.nodes[path].content.decode()

    def strike(self, at: int, how: str, lasting: bool = False) -> None:
        """Let a fault strike at the ``at``-th operation from now."""
        self.fault = Fault(len(self.operations) + at, how, lasting)

    def state(self) -> Dict[str, Any]:
        """Everything that a person could find changed, without clocks and without the collection's own folder."""
        mine = {p: node for p, node in self.nodes.items() if p not in OWN_NAMES and not p.startswith(OWN + "/")}
        files = {p: (n.kind, n.mode, n.uid, n.gid, n.content, n.target, dict(n.xattrs)) for p, n in mine.items()}
        units = {name: (unit.active, unit.masked, self.enabled(name)) for name, unit in self.units.items()}
        mounts = [(m.source, m.path, m.fstype, sorted(m.options)) for m in self.mounts]
        return {
            "files": files,
            "kernel": dict(self.kernel),
            "units": units,
            "packages": dict(self.packages),
            "residual": set(self.residual),
            "mounts": mounts,
            "modules": dict(self.modules),
            "audit": list(self.audit),
            "tables": dict(self.tables),
        }

    def __deepcopy__(self, memo: Dict[int, Any]) -> FakeHost:
        """The same in a tenth of the time: the fault tests copy a host some thousand times."""
        other = copy(self)
        other.nodes = copy(self.nodes)
        other.mounts = [replace(m, options=list(m.options)) for m in self.mounts]
        other.units = {name: replace(unit) for name, unit in self.units.items()}
        for part in (
            "kernel",
            "fixed_keys",
            "modules",
            "packages",
            "residual",
            "mirror",
            "answers",
            "operations",
            "runs",
            "spawned",
            "tables",
        ):
            setattr(other, part, copy(getattr(self, part)))
        return other

    def leftovers(self) -> List[str]:
        left = [path for path in self.nodes if path.endswith(TEMPORARY_SUFFIX) and path not in OWN_NAMES]
        return [path for path in left if not path.startswith(OWN + "/")]

    # --- looking ---

    def read(self, path: str) -> Optional[bytes]:
        virtual = self._virtual(path)
        if virtual is not None:
            return virtual.encode()
        node = self.nodes.get(self.nodes.place(path))
        if node is None:
            return None
        if node.kind == "link":
            raise ClinicalError("Reading", path, os.strerror(errno.ELOOP))
        if node.kind != "file":
            raise ClinicalError("Reading", path, "it is not a regular file")
        return node.content

    def stat(self, path: str) -> Optional[Stat]:
        if self._virtual(path) is not None:
            return Stat("file", 0o644, 0, 0)
        node = self.nodes.get(self.nodes.place(path))
        if node is None:
            return None
        return Stat(
            kind=node.kind,
            mode=node.mode,
            uid=node.uid,
            gid=node.gid,
            target=node.target,
            ctime=node.ctime,
            mtime=node.mtime,
            size=len(node.content),
            inode=node.inode,
        )

    def digest(self, path: str) -> str:
        return hashlib.sha256(self.nodes[self.nodes.place(path)].content).hexdigest()

    def xattrs(self, path: str) -> Dict[str, bytes]:
        node = self.nodes.get(self.nodes.place(path))
        return dict(node.xattrs) if node else {}

    def listdir(self, path: str) -> List[str]:
        return sorted(self.nodes.names.get(self.resolve(path), ()))

    def glob(self, pattern: str) -> List[str]:
        return self.nodes.glob(pattern)

    def resolve(self, path: str) -> str:
        return self.nodes.resolve(path)

    def scan(
        self, roots: Sequence[str], avoided: FrozenSet[str], uids: FrozenSet[int], gids: FrozenSet[int], budget: int
    ) -> Optional[List[ScanEntry]]:
        """All is one disk here; a folder that is avoided is met, but not entered."""
        inside = [p for p in sorted(self.nodes) if not any(p.startswith(folder + "/") for folder in avoided)]
        if len(inside) > budget:
            return None
        found = [ScanEntry(p, n.kind, n.mode, n.uid, n.gid) for p in inside for n in [self.nodes[p]] if p != "/"]
        known = [e for e in found if e.kind in ("file", "dir")]
        return [e for e in known if e.mode & 0o6002 or e.uid not in uids or e.gid not in gids]

    @contextlib.contextmanager
    def accounts_locked(self) -> Iterator[None]:
        self.locked += 1
        yield

    def is_root(self) -> bool:
        return True

    def can_write(self, path: str) -> bool:
        if path.startswith("/proc/sys/"):
            return _key(path) not in self.fixed_keys
        return self.nodes.place(path) in self.nodes

    def which(self, name: str) -> Optional[str]:
        return f"/usr/bin/{name}" if posixpath.basename(name) in self.programs else None

    def uid(self, name: str) -> Optional[int]:
        return self.users.get(name)

    def gid(self, name: str) -> Optional[int]:
        return self.groups.get(name)

    def owner_name(self, uid: int) -> str:
        return next((name for name, number in self.users.items() if number == uid), str(uid))

    def group_name(self, gid: int) -> str:
        return next((name for name, number in self.groups.items() if number == gid), str(gid))

    def now(self) -> float:
        return self.booted + self.uptime

    def monotonic(self) -> float:
        return self.uptime

    def sleep(self, seconds: float) -> None:
        self.uptime += seconds

    def gather(self, readers: Sequence[Callable[[], T]]) -> List[T]:
        return [reader() for reader in readers]

    def spawn(self, argv: Sequence[str]) -> None:
        self.change(f"spawn {argv[0]}", lambda: self.spawned.append(tuple(argv)), disk=False)

    def since_boot(self, microseconds: int) -> float:
        return microseconds / 1e6

    def enabled(self, unit: str) -> str:
        """What systemctl says of a unit file, out of the links that lie on the disk."""
        mask = self.nodes.get(f"/etc/systemd/system/{unit}")
        if mask is not None and mask.target == "/dev/null":
            return "masked"
        if self.glob(f"/etc/systemd/system/*.wants/{unit}"):
            return "enabled"
        return "static" if self.units[unit].static else "disabled"

    # --- changing ---

    def write(self, path: str, content: bytes, mode: int, uid: int, gid: int, xattrs: Dict[str, bytes]) -> None:
        new = Node("file", mode, uid, gid, content, xattrs=dict(xattrs))
        self._in_one_step(f"write {path}", path, new)

    def symlink(self, path: str, target: str) -> None:
        self._in_one_step(f"link {path}", path, Node("link", 0o777, target=target))

    def set_mtime(self, path: str, mtime: int) -> None:
        """No operation of its own: no test is about a host that was killed between a file and its time."""
        self.nodes[self.nodes.place(path)].mtime = mtime

    def set_xattrs(self, path: str, xattrs: Dict[str, bytes]) -> None:
        node = self.nodes[self.nodes.place(path)]
        self.change(f"setfattr {path}", lambda: setattr(node, "xattrs", dict(xattrs)))

    def mkdir(self, path: str, mode: int, uid: int, gid: int) -> None:
        place = self._parent_of(path, "Making the directory")
        node = self.nodes.get(place)
        if node is None:
            self._in_one_step(f"mkdir {path}", path, Node("dir", mode, uid, gid))
        elif node.kind == "dir":
            self._set_meta(path, node, mode, uid, gid)
        else:
            raise ClinicalError("Making the directory", path, os.strerror(errno.ENOTDIR))

    def set_meta(self, path: str, mode: int, uid: int, gid: int, planned: Stat, taken: int = 0) -> None:
        place = self.nodes.place(path)
        node = self.nodes.get(place)
        if node is None or node.kind == "link":
            raise exchanged(path)
        if is_exchanged(planned, Stat(node.kind, node.mode, node.uid, node.gid)):
            raise exchanged(path)
        folder = self.nodes.get(posixpath.dirname(place))
        given = node.uid == 0 and (uid, gid) != (node.uid, node.gid) and node.inode != taken
        if given and folder is not None and (folder.uid != 0 or folder.mode & 0o022):
            raise ExchangedError("Giving away", path, GIVEN_AWAY, EXCHANGED_ADVICE)
        self._set_meta(path, node, mode, uid, gid)

    def _set_meta(self, path: str, node: Node, mode: int, uid: int, gid: int) -> None:
        self.change(f"chown {path}", lambda: self._touch(node, uid=uid, gid=gid))
        self.change(f"chmod {path}", lambda: self._touch(node, mode=mode))

    def remove(self, path: str) -> None:
        place = self.nodes.place(path)
        if place not in self.nodes:
            return
        if self.listdir(place):
            raise ClinicalError("Removing", path, os.strerror(errno.ENOTEMPTY))
        self.change(f"remove {path}", lambda: self.nodes.pop(place), frees=True)

    def append(self, path: str, content: bytes) -> None:
        place = self._parent_of(path, "Adding to")
        node = self.nodes.get(place, Node("file", 0o600))
        self.change(f"add to {path}", lambda: self.put_node(place, replace(node, content=node.content + content)))

    def write_value(self, path: str, text: str) -> None:
        key = _key(path)
        if key not in self.kernel:
            raise ClinicalError("Setting", path, os.strerror(errno.ENOENT))
        if key in self.fixed_keys:
            raise ClinicalError("Setting", path, os.strerror(errno.EACCES))
        values = {key: text}
        if key == "net.ipv4.ip_forward" and text != self.kernel[key]:  # as the real one does
            values["net.ipv4.conf.all.accept_redirects"] = "1" if text == "0" else "0"
        self.change(f"set {key} = {text}", lambda: self.kernel.update(values), disk=False)

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: Optional[Dict[str, str]] = None
    ) -> CommandResult:
        self.runs.append(tuple(argv))
        self.stdin, self.environment = stdin, env or {}
        if self.which(argv[0]) is None:
            raise ClinicalError("Running", argv[0], "there is no such command on this host")
        answer = self.answers.get(tuple(argv))
        if isinstance(answer, CommandResult):
            return answer
        if answer is not None:
            return answer(self, argv)
        try:
            rc, out, err = PROGRAMS[posixpath.basename(argv[0])](self, list(argv[1:]))
        except HostWriteError as error:  # a program tells it in its own way
            return CommandResult(tuple(argv), 1, "", f"{argv[0]}: {error.saw}\n")
        return CommandResult(tuple(argv), rc, out, err)

    def change(self, words: str, effect: Callable[[], object], disk: bool = True, frees: bool = False) -> None:
        """Count one operation and let it happen, unless a fault strikes."""
        self.operations.append(words)
        struck = self.fault is not None and self.fault.strikes(len(self.operations))
        how = self.fault.how if struck and self.fault else ""
        if how == "killed":
            raise Killed(words)
        if disk and (how == "EROFS" or (how == "ENOSPC" and not frees)):
            error = ReadOnlyError if how == "EROFS" else HostWriteError
            raise error("Writing", words, os.strerror(getattr(errno, how)), "Free space, then retry.")
        self.clock += 1
        effect()
        if how == "killed_after":
            raise Killed(words)

    def put_node(self, path: str, node: Node) -> None:
        """Lay a node without counting it as an operation, for the simulated programs."""
        if node.kind == "file" and posixpath.dirname(path) not in self.nodes:
            self.add_dir(posixpath.dirname(path))
        node.ctime = self.clock
        node.mtime = int(self.clock)
        self.nodes[path] = node

    # --- inside ---

    def _in_one_step(self, words: str, path: str, new: Node) -> None:
        place = self._parent_of(path, "Writing")
        old = self.nodes.get(place)
        if old is not None and "dir" in (old.kind, new.kind):
            raise ClinicalError("Writing", path, os.strerror(errno.EISDIR))
        folder, name = posixpath.split(place)
        temporary = posixpath.join(folder, f".{name}{TEMPORARY_SUFFIX}")
        self.nodes.pop(temporary, None)
        self.change(f"{words} (temporary)", lambda: self.put_node(temporary, new))
        try:
            self.change(words, lambda: self.put_node(place, self.nodes.pop(temporary)))
        except HostWriteError:
            self.nodes.pop(temporary, None)
            raise

    def _touch(self, node: Node, **parts: int) -> None:
        for part, value in parts.items():
            setattr(node, part, value)
        node.ctime = self.clock

    def _parent_of(self, path: str, doing: str) -> str:
        place = self.nodes.place(path)
        above = self.nodes.get(posixpath.dirname(place))
        if above is None or above.kind != "dir":
            raise ClinicalError(doing, path, os.strerror(errno.ENOENT))
        return place

    def _virtual(self, path: str) -> Optional[str]:
        """Files that the kernel makes up."""
        if not path.startswith(("/proc/", "/sys/")):
            return None
        if path.startswith("/proc/sys/"):
            value = self.kernel.get(_key(path))
            return None if value is None else f"{value}\n"
        if path == "/proc/modules":
            return "".join(f"{name} 16384 {users} - Live 0x0\n" for name, users in self.modules.items())
        if path == "/proc/self/mounts":
            return "".join(f"{m.source} {m.path} {m.fstype} {','.join(m.options)} 0 0\n" for m in self.mounts)
        if path.startswith("/sys/module/") and path.endswith("/refcnt"):
            users = self.modules.get(path.split("/")[3])
            return None if users is None else f"{users}\n"
        return None

    def files_below(self, folder: str) -> Iterator[str]:
        return (path for path in sorted(self.nodes) if path.startswith(folder + "/"))


def _key(path: str) -> str:
    return path[len("/proc/sys/") :].replace("/", ".")
