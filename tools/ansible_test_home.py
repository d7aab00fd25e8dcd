# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a home directory for ansible-test: python ansible_test_home.py HOME ANSIBLE_TEST

ansible-test makes an environment per test and fills it with pip, for which it downloads a script that no package index
has. It takes the script from its cache when it lies there; the stand-in written here unpacks wheels that this machine's
pip fetched once, which is also several seconds quicker per environment. ansible-test drops pip's variables from the
environment, so this machine's pip settings, `key = value` lines in PIP_SETTINGS, go into that home's configuration.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

STAND_IN = '''\
"""Stand-in for get-pip: unpack the wheels beside it into the environment of the Python that runs it."""

import sys
import sysconfig
import zipfile
from pathlib import Path

for requirement in [argument for argument in sys.argv[1:] if not argument.startswith("-")]:
    (wheel,) = Path(__file__).with_name("wheels").glob(requirement.replace("==", "-") + "-*.whl")
    zipfile.ZipFile(wheel).extractall(sysconfig.get_path("purelib"))
'''


def bootstrap_packages(ansible_test: Path) -> dict[str, str]:
    """Return what this ansible-test puts into an empty environment, for example {"pip": "24.2"}."""
    source = ansible_test / "_internal" / "python_requirements.py"
    block = re.search(r"default_packages = dict\((.*?)\)", source.read_text(encoding="utf-8"), re.DOTALL)
    versions = dict(re.findall(r"(\w+)='([0-9.]+)'", block.group(1))) if block else {}
    if "pip" not in versions:
        raise SystemExit(f"{source} no longer names the pip version it bootstraps; has ansible-test changed?")
    return versions


def prepare(home: Path, ansible_test: Path, settings: str) -> None:
    cache = home / ".ansible" / "test" / "cache"
    wheels = cache / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    packages = bootstrap_packages(ansible_test)
    missing = [
        f"{name}=={version}" for name, version in packages.items() if not any(wheels.glob(f"{name}-{version}-*"))
    ]
    if missing:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "--dest", str(wheels), *missing], check=True)
    (cache / f"get_pip_{packages['pip'].replace('.', '_')}.py").write_text(STAND_IN, encoding="utf-8")
    config = home / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"[global]\n{settings}\n[install]\nquiet = 2\n", encoding="utf-8")


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), Path(sys.argv[2]), os.environ.get("PIP_SETTINGS", ""))
