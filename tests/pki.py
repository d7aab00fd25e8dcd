# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates to test with, made by openssl: an authority, a rogue one, and what each vouches for.

``python tests/pki.py FOLDER NAME[=ALTERNATIVE,...] ...`` makes for each name NAME.pem and NAME.key, signed by ca.pem;
names that begin with ``rogue`` are signed by rogue-ca.pem, and those that begin with ``expired`` are so. An alternative
is ``DNS:name`` or ``IP:address``. What is there already stays, unless it was made for other alternatives: hosts may
have another address than in the run before.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AUTHORITIES = ("ca", "rogue-ca")
PERIODS = {True: ("20200101000000Z", "20200201000000Z"), False: ("20240101000000Z", "20840101000000Z")}
CONFIG = """
[ca]
default_ca = here
[here]
database = {authority}.index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{names}
"""
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


def make(folder: Path, names: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for authority in AUTHORITIES:
        if not (folder / f"{authority}.pem").exists():
            _authority(folder, authority)
    for name, alternatives in names.items():
        config = _leaf_config(name, alternatives)
        if not (folder / f"{name}.pem").exists() or (folder / f"{name}.cnf").read_text(encoding="utf-8") != config:
            _leaf(folder, name, config)
    return folder


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr}")


def _authority(folder: Path, name: str) -> None:
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-addext", "basicConstraints=critical,CA:TRUE")
    out = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "20000", "-subj", f"/CN={name}")
    _openssl(folder, "req", "-x509", *NEW_KEY, *usage, *out)
    (folder / f"{name}.index").touch()


def _authority_of(name: str) -> str:
    return "rogue-ca" if name.startswith("rogue") else "ca"


def _leaf_config(name: str, alternatives: str) -> str:
    named = f"subjectAltName = {alternatives}" if alternatives else ""
    return CONFIG.format(authority=_authority_of(name), names=named)


def _leaf(folder: Path, name: str, text: str) -> None:
    authority = _authority_of(name)
    begin, end = PERIODS[name.startswith("expired")]
    config = folder / f"{name}.cnf"
    config.write_text(text, encoding="utf-8")
    _openssl(folder, "req", "-new", *NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    sign = ("-config", config.name, "-extensions", "leaf", "-cert", f"{authority}.pem", "-keyfile", f"{authority}.key")
    period = ("-startdate", begin, "-enddate", end)
    _openssl(folder, "ca", "-batch", "-notext", *sign, *period, "-in", f"{name}.csr", "-out", f"{name}.pem")


def main() -> None:
    pairs = (argument.partition("=") for argument in sys.argv[2:])
    make(Path(sys.argv[1]), {name: alternatives for name, _equals, alternatives in pairs})


if __name__ == "__main__":
    main()
