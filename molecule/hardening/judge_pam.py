# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stacks of PAM as a program reads them, with what they include. What they do is tried in the scenario logins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host


def _modules(host: Host, service: str, kind: str) -> list[str]:
    """Each line of one kind as module and words, in the order in which it is asked."""
    include = 'awk \'$1 == "@include" {system("cat /etc/pam.d/" $2); next} {print}\' /etc/pam.d/' + service
    lines = [line.strip() for line in outside.root(host, include).out.splitlines()]
    mine = [line.split("#")[0] for line in lines if line.startswith(kind)]
    return [line[line.index("pam_") :].strip() for line in mine if "pam_" in line]


def _order(lines: list[str], *wanted: str) -> bool:
    """Whether these modules are asked one after the other."""
    places = [next((n for n, line in enumerate(lines) if line.startswith(module)), -1) for module in wanted]
    return -1 not in places and places == sorted(places)


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    kinds = {"auth": "auth", "password": "password", "session": "session", "account": "account"}
    lines = {kind: _modules(host, "login", kind) for kind in kinds}
    unix = [line for kind in ("auth", "password") for line in lines[kind] if line.startswith("pam_unix.so")]
    fine = {
        "lockout": _order(lines["auth"], "pam_faillock.so preauth", "pam_unix.so", "pam_faillock.so authfail"),
        "quality": _order(lines["password"], "pam_pwquality.so", "pam_unix.so"),
        "history": _order(lines["password"], f"pam_pwhistory.so remember={settings.get('value')}", "pam_unix.so"),
        "umask": _order(lines["session"], "pam_umask.so"),
        "no_empty": not any("nullok" in line for line in unix),
        "hash": any("yescrypt" in line.split() for line in unix),
        "su_group": any(f"group={settings.get('value')}" in line for line in _modules(host, "su", "auth")),
    }
    return fine[settings["feature"]], "; ".join(line for kind in kinds for line in lines[kind])
