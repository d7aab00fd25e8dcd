# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of a fake host: they answer in the words of the real ones, out of the fake host's own state."""

from __future__ import annotations

import fnmatch
import functools
import json
import os
import posixpath
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from fake_host import FakeHost

Said = tuple[int, str, str]
OPPOSITE = {"suid": "nosuid", "dev": "nodev", "exec": "noexec", "symfollow": "nosymfollow"}
_OWN = "/etc/systemd/system/"
AUTO_MARKS = "/var/lib/apt/extended_states"


@dataclass
class FakeUnit:
    """A unit that is there; ``masked`` is what systemd read last, ``since`` when it last started or reloaded."""

    active: bool = False
    since: float = 0.0
    static: bool = False
    wanted_by: str = "multi-user.target"
    masked: bool = False
    transient: bool = False
    own: bool = False
    #: What it says before it dies, each time that it was started.
    dies: str = ""
    starts: int = 0


@dataclass
class FakePackage:
    """A package on the mirror: its configuration files, what its scripts write elsewhere in /etc, its unit.

    ``privileged`` are programs of it that lend their owner's rights to whoever runs them. One that ``asks_no_policy``
    starts its unit whatever policy-rc.d says.
    """

    version: str
    conffiles: dict[str, str] = field(default_factory=dict)
    touches: dict[str, str] = field(default_factory=dict)
    depends: tuple[str, ...] = ()
    fetchable: bool = True
    unit: str = ""
    asks_no_policy: bool = False
    privileged: tuple[str, ...] = ()


# --- systemd ---


def _sync_own_units(host: FakeHost) -> None:
    """Know the units whose files lie in /etc, as systemd does once it has read them, and forget those that went."""
    files = [path for path in host.glob(f"{_OWN}*.service") if host.nodes[path].kind == "file"]
    for path in files:
        wanted = re.search(r"^WantedBy=(\S+)", host.text(path), re.MULTILINE)
        if wanted:
            host.units.setdefault(path[len(_OWN) :], FakeUnit(wanted_by=wanted[1], own=True))
    for name in [name for name, unit in host.units.items() if unit.own and _OWN + name not in files]:
        del host.units[name]


def systemctl(host: FakeHost, args: list[str]) -> Said:
    _sync_own_units(host)
    if args[0] == "list-units":
        return 0, "".join(f"{name} loaded active running {name}\n" for name, u in host.units.items() if u.active), ""
    if args[0] == "list-sockets":
        return 0, "", ""
    if args[0] == "show":
        return 0, "\n\n".join(_shown(host, name) for name in args[args.index("--") + 1 :]) + "\n", ""
    verb, names = args[1], args[2:]
    if verb == "daemon-reload":
        host.change("systemctl daemon-reload", lambda: _read_units(host), disk=False)
        return 0, "", ""
    name = names[-1]  # after --no-block
    if name not in host.units:
        return 5, "", f"Failed to {verb} {name}: Unit {name} not found."
    if host.units[name].masked and verb in ("start", "restart", "enable"):
        return 1, "", f"Failed to {verb} {name}: Unit {name} is masked."
    if verb == "start" and name in ("ssh.socket", "sshd.socket") and not host.units[name].active:
        service = host.units.get(name.replace(".socket", ".service"))
        if service is not None and service.active:
            return 1, "", f"Job for {name} failed. Socket service already active, refusing."
    if verb == "reload" and not host.units[name].active:
        return 1, "", f"Job for {name} failed. The unit is not active."
    host.change(f"systemctl {verb} {name}", lambda: _VERBS[verb](host, name), disk=verb in ("enable", "disable"))
    return 0, "", ""


def systemd_run(host: FakeHost, args: list[str]) -> Said:
    """A timer of its own, which is gone when it is stopped."""
    if "--property=PAMName=sshd" in args:  # PAM lets everybody in
        return 0, "", ""
    (name,) = (arg.split("=", 1)[1] for arg in args if arg.startswith("--unit="))
    if f"{name}.timer" in host.units:
        return 1, "", f"Failed to start transient timer unit: Unit {name}.timer was already loaded."
    timer = FakeUnit(True, transient=True)
    host.change(f"systemd-run {name}", lambda: host.units.update({f"{name}.timer": timer}), disk=False)
    return 0, "", ""


