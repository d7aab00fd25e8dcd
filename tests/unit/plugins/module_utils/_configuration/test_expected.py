# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit expects is said entry by entry, and holds no content."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._configuration.expected import expectations, reads
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import parse


def file(path: str, text: str = "hush\n", **more: Any) -> dict[str, Any]:
    return {"path": path, "content": base64.b64encode(text.encode()).decode(), **more}


DIGEST = f"sha256 {hashlib.sha256(b'hush' + bytes([10])).hexdigest()}"
WHOLE = parse(
    {
        "name": "gateway",
        "packages": ["haproxy"],
        "groups": ["audit"],
        "accounts": [{"name": "relay", "groups": ["audit"]}],
        "folders": [{"path": "/srv/x", "acl": ["user:relay:r-x"]}],
        "files": [
            file("/etc/plain", reload=["x.service"]),
            file("/etc/secret", mode="0600", secret=True, restart=["x.service"]),
            file("/etc/once", once=True),
            {"path": "/etc/copy", "source": "/etc/given"},
            {"path": "/etc/key", "generate": ["/usr/bin/openssl"]},
        ],
        "links": [{"path": "/etc/link", "target": "plain", "reload": ["x.service"]}],
        "absent": ["/etc/not"],
        "kernel": {"net.ipv4.ip_forward": "1"},
        "units": [
            {"name": "x.service", "enabled": True, "state": "started", "reload_on": ["/etc/ssl/a"]},
            {"name": "door.service", "table": "inet door"},
            {"name": "old.service", "enabled": False, "state": "stopped"},
        ],
    }
)


def test_each_subject_has_its_entries() -> None:
    expected = expectations(WHOLE)
    root = {"kind": "file", "owner": "root:root", "mode": "0644"}
    assert expected["file"]["/etc/plain"] == {**root, "content": DIGEST}
    assert expected["file"]["/etc/secret"] == {**root, "mode": "0600", "content not shown": DIGEST}
    assert expected["file"]["/etc/once"] == expected["file"]["/etc/key"] == root
    assert expected["file"]["/etc/copy"] == {**root, "copy of": "/etc/given"}
    assert expected["file"]["/etc/link"] == {"kind": "link", "target": "plain"}
    assert expected["file"]["/etc/not"] == {"kind": "absent"}
    assert expected["file"]["/srv/x"]["ACL"].startswith("user::rwx user:relay:r-x group::r-x")
    assert expected["file"]["/etc/sysctl.d/60-healthops-gateway.conf"]["kind"] == "file"
    assert expected["kernel value"] == {"net.ipv4.ip_forward": {"value": "1"}}
    assert expected["package"] == {"haproxy": {"kind": "installed"}}
    assert sorted(expected["group"]) == ["audit", "relay"]
    assert expected["account"]["relay"]["groups"] == "audit"
    assert expected["unit"] == {
        "x.service": {
            "unit file": "read",
            "at boot": "enabled",
            "state": "started",
            "settings": ["/etc/link", "/etc/plain", "/etc/secret", "/etc/ssl/a"],
        },
        "door.service": {"unit file": "read", "table": "inet door"},
        "old.service": {"unit file": "read", "at boot": "disabled", "state": "stopped"},
    }


def test_nothing_wanted_is_nothing_expected() -> None:
    assert expectations(parse({"name": "gateway"})) == {}


def test_no_content_is_in_it_and_it_is_plain_data() -> None:
    text = json.dumps(expectations(WHOLE))
    assert "hush" not in text
    assert base64.b64encode(b"hush\n").decode() not in text
    assert json.loads(text) == expectations(WHOLE)


def test_what_a_unit_reads_when_it_starts_is_told_from_what_it_reads_again() -> None:
    assert reads(WHOLE, WHOLE.units[0]) == (["/etc/secret"], ["/etc/plain", "/etc/link", "/etc/ssl/a"])
