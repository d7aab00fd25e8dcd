# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""It cannot lock you out: one test a drill. They run side by side, so a test only waits for its own to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from drills import DRILLS, TWINS, asked_for

if TYPE_CHECKING:
    from concurrent.futures import Future

LONGEST = 1200


@pytest.mark.parametrize("name", [drill.name for drill in asked_for()])
def test_drill(futures: dict[str, Future[None]], name: str) -> None:
    trouble = futures[name].exception(timeout=LONGEST)
    if trouble is not None:
        pytest.fail(str(trouble), pytrace=False)


def test_names_are_unique() -> None:
    assert len({drill.name for drill in DRILLS}) == len(DRILLS)


def test_whoever_has_a_twin_and_the_twin_are_drills() -> None:
    names = {drill.name for drill in DRILLS}
    assert names >= {*TWINS, *TWINS.values()}
    assert not TWINS.keys() & TWINS.values()
