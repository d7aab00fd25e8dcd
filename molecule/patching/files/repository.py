# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a signed Debian mirror of small packages: before the updates, after them, and after them but long ago.

    repository.py ROOT [N]  writes ROOT/{before,after,stale,other}/dists and pool, and ROOT/lab.gpg

"other" is as "after", except that lab-feature has other bytes under the same version.

N more packages of an ordinary size make it as much as a month brings, for measuring.

Each package stands for one thing that patching has to get right; `PACKAGES` says which.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator

CODENAMES = {"bookworm": "12", "trixie": "13"}
#: Suffix of the codename -> label of its Release file.
SUITES = {"": "Debian", "-updates": "Debian", "-security": "Debian-Security"}

#: How many days ago the mirror was made.
DAYS_OLD = {"before": 2, "after": 0, "stale": 60, "other": 0}

STARTS_ITS_SERVICE = """#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload
  deb-systemd-helper enable {unit} > /dev/null
  if [ -n "$2" ]; then deb-systemd-invoke restart {unit}; else deb-systemd-invoke start {unit}; fi || true
fi
"""
STOPS_ITS_SERVICE = """#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then deb-systemd-invoke stop {unit}; fi
"""
UNIT = """[Unit]
Description={name}
[Service]
ExecStart={command}
[Install]
WantedBy=multi-user.target
"""
#: Loads the library of lab-library and waits.
USES_THE_LIBRARY = """#!/usr/bin/python3
import ctypes, signal
ctypes.CDLL("/usr/lib/lab/liblab.so.1")
signal.pause()
"""


@dataclass(frozen=True)
class Deb:
    """One version of one package. ``suite`` is a key of SUITES; ``new`` is true where it comes with the updates."""

    name: str
    version: str
    suite: str = ""
    new: bool = False
    depends: str = ""
    arch: str = "all"
    fields: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    scripts: dict[str, str] = field(default_factory=dict)


def service(name: str, command: str, program: str, version: str) -> dict[str, object]:
    """What a package needs that runs a service of its own name."""
    unit = f"{name}.service"
    return {
        "files": {
            f"/lib/systemd/system/{unit}": UNIT.format(name=f"{name} {version}", command=command),
            f"/usr/bin/{name}": program,
        },
        "scripts": {
            "postinst": STARTS_ITS_SERVICE.format(unit=unit),
            "prerm": STOPS_ITS_SERVICE.format(unit=unit),
        },
    }


def running(
    name: str, version: str, *, suite: str = "", new: bool = False, works: bool = True, depends: str = ""
) -> Deb:
    program = USES_THE_LIBRARY if works else "#!/bin/sh\necho this version cannot start >&2\nexit 3\n"
    return Deb(name, version, suite, new, depends, **service(name, f"/usr/bin/{name}", program, version))  # type: ignore[arg-type]


LIBRARY = "/usr/lib/lab/liblab.so.1"
FAILS = "#!/bin/sh\n[ ! -e /etc/lab-postinst-may ] || exit 0\necho 'the database is not there' >&2\nexit 1\n"
TAKES_LONG = """#!/bin/sh
[ -e /etc/lab-slow-waits ] || exit 0
touch /run/lab-slow-began
sleep 20
"""

