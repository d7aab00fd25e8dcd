# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of an account's goes and comes back; what the account lays in its place is left alone."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.account_file import AccountFile
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import ABSENT
from ansible_collections.healthops.clinical.plugins.module_utils._errors import (
    ClinicalError,
    ExchangedError,
    HostWriteError,
)
from fake_host import FakeHost

PATH = "/home/trudy/.rhosts"
TRUST = AccountFile(PATH)


@pytest.fixture(name="host")
def fixture_host() -> FakeHost:
    made = FakeHost()
    made.add_dir("/home/trudy", 0o755)
    made.nodes["/home/trudy"].uid = 1001
    made.add_file(PATH, "ward-3\n", mode=0o600, uid=1001)
    return made


def test_it_goes_and_comes_back(host: FakeHost) -> None:
    before = TRUST.capture(host)
    TRUST.put(host, ABSENT)
    assert PATH not in host.nodes
    TRUST.put(host, before)
    assert TRUST.capture(host) == before


def test_another_name_of_roots_file_stays(host: FakeHost) -> None:
    host.add_file(PATH, "of root\n", mode=0o600, uid=0)
    with pytest.raises(ExchangedError, match="it is not the account's"):
        TRUST.put(host, ABSENT)
    assert host.text(PATH) == "of root\n"


def test_nothing_of_roots_is_made_there(host: FakeHost) -> None:
    host.add_file(PATH, "of root\n", mode=0o600, uid=0)
    of_root = TRUST.capture(host)
    del host.nodes[PATH]
    with pytest.raises(ExchangedError):
        TRUST.put(host, of_root)
    assert PATH not in host.nodes


def test_what_lies_there_by_now_is_not_replaced(host: FakeHost) -> None:
    before = TRUST.capture(host)
    host.add_file(PATH, "another\n", mode=0o600, uid=1001)
    with pytest.raises(ExchangedError):
        TRUST.put(host, before)
    assert host.text(PATH) == "another\n"


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ClinicalError("Writing", PATH, "Is a directory"), ExchangedError),
        (ClinicalError("Reading", PATH, "it is not a regular file"), ExchangedError),
        (HostWriteError("Writing", PATH, "No space left on device"), HostWriteError),
    ],
)
def test_what_goes_wrong_there_is_the_accounts_doing_but_for_the_disk(
    host: FakeHost, error: ClinicalError, raised: type[ClinicalError]
) -> None:
    before = TRUST.capture(host)
    TRUST.put(host, ABSENT)

    def failing(*_arguments: object, **_named: object) -> None:
        raise error

    host.write = host.read = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(raised):
        TRUST.put(host, before)
    host.add_file(PATH, "x", uid=1001)
    with pytest.raises(raised):
        TRUST.capture(host)
