# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a bundle may be believed."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import sha256
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.known_files import KnownFiles, record_name

KNOWN = KnownFiles(
    sealed={record_name("a"): sha256(b"sealed"), "run.json": sha256(b"run")},
    number=3,
    unsealed={record_name("b"): sha256(b"written")},
)


@pytest.mark.parametrize(
    ("host", "data", "fault"),
    [
        pytest.param("a", b"sealed", "", id="sealed"),
        pytest.param("b", b"written", "", id="written"),
        pytest.param("a", b"written", "it is not what number 3 has sealed, nor what this account wrote", id="changed"),
        pytest.param("c", b"sealed", "no manifest names it, and this account did not write it", id="added"),
    ],
)
def test_a_file_is_believed_if_it_was_sealed_or_written(host: str, data: bytes, fault: str) -> None:
    assert KNOWN.fault(record_name(host), data) == fault


def test_what_is_taken_over_is_believed_and_still_not_known() -> None:
    known = KnownFiles(sealed=KNOWN.sealed, number=3, unsealed={}, take_over=True)
    assert known.fault(record_name("c"), b"x") == ""
    assert not known.is_known(record_name("c"), sha256(b"x"))


def test_the_hosts_with_a_record_are_named() -> None:
    assert KNOWN.hosts_with_record() == {"a": "number 3 has sealed it", "b": "this account wrote it"}
