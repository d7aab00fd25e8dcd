# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, folders and links as a whole, with their ACLs; and owner and mode alone."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import Image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import (
    ABSENT,
    File,
    Meta,
    content_of,
    file_image,
    link_image,
    narrower_image,
    path_image,
    restore_path,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import TEMPORARY_SUFFIX
from fake_host import FakeHost, Node

CONF = "/etc/clinic.conf"
ACL = {"system.posix_acl_access": b"\x02\x00\x00\x00"}


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file(CONF, "level = 1\n", mode=0o640, uid=0, gid=33)
    made.nodes[CONF].xattrs = dict(ACL)
    return made


def node(host: FakeHost) -> tuple[bytes, int, int, int, dict[str, bytes]]:
    it = host.nodes[CONF]
    return (it.content, it.mode, it.uid, it.gid, it.xattrs)


def test_a_file_that_a_package_replaced_by_rename_comes_back_with_its_acl(host: FakeHost) -> None:
    before, state = path_image(host, CONF), node(host)
    host.nodes[CONF] = Node("file", 0o644, 0, 0, b"level = 2\n")
    restore_path(host, CONF, before)
    assert node(host) == state


def test_a_file_that_was_not_there_goes_again(host: FakeHost) -> None:
    path = "/etc/new.conf"
    before = path_image(host, path)
    assert before == ABSENT
    File(path).put(host, file_image(b"x\n"))
    restore_path(host, path, before)
    assert path not in host.nodes


def test_an_image_without_owner_mode_and_attributes_leaves_them(host: FakeHost) -> None:
    File(CONF).put(host, file_image(b"level = 3\n"))
    assert node(host) == (b"level = 3\n", 0o640, 0, 33, ACL)
    File(CONF).put(host, file_image(b"level = 3\n", mode=0o600))
    assert node(host) == (b"level = 3\n", 0o600, 0, 33, ACL)


def test_a_new_file_is_roots_and_readable_by_all(host: FakeHost) -> None:
    File("/etc/new.conf").put(host, file_image(b"x\n"))
    new = host.nodes["/etc/new.conf"]
    assert (new.mode, new.uid, new.gid, new.xattrs) == (0o644, 0, 0, {})


@pytest.mark.parametrize("kind", ["link", "dir"])
def test_what_has_become_something_else_is_replaced(host: FakeHost, kind: str) -> None:
    before, state = path_image(host, CONF), node(host)
    del host.nodes[CONF]
    File(CONF).put(host, link_image("/dev/null") if kind == "link" else {"kind": "dir"})
    assert host.nodes[CONF].kind == kind
    File(CONF).put(host, before)
    assert node(host) == state


def test_a_folder_that_others_use_by_now_stays(host: FakeHost) -> None:
    folder = File("/etc/clinic.d")
    folder.put(host, {"kind": "dir", "mode": 0o750})
    host.add_file("/etc/clinic.d/theirs", "x")
    folder.put(host, ABSENT)
    assert host.nodes["/etc/clinic.d"].mode == 0o750
    del host.nodes["/etc/clinic.d/theirs"]
    folder.put(host, ABSENT)
    assert "/etc/clinic.d" not in host.nodes


def test_a_socket_cannot_be_made_again(host: FakeHost) -> None:
    with pytest.raises(ClinicalError, match="it was a other and cannot be made again"):
        File("/run/x.sock").put(host, {"kind": "other", "mode": 0o600, "uid": 0, "gid": 0})


def test_what_a_killed_run_left_beside_it_is_swept(host: FakeHost) -> None:
    scrap = f"/etc/.clinic.conf{TEMPORARY_SUFFIX}"
    host.add_file(scrap, "half")
    File(CONF).sweep(host)
    assert scrap not in host.nodes
    assert CONF in host.nodes


def test_the_bytes_of_an_image() -> None:
    assert content_of(file_image(b"\xff\0")) == b"\xff\0"
    assert content_of(link_image("/x")) == b""


# --- owner and mode alone ---


def test_owner_and_mode_are_set_and_the_content_is_left(host: FakeHost) -> None:
    meta = Meta(CONF)
    before = meta.capture(host)
    meta.put(host, {"kind": "file", "mode": 0o600, "gid": 0})
    assert node(host) == (b"level = 1\n", 0o600, 0, 0, ACL)
    host.nodes[CONF].content = b"level = 2\n"
    meta.put(host, before)
    assert node(host) == (b"level = 2\n", 0o640, 0, 33, ACL)


