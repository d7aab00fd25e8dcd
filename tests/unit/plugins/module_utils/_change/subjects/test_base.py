# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every subject that is replaced as a whole promises."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import (
    Image,
    WayBack,
    WholeSubject,
)
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
    assert LAMP.way_back(before, LAMP.present, LAMP.present) == WayBack(before)
    LAMP.sweep(host)
    assert host.operations == []


def test_each_subject_says_itself_what_it_looks_like() -> None:
    with pytest.raises(NotImplementedError):
        WholeSubject().capture(FakeHost())


def test_a_part_that_others_changed_is_left_and_named_with_its_three_values() -> None:
    before, after = {"on": False, "colour": "red"}, {"on": True, "colour": "blue"}
    now = {"on": True, "colour": "green"}
    way = LAMP.way_back(before, after, now)
    assert way.goal == {"on": False, "colour": "green"}
    assert [conflict.describe() for conflict in way.conflicts] == ["before: red; set: blue; now: green"]
    assert LAMP.way_back(before, after, now, force=True).goal == before


def test_what_only_comes_along_tells_nothing_of_who_changed_it() -> None:
    before, after = {"on": False, "mtime": 1}, {"on": True, "mtime": 2}
    assert LAMP.way_back(before, after, {"on": True, "mtime": 3}) == WayBack(before)
    assert LAMP.matches({"on": False, "mtime": 3}, before)


def test_by_itself_a_subject_has_no_obstacle_and_nothing_to_narrow_join_or_defer() -> None:
    before, after = {"on": False}, {"on": True}
    assert LAMP.obstacle(FakeHost(), before) == ""
    assert LAMP.narrowed(before, after) is before
    assert LAMP.joined((before, after), (after, {"on": None})) == (before, {"on": None})
    assert LAMP.deferred(before, ["/etc/x"]) is before
    assert LAMP.astray(before, before) == []
