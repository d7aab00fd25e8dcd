# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A system's whole configuration on one host, as the control node rendered it.

Nothing here reads a host: what is wanted is held against it in ``plan``.
"""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._errors import ClinicalError
from .._host import acl as access_lists

#: Units that systemd makes of files of these folders have to be read anew when one of them changes.
UNIT_FOLDERS = ("/etc/systemd/system/", "/etc/systemd/network/", "/run/systemd/system/")
#: Where kernel values stand for the next boot, by the name of the configuration.
SYSCTL = "/etc/sysctl.d/60-healthops-{}.conf"
STARTED, STOPPED, UNMANAGED = "started", "stopped", "unmanaged"
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
_MODE = re.compile(r"^[0-7]{3,4}$")
_UNIT = re.compile(r"^[\w@.:\\-]+\.(service|socket|timer|target|path|mount|slice)$")
_ACCOUNT = re.compile(r"^[a-z_][a-z0-9_-]{0,31}$")
_PACKAGE = re.compile(r"^[a-z0-9][a-z0-9.+-]+$")
_KERNEL_KEY = re.compile(r"^[a-z0-9_.*/-]+$")


@dataclass(frozen=True)
class Owner:
    """Who owns a path, by names that may only come with a package, and its permission bits, as stat shows them.

    ``acl`` is its whole access control list; None leaves that alone.
    """

    user: str
    group: str
    mode: int
    acl: tuple[str, ...] | None = None


@dataclass(frozen=True)
class WantedFile:
    """One file. ``secret`` content is never shown; with ``once`` a file that is there already stays as it is.

    ``source`` is a file of the host whose bytes it gets, ``generate`` a program of the host that prints them, once, and
    again when ``fresh`` fails, ``derive`` one that prints them out of what is there, each time; both read ``stdin``.
    Without these they are in ``content``. It changes only where ``requires`` succeeds. ``reload`` and ``restart`` are
    the units that read it, and when.
    """

    path: str
    owner: Owner
    content: bytes = b""
    source: str = ""
    generate: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    derive: tuple[str, ...] = ()
    stdin: str = field(default="", repr=False)
    requires: tuple[str, ...] = ()
    secret: bool = False
    once: bool = False
    reload: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


@dataclass(frozen=True)
class WantedFolder:
    """One folder; what is in it belongs to somebody else. ``data`` outlives the configuration."""

    path: str
    owner: Owner
    data: bool = False


@dataclass(frozen=True)
class WantedLink:
    """One symbolic link, and the units that follow it when they are reloaded."""

    path: str
    target: str
    reload: tuple[str, ...] = ()


@dataclass(frozen=True)
class WantedAccount:
    """One account of the system, with its own group where ``group`` is not given; nobody logs in to it."""

    name: str
    group: str
    groups: tuple[str, ...] = ()
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    comment: str = ""


@dataclass(frozen=True)
class WantedUnit:
    """One unit: whether it starts at boot (None leaves that alone), whether it runs, and which foreign files it reads.

    ``table`` is the table of nftables that it loads. ``held`` is never restarted here: a role does it in its drain,
    when the result says that it is due.
    """

    name: str
    enabled: bool | None = None
    state: str = UNMANAGED
    reload_on: tuple[str, ...] = ()
    restart_on: tuple[str, ...] = ()
    table: str = ""
    held: bool = False


@dataclass(frozen=True)
class WantedCertificates:
    """The certificates that a system lives by. With fewer than ``renew_days`` left, one has to be renewed.

    Where they are ``required``, nothing is configured with one that has ended. ``host_name`` is what people call the
    host that they are on.
    """

    paths: tuple[str, ...] = ()
    renew_days: int = 30
    required: bool = False
    host_name: str = ""


@dataclass(frozen=True)
class Configuration:
    """All that one system has on a host. An empty one is what a system has that was removed.

    ``checks`` are commands that have to succeed once everything is written. ``platforms`` are the releases that it is
    for, by distribution; with none it is for all.
    """

    name: str
    packages: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    accounts: tuple[WantedAccount, ...] = ()
    folders: tuple[WantedFolder, ...] = ()
    files: tuple[WantedFile, ...] = ()
    links: tuple[WantedLink, ...] = ()
    absent: tuple[str, ...] = ()
    kernel: tuple[tuple[str, str], ...] = ()
    units: tuple[WantedUnit, ...] = ()
    checks: tuple[tuple[str, ...], ...] = ()
    certificates: WantedCertificates = WantedCertificates()
    platforms: tuple[tuple[str, tuple[str, ...]], ...] = ()


def parse(sent: Mapping[str, Any]) -> Configuration:
    """Return the configuration that the control node sent. Raises ClinicalError for what could not be meant."""
    name = _matching(_NAME, sent["name"], "the name of a configuration", "Lower-case letters, digits and _.")
    configuration = Configuration(
        name=name,
        packages=tuple(_matching(_PACKAGE, package, "a package") for package in sent.get("packages", ())),
        groups=tuple(_matching(_ACCOUNT, group, "a group") for group in sent.get("groups", ())),
        accounts=tuple(_account(account) for account in sent.get("accounts", ())),
        folders=tuple(_folder(folder) for folder in sent.get("folders", ())),
        files=tuple(_file(file) for file in sent.get("files", ())),
        links=tuple(_link(link) for link in sent.get("links", ())),
        absent=tuple(_path(path) for path in sent.get("absent", ())),
        kernel=tuple(_kernel(sent.get("kernel", {}))),
        units=tuple(_unit(unit) for unit in sent.get("units", ())),
        checks=tuple(_argv(argv) for argv in sent.get("checks", ())),
        certificates=_certificates(sent.get("certificates") or {}),
        platforms=tuple((name, tuple(map(str, releases))) for name, releases in sent.get("platforms", {}).items()),
    )
    _refuse_twice(configuration)
    return configuration


def claimed_paths(configuration: Configuration) -> list[str]:
    """Return every path that the configuration decides about, in its order."""
    paths = [folder.path for folder in configuration.folders]
    paths += [file.path for file in configuration.files]
    paths += [link.path for link in configuration.links]
    return [*paths, *configuration.absent]


def sysctl_file(configuration: Configuration) -> tuple[str, bytes]:
    """Return the path and the content of the file that has the kernel values for the next boot."""
    lines = [f"{key} = {value}\n" for key, value in configuration.kernel]
    return SYSCTL.format(configuration.name), "".join(lines).encode()


def _refuse_twice(configuration: Configuration) -> None:
    paths = claimed_paths(configuration)
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        _refuse(configuration.name, f"{', '.join(twice)} is named twice", "A path is said once.")


def _account(sent: Mapping[str, Any]) -> WantedAccount:
    name = _matching(_ACCOUNT, sent["name"], "an account")
    return WantedAccount(
        name=name,
        group=_matching(_ACCOUNT, sent.get("group") or name, "a group"),
        groups=tuple(_matching(_ACCOUNT, group, "a group") for group in sent.get("groups") or ()),
        home=_path(sent.get("home") or "/nonexistent"),
        shell=_path(sent.get("shell") or "/usr/sbin/nologin"),
        comment=_comment(sent.get("comment") or ""),
    )


def _comment(text: str) -> str:
    if set(text) & set(":\n\0") or not text.isprintable():
        _refuse(repr(text), "it cannot stand in passwd", "Leave colons and control characters out.")
    return text


def _folder(sent: Mapping[str, Any]) -> WantedFolder:
    return WantedFolder(_path(sent["path"]), _owner(sent, "0755", folder=True), bool(sent.get("data")))


def _file(sent: Mapping[str, Any]) -> WantedFile:
    return WantedFile(
        path=_path(sent["path"]),
        owner=_owner(sent, "0644"),
        content=base64.b64decode(sent.get("content") or ""),
        source=_path(sent["source"]) if sent.get("source") else "",
        generate=_argv(sent["generate"]) if sent.get("generate") else (),
        fresh=_argv(sent["fresh"]) if sent.get("fresh") else (),
        derive=_argv(sent["derive"]) if sent.get("derive") else (),
        stdin=str(sent.get("stdin") or ""),
        requires=_argv(sent["requires"]) if sent.get("requires") else (),
        secret=bool(sent.get("secret")),
        once=bool(sent.get("once")),
        reload=_units(sent.get("reload")),
        restart=_units(sent.get("restart")),
    )


def _link(sent: Mapping[str, Any]) -> WantedLink:
    return WantedLink(_path(sent["path"]), str(sent["target"]), _units(sent.get("reload")))


def _unit(sent: Mapping[str, Any]) -> WantedUnit:
    return WantedUnit(
        name=_matching(_UNIT, sent["name"], "a unit"),
        enabled=sent.get("enabled"),
        state=sent.get("state") or UNMANAGED,
        reload_on=tuple(_path(path) for path in sent.get("reload_on") or ()),
        restart_on=tuple(_path(path) for path in sent.get("restart_on") or ()),
        table=str(sent.get("table") or ""),
        held=bool(sent.get("held")),
    )


def _certificates(sent: Mapping[str, Any]) -> WantedCertificates:
    return WantedCertificates(
        paths=tuple(_path(path) for path in sent.get("paths", ())),
        renew_days=int(sent.get("renew_days", WantedCertificates.renew_days)),
        required=bool(sent.get("required")),
        host_name=str(sent.get("host_name") or ""),
    )


def _units(sent: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(_matching(_UNIT, unit, "a unit") for unit in sent or ())


def _owner(sent: Mapping[str, Any], mode: str, folder: bool = False) -> Owner:
    text = str(sent.get("mode") or mode)
    if not _MODE.match(text):
        _refuse(text, "it is no mode", 'Say it as digits in quotes: "0640".')
    user, group = (str(sent.get(key) or "root") for key in ("owner", "group"))
    acl = _acl(sent, int(text, 8), folder)
    return Owner(
        user=_matching(_ACCOUNT, user, "an owner"),
        group=_matching(_ACCOUNT, group, "a group"),
        mode=access_lists.shown_mode(int(text, 8), acl or ()),
        acl=acl,
    )


def _acl(sent: Mapping[str, Any], mode: int, folder: bool) -> tuple[str, ...] | None:
    """Return the whole access control list of a path; None where it is not said."""
    if sent.get("acl") is None:
        return None
    try:
        return access_lists.complete(mode, [str(entry) for entry in sent["acl"]], folder)
    except ValueError as error:
        _refuse(str(sent["path"]), str(error), "Say it as getfacl prints it: user:www-data:r-x")
        raise


def _kernel(sent: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in sent.items():
        yield _matching(_KERNEL_KEY, key, "a kernel value"), str(value)


def _argv(sent: Sequence[str]) -> tuple[str, ...]:
    if not sent or not str(sent[0]).startswith("/"):
        _refuse(repr(list(sent)), "a command is a list that begins with the whole path of a program")
    return tuple(str(argument) for argument in sent)


def _path(sent: Any) -> str:
    path = str(sent)
    plain = path.startswith("/") and posixpath.normpath(path) == path and path != "/" and path.isprintable()
    if not plain:
        _refuse(repr(path), "it is no plain absolute path", "Without .. and without a slash at its end.")
    return path


def _matching(pattern: re.Pattern[str], sent: Any, noun: str, try_this: str = "") -> str:
    text = str(sent)
    if not pattern.fullmatch(text):
        _refuse(repr(text), f"it cannot be {noun}", try_this)
    return text


def _refuse(subject: str, problem: str, try_this: str = "") -> None:
    raise ClinicalError("Reading the configuration", subject, f"{problem}; nothing was changed", try_this)