def test_what_is_gone_is_not_made_and_a_link_is_not_followed(host: FakeHost) -> None:
    Meta("/etc/nothing").put(host, {"kind": "file", "mode": 0o600})
    assert Meta("/etc/nothing").capture(host) == ABSENT
    host.add_link("/etc/way", CONF)
    with pytest.raises(ClinicalError, match="which is not followed"):
        Meta("/etc/way").put(host, {"kind": "file", "mode": 0o600})
    assert host.nodes[CONF].mode == 0o640


@pytest.mark.parametrize(
    ("mode", "wanted", "narrowed"),
    [
        (0o666, narrower_image("file", 0o022, 0), 0o644),
        (0o4755, narrower_image("file", 0o6000, 0), 0o755),
        (0o777, narrower_image("dir", 0, 0, sticky=True), 0o1777),
        (0o755, narrower_image("dir", 0, 0, sticky=True), 0o755),
    ],
)
def test_a_mode_is_narrowed_from_whatever_it_is_by_then(mode: int, wanted: Image, narrowed: int) -> None:
    host = FakeHost()
    path = "/srv/it"
    host.nodes[path] = Node(wanted["kind"], mode)
    meta = Meta(path)
    assert meta.matches(meta.capture(host), wanted) is (mode == narrowed)
    meta.put(host, wanted)
    assert host.nodes[path].mode == narrowed
    assert meta.matches(meta.capture(host), wanted)


def taken_from_ana(kind: str) -> tuple[FakeHost, Meta, Image]:
    """Return a host on which a file or folder in a home was made root's, its subject, and the image before that."""
    host = FakeHost()
    host.nodes["/home/ana"] = Node("dir", 0o755, 1000, 1000)
    host.nodes["/home/ana/it"] = Node(kind, 0o644, 1000, 1000)
    meta = Meta("/home/ana/it")
    before = meta.capture(host)
    meta.put(host, {"kind": kind, "mode": 0o600, "uid": 0, "gid": 0})
    return host, meta, before


@pytest.mark.parametrize("kind", ["file", "dir"])
def test_what_was_taken_from_an_account_in_its_home_is_given_back_to_it(kind: str) -> None:
    host, meta, before = taken_from_ana(kind)
    after = meta.capture(host)
    way = meta.way_back(before, after, after)
    assert not way.conflicts
    meta.put(host, way.goal)
    assert meta.capture(host) == before


def test_what_an_account_put_in_the_place_of_what_was_taken_from_it_is_not_given_to_it() -> None:
    host, meta, before = taken_from_ana("file")
    host.nodes["/home/ana/it"] = Node("file", 0o600, 0, 0, b"a secret of root's")
    with pytest.raises(ClinicalError, match="it is root's"):
        meta.put(host, before)
    assert host.nodes["/home/ana/it"].uid == 0


def test_a_mode_that_another_has_changed_since_stays_when_the_owner_goes_back() -> None:
    host, meta, before = taken_from_ana("file")
    after = meta.capture(host)
    host.nodes["/home/ana/it"].mode = 0o640
    way = meta.way_back(before, after, meta.capture(host))
    assert [conflict.entry for conflict in way.conflicts] == ["mode"]
    meta.put(host, way.goal)
    assert (host.nodes["/home/ana/it"].mode, host.nodes["/home/ana/it"].uid) == (0o640, 1000)


@pytest.mark.parametrize("kind", ["file", "dir"])
def test_what_has_become_somebody_elses_since_it_was_planned_is_left_alone(kind: str) -> None:
    host = FakeHost()
    host.nodes["/srv/it"] = Node(kind, 0o666, uid=0)
    with pytest.raises(ClinicalError, match="somebody has exchanged it"):
        Meta("/srv/it").put(host, narrower_image("file", 0o022, 1000))
    assert (host.nodes["/srv/it"].mode, host.nodes["/srv/it"].uid) == (0o666, 0)


def test_an_image_of_released_code_that_names_no_owner_is_still_put() -> None:
    host = FakeHost()
    host.nodes["/srv/it"] = Node("file", 0o666, uid=1000)
    Meta("/srv/it").put(host, {"kind": "file", "clear": 0o022, "sticky": False})
    assert host.nodes["/srv/it"].mode == 0o644
