# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every subject that is replaced as a whole promises."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import Image, WholeSubject
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Host
from fake_host import FakeHost


class Lamp(WholeSubject):
    """A subject with two parts, whose present state the test sets."""

    def __init__(self, present: Image) -> None:
        self.present = present

    def capture(self, host: Host) -> Image:
        return self.present


LAMP = Lamp({"on": True, "colour": "red"})


@pytest.mark.parametrize(
    ("wanted", "result"),
    [
        ({"on": True, "colour": "red"}, True),
        ({"on": True}, True),
        ({}, True),
        ({"on": False, "colour": "red"}, False),
        ({"dimmed": True}, False),
    ],
)
def test_what_a_wanted_image_leaves_out_does_not_count(wanted: Image, result: bool) -> None:
    assert LAMP.matches(LAMP.present, wanted) is result


@pytest.mark.parametrize(
    ("now", "result"),
    [
        ({"on": True, "colour": "red"}, True),
        ({"on": False, "colour": "blue"}, True),
        ({"on": False, "colour": "red"}, True),
        ({"on": True, "colour": "green"}, False),
    ],
)
def test_each_part_may_be_that_of_before_or_after(now: Image, result: bool) -> None:
    before, after = {"on": True, "colour": "red"}, {"on": False, "colour": "blue"}
    assert LAMP.is_partial(now, before, after) is result


def test_a_part_that_after_does_not_speak_of_is_nobodys_change() -> None:
    assert LAMP.is_partial({"on": True, "colour": "green"}, {"on": False, "colour": "red"}, {"on": True})


def test_it_is_remembered_as_it_is_and_goes_back_to_what_it_was() -> None:
    host, before = FakeHost(), {"on": False, "colour": "red"}
    assert LAMP.capture_after(host, before) == LAMP.present
    assert LAMP.inverse(before, LAMP.present) == before
    LAMP.sweep(host)
    assert host.operations == []


def test_each_subject_says_itself_what_it_looks_like() -> None:
    with pytest.raises(NotImplementedError):
        WholeSubject().capture(FakeHost())
