# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An access control list, as the kernel of this machine takes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host import acl


def test_the_kernel_takes_it_and_the_mode_is_0640(tmp_path: Path) -> None:
    path = tmp_path / "cron.allow"
    path.write_text("root\n", encoding="utf-8")
    try:
        os.setxattr(path, acl.ATTRIBUTE, acl.read_by_group(101))
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.getxattr(path, acl.ATTRIBUTE) == acl.read_by_group(101)


def test_what_is_left_out_is_as_the_mode_and_the_mask_lets_all_of_it_through() -> None:
    assert acl.complete(0o640, ["user:www-data:rwx", "group:audit:r--"], folder=False) == (
        "user::rw-",
        "user:www-data:rwx",
        "group::r--",
        "group:audit:r--",
        "mask::rwx",
        "other::---",
    )
    assert acl.complete(0o640, [], folder=False) == acl.complete(0o640, ["group::r--"], folder=False) == ()
    assert acl.complete(0o750, ["default:user:relay:r-x"], folder=True)[1] == "default:user:relay:r-x"


def test_what_getfacl_prints_is_taken_as_it_is() -> None:
    printed = ("user::rw-", "user:www-data:rwx", "group::r--", "mask::r--", "other::---")
    with_comment = [text.replace("rwx", "rwx\t\t#effective:r--") for text in printed]
    assert acl.complete(0o640, with_comment, folder=False) == printed
    assert acl.shown_mode(0o660, printed) == acl.shown_mode(0o640, ()) == 0o640


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        pytest.param(["user:www-data:rx"], "no entry of an access control list", id="bits"),
        pytest.param(["other:www-data:r--"], "no entry of an access control list", id="named other"),
        pytest.param(["u:www-data:r--"], "no entry of an access control list", id="short"),
        pytest.param(["user:a b:r--"], "no entry of an access control list", id="name"),
        pytest.param(["user:a:r--", "user:a:rw-"], "is said twice", id="twice"),
        pytest.param(["other::r--"], "otherwise than the mode 0640", id="mode"),
        pytest.param(["default:user:a:r--"], "for folders only", id="default of a file"),
    ],
)
def test_what_could_not_be_meant_is_refused(entries: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        acl.complete(0o640, entries, folder=False)


def test_the_kernel_gives_back_what_it_was_given(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(0o750)
    whole = acl.complete(0o750, ["user:relay:rwx", "group:7:r--", "default:user:relay:r-x"], folder=True)
    given = acl.packed(whole, {"relay": 101}.get, {}.get)
    try:
        for name, value in given.items():
            os.setxattr(folder, name, value)
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")
    taken = {name: os.getxattr(folder, name) for name in os.listxattr(folder)}
    assert acl.entries_of(taken) == acl.entries_of(given)
    assert acl.describe(taken, {101: "relay"}.__getitem__, str) == whole
    assert folder.stat().st_mode & 0o777 == acl.shown_mode(0o750, whole) == 0o770
    assert acl.without({**taken, "user.x": b"1"}) == {"user.x": b"1"}


def test_whom_nobody_knows_is_in_no_list() -> None:
    with pytest.raises(ValueError, match="there is no user relay"):
        acl.packed(("user:relay:r--",), {}.get, {}.get)
