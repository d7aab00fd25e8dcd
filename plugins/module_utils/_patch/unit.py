# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package manager at work in a unit of its own, which ends in order whatever becomes of who waits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .._change.subjects.units import has_systemd
from .._errors import ClinicalError
from .._host.door import CommandResult, Host
from .._host.real import PATH
from .._text.lines import split_lines

UNIT = "healthops-packages.service"
#: The whole of it, with the scripts of all packages.
WORK_TIME = 4 * 3600.0
PAUSE = 0.5
_HOLDER = re.compile(r"Could not get lock \S+ It is held by process \d+ \([^)\n]*\)")
_ALWAYS = {"LC_ALL": "C", "HOME": "/root", "PATH": ":".join(PATH)}


def busy(host: Host) -> bool:
    """Return whether the package manager of an earlier run is still at work."""
    return has_systemd(host) and host.run(["systemctl", "is-active", "--quiet", UNIT]).rc == 0


def wait(host: Host, patience: float = WORK_TIME) -> None:
    """Wait until it has ended by itself. Raises ClinicalError after ``patience`` seconds."""
    end = host.monotonic() + patience
    while busy(host):
        if host.monotonic() >= end:
            raise ClinicalError("Waiting for", UNIT, f"it is still at work after {patience:.0f} s", "Look at its log.")
        host.sleep(PAUSE)


def as_unit(host: Host, argv: Sequence[str], log: str, environment: Mapping[str, str]) -> CommandResult:
    """Run a command to its end in a unit of its own; its output is added to the file ``log``, and returned."""
    before = len(host.read(log) or b"")
    if not has_systemd(host):
        done = host.run(argv, timeout=WORK_TIME, env=dict(environment))
        host.append(log, (done.out + done.err).encode())
    else:
        settings = [f"--setenv={name}={value}" for name, value in {**_ALWAYS, **environment}.items()]
        streams = [f"--property=StandardOutput=append:{log}", f"--property=StandardError=append:{log}"]
        unit = ["systemd-run", "--quiet", "--wait", "--collect", f"--unit={UNIT}", "--property=KillMode=process"]
        program = host.which(argv[0]) or argv[0]
        done = host.run([*unit, *streams, *settings, "--", program, *argv[1:]], timeout=WORK_TIME)
    text = (host.read(log) or b"")[before:].decode("utf-8", "replace")
    error = (complaint(text) or done.err) if done.rc else ""
    return CommandResult(argv=tuple(argv), rc=done.rc, out=text, err=error)


def complaint(output: str) -> str:
    """Return the lines of a package manager's output that say what went wrong.

    One that ends in a colon goes on in the next line.
    """
    lines = [line.strip() for line in split_lines(output) if line.strip()]
    # Who has a lock is said while it is waited for, and not in the error.
    telling = list(dict.fromkeys(_HOLDER.findall(output)))[-1:]
    for line, following in zip(lines, [*lines[1:], ""]):
        if line.startswith(("E: ", "dpkg: error", "Error: ", "error: ")):
            telling.append(f"{line} {following}" if line.endswith(":") else line)
    return "\n".join(telling or lines[-3:])