def _shown(host: FakeHost, name: str) -> str:
    unit = host.units.get(name)
    seen = {"Id": name, "LoadState": "not-found", "ActiveState": "inactive", "FragmentPath": "", "UnitFileState": ""}
    if unit is not None:
        seen["LoadState"] = "masked" if unit.masked else "loaded"
        seen["ActiveState"] = "active" if unit.active else "inactive"
        seen["UnitFileState"] = host.enabled(name)
        seen["FragmentPath"] = f"/lib/systemd/system/{name}"
    since = int(unit.since * 1_000_000) if unit else 0
    seen.update(InvocationID=str(unit.starts if unit else ""), NRestarts="0", SubState=seen["ActiveState"])
    seen["Result"] = "exit-code" if unit and unit.dies else ""
    return "\n".join(f"{key}={value}" for key, value in {**seen, "StateChangeTimestampMonotonic": since}.items())


def _read_units(host: FakeHost) -> None:
    for name, unit in host.units.items():
        unit.masked = host.enabled(name) == "masked"


def _reload(host: FakeHost, name: str) -> None:
    """As _set_active(True); an sshd whose socket systemd holds ends instead: it cannot bind the port a second time."""
    held = name in ("ssh.service", "sshd.service") and any(
        socket in host.units and host.units[socket].active for socket in ("ssh.socket", "sshd.socket")
    )
    _set_active(not held)(host, name)


def _set_active(active: bool) -> Callable[[FakeHost, str], None]:
    def happen(host: FakeHost, name: str) -> None:
        if host.units[name].transient and not active:
            del host.units[name]
            return
        unit = host.units[name]
        unit.active, unit.since, unit.starts = active and not unit.dies, host.clock, unit.starts + active
        if unit.own and not active:
            for table in re.findall(r"^ExecStop=.*delete table ([\w ]+)'$", host.text(_OWN + name), re.MULTILINE):
                host.tables.pop(table, None)

    return happen


def journalctl(host: FakeHost, args: list[str]) -> Said:
    unit = host.units.get(args[-1])
    return 0, f"{unit.dies}\n" if unit else "", ""


def _account_program(kind: str) -> Callable[[FakeHost, list[str]], Said]:
    """Return useradd, usermod, userdel, groupadd or groupdel, which write passwd and group as they are."""

    def run(host: FakeHost, args: list[str]) -> Said:
        name = args[-1]
        options = dict(zip(args[:-1], args[1:]))
        path = "/etc/passwd" if kind.startswith("user") else "/etc/group"
        old = host.text(path) if path in host.nodes else ""
        lines = [line for line in old.split("\n") if line and not line.startswith(f"{name}:")]
        if kind == "groupadd":
            host.groups[name] = 900 + len(host.groups)
            lines.append(f"{name}:x:{host.groups[name]}:")
        elif kind != "groupdel" and kind != "userdel":
            host.users.setdefault(name, 900 + len(host.users))
            home = options.get("--home-dir") or options.get("--home")
            ids = f"{host.users[name]}:{host.groups[options['--gid']]}"
            lines.append(f"{name}:x:{ids}:{options['--comment']}:{home}:{options['--shell']}")
        else:
            (host.users if kind == "userdel" else host.groups).pop(name, None)
        host.write(path, "".join(f"{line}\n" for line in lines).encode(), 0o644, 0, 0, {})
        return 0, "", ""

    return run


def _wants(host: FakeHost, name: str) -> str:
    return f"/etc/systemd/system/{host.units[name].wanted_by}.wants/{name}"


def _enable(host: FakeHost, name: str) -> None:
    host.add_link(_wants(host, name), f"/lib/systemd/system/{name}")
    _read_units(host)


def _disable(host: FakeHost, name: str) -> None:
    for link in host.glob(f"/etc/systemd/system/*.wants/{name}"):
        del host.nodes[link]
        if not host.listdir(posixpath.dirname(link)):
            del host.nodes[posixpath.dirname(link)]
    _read_units(host)


_VERBS: dict[str, Callable[[FakeHost, str], None]] = {
    "start": _set_active(True),
    "stop": _set_active(False),
    "reload": _reload,
    "restart": _set_active(True),
    "reload-or-restart": _reload,
    "reset-failed": lambda host, name: None,
    "enable": _enable,
    "disable": _disable,
}


