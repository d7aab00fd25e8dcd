# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a disk whose bundles are in a chain."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.stored_runs import report, write_record

Json = t.Dict[str, t.Any]
RUNS = [f"2026112{number}T150000Z-000{number}" for number in range(1, 5)]


def keep(root: Path, run_id: str, hosts: int = 2, controls: int = 3) -> None:
    for number in range(hosts):
        name = samples.host_name(number)
        result = samples.result(number, controls, "harden", run_id)
        result["started"] = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T15:00:00Z"
        write_record(root, name, record.clean_result(result, name))


def run(root: Path, run_id: str, hosts: int = 2, **more: t.Any) -> Json:
    keep(root, run_id, hosts)
    return report(root, run_id=run_id, formats=["csv"], **more)


def snapshot(root: Path) -> t.Dict[str, bytes]:
    """All files but the lock, which says who held it last."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def told(root: Path, **more: t.Any) -> t.List[str]:
    made: t.List[str] = verify(root, **more)["told"]
    return made


def four_runs(root: Path, **more: t.Any) -> Path:
    for run_id in RUNS:
        run(root, run_id, **more)
    return root


def manifest(root: Path, number: int) -> Path:
    (path,) = root.glob(f"2*/chain/fleet-{number:06d}.json")
    return path
