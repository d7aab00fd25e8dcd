# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of a role, run by a real ansible-playbook on the control node alone, in a folder of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]


def run(folder: Path, plays: Sequence[Mapping[str, Any]], **environment: str) -> None:
    """Run plays against localhost; fails with all that they printed."""
    whole = [{"hosts": "all", "gather_facts": False, "connection": "local", **play} for play in plays]
    (folder / "play.yml").write_text(json.dumps(whole), encoding="utf-8")
    collection = folder / "collections" / "ansible_collections" / "healthops" / "clinical"
    collection.parent.mkdir(parents=True)
    collection.symlink_to(CHECKOUT)
    usual = {
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
    }
    argv = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", str(folder / "play.yml")]
    done = subprocess.run(
        argv,
        env={**os.environ, **usual, **environment},
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def outcome(name: str, tasks: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block that runs the tasks and notes, by this name, why they failed; nothing of one that went well."""
    items = "(ansible_failed_result.results | default([ansible_failed_result]))"
    texts = " + ".join(
        f"({items} | selectattr('{key}', 'defined') | map(attribute='{key}') | list)" for key in ("msg", "reason")
    )
    words = f"{{{{ ({texts}) | join('; ') }}}}"
    noted = f"{{{{ reasons | default({{}}) | combine({{{name!r}: words}}) }}}}"
    failed = {"ansible.builtin.set_fact": {"reasons": noted}, "vars": {"words": words}}
    return {"block": list(tasks), "rescue": [failed], "vars": dict(variables)}


def keep_outcomes(folder: Path) -> dict[str, Any]:
    """Return the last task of a play: it keeps what was noted."""
    return {
        "ansible.builtin.copy": {"dest": str(folder / "reasons"), "content": "{{ reasons | default({}) | to_json }}"}
    }


def reason(name: str, folder: Path) -> str:
    """Return why a block failed, or nothing."""
    return str(json.loads((folder / "reasons").read_text(encoding="utf-8")).get(name, ""))
