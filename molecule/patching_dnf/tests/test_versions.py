# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rpm of the host orders a hundred thousand pairs of versions just as the plan does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rpm_pairs
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.versions import is_later

if TYPE_CHECKING:
    from testinfra.host import Host

PAIRS = Path(rpm_pairs.__file__)


def test_rpm_orders_versions_as_we_do(host: Host) -> None:
    assert host.run(f"python3 - > /tmp/pairs << 'END'\n{_printing()}\nEND\n").rc == 0
    told = host.check_output("rpm --eval %s", rpm_pairs.question("/tmp/pairs")).strip()
    assert len(told) == rpm_pairs.NUMBER
    ours = (
        "<" if is_later(right, left) else ">" if is_later(left, right) else "=" for left, right in rpm_pairs.pairs()
    )
    wrong = [pair for pair, said, we in zip(rpm_pairs.pairs(), told, ours) if said != we]
    assert wrong == []


def _order(left: str, right: str) -> str:
    if is_later(right, left):
        return "<"
    return ">" if is_later(left, right) else "="


def _printing() -> str:
    """The pairs as a program that prints them: a file of two megabytes would be a long command line."""
    source = PAIRS.read_text("utf-8")
    return source.replace('sys.argv[1:2] == ["--ask"]', "False")
