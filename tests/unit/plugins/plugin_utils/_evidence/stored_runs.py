# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a disk that several tests of evidence begin with."""

from __future__ import annotations

import stat
import typing as t
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, store
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import report as reports
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from unit_tests.plugin_utils._evidence import samples

RUN = samples.RUN_ID


ROOT = Path(__file__).resolve().parents[5]


TEMPLATE = (ROOT / "roles" / "evidence" / "templates" / "report.html.j2").read_text(encoding="utf-8")


def own(root: Path) -> OwnWrites:
    """What the account of the test has written into an evidence directory."""
    return OwnWrites.of(root.parent / f"{root.name}.home", root)


def write_record(root: Path, host: str, result: t.Dict[str, t.Any]) -> t.Tuple[Path, bool]:
    return store.write_record(root, host, result, own(root))


def report(root: Path, **more: t.Any) -> t.Dict[str, t.Any]:
    sealing = {name: more.pop(name) for name in ("fleet", "key", "take_over", "now") if name in more}
    return reports.report(root, TEMPLATE, reports.Sealing(own_writes=own(root), **sealing), **more)


def keep(root: Path, hosts: int = 3, run_id: str = RUN, mode: str = "harden") -> t.List[str]:
    names = [samples.host_name(number) for number in range(hosts)]
    for number, name in enumerate(names):
        write_record(root, name, record.clean_result(samples.result(number, 6, mode, run_id), name))
    return names


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
