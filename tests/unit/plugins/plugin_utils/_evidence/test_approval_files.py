# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of approvals is kept where a record names it."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.approval_files import (
    approval_names,
    kept_approvals,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import sha256

DATA = b"approver: A. Person\n"
NAME = f"approvals/{sha256(DATA)}.yml"
RUN = {"hosts": {"a": {"patch": {"approval": {"sha256": sha256(DATA)}}}, "b": {"patch": {}}, "c": {}}}


def test_a_file_that_a_record_names_is_kept() -> None:
    assert approval_names(RUN) == {NAME}
    assert kept_approvals(RUN, DATA) == {NAME: DATA}


def test_no_file_or_another_one_is_not_kept() -> None:
    assert kept_approvals(RUN, None) == kept_approvals(RUN, b"other") == {}
