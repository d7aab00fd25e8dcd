# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish a Debian package with a shared library, which makes dpkg run ldconfig: ``library.py VERSION MIRROR``."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONTROL = """Package: clinic-library
Version: {version}
Architecture: all
Maintainer: Clinic <clinic@example.invalid>
Description: library that the clinic's programs share
"""


def library(version: str) -> bytes:
    """Return a library that the loader takes: another one's code, by a name as long, and its version at the end."""
    code = next(Path("/usr/lib").glob("*-linux-gnu/libz.so.1")).read_bytes()
    return code.replace(b"\0libz.so.1\0", b"\0libq.so.1\0") + version.encode()


def build(version: str, made: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        files = {
            "usr/lib/clinic/libq.so.1": library(version),
            "etc/ld.so.conf.d/clinic.conf": b"/usr/lib/clinic\n",
            "DEBIAN/control": CONTROL.format(version=version).encode(),
            "DEBIAN/conffiles": b"/etc/ld.so.conf.d/clinic.conf\n",
            "DEBIAN/triggers": b"activate-noawait ldconfig\n",
        }
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            path.write_bytes(content)
        tree.chmod(0o755)
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, made], check=True)


def publish(version: str, mirror: Path) -> None:
    """Make the mirror offer this version and no other one, as mirrors do."""
    shutil.rmtree(mirror, ignore_errors=True)
    mirror.mkdir(mode=0o755)
    package = mirror / f"clinic-library_{version}_all.deb"
    build(version, package)
    data = package.read_bytes()
    where = f"Filename: ./{package.name}\nSize: {len(data)}\nSHA256: {sha256(data)}\n"
    paragraph = CONTROL.format(version=version) + where
    (mirror / "Packages").write_text(paragraph)
    index = f"SHA256:\n {sha256(paragraph.encode())} {len(paragraph)} Packages\n"
    now = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime())
    about = f"Origin: Clinic\nLabel: Clinic\nSuite: clinic\nCodename: clinic\nDate: {now}\n"
    (mirror / "Release").write_text(about + index)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    publish(sys.argv[1], Path(sys.argv[2]))
