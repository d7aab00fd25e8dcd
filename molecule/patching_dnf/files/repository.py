# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the repository of the scenario, twice: before the updates and after them.

    python3 repository.py DIRECTORY

Each package stands for one difficulty. Run on the host, with rpmbuild, createrepo_c and modifyrepo_c.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Made:
    """One version of a package; ``more`` are further lines of its spec, by section."""

    name: str
    version: str
    release: str = "1"
    epoch: str = ""
    tags: str = ""
    scripts: str = ""
    files: str = ""
    install: str = ""

    @property
    def evr(self) -> str:
        return f"{self.epoch + ':' if self.epoch else ''}{self.version}-{self.release}"


@dataclass(frozen=True)
class Advisory:
    id: str
    severity: str
    cve: str
    package: Made
    type: str = "security"
    title: str = ""


DAEMON = """mkdir -p %{{buildroot}}/usr/lib/systemd/system %{{buildroot}}/usr/libexec
printf '#!/bin/sh\\n{body}\\n' > %{{buildroot}}/usr/libexec/lab-daemon
chmod 755 %{{buildroot}}/usr/libexec/lab-daemon
printf '[Service]\\nExecStart=/usr/libexec/lab-daemon\\n[Install]\\nWantedBy=multi-user.target\\n' \\
  > %{{buildroot}}/usr/lib/systemd/system/lab-daemon.service"""
DAEMON_FILES = "/usr/libexec/lab-daemon\n/usr/lib/systemd/system/lab-daemon.service"
CONF = """mkdir -p %{{buildroot}}/etc
printf '{content}\\n' > %{{buildroot}}/etc/lab-conf.conf"""
CONF_FILES = "%config /etc/lab-conf.conf"

#: What the scripts of all other packages need; on a real host bash says that it has it.
SHELL = Made("lab-shell", "1.0", tags="Provides: /bin/sh")
RESTART = "%postun\nif [ $1 -ge 1 ]; then systemctl try-restart lab-daemon.service || :; fi"
BEFORE = [
    SHELL,
    Made("lab-security", "1.0"),
    Made("lab-feature", "1.0"),
    Made("lab-held", "1.0"),
    Made("lab-epoch", "9.0"),
    Made("lab-dep", "1.0"),
    Made("lab-conf", "1.0", install=CONF.format(content="of = one"), files=CONF_FILES),
    Made(
        "lab-daemon",
        "1.0",
        scripts=RESTART,
        install=DAEMON.format(body="exec sleep infinity"),
        files=DAEMON_FILES,
    ),
    Made("lab-refuses", "1.0"),
    Made("lab-lacks", "1.0"),
    Made("lab-slow", "1.0"),
    Made("lab-slower", "1.0"),
]
AFTER = [
    Made("lab-security", "1.0", "2"),
    Made("lab-security", "1.0", "3"),
    Made("lab-feature", "1.1"),
    Made("lab-held", "2.0"),
    Made("lab-epoch", "1.0~rc1", epoch="1"),
    Made("lab-new", "1.0"),
    Made("lab-dep", "2.0", tags="Requires: lab-new"),
    Made("lab-conf", "1.1", install=CONF.format(content="of = two"), files=CONF_FILES),
    Made("lab-daemon", "2.0", scripts=RESTART, install=DAEMON.format(body="exit 1"), files=DAEMON_FILES),
    Made("lab-lacks", "2.0", tags="Requires: lab-nobody-has-it"),
    Made("lab-slow", "2.0", scripts="%post\ntouch /run/lab-slow\nsleep 60"),
    Made("lab-slower", "2.0", scripts="%post\ntouch /run/lab-slower\nsleep 60"),
    Made("lab-refuses", "2.0", scripts="%pre\nexit 1"),
]
ADVISORIES = [
    Advisory("LAB-2026:0001", "Critical", "CVE-2026-0001", AFTER[0]),
    Advisory("LAB-2026:0002", "Moderate", "CVE-2026-0002", AFTER[3]),
    # A vendor's bug fix that closes a CVE, whose id it writes in its own way; and one that closes none.
    Advisory("LAB-2026:0003", "None", "cve-2026-0003", AFTER[4], type="bugfix"),
    Advisory("LAB-2026:0004", "None", "4711", AFTER[2], type="bugfix", title="slower since CVE-2025-0001 was closed"),
]


def spec(made: Made) -> str:
    epoch = f"Epoch: {made.epoch}\n" if made.epoch else ""
    body = (
        made.install
        or f"mkdir -p %{{buildroot}}/usr/share/lab\necho {made.evr} > %{{buildroot}}/usr/share/lab/{made.name}"
    )
    files = made.files or f"/usr/share/lab/{made.name}"
    return (
        f"Name: {made.name}\nVersion: {made.version}\nRelease: {made.release}\n{epoch}Summary: lab\nLicense: MIT\n"
        f"BuildArch: noarch\nAutoReqProv: no\n{made.tags}\n%description\nlab\n%install\n{body}\n{made.scripts}\n"
        f"%files\n{files}\n"
    )


def build(several: List[Made], folder: Path) -> None:
    for made in several:
        path = folder / f"{made.name}-{made.version}-{made.release}.spec"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(spec(made), encoding="utf-8")
        run("rpmbuild", "-bb", "--quiet", "--define", f"_rpmdir {folder}", str(path))
        path.unlink()
    run("createrepo_c", "-q", str(folder))
    info = folder / "updateinfo.xml"
    info.write_text("\n".join(updateinfo()), encoding="utf-8")
    run("modifyrepo_c", "--mdtype=updateinfo", str(info), str(folder / "repodata"))


def updateinfo() -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<updates>'
    for advisory in ADVISORIES:
        made = advisory.package
        told: Dict[str, str] = {"version": made.version, "release": made.release, "epoch": made.epoch or "0"}
        attributes = " ".join(f'{key}="{value}"' for key, value in told.items())
        file = f"{made.name}-{made.version}-{made.release}.noarch.rpm"
        yield (
            f'<update from="lab" status="final" type="{advisory.type}" version="1"><id>{advisory.id}</id>'
            f"<title>{escape(made.name)}</title><severity>{advisory.severity}</severity>"
            '<issued date="2026-01-01 00:00:00"/><updated date="2026-01-01 00:00:00"/><description>lab</description>'
            f'<references><reference href="" id="{advisory.cve}" type="cve" title="{advisory.title}"/></references>'
            f'<pkglist><collection short="lab"><name>lab</name><package name="{made.name}" arch="noarch" {attributes}>'
            f"<filename>{file}</filename></package></collection></pkglist></update>"
        )
    yield "</updates>"


def run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    build(BEFORE, place / "before")
    build([*BEFORE, *AFTER], place / "after")
