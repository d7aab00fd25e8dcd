# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files that a package replaces come back as they were, attributes included."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any, cast

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Host
from ansible_collections.healthops.clinical.plugins.module_utils._patch import configuration
from fake_host import FakeHost

CONF = "/etc/lab.conf"
ACL = {"system.posix_acl_access": b"\x02\x00\x00\x00", "security.selinux": b"system_u:object_r:etc_t:s0\x00"}
OTHER_ACL = {"system.posix_acl_access": b"\x02\x00\x00\x01"}


def host_with_acl() -> FakeHost:
    host = FakeHost()
    host.add_file(CONF, "level = 7\n", 0o640, uid=33)
    host.nodes[CONF].xattrs = dict(ACL)
    return host


def replaced(host: FakeHost) -> None:
    """A package lays its own file there by a rename, so that nothing of the old one stays."""
    host.add_file(CONF, "level = 2\n")


def test_a_file_with_an_acl_that_a_package_replaced_comes_back_with_it() -> None:
    host = host_with_acl()
    node = replace(host.nodes[CONF])
    before = configuration.capture(host, [CONF])
    replaced(host)
    after = configuration.checksums(host, before)
    assert configuration.changed_since(host, after) == ()
    assert configuration.restore(host, before, after, ()).paths == (CONF,)
    restored = host.nodes[CONF]
    assert (restored.content, restored.mode, restored.uid, restored.xattrs) == (node.content, 0o640, 33, ACL)
    assert configuration.restore(host, before, after, ()).paths == ()


def test_an_acl_alone_is_put_back_and_one_that_somebody_set_since_stays() -> None:
    host = host_with_acl()
    before = configuration.capture(host, [CONF])
    host.nodes[CONF].xattrs = {}
    after = configuration.checksums(host, before)
    host.nodes[CONF].xattrs = dict(OTHER_ACL)
    assert configuration.changed_since(host, after) == (CONF,)
    assert configuration.restore(host, before, after, [CONF]).paths == ()
    assert host.nodes[CONF].xattrs == OTHER_ACL
    assert configuration.restore(host, before, after, []).paths == (CONF,)
    assert host.nodes[CONF].xattrs == ACL


def test_what_the_run_brought_goes_again_and_a_link_is_a_link_again() -> None:
    host = FakeHost()
    host.add_link(CONF, "/srv/lab.conf")
    before = configuration.capture(host, [CONF, "/etc/new.conf"])
    replaced(host)
    host.add_file("/etc/new.conf", "new")
    host.add_file(f"{CONF}.dpkg-dist", "of the package")
    after = configuration.checksums(host, before)
    assert set(configuration.restore(host, before, after, ()).paths) == {CONF, "/etc/new.conf", f"{CONF}.dpkg-dist"}
    assert (host.nodes[CONF].kind, host.nodes[CONF].target) == ("link", "/srv/lab.conf")
    assert host.stat("/etc/new.conf") is None
    assert host.stat(f"{CONF}.dpkg-dist") is None


def test_what_cannot_be_put_back_is_named_and_all_else_is_put_back() -> None:
    host = FakeHost()
    for path in ("/etc/a.conf", "/etc/b.conf", "/etc/c.conf"):
        host.add_file(path, "level = 7\n")
    before = configuration.capture(host, ["/etc/a.conf", "/etc/b.conf", "/etc/c.conf"])
    for path in ("/etc/a.conf", "/etc/b.conf", "/etc/c.conf"):
        host.add_file(path, "level = 2\n")

    class Stubborn:
        """One file cannot be written, and another takes what is written for nothing."""

        def __getattr__(self, name: str) -> Any:
            return getattr(host, name)

        def write(self, path: str, *parts: Any) -> None:
            if path == "/etc/a.conf":
                raise ClinicalError("Writing", path, "Operation not permitted")
            if path != "/etc/b.conf":
                host.write(path, *parts)

    restored = configuration.restore(cast(Host, Stubborn()), before, {}, ())
    assert restored.paths == ("/etc/c.conf",)
    assert restored.problems == (
        "Writing /etc/a.conf: Operation not permitted.",
        "Restoring /etc/b.conf: it was written, and is not what it was before the run.",
    )


def test_what_is_no_file_stays_as_it_is() -> None:
    host = FakeHost()
    host.add_dir(CONF)
    before = configuration.capture(host, [CONF])
    del host.nodes[CONF]
    assert configuration.restore(host, before, {}, ()).paths == ()


# --- what runs of earlier releases noted ---


def earlier_image(content: bytes) -> dict[str, object]:
    return {"content": base64.b64encode(content).decode(), "mode": 0o640, "uid": 33, "gid": 0}


def earlier_checksum(content: bytes) -> str:
    text = f"{base64.b64encode(content).decode()} {0o640} 33 0"
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_run_of_an_earlier_release_is_taken_back_and_what_it_did_not_note_stays() -> None:
    host = host_with_acl()
    after = {CONF: earlier_checksum(b"level = 7\n")}
    assert configuration.changed_since(host, after) == ()
    assert configuration.restore(host, {CONF: earlier_image(b"level = 1\n")}, after, ()).paths == (CONF,)
    assert (host.text(CONF), host.nodes[CONF].xattrs) == ("level = 1\n", ACL)
    assert configuration.changed_since(host, after) == (CONF,)


@pytest.mark.parametrize("path", ["/etc/link.conf", "/etc/none.conf"])
def test_where_an_earlier_release_saw_no_file_a_link_is_left_alone(path: str) -> None:
    host = FakeHost()
    host.add_link("/etc/link.conf", "/srv/link.conf")
    before, after = {path: None}, {path: ""}
    assert configuration.changed_since(host, after) == ()
    assert configuration.restore(host, before, after, ()).paths == ()


def test_when_a_file_was_written_is_no_change_of_it() -> None:
    host = host_with_acl()
    after = configuration.checksums(host, [CONF])
    host.nodes[CONF].mtime = 99
    assert configuration.changed_since(host, after) == ()
