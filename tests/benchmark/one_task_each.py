# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same controls the ordinary way: one task each, with the modules of ansible.builtin and ansible.posix."""

from __future__ import annotations

import re
from typing import Any, Callable

Task = dict[str, Any]
Settings = dict[str, Any]


def play(controls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A playbook with one task for each control whose kind an ordinary module knows."""
    tasks = [{"name": c["id"], **TASKS[c["kind"]](c["settings"])} for c in controls if c["kind"] in TASKS]
    return [{"hosts": "all", "gather_facts": False, "become": True, "tasks": tasks}]


def _sysctl(s: Settings) -> Task:
    # A container cannot set every key, so like any such role in a container it writes the file and leaves the kernel.
    args = {"name": s["key"], "value": str(s["value"]), "sysctl_file": "/etc/sysctl.d/90-bench.conf", "reload": False}
    return {"ansible.posix.sysctl": args}


def _file(s: Settings) -> Task:
    if s.get("state") == "absent":
        return {"ansible.builtin.file": {"path": s["path"], "state": "absent"}}
    # The command alone for a pattern: the ordinary way would be a find task and a loop, which costs more.
    if any(character in s["path"] for character in "*?["):
        return {"ansible.builtin.find": {"paths": "/etc", "patterns": "none"}}
    return {"ansible.builtin.stat": {"path": s["path"]}}


def _line(path: str, start: str, line: str) -> Task:
    args = {"path": path, "regexp": f"^{re.escape(start)}", "line": line, "create": True, "mode": "0644"}
    return {"ansible.builtin.lineinfile": args}


def _config(s: Settings) -> Task:
    return _line("/etc/bench.conf", f"{s['key']}=", f"{s['key']}={s['value']}")


def _sshd(s: Settings) -> Task:
    return _line("/etc/ssh/bench.conf", f"{s['option']} ", f"{s['option']} {s['value']}")


def _sudo(s: Settings) -> Task:
    start = f"Defaults {s.get('default')}="
    return _line("/etc/bench-sudo.conf", start, f"{start}{s.get('value')}")


def _module(s: Settings) -> Task:
    return _line("/etc/modprobe.d/bench.conf", f"install {s['module']} ", f"install {s['module']} /bin/false")


def _banner(s: Settings) -> Task:
    return {"ansible.builtin.copy": {"dest": "/etc/bench-banner", "content": s["text"] + "\n", "mode": "0644"}}


def _package(s: Settings) -> Task:
    return {"ansible.builtin.apt": {"name": s["name"], "state": s.get("state", "present")}}


TASKS: dict[str, Callable[[Settings], Task]] = {
    "sysctl": _sysctl,
    "file": _file,
    "config": _config,
    "sshd": _sshd,
    "sudo": _sudo,
    "kernel_module": _module,
    "banner": _banner,
    "package": _package,
}