PACKAGES = (
    # The newest version comes with a point release, in main; what it fixes was in security once.
    Deb("lab-main", "1.0-1", depends="lab-auto"),
    Deb("lab-main", "1.0-1+deb12u1", "-security", True, "lab-auto"),
    Deb("lab-main", "1.0-2", "", True, "lab-auto"),
    # Nothing but security has it.
    Deb("lab-security", "1.0-1"),
    Deb("lab-security", "1.0-1+deb12u1", "-security", True),
    # No security fix at all, from stable-updates.
    Deb("lab-feature", "2.0-1"),
    # Its vendor writes sizes as nobody else does.
    Deb("lab-feature", "2.1-1", "-updates", True, fields=("Installed-Size: 12.5",)),
    # Only there because lab-main needs it; its mark says so.
    Deb("lab-auto", "0.9-1"),
    Deb("lab-auto", "0.9-2", "", True),
    # On hold on the hosts.
    Deb("lab-held", "1.0-1"),
    Deb("lab-held", "1.0-1+deb12u1", "-security", True),
    # A configuration file that the site has changed, and that the new version changes as well.
    Deb("lab-conf", "1.0-1", files={"/etc/lab-conf.conf": "level = 1\n"}, conffiles=("/etc/lab-conf.conf",)),
    Deb(
        "lab-conf",
        "1.0-2",
        "",
        True,
        files={"/etc/lab-conf.conf": "level = 2\nnew = yes\n"},
        conffiles=("/etc/lab-conf.conf",),
    ),
    # A library, a service that uses it and is not updated itself.
    Deb("lab-library", "1.0-1", files={LIBRARY: ""}),
    Deb("lab-library", "1.0-1+deb12u1", "-security", True, files={LIBRARY: ""}),
    running("lab-reader", "1.0-1", depends="lab-library"),
    # The new version of this service does not start.
    running("lab-service", "1.0-1", depends="lab-library"),
    running("lab-service", "1.0-1+deb12u1", suite="-security", new=True, works=False, depends="lab-library"),
    # The new version of this one does.
    running("lab-daemon", "1.0-1", depends="lab-library"),
    running("lab-daemon", "1.0-2", new=True, depends="lab-library"),
    # Its installation fails, unless /etc/lab-postinst-may is there.
    Deb("lab-postinst", "1.0-1"),
    Deb("lab-postinst", "1.0-2", "", True, scripts={"postinst": FAILS}),
    # Its installation takes long where /etc/lab-slow-waits is there: the middle of a run, to be cut in.
    Deb("lab-slow", "1.0-1"),
    Deb("lab-slow", "1.0-2", "", True, scripts={"postinst": TAKES_LONG}),
    # Wants a reboot: a new kernel, by a package that names the newest.
    Deb("linux-image-lab-amd64", "6.90.1-1", depends="linux-image-6.90.0-1-lab-amd64"),
    Deb("linux-image-6.90.0-1-lab-amd64", "6.90.1-1", files={"/boot/vmlinuz-6.90.0-1-lab-amd64": "a kernel\n"}),
    Deb("linux-image-lab-amd64", "6.90.2-1", "-security", True, depends="linux-image-6.90.0-2-lab-amd64"),
    Deb(
        "linux-image-6.90.0-2-lab-amd64",
        "6.90.2-1",
        "-security",
        True,
        files={"/boot/vmlinuz-6.90.0-2-lab-amd64": "another kernel\n"},
    ),
    # Offered to none of the hosts yet.
    Deb("lab-phased", "1.0-1"),
    Deb("lab-phased", "1.0-2", "-updates", True, fields=("Phased-Update-Percentage: 0",)),
    # Versions that sort otherwise than they read.
    Deb("lab-epoch", "1:1.0~rc1-1"),
    Deb("lab-epoch", "1:1.0-1", "", True),
)


def bulk(number: int) -> Iterator[Deb]:
    """Packages with some files each, before and after."""
    for n in range(number):
        for version, new in (("1.0-1", False), ("1.0-2", True)):
            text = f"{n} {version}\n" * 1500
            files = {f"/usr/share/lab-bulk-{n}/{file}.txt": f"{file} {text}" for file in range(60)}
            yield Deb(f"lab-bulk-{n}", version, "", new, files=files)


def run(*argv: str, **more: object) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more).stdout  # type: ignore[call-overload, no-any-return]


def content(path: str, text: str) -> bytes:
    """The library is a real one, or the loader would not take it."""
    if path != LIBRARY:
        return text.encode()
    return next(Path("/usr/lib").glob("*-linux-gnu/libz.so.1")).read_bytes()


