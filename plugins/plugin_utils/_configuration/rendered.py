# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration as a task says it becomes one that a host can take: templates rendered, sources read.

What a template looks like and where it lies is for the action plugin to know; it hands in two functions.
"""

from __future__ import annotations

import base64
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
WATCH_COMMAND = "ExecStart=/usr/bin/openssl x509 -noout -enddate -checkend {seconds} -in {path}"
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
#: What stands in a unit file as it is.
_WATCHABLE = re.compile(r"/[A-Za-z0-9._/@:+,=-]+")
_UNIT = re.compile(r"[a-z][a-z0-9-]{0,60}")
_MOST_DAYS = 1825
_SECONDS_A_DAY = 86400


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
    for key in ("unit", "table", "description", "enabled", "state"):
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


def _add_watch(sent: dict[str, Any], certificates: Mapping[str, Any], renderer: Renderer) -> None:
    """Add the units that look at the certificates every day, and the check of those that are required."""
    unit, paths = certificates["unit"], certificates["paths"]
    watched = certificates.get("watched") or paths
    _refuse_unwatchable(unit, [*paths, *watched], certificates["renew_days"])
    seconds = certificates["renew_days"] * _SECONDS_A_DAY
    commands = [WATCH_COMMAND.format(seconds=seconds, path=unit_word(path)) for path in watched] or [WATCH_NOTHING]
    texts = {
        "service": WATCH_SERVICE.format(**{**certificates, "commands": "\n".join(commands)}),
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
        current = [["/usr/bin/openssl", "x509", "-noout", "-checkend", "0", "-in", path] for path in paths]
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
