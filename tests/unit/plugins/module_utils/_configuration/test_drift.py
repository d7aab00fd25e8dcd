# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is otherwise than it was configured is named with its values, and is what configuring again would change."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Group, Step
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File, file_image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.units import systemctl
from ansible_collections.healthops.clinical.plugins.module_utils._configuration import drift, manifest, transaction
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import parse
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.transaction import ConfigurationRequest
from ansible_collections.healthops.clinical.plugins.module_utils._guard import run as guarded_run
from ansible_collections.healthops.clinical.plugins.module_utils._host import acl
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import DRIFT_KEYS, KEYS
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import parse_stamp, stamp_of
from fake_host import FakeHost
from fake_programs import FakePackage


def file(path: str, text: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "content": base64.b64encode(text.encode()).decode(), **more}


CLINIC = {
    "name": "clinic",
    "packages": ["haproxy"],
    "groups": ["audit"],
    "accounts": [{"name": "relay", "comment": "TURN"}],
    "folders": [{"path": "/srv/page", "mode": "0750", "acl": ["user:haproxy:r-x"]}],
    "files": [
        file("/etc/clinic.conf", "ours\n", reload=["haproxy.service"]),
        file("/etc/clinic.key", "hush\n", mode="0600", secret=True),
        file("/etc/clinic.drained", "1\n", once=True),
        {"path": "/etc/clinic.pem", "source": "/etc/ssl/given.pem"},
    ],
    "links": [{"path": "/etc/clinic.link", "target": "clinic.conf"}],
    "absent": ["/etc/clinic.old"],
    "kernel": {"net.ipv4.ip_nonlocal_bind": "1"},
    "units": [{"name": "haproxy.service", "enabled": True, "state": "started", "table": "inet clinic"}],
}


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.mirror["haproxy"] = FakePackage("2.6", unit="haproxy.service")
    made.add_dir("/var/lib/apt")
    made.add_dir("/usr/sbin")
    made.add_file("/etc/passwd", "root:x:0:0::/root:/bin/bash\n")
    made.add_file("/etc/group", "root:x:0:\n")
    made.add_file("/etc/ssl/given.pem", "PEM\n")
    made.kernel["net.ipv4.ip_nonlocal_bind"] = "0"
    made.users["haproxy"] = made.groups["haproxy"] = 111
    made.tables["inet clinic"] = "table inet clinic {}"
    made.add_file("/etc/clinic.conf", "before\n")
    configure(made, "r1-clinic")
    made.clock += 100
    return made


def configure(host: FakeHost, run_id: str, check: bool = False) -> transaction.ConfigurationResult:
    host.clock += 10
    request = ConfigurationRequest(run_id=run_id, configuration=parse(copy.deepcopy(CLINIC)))
    return transaction.apply(host, request, check)


def drifted(host: FakeHost) -> list[dict[str, Any]]:
    (stands,) = drift.audit(host)
    assert tuple(stands) == KEYS
    assert stands["errors"] == []
    assert all(tuple(item) == DRIFT_KEYS for item in stands["drift"])
    return list(stands["drift"])


def named(host: FakeHost) -> list[tuple[str, str, str, str]]:
    return [(item["subject"], item["entry"], item["set"], item["now"]) for item in drifted(host)]


def test_a_host_without_a_configuration_has_none_to_drift() -> None:
    assert drift.audit(FakeHost()) == []


def test_what_was_just_configured_has_not_drifted(host: FakeHost) -> None:
    assert not configure(host, "again", check=True).changed
    before = host.state()
    (stands,) = drift.audit(host)
    assert (stands["name"], stands["run_id"], stands["drift"], stands["errors"]) == ("clinic", "r1-clinic", [], [])
    assert parse_stamp(stands["configured"]).timestamp() == pytest.approx(host.now(), abs=20)
    assert host.state() == before


def node_attribute(path: str, name: str, value: Any) -> Callable[[FakeHost], None]:
    return lambda host: setattr(host.nodes[path], name, value)


def gone(path: str) -> Callable[[FakeHost], None]:
    return lambda host: host.nodes.pop(path) and None


