# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that a person can act on."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError, HostWriteError


@pytest.mark.parametrize(
    ("saw", "try_this", "text"),
    [
        ("it is not there", "", "Reading /etc/shadow: it is not there."),
        ("Permission denied.", "", "Reading /etc/shadow: Permission denied."),
        ("it is not there", "Run it as root.", "Reading /etc/shadow: it is not there. Run it as root."),
    ],
)
def test_it_says_what_was_done_to_what_with_which_end(saw: str, try_this: str, text: str) -> None:
    error = ClinicalError("Reading", "/etc/shadow", saw, try_this)
    assert str(error) == text
    assert (error.doing, error.subject, error.saw, error.try_this) == ("Reading", "/etc/shadow", saw, try_this)
    assert error.args == (text,)


def test_a_machine_that_cannot_be_written_is_one_of_the_family() -> None:
    with pytest.raises(ClinicalError, match=r"Writing /etc/x: No space left on device\."):
        raise HostWriteError("Writing", "/etc/x", "No space left on device")
