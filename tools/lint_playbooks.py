# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-lint in the current directory, then Ansible's syntax check: python lint_playbooks.py

ansible-lint starts an ansible-playbook for the syntax of each playbook and each role, which takes nearly all of its
time. Here one ansible-playbook reads them all.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterable

import yaml

PLAY_KEYS = {"hosts", "import_playbook", "ansible.builtin.import_playbook"}

# That there is no inventory, and so no host of any play, is no fault of a playbook.
QUIET = {
    "ANSIBLE_HOST_PATTERN_MISMATCH": "ignore",
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    "ANSIBLE_LOCALHOST_WARNING": "false",
}
#: An inventory of one host, and patterns that it matches: a run that is meant for nobody is refused when it is opened.
NOBODY = ("--inventory", "localhost,", "--extra-vars", "run_targets=all open_run_targets=all")


class _Loader(yaml.SafeLoader):
    """Reads what a playbook may hold besides plain YAML, say `!vault` and `!unsafe`, as nothing."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def playbooks(paths: Iterable[Path]) -> list[Path]:
    """Return those of the files that are lists of plays only. Raises YAMLError for what is no YAML."""
    return [path for path in paths if _is_playbook(yaml.load(path.read_text(encoding="utf-8"), _Loader))]


def _is_playbook(data: Any) -> bool:
    if not isinstance(data, list) or not data:
        return False
    return all(isinstance(play, dict) and not PLAY_KEYS.isdisjoint(play) for play in data)


def import_roles(roles: Iterable[Path]) -> str:
    """Return a playbook that imports each role."""
    tasks = [{"ansible.builtin.import_role": {"name": str(role)}} for role in roles]
    return yaml.safe_dump([{"name": "Every role", "hosts": "localhost", "tasks": tasks}])


def lint() -> int:
    """Run ansible-lint without its syntax checks and return its exit code."""
    runner = importlib.import_module("ansiblelint.runner").Runner
    if not hasattr(runner, "_get_ansible_syntax_check_matches"):
        raise SystemExit("ansible-lint checks syntax in another way now: see what takes its time")
    runner._get_ansible_syntax_check_matches = lambda *_arguments, **_options: []
    return int(importlib.import_module("ansiblelint.__main__").main(["ansible-lint", "--strict", "--offline"]))


def check_syntax() -> int:
    """Run one syntax check of every playbook and role that git lists, and return its exit code."""
    options = importlib.import_module("ansiblelint.config").options
    # Where ansible-lint has just put stand-ins for modules that are not installed; see mock_modules in its settings.
    collections = os.pathsep.join([os.environ["ANSIBLE_COLLECTIONS_PATH"], str(options.mock_collections_path)])
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.yml", "*.yaml"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    files = [Path(name) for name in listed.split("\0") if name and Path(name).exists()]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as every_role:
        every_role.write(import_roles(path.resolve() for path in sorted(Path("roles").iterdir())))
        every_role.flush()
        checked = [str(path) for path in playbooks(files)]
        print(f"Syntax of {len(checked)} playbooks and every role", flush=True)
        return subprocess.run(
            ["ansible-playbook", "--syntax-check", *NOBODY, *checked, every_role.name],
            check=False,
            env={**os.environ, **QUIET, "ANSIBLE_COLLECTIONS_PATH": collections},
            stdout=subprocess.DEVNULL,
        ).returncode


if __name__ == "__main__":
    sys.exit(lint() or check_syntax())
