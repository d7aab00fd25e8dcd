# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration as a task says it becomes one that a host can take: templates rendered, sources read.

What a template looks like and where it lies is for the action plugin to know; it hands in two functions.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError

#: What says where a file's bytes come from; exactly one of them.
ORIGINS = ("content", "template", "source", "remote_source", "generate", "derive")
#: What goes to the host as the task says it.
PLAIN = ("packages", "groups", "accounts", "folders", "links", "absent", "kernel", "units", "checks")
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
ExecStartPost=-/bin/sh -c 'systemctl --quiet is-active {unit} && exec /usr/sbin/nft -f {path}'
ExecReload=-/bin/sh -c 'systemctl --quiet is-active {unit} && exec /usr/sbin/nft -f {path}'
ExecStopPost=-/bin/sh -c 'systemctl --quiet is-active {unit} && exec /usr/sbin/nft -f {path}'
"""


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
    for unit_path, text in texts.items():
        content = text.format(description=table["description"], path=path, table=table["table"], unit=unit)
        sent["files"].append(_file({"path": unit_path, "content": content}, renderer))
    state: dict[str, Any] = {"enabled": table.get("enabled", True), "state": table.get("state") or "started"}
    if state["state"] == "unmanaged":  # whoever starts it decides about the next boot as well
        state["enabled"] = None
    sent["units"] = [{"name": unit, "table": table["table"], **state}, *_list(sent, "units")]
    sent["checks"] = [*_list(sent, "checks"), ["/usr/sbin/nft", "--check", "--file", path]]


def _list(sent: Mapping[str, Any], key: str) -> Sequence[Any]:
    listed: Sequence[Any] = sent.get(key) or ()
    return listed
