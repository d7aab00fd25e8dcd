# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules that the running kernel holds. Private to the collection."""

from __future__ import annotations

from .._errors import ClinicalError
from .._host import Host

COMPILED = "/etc/audit/audit.rules"
#: The verb of the effect that gives the kernel the compiled rules.
LOAD = "load audit rules"


def kernel_rules(host: Host) -> list[str] | None:
    """The rules that the kernel goes by, None where it does not audit."""
    done = host.run(["auditctl", "-l"])
    if done.rc != 0 or "audit system is disabled" in done.out + done.err:
        return None
    return [line for line in done.out.splitlines() if line.startswith("-")]


def locked(host: Host) -> bool:
    """Whether the rules are locked until the next boot (-e 2)."""
    return "enabled 2" in host.run(["auditctl", "-s"]).out.splitlines()


def load(host: Host) -> None:
    """Give the kernel the compiled rules as they lie on the disk, where it takes any."""
    if host.which("auditctl") is None or host.stat(COMPILED) is None or kernel_rules(host) is None or locked(host):
        return
    done = host.run(["auditctl", "-R", COMPILED])
    if done.rc != 0:
        raise ClinicalError("Loading the audit rules from", COMPILED, done.err_line, "Try: augenrules --check")
