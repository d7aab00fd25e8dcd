# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that a package of the same run brings, and that is edited once it is there."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.awaited import (
    AwaitedFile,
    edits_image,
)
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import ABSENT
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost

CONF = AwaitedFile("/etc/app/app.conf")
EDITS = [("", "level", "3")]


def test_what_the_package_brought_is_edited_and_every_other_line_stays() -> None:
    host = FakeHost()
    host.add_file(CONF.path, "# theirs\nlevel = 1\nname = x\n", mode=0o640)
    wanted = edits_image("key_value", EDITS, "")
    assert not CONF.matches(CONF.capture(host), wanted)
    CONF.put(host, wanted)
    assert host.text(CONF.path) == "# theirs\nlevel = 3\nname = x\n"
    assert host.nodes[CONF.path].mode == 0o640
    assert CONF.matches(CONF.capture(host), wanted)


def test_lines_with_a_silenced_key_become_comments() -> None:
    host = FakeHost()
    host.add_file(CONF.path, "pool a.example iburst\nserver b.example\n")
    wanted = edits_image("key_value", [], "", silenced=("pool",))
    CONF.put(host, wanted)
    assert host.text(CONF.path) == "# healthops: pool a.example iburst\nserver b.example\n"
    assert CONF.matches(CONF.capture(host), wanted)


def test_a_drop_in_of_our_own_begins_with_its_header_and_goes_with_its_folder() -> None:
    host = FakeHost()
    before = CONF.capture(host)
    assert before == {**ABSENT, "folder": False}
    CONF.put(host, edits_image("key_value", EDITS, "# ours\n"))
    assert host.text(CONF.path) == "# ours\nlevel = 3\n"
    CONF.put(host, before)
    assert "/etc/app" not in host.nodes


def test_a_folder_that_others_use_by_now_stays() -> None:
    host = FakeHost()
    before = CONF.capture(host)
    CONF.put(host, edits_image("key_value", EDITS, "# ours\n"))
    host.add_file("/etc/app/theirs", "x")
    CONF.put(host, before)
    assert CONF.path not in host.nodes
    assert "/etc/app/theirs" in host.nodes


def test_a_file_that_no_package_brought_is_told() -> None:
    with pytest.raises(ClinicalError, match=r"it is absent\. Was its package installed\?"):
        CONF.put(FakeHost(), edits_image("key_value", EDITS, ""))


def test_what_a_cut_run_left_of_a_package_is_nobodys_own_change() -> None:
    host = FakeHost()
    before = CONF.capture(host)
    host.add_file(CONF.path, "half")
    assert CONF.is_partial(CONF.capture(host), before, edits_image("key_value", EDITS, ""))
    assert not CONF.is_partial(CONF.capture(host), before, before)
