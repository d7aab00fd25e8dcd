# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration as a task says it becomes one that a host can take: templates rendered, sources read.

What a template looks like and where it lies is for the action plugin to know; it hands in two functions.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._text.quoting import (
    shell_word,
    unit_command,
    unit_line,
    unit_word,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import OPENSSL, SECONDS_A_DAY

#: What says where a file's bytes come from; exactly one of them.
ORIGINS = ("content", "template", "source", "remote_source", "generate", "derive")
#: What goes to the host as the task says it.
PLAIN = (
    *("packages", "groups", "accounts", "folders", "links", "absent", "kernel", "units", "checks", "certificates"),
    "platforms",
)
TABLE_UNIT = """\
# Written by Ansible (healthops.clinical).
[Unit]
Description=nftables rules: {description}
DefaultDependencies=no
After=nftables.service local-fs.target
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {path}
ExecReload=/usr/sbin/nft -f {path}
ExecStop=-/usr/sbin/nft delete table {table}
ProtectSystem=full
ProtectHome=true

[Install]
WantedBy=sysinit.target
"""
#: What brings a table back, as long as its unit is active.
TABLE_AGAIN = """\
# Written by Ansible (healthops.clinical).
# Debian's service empties all tables when it starts, reloads and stops; {table} is there again after it.
[Service]
ExecStartPost=-/bin/sh -c {again}
ExecReload=-/bin/sh -c {again}
ExecStopPost=-/bin/sh -c {again}
"""
#: What looks every day whether certificates have to be renewed, and fails then, for the monitoring to see.
WATCH_SERVICE = """\
# Written by Ansible (healthops.clinical).
[Unit]
Description=The certificates of {unit} are valid for {renew_days} more days

[Service]
Type=oneshot
{commands}
ProtectSystem=strict
ProtectHome=true
PrivateNetwork=true
"""
WATCH_COMMAND = "ExecStart={openssl} x509 -noout -enddate -checkend {seconds} -in {path}"
#: systemd wants a service to do something, also where nothing speaks TLS yet.
WATCH_NOTHING = "ExecStart=/usr/bin/true"
WATCH_TIMER = """\
# Written by Ansible (healthops.clinical).
[Unit]
Description=Look at the certificates of {unit} every day

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target
"""
#: Who reaches which ports. It takes away and never opens: what another table drops stays dropped.
PORTS = """\
# Written by Ansible (healthops.clinical). {description}. It takes away and never opens:
# a firewall of the host that refuses by default has to let the same ports in.
table {table}
delete table {table}
table {table} {{
  chain input {{
    type filter hook input priority -5; policy accept;
    iifname "lo" accept
    # Connections that are open stay so.
    tcp flags & (fin | syn | rst | ack) != syn accept
{rules}
  }}
}}
"""
LOG_ROTATION = """\
# Written by Ansible (healthops.clinical).
{paths} {{
{settings}
}}
"""
LOGROTATE = "/usr/sbin/logrotate"
#: What stands in a unit file as it is.
_WATCHABLE = re.compile(r"/[A-Za-z0-9._/@:+,=-]+")
_UNIT = re.compile(r"[a-z][a-z0-9-]{0,60}")
_MOST_DAYS = 1825
_LAST_PORT = 65535
#: What a rotation is where the task does not say it.
LOG_ROTATION_DEFAULTS: Mapping[str, Any] = {
    "every": "daily",
    "keep": 14,
    "size": "",
    "mode": "0640",
    "owner": "root",
    "group": "adm",
    "reload": "",
    "command": (),
}
_LOG_PATH = re.compile(r"/[A-Za-z0-9._/@:+,=*?-]+")
#: What stands in a file of logrotate as it is.
_ROTATION = {
    "name": re.compile(r"[a-z][a-z0-9_-]{0,60}"),
    "every": re.compile(r"daily|weekly|monthly"),
    "keep": re.compile(r"[1-9][0-9]{0,3}"),
    "size": re.compile(r"([1-9][0-9]{0,8}[kMG]?)?"),
    "mode": re.compile(r"0?[0-7]{3}"),
    "owner": re.compile(r"[a-z_][a-z0-9_-]{0,31}"),
    "group": re.compile(r"[a-z_][a-z0-9_-]{0,31}"),
    "reload": re.compile(r"([A-Za-z0-9@_.:-]+\.service)?"),
}


@dataclass(frozen=True)
class Renderer:
    """How the control node makes bytes: ``template`` renders one with further variables, ``source`` reads a file."""

    template: Callable[[str, Mapping[str, Any]], str]
    source: Callable[[str], bytes]


def render(options: Mapping[str, Any], renderer: Renderer) -> dict[str, Any]:
    """Return what the host is sent. Raises ClinicalError where a file says not where its bytes come from."""
    sent: dict[str, Any] = {key: options[key] for key in PLAIN if options.get(key)}
    sent["files"] = [_file(file, renderer) for file in options.get("files") or ()]
    # Tables are loaded before any other unit starts: what they refuse is refused from the first moment.
    for table in reversed(options.get("nftables") or ()):
        _add_table(sent, table, renderer)
    for rotation in options.get("log_rotations") or ():
        _add_log_rotation(sent, rotation, renderer)
    if options.get("certificates"):
        _add_watch(sent, options["certificates"], renderer)
    return sent


def _file(file: Mapping[str, Any], renderer: Renderer) -> dict[str, Any]:
    plain = {key: value for key, value in file.items() if key not in (*ORIGINS, "vars") and value is not None}
    origin = _only_origin(file)
    if origin == "remote_source":
        return {**plain, "source": file["remote_source"]}
    if origin in ("generate", "derive"):
        return {**plain, origin: file[origin]}
    return {**plain, "content": base64.b64encode(_content(file, origin, renderer)).decode()}


def _content(file: Mapping[str, Any], origin: str, renderer: Renderer) -> bytes:
    if origin == "template":
        return renderer.template(file["template"], file.get("vars") or {}).encode()
    if origin == "source":
        return renderer.source(file["source"])
    return str(file["content"]).encode()


def _only_origin(file: Mapping[str, Any]) -> str:
    given = [key for key in ORIGINS if file.get(key) is not None]
    if len(given) != 1:
        problem = f"it has {' and '.join(given) or 'no content'}; nothing was changed"
        raise ClinicalError("Reading the file", str(file.get("path")), problem, f"Give one of {', '.join(ORIGINS)}.")
    return given[0]


def _add_table(sent: dict[str, Any], table: Mapping[str, Any], renderer: Renderer) -> None:
    """Add a table of nftables: its rules, the unit that loads them and nothing else, and nft's own check of them."""
    unit, path = f"{table['unit']}.service", table["path"]
    rules = {**table, "owner": "root", "group": "root", "mode": table.get("mode") or "0600", "reload": [unit]}
    if table.get("ports") is not None:
        if rules.get("content") is not None:
            raise _only_one_of(path)
        rules["content"] = _rules_of_ports(table)
    for key in ("unit", "table", "description", "enabled", "state", "ports"):
        rules.pop(key, None)
    texts = {
        f"/etc/systemd/system/{unit}": TABLE_UNIT,
        f"/etc/systemd/system/nftables.service.d/{table['unit']}.conf": TABLE_AGAIN,
    }
    sent["files"].append(_file(rules, renderer))
    again = f"systemctl --quiet is-active {shell_word(unit)} && exec /usr/sbin/nft -f {shell_word(path)}"
    values = {
        "description": unit_line(table["description"]),
        "path": unit_word(path),
        "table": unit_command(table["table"].split()),
        "again": unit_word(again),
    }
    for unit_path, text in texts.items():
        content = text.format(**values)
        sent["files"].append(_file({"path": unit_path, "content": content}, renderer))
    state: dict[str, Any] = {"enabled": table.get("enabled", True), "state": table.get("state") or "started"}
    if state["state"] == "unmanaged":  # whoever starts it decides about the next boot as well
        state["enabled"] = None
    sent["units"] = [{"name": unit, "table": table["table"], **state}, *_list(sent, "units")]
    sent["checks"] = [*_list(sent, "checks"), ["/usr/sbin/nft", "--check", "--file", path]]


def _only_one_of(path: str) -> ClinicalError:
    problem = "it has ports and content; nothing was changed"
    return ClinicalError("Reading the file", path, problem, "Give one of ports, content and template.")


def _rules_of_ports(table: Mapping[str, Any]) -> str:
    """Return the rules by which the sources of each port reach it, and nobody else does."""
    lines = []
    for opening in table["ports"]:
        port, protocol, sources = opening["port"], opening.get("protocol") or "tcp", opening.get("sources") or ()
        _refuse_odd_opening(table, port, sources)
        for family, addresses in (("ip", _of_family(sources, 4)), ("ip6", _of_family(sources, 6))):
            if addresses:
                lines.append(f"    {protocol} dport {port} {family} saddr {{ {', '.join(addresses)} }} accept")
        lines.append(f"    {protocol} dport {port} drop")
    return PORTS.format(description=table["description"], table=table["table"], rules="\n".join(lines))


def _of_family(sources: Sequence[str], version: int) -> list[str]:
    return [source for source in sources if ipaddress.ip_network(source, strict=False).version == version]


def _refuse_odd_opening(table: Mapping[str, Any], port: int, sources: Sequence[str]) -> None:
    wrong = [source for source in sources if not _is_network(source)]
    if wrong or not 0 < port <= _LAST_PORT or not table["table"].startswith("inet "):
        advice = "The table is an inet one, a port goes from 1 to 65535, and sources are addresses or networks."
        problem = f"{', '.join(map(repr, wrong)) or port} in {table['table']} cannot be; nothing was changed"
        raise ClinicalError("Reading", f"the ports of {table['unit']}", problem, advice)


def _is_network(source: str) -> bool:
    try:
        ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False
    return True


def _add_log_rotation(sent: dict[str, Any], rotation: Mapping[str, Any], renderer: Renderer) -> None:
    """Add a file of logrotate, and logrotate's own check of it."""
    given = {key: value for key, value in rotation.items() if value is not None}
    values = {**LOG_ROTATION_DEFAULTS, **given}
    _refuse_odd_rotation(values)
    owner = f"{values['owner']} {values['group']}"
    settings = [values["every"], f"rotate {values['keep']}", *([f"maxsize {values['size']}"] if values["size"] else [])]
    settings += ["missingok", "notifempty", "compress", "delaycompress", f"create {values['mode']} {owner}"]
    if values["owner"] != "root":  # in a folder that its account can write, logrotate works as that account
        settings.append(f"su {owner}")
    command = " ".join(map(shell_word, values["command"]))
    if values["reload"]:
        unit = values["reload"]
        command = f"! systemctl --quiet is-active {unit} || systemctl reload {unit}"
    if command:
        settings += ["sharedscripts", "postrotate", f"    {command}", "endscript"]
    path = f"/etc/logrotate.d/{values['name']}"
    lines = "\n".join(f"    {setting}" for setting in settings)
    text = LOG_ROTATION.format(paths=" ".join(values["paths"]), settings=lines)
    sent["files"].append(_file({"path": path, "content": text}, renderer))
    sent["packages"] = list(dict.fromkeys([*_list(sent, "packages"), "logrotate"]))
    sent["checks"] = [*_list(sent, "checks"), [LOGROTATE, "--debug", path]]


def _refuse_odd_rotation(rotation: Mapping[str, Any]) -> None:
    texts = {key: str(rotation[key]) for key in _ROTATION}
    wrong = [f"{key} {text!r}" for key, text in texts.items() if not _ROTATION[key].fullmatch(text)]
    wrong += [f"the path {path!r}" for path in rotation["paths"] if not _LOG_PATH.fullmatch(path)]
    wrong += [] if rotation["paths"] else ["no paths"]
    wrong += ["reload and command"] if rotation["reload"] and rotation["command"] else []
    wrong += ["a line break in command"] if any("\n" in argument for argument in rotation["command"]) else []
    if wrong:
        advice = (
            "Paths are absolute, of letters, digits and . _ - / @ : + , = * ? ; keep goes from 1 to 9999; size is such "
            "as 50M; give reload or command, not both."
        )
        problem = f"it cannot have {', '.join(wrong)}; nothing was changed"
        raise ClinicalError("Reading", f"the log rotation {rotation['name']}", problem, advice)


def _add_watch(sent: dict[str, Any], certificates: Mapping[str, Any], renderer: Renderer) -> None:
    """Add the units that look at the certificates every day, and the check of those that are required."""
    unit, paths = certificates["unit"], certificates["paths"]
    watched = certificates.get("watched") or paths
    _refuse_unwatchable(unit, [*paths, *watched], certificates["renew_days"])
    seconds = certificates["renew_days"] * SECONDS_A_DAY
    commands = [WATCH_COMMAND.format(openssl=OPENSSL, seconds=seconds, path=unit_word(path)) for path in watched]
    texts = {
        "service": WATCH_SERVICE.format(**{**certificates, "commands": "\n".join(commands or [WATCH_NOTHING])}),
        "timer": WATCH_TIMER.format(unit=unit),
    }
    for kind, text in texts.items():
        path = f"/etc/systemd/system/{unit}-certificates.{kind}"
        sent["files"].append(_file({"path": path, "content": text}, renderer))
    sent["packages"] = list(dict.fromkeys([*_list(sent, "packages"), "openssl"]))
    sent["units"] = [
        *_list(sent, "units"),
        {"name": f"{unit}-certificates.timer", "enabled": True, "state": "started"},
    ]
    if certificates.get("required"):
        current = [[OPENSSL, "x509", "-noout", "-checkend", "0", "-in", path] for path in paths]
        sent["checks"] = [*_list(sent, "checks"), *current]


def _refuse_unwatchable(unit: str, paths: Sequence[str], renew_days: int) -> None:
    wrong = [path for path in paths if not _WATCHABLE.fullmatch(path)]
    if wrong or not _UNIT.fullmatch(unit) or not 0 < renew_days <= _MOST_DAYS:
        advice = (
            "Paths are absolute, of letters, digits and . _ - / @ : + , = ; the unit is a name in lower-case letters, "
            f"digits and - ; renew_days goes from 1 to {_MOST_DAYS}."
        )
        problem = f"they cannot be {', '.join(map(repr, wrong)) or f'watched by {unit!r} {renew_days} days before'}"
        raise ClinicalError("Reading", "the certificates to watch", f"{problem}; nothing was changed", advice)


def _list(sent: Mapping[str, Any], key: str) -> Sequence[Any]:
    listed: Sequence[Any] = sent.get(key) or ()
    return listed
