# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everybody who works on a test host, and how they get in: with a key, with a password, at the keyboard."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import outside

if TYPE_CHECKING:
    from testinfra.host import Host

PASSWORDS = {"alice": "Alice-counts-9-owls", "night": "Night-counts-7-owls", "root": "Root-counts-5-owls"}
WRONG = "Nobody-counts-0-owls"
Done = subprocess.CompletedProcess


def with_password(host: Host, name: str, password: str, *command: str, tries: int = 1) -> Done[str]:
    """A new SSH login that offers one password, as often as asked; the client reads it from a program of its own."""
    with tempfile.TemporaryDirectory() as folder:
        asks = Path(folder, "asks")
        asks.write_text('#!/bin/sh\necho "$HEALTHOPS_TEST_PASSWORD"\n', encoding="utf-8")
        asks.chmod(0o700)
        environment = {"SSH_ASKPASS": str(asks), "SSH_ASKPASS_REQUIRE": "force", "HEALTHOPS_TEST_PASSWORD": password}
        options = ("PreferredAuthentications=password", "PubkeyAuthentication=no", f"NumberOfPasswordPrompts={tries}")
        return _ssh(host, name, options, command, environment)


def with_key(host: Host, name: str, *command: str) -> Done[str]:
    return _ssh(host, name, ("BatchMode=yes",), command, {})


def sftp(host: Host, name: str, batch: str) -> Done[str]:
    """Commands for SFTP, over a login with a key."""
    argv = ["sftp", "-b", "-", *_options(("BatchMode=yes",)), f"{name}@{outside.name(host)}"]
    return subprocess.run(argv, check=False, input=batch, capture_output=True, text=True, timeout=60)


def at_the_console(host: Host, name: str, password: str) -> outside.Answer:
    return outside.root(host, f"python3 /srv/console.py {name} {shlex.quote(password)}")


def _options(more: tuple[str, ...]) -> list[str]:
    fresh = ("ControlMaster=no", "ControlPath=none", "ConnectTimeout=10", *more)
    return [*shlex.split(os.environ["ANSIBLE_SSH_COMMON_ARGS"]), *(word for option in fresh for word in ("-o", option))]


def _ssh(host: Host, name: str, options: tuple[str, ...], command: tuple[str, ...], more: dict[str, str]) -> Done[str]:
    argv = ["ssh", "-q", *_options(options), "-l", name, outside.name(host), *(command or ("id", "-un"))]
    environment = {**os.environ, **more}
    nothing = subprocess.DEVNULL
    return subprocess.run(argv, check=False, stdin=nothing, capture_output=True, text=True, timeout=90, env=environment)