def build(deb: Deb, pool: Path) -> Path:
    """The .deb file of one version."""
    made = pool / f"{deb.name}_{deb.version.replace(':', '%3a')}_{deb.arch}.deb"
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        files = {**deb.files, f"/usr/share/{deb.name}/version": f"{deb.version}\n"}
        for path, text in files.items():
            target = tree / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content(path, text))
            target.chmod(0o755 if path.startswith("/usr/bin/") else 0o644)
        control = tree / "DEBIAN"
        control.mkdir(mode=0o755)
        lines = [
            *(f"Package: {deb.name}", f"Version: {deb.version}", f"Architecture: {deb.arch}"),
            *([f"Depends: {deb.depends}"] if deb.depends else []),
            *("Maintainer: Lab <lab@example.invalid>", "Section: misc", "Priority: optional"),
            f"Description: {deb.name} of the test laboratory",
        ]
        (control / "control").write_text("\n".join(lines) + "\n")
        if deb.conffiles:
            (control / "conffiles").write_text("".join(f"{path}\n" for path in deb.conffiles))
        for name, text in deb.scripts.items():
            (control / name).write_text(text)
            (control / name).chmod(0o755)
        # A version that both ages hold has the same bytes in both.
        fixed = {**os.environ, "SOURCE_DATE_EPOCH": "1760000000"}
        run("dpkg-deb", "-Zgzip", "--root-owner-group", "--build", str(tree), str(made), env=fixed)
    return made


def record(deb: Deb, file: Path, root: Path) -> str:
    """The package's paragraph in Packages."""
    data = file.read_bytes()
    more = [f"Filename: {file.relative_to(root)}", f"Size: {len(data)}", f"SHA256: {hashlib.sha256(data).hexdigest()}"]
    return "\n".join([run("dpkg-deb", "--field", str(file)).rstrip("\n"), *deb.fields, *more]) + "\n"


def release(folder: Path, codename: str, suffix: str, days: int, signer: dict[str, str]) -> None:
    """Release, of that many days ago, and its signature over the index of one suite."""
    made = time.time() - 86400 * days
    lines = [
        *("Origin: Debian", f"Label: {SUITES[suffix]}", f"Suite: stable{suffix}", f"Codename: {codename}{suffix}"),
        *(f"Version: {CODENAMES[codename]}", "Architectures: all amd64", "Components: main"),
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S UTC', time.gmtime(made))}",
        "SHA256:",
    ]
    for name in ("Packages", "Packages.gz"):
        data = (folder / "main/binary-amd64" / name).read_bytes()
        lines.append(f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/{name}")
    (folder / "Release").write_text("\n".join(lines) + "\n")
    run("gpg", "--batch", "--yes", "--clearsign", "-o", str(folder / "InRelease"), str(folder / "Release"), env=signer)
    for path in (folder / "InRelease", *(folder / "main/binary-amd64").iterdir()):
        os.utime(path, (made, made))  # a client asks whether it is newer than its own


def suite(
    root: Path, codename: str, suffix: str, days: int, debs: list[tuple[Deb, Path]], signer: dict[str, str]
) -> None:
    folder = root / "dists" / f"{codename}{suffix}"
    index = folder / "main/binary-amd64"
    index.mkdir(parents=True)
    text = "\n".join(record(deb, file, root) for deb, file in debs if deb.suite == suffix)
    (index / "Packages").write_text(text)
    (index / "Packages.gz").write_bytes(gzip.compress(text.encode()))
    release(folder, codename, suffix, days, signer)


def newest_only(debs: list[Deb]) -> list[Deb]:
    """A mirror keeps one version of a package in each suite: the last one listed here."""
    return list({(deb.name, deb.suite): deb for deb in debs}.values())


def main(root: Path, more: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    keys = root / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    signer = {**os.environ, "GNUPGHOME": str(keys)}
    if not (root / "lab.gpg").exists():
        run(
            "gpg",
            "--batch",
            "--passphrase",
            "",
            "--quick-gen-key",
            "Lab <lab@example.invalid>",
            "ed25519",
            "sign",
            "0",
            env=signer,
        )
        run("gpg", "--export", "--output", str(root / "lab.gpg"), env=signer)
    for age, days in DAYS_OLD.items():
        pool = root / age / "pool"
        pool.mkdir(parents=True)
        debs = newest_only([deb for deb in (*PACKAGES, *bulk(more)) if age != "before" or not deb.new])
        if age == "other":
            debs = [
                replace(deb, files={"/usr/share/lab-feature/other": "other\n"}) if deb.name == "lab-feature" else deb
                for deb in debs
            ]
        built = [(deb, build(deb, pool)) for deb in debs]
        for codename in CODENAMES:
            for suffix in SUITES:
                suite(root / age, codename, suffix, days, built, signer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
