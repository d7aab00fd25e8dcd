# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of file systems: its fields, and its lines as they are written back."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host import fstab
from ansible_collections.healthops.clinical.plugins.module_utils._text import quoting


def test_entries() -> None:
    text = "# a\n\n  LABEL=x\t/srv/a\\040b  ext4 rw,,nosuid 0 2\nswap none swap sw\nnone swap swap\n"
    assert [(it.line, it.place, it.options, it.problem) for it in fstab.entries(text)] == [
        (2, "/srv/a b", ("rw", "nosuid"), None),
        (3, "none", ("sw",), None),
        (4, "swap", (), None),
    ]


def test_a_line_ends_where_the_c_library_ends_it() -> None:
    (entry,) = fstab.entries("a /srv/x\u2028b ext4 rw\n")
    assert entry.place == "/srv/x\u2028b"


@pytest.mark.parametrize(
    ("field", "text"), [("a\\040b", "a b"), ("\\134040", "\\040"), ("\\043x", "#x"), ("x\\\\y", "x\\y")]
)
def test_escapes(field: str, text: str) -> None:
    assert quoting.from_mount_field(field) == text
    assert quoting.from_mount_field(quoting.mount_field(text)) == text


def test_a_new_line_is_written_so_that_it_is_read_again() -> None:
    text = fstab.with_line("a /x y", "//his/my share", "/srv/my share", "cifs", ["ro", "nosuid"])
    assert text.splitlines()[-1] == "//his/my\\040share\t/srv/my\\040share\tcifs\tro,nosuid\t0\t0"
    assert fstab.entries(text)[-1].place == "/srv/my share"


@pytest.mark.parametrize(
    ("path", "unit"),
    [("/tmp", "tmp.mount"), ("/var/log/audit", "var-log-audit.mount"), ("/srv/a-b c", "srv-a\\x2db\\x20c.mount")],
)
def test_units(path: str, unit: str) -> None:
    assert quoting.unit_of_place(path) == unit