OTHER_ACL = {acl.ATTRIBUTE: acl.read_by_group(7)}
#: What somebody does behind our back, and what is then named: the subject, the entry, what was set and what is now.
BEHIND = [
    pytest.param(
        lambda host: host.add_file("/etc/clinic.key", "known\n", mode=0o600),
        ("file /etc/clinic.key", "content not shown", "as configured", "differs"),
        id="secret",
    ),
    pytest.param(
        node_attribute("/etc/clinic.conf", "mode", 0o666), ("file /etc/clinic.conf", "mode", "0644", "0666"), id="mode"
    ),
    pytest.param(
        node_attribute("/etc/clinic.drained", "uid", 111),
        ("file /etc/clinic.drained", "owner", "root:root", "haproxy:root"),
        id="owner",
    ),
    pytest.param(gone("/etc/clinic.key"), ("file /etc/clinic.key", "kind", "file", "absent"), id="gone"),
    pytest.param(
        lambda host: host.add_file("/etc/ssl/given.pem", "NEWER\n"),
        ("file /etc/clinic.pem", "copy of", "/etc/ssl/given.pem", "another content"),
        id="copy",
    ),
    pytest.param(
        gone("/etc/ssl/given.pem"),
        ("file /etc/clinic.pem", "copy of", "/etc/ssl/given.pem", "another content"),
        id="source gone",
    ),
    pytest.param(
        lambda host: host.add_link("/etc/clinic.link", "evil"),
        ("file /etc/clinic.link", "target", "clinic.conf", "evil"),
        id="link",
    ),
    pytest.param(
        lambda host: host.add_file("/etc/clinic.old", "x"),
        ("file /etc/clinic.old", "kind", "absent", "file"),
        id="absent",
    ),
    pytest.param(
        node_attribute("/srv/page", "xattrs", OTHER_ACL),
        (
            "file /srv/page",
            "ACL",
            "user::rwx user:haproxy:r-x group::r-x mask::r-x other::---",
            "user::rw- group::r-- group:7:r-- mask::r-- other::---",
        ),
        id="ACL",
    ),
    pytest.param(
        lambda host: host.kernel.update({"net.ipv4.ip_nonlocal_bind": "0"}),
        ("kernel value net.ipv4.ip_nonlocal_bind", "value", "1", "0"),
        id="kernel",
    ),
    pytest.param(
        lambda host: setattr(host.units["haproxy.service"], "active", False),
        ("unit haproxy.service", "state", "started", "inactive"),
        id="unit",
    ),
    pytest.param(
        lambda host: systemctl(host, "disable", "haproxy.service"),
        ("unit haproxy.service", "at boot", "enabled", "disabled"),
        id="at boot",
    ),
    pytest.param(
        lambda host: host.tables.pop("inet clinic"),
        ("unit haproxy.service", "table", "inet clinic", "not loaded"),
        id="table",
    ),
    pytest.param(
        lambda host: host.add_file("/etc/passwd", host.text("/etc/passwd").replace("TURN", "own")),
        ("account relay", "comment", "TURN", "own"),
        id="account",
    ),
    pytest.param(lambda host: host.groups.pop("audit"), ("group audit", "kind", "there", "absent"), id="group"),
]


@pytest.mark.parametrize(("behind", "wanted"), BEHIND)
def test_what_is_changed_behind_our_back_is_named_and_is_what_configuring_changes(
    host: FakeHost, behind: Callable[[FakeHost], Any], wanted: tuple[str, str, str, str]
) -> None:
    behind(host)
    assert wanted in named(host)
    assert len(named(host)) == 1
    if "/etc/ssl/given.pem" in host.nodes:
        assert configure(host, "again", check=True).changed


def test_a_changed_file_tells_three_digests_and_that_its_unit_has_not_read_it(host: FakeHost) -> None:
    host.add_file("/etc/clinic.conf", "theirs\n")
    content, settings = drifted(host)
    values = [content[key] for key in ("before", "set", "now")]
    assert len(set(values)) == 3
    assert all(value.startswith("sha256 ") for value in values)
    assert content["since"] == stamp_of(host.nodes["/etc/clinic.conf"].ctime)
    assert (content["reason"], content["run_id"]) == ("changed by somebody since", "")
    assert (settings["subject"], settings["entry"]) == ("unit haproxy.service", "settings")
    configure(host, "r2-clinic")
    assert drifted(host) == []


def test_a_later_run_of_ours_is_named(host: FakeHost) -> None:
    path = "/etc/clinic.drained"
    step = Step(File(path), file_image(b"1\n", 0o600), "0644", "0600", "a control", ("narrow",))
    guarded_run.carry_out(host, "h2", [Group("files", (step,))], None)
    (item,) = drifted(host)
    assert (item["entry"], item["now"], item["run_id"]) == ("mode", "0600", "h2")
    assert item["reason"] == "changed by the later run h2"


def test_a_list_that_is_not_wanted_any_more_is_named(host: FakeHost) -> None:
    without = copy.deepcopy(CLINIC)
    without["folders"][0]["acl"] = []  # type: ignore[index]
    transaction.apply(host, ConfigurationRequest(run_id="r2-clinic", configuration=parse(without)), check=False)
    assert drifted(host) == []
    host.nodes["/srv/page"].xattrs = OTHER_ACL
    (item,) = drifted(host)
    assert (item["entry"], item["set"]) == ("ACL", "none")
    assert item["now"].startswith("user::rw- group::r--")


def test_no_secret_is_in_it_not_even_as_a_digest(host: FakeHost) -> None:
    host.add_file("/etc/clinic.key", "known\n")
    text = json.dumps(drift.audit(host))
    assert "sha256" not in text
    assert "hush" not in text
    assert "known" not in text


def test_what_cannot_be_read_is_an_error_and_the_rest_is_read(host: FakeHost) -> None:
    host.programs.discard("dpkg-query")
    host.nodes["/etc/clinic.conf"].mode = 0o600
    (stands,) = drift.audit(host)
    assert len(stands["errors"]) == 1
    assert [item["subject"] for item in stands["drift"]] == ["file /etc/clinic.conf"]


def test_a_damaged_manifest_is_an_error(host: FakeHost) -> None:
    host.add_file(manifest.path_of("clinic"), "nonsense\n")
    (stands,) = drift.audit(host)
    assert "the file is damaged" in stands["errors"][0]


def test_without_a_journal_it_is_named_all_the_same(host: FakeHost) -> None:
    for path in [path for path in host.nodes if path.startswith(journal.JOURNAL + "/")]:
        host.nodes.pop(path)
    host.add_file("/etc/clinic.conf", "theirs\n")
    assert [item["before"] for item in drifted(host)] == ["", ""]
