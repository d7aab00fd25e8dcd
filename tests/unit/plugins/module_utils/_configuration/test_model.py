# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control node sends becomes a configuration, or a refusal that says what could not be meant."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import (
    Owner,
    WantedUnit,
    claimed_paths,
    parse,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError


def test_what_is_left_out_is_roots_and_plain() -> None:
    content = base64.b64encode(b"x").decode()
    parsed = parse(
        {
            "name": "gateway",
            "files": [{"path": "/etc/x", "content": content}],
            "folders": [{"path": "/etc/y", "mode": "0700"}],
            "accounts": [{"name": "relay"}],
            "units": [{"name": "x.service"}],
            "kernel": {"net.ipv4.ip_forward": 1},
        }
    )
    assert (parsed.files[0].content, parsed.files[0].owner) == (b"x", Owner("root", "root", 0o644))
    assert parsed.folders[0].owner.mode == 0o700
    assert (parsed.accounts[0].group, parsed.accounts[0].shell) == ("relay", "/usr/sbin/nologin")
    assert parsed.units == (WantedUnit("x.service"),)
    assert parsed.kernel == (("net.ipv4.ip_forward", "1"),)
    assert claimed_paths(parsed) == ["/etc/y", "/etc/x"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        pytest.param({"name": "../etc"}, "it cannot be the name of a configuration", id="name"),
        pytest.param({"files": [{"path": "/etc/../x"}]}, "it is no plain absolute path", id="dots"),
        pytest.param({"files": [{"path": "etc/x"}]}, "it is no plain absolute path", id="relative"),
        pytest.param({"files": [{"path": "/etc/x\n"}]}, "it is no plain absolute path", id="newline"),
        pytest.param({"folders": [{"path": "/"}]}, "it is no plain absolute path", id="root"),
        pytest.param({"files": [{"path": "/x", "mode": "rw"}]}, "it is no mode", id="mode"),
        pytest.param({"files": [{"path": "/x", "owner": "a b"}]}, "it cannot be an owner", id="owner"),
        pytest.param({"absent": ["/x"], "files": [{"path": "/x"}]}, "/x is named twice", id="twice"),
        pytest.param({"files": [{"path": "/x", "acl": ["user:a:rx"]}]}, "/x: 'user:a:rx' is no entry of an", id="ACL"),
        pytest.param({"packages": ["x; rm"]}, "it cannot be a package", id="package"),
        pytest.param({"units": [{"name": "x"}]}, "it cannot be a unit", id="unit"),
        pytest.param({"kernel": {"a b": "1"}}, "it cannot be a kernel value", id="kernel"),
        pytest.param({"checks": [["haproxy"]]}, "begins with the whole path", id="check"),
        pytest.param({"checks": [[]]}, "begins with the whole path", id="empty check"),
        pytest.param({"accounts": [{"name": "x", "comment": "a:b"}]}, "it cannot stand in passwd", id="comment"),
    ],
)
def test_what_cannot_be_meant_is_refused(sent: dict[str, Any], words: str) -> None:
    with pytest.raises(ClinicalError, match=words) as error:
        parse({"name": "gateway", **sent})
    assert "nothing was changed" in str(error.value)
