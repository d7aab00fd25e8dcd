# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After hardening, every control that was wrong is right, as outside judges see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from catalogue import controls
from exceptions import WITHOUT_EFFECT
from judges import judge

if TYPE_CHECKING:
    from testinfra.host import Host

JUDGED = [control for control in controls() if control["id"] not in WITHOUT_EFFECT]


@pytest.mark.parametrize("control", JUDGED, ids=[control["id"] for control in JUDGED])
def test_control_is_kept(host: Host, control: dict[str, Any]) -> None:
    complies, saw = judge(host, control)
    assert complies, saw
