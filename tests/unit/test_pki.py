# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates to test with: kept from run to run, made anew for a host whose address is another."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

from rooms import ROOT

SPEC = importlib.util.spec_from_file_location("pki", ROOT / "tests" / "pki.py")
assert SPEC is not None
assert SPEC.loader is not None
pki = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(pki)


def alternatives(certificate: Path) -> str:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_certificate_stays_until_its_host_has_another_address(tmp_path: Path) -> None:
    wanted = {"server-a": "IP:192.0.2.1", "client": ""}
    pki.make(tmp_path, wanted)
    first = {name: (tmp_path / f"{name}.pem").read_bytes() for name in wanted}
    pki.make(tmp_path, wanted)
    assert {name: (tmp_path / f"{name}.pem").read_bytes() for name in wanted} == first
    pki.make(tmp_path, {**wanted, "server-a": "IP:192.0.2.2"})
    assert "192.0.2.2" in alternatives(tmp_path / "server-a.pem")
    assert (tmp_path / "client.pem").read_bytes() == first["client"]
