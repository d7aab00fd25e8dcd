# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what a built artifact holds: python artifact.py FILE.tar.gz

A user gets what is needed to run and to understand the collection, and nothing that a contributor left lying around.
"""

from __future__ import annotations

import sys
import tarfile

# What may lie at the top of the artifact; anything else is an accident.
WANTED = {
    "CHANGELOG.md",
    "COPYING",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
NEEDED = {"COPYING", "README.md", "CHANGELOG.md", "meta/runtime.yml"}
LITTER_ENDINGS = (".pyc", ".retry", ".orig", ".rej", "~", ".key", ".pem")
LITTER = ("__pycache__", ".pytest_cache", ".mypy_cache", ".nox", ".venv", ".git", ".env")


def problems(names: list[str]) -> list[str]:
    """One line per file that is missing from or does not belong into an artifact with these member names."""
    lines = [f"missing: {name}" for name in sorted(NEEDED - set(names))]
    lines += [f"not wanted at the top: {name}" for name in sorted({name.split("/")[0] for name in names} - WANTED)]
    for name in names:
        parts = name.split("/")
        if any(part in LITTER for part in parts) or name.endswith(LITTER_ENDINGS):
            lines.append(f"litter: {name}")
    return lines


def main() -> None:
    with tarfile.open(sys.argv[1]) as artifact:
        names = [member.name for member in artifact.getmembers() if not member.isdir()]
    lines = problems(names)
    if lines:
        raise SystemExit("\n".join([f"{sys.argv[1]} is not fit to publish:", *lines]))
    print(f"{len(names)} files, none unwanted")


if __name__ == "__main__":
    main()