# --- ssh and sudo ---


def sshd(host: FakeHost, args: list[str]) -> Said:
    from fake_host import fixture

    values: dict[str, str] = {}
    for line in fixture("sshd", host.system).splitlines():
        option, _blank, value = line.partition(" ")
        values.setdefault(option, value)
    seen: dict[str, str] = {}
    for where, option, value in _sshd_lines(host, "/etc/ssh/sshd_config"):
        if option not in values:
            return 255, "", f"{where}: Bad configuration option: {option}\r\n"
        seen.setdefault(option, value)
    for option, value in seen.items():
        values[option] = _without(values[option], value[1:]) if value.startswith("-") else value
    return 0, "".join(f"{k} {v}\n" for k, v in values.items()) if "-T" in args else "", ""


def _without(names: str, patterns: str) -> str:
    excluded = patterns.split(",")
    return ",".join(name for name in names.split(",") if not any(fnmatch.fnmatch(name, p) for p in excluded))


def _sshd_lines(host: FakeHost, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield what holds for everybody, in reading order: place, option in lower case, value."""
    everybody = True
    for number, line in enumerate(host.text(path).splitlines(), 1):
        columns = line.split(None, 1)
        if not columns or columns[0].startswith("#"):
            continue
        option, value = columns[0].lower(), columns[1].strip() if len(columns) > 1 else ""
        if option == "match":
            everybody = value.lower() == "all"
        elif option == "include" and everybody:
            for included in host.glob(value if value.startswith("/") else f"/etc/ssh/{value}"):
                yield from _sshd_lines(host, included)
        elif everybody:
            yield f"{path} line {number}", option, value


def cvtsudoers(host: FakeHost, args: list[str]) -> Said:
    lines = list(_sudo_lines(host, "/etc/sudoers"))
    wrong = next((line for line in lines if "~" in line), None)
    if wrong is not None:
        return 1, "", f"/etc/sudoers: syntax error near {wrong}"
    return 0, json.dumps({"Defaults": [entry for entry in map(_sudo_default, lines) if entry]}), ""


def apt_config(host: FakeHost, args: list[str]) -> Said:
    """Dump what plain lines set, of which the last counts."""
    folder, values = "/etc/apt/apt.conf.d", dict[str, str]()
    paths = [posixpath.join(folder, name) for name in host.listdir(folder)] if folder in host.nodes else []
    for path in [*paths, "/etc/apt/apt.conf"]:
        text = host.text(path) if path in host.nodes else ""
        values.update(re.findall(r'^([A-Za-z:-]+) "([^"]*)";$', text, re.MULTILINE))
    return 0, "".join(f'{key} "{value}";\n' for key, value in values.items()), ""


def visudo(host: FakeHost, args: list[str]) -> Said:
    rc, _out, err = cvtsudoers(host, args)
    return rc, "/etc/sudoers: parsed OK\n" if rc == 0 else "", err


def _sudo_lines(host: FakeHost, path: str) -> Iterator[str]:
    for line in host.text(path).splitlines():
        if line.startswith("@includedir"):
            for name in host.listdir(line.split()[1]):
                if "." not in name:
                    yield from _sudo_lines(host, posixpath.join(line.split()[1], name))
        elif line.startswith("Defaults"):
            yield line


def _sudo_default(line: str) -> dict[str, Any] | None:
    head, settings = line.split(None, 1)
    if "=" in settings:
        name, value = settings.split("=", 1)
        option: dict[str, Any] = {name.strip(): value.strip().strip('"')}
    else:
        option = {settings.lstrip("!"): not settings.startswith("!")}
    entry: dict[str, Any] = {"Options": [option]}
    return {**entry, "Binding": [{"username": head[9:]}]} if head != "Defaults" else entry


# --- kernel ---


def modprobe(host: FakeHost, args: list[str]) -> Said:
    if args == ["--showconfig"]:
        paths = [p for folder in ("/etc/modprobe.d", "/lib/modprobe.d") for p in host.glob(f"{folder}/*.conf")]
        return 0, "".join(host.text(path) for path in paths), ""
    name = args[1]
    if args[0] == "-r":
        if host.modules.get(name, 0):
            return 1, "", f"modprobe: FATAL: Module {name} is in use."
        host.change(f"modprobe -r {name}", lambda: host.modules.pop(name), disk=False)
    else:
        host.change(f"modprobe {name}", lambda: host.modules.update({name: 0}), disk=False)
    return 0, "", ""


def mount(host: FakeHost, args: list[str]) -> Said:
    options, path = args[1].split(","), args[2]
    (point,) = [m for m in host.mounts if m.path == path]

    def remount() -> None:
        for option in options[1:]:
            if option in OPPOSITE:
                point.options = [o for o in point.options if o != OPPOSITE[option]]
            elif option not in point.options:
                point.options.append(option)

    host.change(f"remount {path}", remount, disk=False)
    return 0, "", ""


def nft(host: FakeHost, args: list[str]) -> Said:
    """The packet filter: whole tables, listed and replaced."""
    if host.nft_refuses:
        return 1, "", f"netlink: Error: {host.nft_refuses}\n"
    if args[-1] == "ruleset":
        return 0, "".join(host.tables.values()), ""
    if args[-1] == "tables":
        return 0, "".join(f"table {name}\n" for name in host.tables), ""
    if "list" in args:
        table = " ".join(args[-2:])
        return (0, host.tables[table], "") if table in host.tables else (1, "", "Error: No such file or directory\n")
    if host.nft_refuses_new and "policy drop" in host.stdin:
        return 1, "", f"Error: {host.nft_refuses_new}\n"
    if "-c" not in args:
        first, _delete, rules = host.stdin.split("\n", 2)
        host.change("nft -f -", lambda: _load(host, first[len("table ") :], rules), disk=False)
    return 0, "", ""


def ip(host: FakeHost, args: list[str]) -> Said:
    """The interfaces that are up, and what IPsec knows."""
    return (0, host.xfrm if "xfrm" in args else json.dumps(host.links), "")


def _load(host: FakeHost, table: str, rules: str) -> None:
    host.tables.pop(table, None)
    if rules:
        host.tables[table] = rules


# --- packages ---


def dpkg_query(host: FakeHost, args: list[str]) -> Said:
    names = args[2:]
    statuses = {**dict.fromkeys(host.packages, "installed"), **host.unfinished}
    if not names:
        return 0, "".join(f"{name}\t{status}\tok\n" for name, status in statuses.items()), ""
    known = [(name, host.packages[name], statuses[name]) for name in names if name in host.packages]
    known += [(name, host.mirror[name].version, "config-files") for name in names if name in host.residual]
    unknown = [name for name in names if name not in host.packages and name not in host.residual]
    missing = "".join(f"dpkg-query: no packages found matching {name}\n" for name in unknown)
    return (1 if missing else 0), "".join("\t".join(row) + "\n" for row in known), missing


def apt_get(host: FakeHost, args: list[str]) -> Said:
    if "download" in args:
        return _download(host, args[-1])
    if "purge" in args:
        return _purge(host, args[args.index("purge") + 1 :])
    arguments = args[args.index("install") + 1 :]
    installed, removed, unknown = _transaction(host, arguments)
    if unknown:
        return 100, "Reading package lists...\n", f"E: Unable to locate package {unknown}\n"
    if any(path.startswith("/var/lib/dpkg/updates/") for path in host.nodes):
        return 100, "", "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.\n"
    if "--simulate" in args:
        lines = "".join(f"Remv {name} [{host.packages[name]}]\n" for name in removed)
        return 0, lines + "".join(f"Inst {n} ({v} Debian:12.15/oldstable [amd64])\n" for n, v in installed.items()), ""
    if host.apt_lock:
        lock = "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?"
        return 100, f"Waiting for cache lock: {host.apt_lock}...\n", lock + "\n"
    host.change("dpkg unpack " + " ".join(arguments), lambda: _unpack(host, installed, removed))
    host.change("dpkg configure " + " ".join(arguments), lambda: _configure(host, installed, removed))
    return 0, "", ""


def dpkg(host: FakeHost, args: list[str]) -> Said:
    """Take selections on the input, of which there are none: before that it writes down what a cut run did."""
    assert args == ["--set-selections"], args
    for path in [path for path in host.nodes if path.startswith("/var/lib/dpkg/updates/")]:
        host.change(f"dpkg merges {path}", lambda path=path: host.nodes.pop(path))  # type: ignore[misc]
    return 0, "", ""


def _transaction(host: FakeHost, arguments: list[str]) -> tuple[dict[str, str], list[str], str]:
    installed: dict[str, str] = {}
    removed: list[str] = []
    for argument in arguments:
        name, version = _named(host, argument)
        if name not in host.mirror:
            return {}, [], name
        if argument.endswith("-"):
            removed += [package for package in _needing(host, name) if package in host.packages]
        else:
            installed.update({package: host.mirror[package].version for package in _needed(host, name)})
            installed[name] = version
    return {n: v for n, v in installed.items() if host.packages.get(n) != v}, list(dict.fromkeys(removed)), ""


def _named(host: FakeHost, argument: str) -> tuple[str, str]:
    if argument.endswith(".deb"):
        name, version, _architecture = posixpath.basename(argument).split("_")
        return name, version.replace("%3a", ":")
    name, _equals, version = argument.rstrip("-").partition("=")
    return name, version or (host.mirror[name].version if name in host.mirror else "")


def _needed(host: FakeHost, name: str) -> list[str]:
    return [package for package in host.mirror[name].depends if package not in host.packages]


def _needing(host: FakeHost, name: str) -> list[str]:
    return [name, *(known for known, package in host.mirror.items() if name in package.depends)]


def _unpack(host: FakeHost, installed: dict[str, str], removed: list[str]) -> None:
    for name in removed:
        del host.packages[name]
        if host.mirror[name].conffiles:
            host.residual.add(name)
    for name, version in installed.items():
        host.packages[name] = version
        host.residual.discard(name)
        for path, text in host.mirror[name].conffiles.items():
            if path not in host.nodes:
                host.add_file(path, text)


def _purge(host: FakeHost, names: list[str]) -> Said:
    def purge() -> None:
        for name in names:
            host.residual.discard(name)
            for path in host.mirror[name].conffiles:
                host.nodes.pop(path, None)

    if host.apt_lock:
        return 100, "", f"E: {host.apt_lock}\n"
    host.change("dpkg purge " + " ".join(names), purge)
    return 0, "", ""


def _configure(host: FakeHost, installed: dict[str, str], removed: list[str]) -> None:
    for name in [*installed, *removed]:
        for path, text in host.mirror[name].touches.items():
            old = host.text(path) if path in host.nodes else ""
            host.add_file(path, f"{old}{text} {'came' if name in installed else 'went'}\n")
        for program in host.mirror[name].privileged:
            (host.privileged.append if name in installed else host.privileged.remove)(program)
        if host.mirror[name].unit and name in installed:
            active = host.mirror[name].asks_no_policy or not _forbids(host, host.mirror[name].unit)
            host.units[host.mirror[name].unit] = FakeUnit(active=active, since=host.clock)
            _enable(host, host.mirror[name].unit)
        elif host.mirror[name].unit in host.units:
            _disable(host, host.mirror[name].unit)
            del host.units[host.mirror[name].unit]
    host.add_file(AUTO_MARKS, "".join(map(auto_mark, sorted(host.packages))))


def _forbids(host: FakeHost, unit: str) -> bool:
    """Ask the policy whether a package's script may start its unit, as far as it goes by the environment."""
    named = re.search(r"case \" \$(\w+) \"", host.text("/usr/sbin/policy-rc.d") if _has_policy(host) else "")
    return named is not None and unit in host.environment.get(named[1], "").split()


def _has_policy(host: FakeHost) -> bool:
    return "/usr/sbin/policy-rc.d" in host.nodes and host.nodes["/usr/sbin/policy-rc.d"].kind == "file"


def auto_mark(name: str) -> str:
    """Return the stanza that says of a package that it came along; here all did."""
    return f"Package: {name}\nArchitecture: amd64\nAuto-Installed: 1\n\n"


def _download(host: FakeHost, argument: str) -> Said:
    name = argument.split("=")[0]
    if name in host.mirror and host.mirror[name].fetchable:
        return 0, "", ""
    return 100, "", f"E: Version '{argument.split('=')[1]}' for '{name}' was not found\n"


def sh(host: FakeHost, args: list[str]) -> Said:
    """The one shell command of the core: fetch a package into a folder."""
    folder, argument = args[3:]
    rc, out, err = _download(host, argument)
    if rc == 0:
        name, version = argument.split("=")
        path = f"{folder}/{name}_{version.replace(':', '%3a')}_amd64.deb"
        host.change(f"fetch {argument}", lambda: host.add_file(path, "deb"))
    return rc, out, err


def find(host: FakeHost, args: list[str]) -> Said:
    """Print what lends rights, or with -uid and -gid what those own below the folders, the deepest first."""
    owners = {(option, int(number)) for option, number in zip(args, args[1:]) if option in ("-uid", "-gid")}
    if not owners:
        return 0, "".join(f"{path}\n" for path in host.privileged), ""
    folders = tuple(f"{folder}/" for folder in args[: args.index("-xdev")])
    below = [(path, node) for path, node in host.nodes.items() if path.startswith(folders)]
    owned = [path for path, node in below if owners & {("-uid", node.uid), ("-gid", node.gid)}]
    return 0, "".join(f"{path}\n" for path in sorted(owned, reverse=True)), ""


# --- PAM ---

PAM_STACKS = ("auth", "account", "password", "session", "session-noninteractive")
_PAM_MARKS = (
    ("# here are the per-package", "# here's the fallback"),
    ("# and here are more per-package", "# end of pam-auth-update config"),
)
_PAM_FALLBACK = "# here's the fallback if no module succeeds\n{kind}\trequisite\t\t\tpam_deny.so\n"


def pam_auth_update(host: FakeHost, args: list[str]) -> Said:
    """Writes each stack anew from the profiles that are enabled; options that a person took away stay away."""
    requested: dict[str, list[str]] = {"--enable": [], "--disable": []}
    verb = ""
    for argument in args:
        verb = argument if argument.startswith("--") else verb
        if argument in host.listdir("/usr/share/pam-configs"):
            requested[verb].append(argument)
    noted = "".join(host.text(f"/var/lib/pam/{stack}") for stack in PAM_STACKS)
    enabled = {line[8:] for line in noted.splitlines() if line.startswith("Module: ")} - {"null"}
    enabled = (enabled | set(requested["--enable"])) - set(requested["--disable"])
    profiles = {name: pam_profile(host.text(f"/usr/share/pam-configs/{name}")) for name in sorted(enabled)}
    ordered = sorted(profiles, key=lambda name: -int(profiles[name]["Priority"]))
    keeps_nullok = "nullok" in host.text("/etc/pam.d/common-auth")
    for stack in PAM_STACKS:
        new, saved = pam_stack(stack, [(name, profiles[name]) for name in ordered])
        live = _between_marks(
            host.text(f"/etc/pam.d/common-{stack}"), new if keeps_nullok else new.replace(" nullok", "")
        )
        host.change(f"pam-auth-update {stack}", functools.partial(_lay, host, f"/etc/pam.d/common-{stack}", live))
        host.change(f"pam-auth-update {stack} noted", functools.partial(_lay, host, f"/var/lib/pam/{stack}", saved))
    return 0, "", ""


def _between_marks(old: str, new: str) -> str:
    """The old file, with what stands between the marks taken from the new one."""
    for begin, end in _PAM_MARKS:
        inside = new[new.index(begin) : new.index(end)]
        old = old[: old.index(begin)] + inside + old[old.index(end) :]
    return old


def _lay(host: FakeHost, path: str, text: str) -> None:
    host.add_file(path, text)


def pam_profile(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1].isspace():
            fields[name] = f"{fields[name]}\n{line.strip()}".strip()
        else:
            name, _colon, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def pam_stack(stack: str, profiles: list[tuple[str, dict[str, str]]]) -> tuple[str, str]:
    kind, field = stack.split("-")[0], stack.split("-")[0].capitalize()
    if stack.endswith("noninteractive"):
        profiles = [(n, p) for n, p in profiles if p.get("Session-Interactive-Only") != "yes"]
    chosen = {
        place: [(n, p) for n, p in profiles if p.get(f"{field}-Type") == place] for place in ("Primary", "Additional")
    }
    text, saved = '# here are the per-package modules (the "Primary" block)\n', ""
    for place, chosen_here in chosen.items():
        lines = [(n, _initial(p, field) if k == 0 else p[field]) for k, (n, p) in enumerate(chosen_here)]
        total = sum(len(block.splitlines()) for _n, block in lines)
        for name, block in lines:
            saved += f"Module: {name}\n{block}\n"
            for line in block.splitlines():
                text += f"{kind}\t{line.replace('=end', f'={total}')}\n"
                total -= 1
        if place == "Primary":
            text += (
                _PAM_FALLBACK.format(kind=kind) + '# and here are more per-package modules (the "Additional" block)\n'
            )
    return text + "# end of pam-auth-update config\n", saved


def _initial(profile: dict[str, str], field: str) -> str:
    return profile.get(f"{field}-Initial") or profile[field]


# --- audit rules and GRUB ---


def auditctl(host: FakeHost, args: list[str]) -> Said:
    if args[0] == "-s":
        return 0, "enabled 1\nfailure 1\n", ""
    if args[0] == "-l":
        return 0, "".join(f"{rule}\n" for rule in host.audit) or "No rules\n", ""
    lines = [line for line in host.text(args[1]).splitlines() if line.startswith(("-w", "-a"))]
    host.change("auditctl -R", lambda: setattr(host, "audit", lines), disk=False)
    return 0, "", ""


def augenrules(host: FakeHost, args: list[str]) -> Said:
    texts = [host.text(path) for path in host.glob("/etc/audit/rules.d/*.rules")]
    lines = [line for text in texts for line in text.splitlines() if line and not line.startswith("#")]
    text = "## This file is automatically generated from /etc/audit/rules.d\n" + "".join(f"{line}\n" for line in lines)

    def install() -> None:
        host.add_file("/etc/audit/audit.rules.prev", host.text("/etc/audit/audit.rules"), mode=0o640)
        host.add_file("/etc/audit/audit.rules", text, mode=0o640)

    if text != host.text("/etc/audit/audit.rules"):
        host.change("augenrules", install)
    return 0, "", ""


def update_grub(host: FakeHost, args: list[str]) -> Said:
    """The menu out of the scripts that are plain here-documents, and one entry for Debian."""
    menu = ['menuentry_id_option="--id"', "export menuentry_id_option"]
    for path in host.glob("/etc/grub.d/0*_*"):
        lines = host.text(path).splitlines()
        menu += [f"### BEGIN {path} ###", *lines[lines.index("cat << 'HEALTHOPS'") + 1 : -1]]
    parameters: list[str] = []
    for path in ["/etc/default/grub", *host.glob("/etc/default/grub.d/*.cfg")]:
        parameters += [w for w in host.text(path).replace('"', " ").split() if "=" in w and not w.startswith("GRUB")]
    menu += ["menuentry 'Debian' --class debian $menuentry_id_option 'simple' {"]
    menu += [f"\tlinux\t/boot/vmlinuz root=/dev/vda1 ro {' '.join(parameters)}", "}"]
    node = host.nodes["/boot/grub/grub.cfg"]
    host.change("update-grub", lambda: setattr(node, "content", "\n".join([*menu, ""]).encode()))
    return 0, "", ""


PROGRAMS: dict[str, Callable[[FakeHost, list[str]], Said]] = {
    "journalctl": journalctl,
    **{name: _account_program(name) for name in ("useradd", "usermod", "userdel", "groupadd", "groupdel")},
    posixpath.basename(os.path.realpath(sys.executable)): lambda host, args: (0, "", ""),
    "systemd-run": systemd_run,
    "systemctl": systemctl,
    "sshd": sshd,
    "cvtsudoers": cvtsudoers,
    "visudo": visudo,
    "apt-config": apt_config,
    "modprobe": modprobe,
    "mount": mount,
    "nft": nft,
    "ip": ip,
    "rpcinfo": lambda host, args: (0, host.rpc, ""),
    "dpkg": dpkg,
    "dpkg-query": dpkg_query,
    "apt-get": apt_get,
    "sh": sh,
    "pam-auth-update": pam_auth_update,
    "auditctl": auditctl,
    "augenrules": augenrules,
    "update-grub": update_grub,
    "uname": lambda host, args: (0, "x86_64\n", ""),
    "find": find,
    **{name: lambda host, args: (0, "", "") for name in ("aideinit", "at", "crontab")},
}
