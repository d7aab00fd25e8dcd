# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a disk that several tests of evidence begin with."""

from __future__ import annotations

import stat
import typing as t
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, store
from unit_tests.plugin_utils._evidence import samples

RUN = samples.RUN_ID


ROOT = Path(__file__).resolve().parents[5]


TEMPLATE = (ROOT / "roles" / "evidence" / "templates" / "report.html.j2").read_text(encoding="utf-8")


def keep(root: Path, hosts: int = 3, run_id: str = RUN, mode: str = "harden") -> t.List[str]:
    names = [samples.host_name(number) for number in range(hosts)]
    for number, name in enumerate(names):
        store.write_record(root, name, record.clean_result(samples.result(number, 6, mode, run_id), name))
    return names


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
