# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before hardening, every control is wrong: only so is it an effect when it is right afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from catalogue import controls
from exceptions import WITHOUT_EFFECT
from judges import judge

if TYPE_CHECKING:
    from testinfra.host import Host

CONTROLS = controls()


@pytest.mark.parametrize("control", CONTROLS, ids=[control["id"] for control in CONTROLS])
def test_control_is_not_kept(host: Host, control: dict[str, Any]) -> None:
    if control["id"] not in WITHOUT_EFFECT:
        complies, saw = judge(host, control)
        assert not complies, saw


def test_every_exception_is_a_control() -> None:
    assert set(WITHOUT_EFFECT) <= {control["id"] for control in CONTROLS}
