# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of OpenSSH (``ssh-keygen -Y``) on the control node. Private to the collection.

A key is only ever named by its path. It may be the public half of a key that an agent holds, so that the private one
need not lie on the control node at all. Nobody is there to be asked for a passphrase, so a key that wants one fails.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._text.lines import split_lines

#: What the signatures are for; a signature made for anything else is no signature here.
NAMESPACE = "healthops.clinical"
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_PATIENCE = 60  # seconds; an agent may have to ask a token


@dataclass(frozen=True)
class Signed:
    """Who signed (fingerprint, and the name that the list of allowed signers gives), or what is wrong."""

    key: str = ""
    name: str = ""
    problem: str = ""


def fingerprint(key: Path) -> str:
    """SHA256:... of a key, from its private or its public file."""
    done = _run(["-l", "-E", "sha256", "-f", str(key)])
    match = _FINGERPRINT.search(done.stdout.decode("ascii", "replace"))
    if done.returncode or match is None:
        raise _failed("Reading the signing key", key, done, "evidence_signing_key is the path of an OpenSSH key.")
    return match.group()


def sign(key: Path, data: bytes) -> bytes:
    """The armoured signature of the data."""
    done = _run(["-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key)], data)
    if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        advice = "Use a key without a passphrase that only its owner may read, or the public half of one in an agent."
        raise _failed("Signing with", key, done, advice)
    return done.stdout


def judged(data: bytes, signature: Path, allowed: Path | None) -> Signed:
    """Return who signed, or why the signature is not whole or, with a list of signers, not by one of them."""
    about = ["-n", NAMESPACE, "-s", str(signature)]
    checked = _run(["-Y", "check-novalidate", *about], data)
    match = _FINGERPRINT.search(checked.stdout.decode("utf-8", "replace"))
    if checked.returncode or match is None:
        return Signed(problem=f"the signature is broken: {_line(checked)}")
    key = match.group()
    if allowed is None:
        return Signed(key)
    names = _run(["-Y", "find-principals", "-s", str(signature), "-f", str(allowed)])
    for name in names.stdout.decode("utf-8", "replace").split("\n"):  # a name may have blanks in it
        if name and _run(["-Y", "verify", *about, "-f", str(allowed), "-I", name], data).returncode == 0:
            return Signed(key, name)
    return Signed(key, problem=f"it is signed by a key that {allowed} does not allow: {key}")


def _run(arguments: Sequence[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Without a terminal of its own, since ssh-keygen would else ask whoever sits there for a passphrase."""
    environment = {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=data,
            capture_output=True,
            check=False,
            env=environment,
            start_new_session=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ClinicalError(
            "Running", "ssh-keygen", str(exc), "Evidence is signed and verified with OpenSSH 8.9 or newer."
        ) from exc


def _line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = split_lines((done.stderr or done.stdout).decode("utf-8", "replace").strip())
    return lines[-1].strip() if lines else f"ssh-keygen exited {done.returncode}"


def _failed(doing: str, key: Path, done: subprocess.CompletedProcess[bytes], advice: str) -> ClinicalError:
    return ClinicalError(doing, str(key), _line(done), advice)
