# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task says becomes what a host is sent: rendered, read, and never two origins for one file."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import parse
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._configuration.rendered import Renderer, render
from rooms import PLUGINS, ROOT


def template(name: str, variables: Mapping[str, Any]) -> str:
    return f"{name} with {dict(variables)}\n"


RENDERER = Renderer(template=template, source=lambda name: f"file {name}".encode())


def content(file: Mapping[str, Any]) -> str:
    return base64.b64decode(file["content"]).decode()


def test_each_origin_becomes_bytes_or_a_way_to_get_them() -> None:
    files = [
        {"path": "/a", "template": "a.j2", "vars": {"x": 1}, "mode": "0600"},
        {"path": "/b", "source": "b"},
        {"path": "/c", "content": "c", "template": None},
        {"path": "/d", "remote_source": "/e"},
        {"path": "/f", "generate": ["/bin/true"]},
        {"path": "/g", "derive": ["/bin/cat"], "stdin": "x"},
    ]
    sent = render({"files": files, "packages": ["p"], "links": []}, RENDERER)
    assert [content(file) for file in sent["files"][:3]] == ["a.j2 with {'x': 1}\n", "file b", "c"]
    assert (sent["files"][0]["mode"], "vars" in sent["files"][0]) == ("0600", False)
    assert (sent["files"][3]["source"], sent["files"][4]["generate"]) == ("/e", ["/bin/true"])
    assert sent["files"][5] == files[5]
    assert (sent["packages"], "links" in sent) == (["p"], False)


@pytest.mark.parametrize("file", [{"path": "/a"}, {"path": "/a", "content": "", "source": "x"}], ids=["none", "two"])
def test_a_file_has_one_origin(file: dict[str, Any]) -> None:
    with pytest.raises(ClinicalError, match=r"Reading the file /a: .*nothing was changed"):
        render({"files": [file]}, RENDERER)


def test_a_table_has_its_rules_its_unit_and_its_check() -> None:
    table = {
        "unit": "door",
        "table": "inet door",
        "description": "who comes in",
        "path": "/etc/door.nft",
        "content": "rules",
    }
    sent = render({"nftables": [table], "checks": [["/bin/true"]]}, RENDERER)
    parsed = parse({"name": "x", **sent})
    rules, unit, again = parsed.files
    assert again.path == "/etc/systemd/system/nftables.service.d/door.conf"
    assert again.content.count(b"is-active door.service && exec /usr/sbin/nft -f /etc/door.nft'\n") == 3
    assert parsed.units[0].table == "inet door"
    assert (rules.path, rules.content, rules.owner.mode, rules.reload) == (
        "/etc/door.nft",
        b"rules",
        0o600,
        ("door.service",),
    )
    assert b"ExecStop=-/usr/sbin/nft delete table inet door\n" in unit.content
    assert (parsed.units[0].name, parsed.units[0].enabled, parsed.units[0].state) == ("door.service", True, "started")
    assert parsed.checks == (("/bin/true",), ("/usr/sbin/nft", "--check", "--file", "/etc/door.nft"))


def test_tables_are_loaded_in_their_order_and_before_anything_else_starts() -> None:
    tables = [
        {"unit": unit, "table": f"inet {unit}", "description": unit, "path": f"/{unit}", "content": "x"}
        for unit in ("door", "drain")
    ]
    sent = render({"nftables": tables, "units": [{"name": "orthanc.service"}]}, RENDERER)
    assert [unit["name"] for unit in sent["units"]] == ["door.service", "drain.service", "orthanc.service"]


def test_a_table_that_somebody_else_starts_is_left_to_them() -> None:
    table = {
        "unit": "drain",
        "table": "inet drain",
        "description": "drained",
        "path": "/d",
        "content": "",
        "state": "unmanaged",
    }
    (unit,) = parse({"name": "x", **render({"nftables": [table]}, RENDERER)}).units
    assert (unit.enabled, unit.state) == (None, "unmanaged")


WATCHED: dict[str, Any] = {"unit": "portal", "paths": ["/a.pem"], "watched": [], "renew_days": 30, "required": False}


def watching(**more: Any) -> dict[str, Any]:
    return render({"certificates": {**WATCHED, **more}, "packages": ["haproxy"], "checks": [["/bin/true"]]}, RENDERER)


def test_certificates_have_units_that_look_every_day() -> None:
    sent = watching()
    service, timer = sent["files"]
    assert service["path"] == "/etc/systemd/system/portal-certificates.service"
    assert "ExecStart=/usr/bin/openssl x509 -noout -enddate -checkend 2592000 -in /a.pem\n" in content(service)
    assert "Description=Look at the certificates of portal every day\n" in content(timer)
    assert sent["units"] == [{"name": "portal-certificates.timer", "enabled": True, "state": "started"}]
    assert (sent["packages"], sent["checks"]) == (["haproxy", "openssl"], [["/bin/true"]])
    assert parse({"name": "portal", **sent}).certificates.paths == ("/a.pem",)


def test_copies_are_looked_at_where_there_are_some_and_none_is_no_failure() -> None:
    assert "-in /copy.pem\n" in content(watching(watched=["/copy.pem"])["files"][0])
    assert "ExecStart=/usr/bin/true\n" in content(watching(paths=[])["files"][0])


def test_required_certificates_are_checked_before_anything_reads_them() -> None:
    assert watching(required=True)["checks"][1:] == [
        ["/usr/bin/openssl", "x509", "-noout", "-checkend", "0", "-in", "/a.pem"]
    ]


@pytest.mark.parametrize(
    "more",
    [{"paths": ["/a b.pem"]}, {"watched": ["/a.pem\nExecStart=/bin/false"]}, {"unit": "../x"}, {"renew_days": 0}],
    ids=["blank", "line", "unit", "days"],
)
def test_what_would_mean_something_else_in_a_unit_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ClinicalError, match=r"certificates to watch: they cannot be .*; nothing was changed"):
        watching(**more)


DOOR = {"unit": "door", "table": "inet door", "description": "Only senders", "path": "/etc/door.nft"}


def test_a_table_can_be_made_of_its_ports() -> None:
    ports = [
        {"port": 104, "sources": ["192.0.2.1", "2001:db8::/64", "192.0.2.8/29"]},
        {"port": 514, "protocol": "udp", "sources": []},
    ]
    sent = render({"nftables": [{**DOOR, "ports": ports}]}, RENDERER)
    lines = [line.strip() for line in content(sent["files"][0]).split("\n")]
    assert lines[2:4] == ["table inet door", "delete table inet door"]
    begin = lines.index("tcp flags & (fin | syn | rst | ack) != syn accept") + 1
    assert lines[begin : begin + 4] == [
        "tcp dport 104 ip saddr { 192.0.2.1, 192.0.2.8/29 } accept",
        "tcp dport 104 ip6 saddr { 2001:db8::/64 } accept",
        "tcp dport 104 drop",
        "udp dport 514 drop",
    ]
    assert "ports" not in sent["files"][0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ports": [{"port": 0}]},
        {"ports": [{"port": 1, "sources": ["monitor.example"]}]},
        {"ports": [{"port": 1}], "table": "ip door"},
        {"ports": [{"port": 1}], "content": "rules"},
        {"ports": [{"port": 1}], "template": "rules.j2"},
    ],
)
def test_ports_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ClinicalError, match="nothing was changed"):
        render({"nftables": [{**DOOR, **wrong}]}, RENDERER)


ROTATED = {"name": "clinic", "paths": ["/var/log/clinic/*.log"]}


def test_logs_are_rotated_and_logrotate_checks_how() -> None:
    rotation = {**ROTATED, "keep": 30, "size": "50M", "owner": "clinic", "reload": "clinic.service", "mode": None}
    sent = render({"log_rotations": [rotation], "packages": ["p"]}, RENDERER)
    (file,) = sent["files"]
    assert file["path"] == "/etc/logrotate.d/clinic"
    lines = [line.strip() for line in content(file).split("\n")]
    assert lines[1:5] == ["/var/log/clinic/*.log {", "daily", "rotate 30", "maxsize 50M"]
    assert lines[9:] == [
        "create 0640 clinic adm",
        "su clinic adm",
        "sharedscripts",
        "postrotate",
        "! systemctl --quiet is-active clinic.service || systemctl reload clinic.service",
        "endscript",
        "}",
        "",
    ]
    assert sent["packages"] == ["p", "logrotate"]
    assert sent["checks"] == [["/usr/sbin/logrotate", "--debug", "/etc/logrotate.d/clinic"]]


def test_a_rotation_that_nothing_has_to_know_of_runs_nothing() -> None:
    text = content(render({"log_rotations": [ROTATED]}, RENDERER)["files"][0])
    assert "postrotate" not in text
    told = content(render({"log_rotations": [{**ROTATED, "command": ["/bin/x", "a b"]}]}, RENDERER)["files"][0])
    assert "postrotate\n        /bin/x 'a b'\n    endscript" in told


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../x"},
        {"paths": []},
        {"paths": ["/var/log/a b"]},
        {"paths": ["relative.log"]},
        {"keep": 0},
        {"size": "big"},
        {"mode": "a"},
        {"owner": "x y"},
        {"reload": "x; reboot"},
        {"reload": "x.service", "command": ["/bin/x"]},
        {"command": ["/bin/x", "a\nendscript"]},
    ],
)
def test_a_rotation_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ClinicalError, match="nothing was changed"):
        render({"log_rotations": [{**ROTATED, **wrong}]}, RENDERER)


def test_the_example_of_the_manual_can_be_rendered() -> None:
    manual = (ROOT / "docs" / "add-a-system.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(- name: Configure the clinic's page\n.*?)```", manual, re.DOTALL)
    (task,) = yaml.safe_load(text.replace('"{{ clinic_visitors }}"', "[192.0.2.0/24]"))
    options = task["healthops.clinical.service_config"]
    for key in options:
        assert re.search(rf"^  {key}:$", (PLUGINS / "modules" / "service_config.py").read_text("utf-8"), re.MULTILINE)
    parsed = parse({"name": "clinic", **render(options, RENDERER)})
    files = {file.path: file.content.decode() for file in parsed.files}
    assert "tcp dport 8080 ip saddr { 192.0.2.0/24 } accept\n    tcp dport 8080 drop\n" in files["/etc/clinic/door.nft"]
    assert "rotate 30\n    maxsize 50M\n" in files["/etc/logrotate.d/clinic"]
    assert ("/usr/sbin/logrotate", "--debug", "/etc/logrotate.d/clinic") in parsed.checks


def test_what_a_table_is_called_stays_one_line_and_one_word_of_its_units() -> None:
    table = {
        "unit": "door",
        "table": "inet door",
        "description": "5% of all\n[Service]\nExecStart=/bin/sh",
        "path": "/etc/the ward's 100%.nft",
        "content": "rules",
    }
    _rules, unit, again = parse({"name": "x", **render({"nftables": [table]}, RENDERER)}).files
    assert b"Description=nftables rules: 5%% of all [Service] ExecStart=/bin/sh\n" in unit.content
    assert b"ExecStart=/usr/sbin/nft -f '/etc/the ward\\'s 100%%.nft'\n" in unit.content
    assert again.content.count(b"/usr/sbin/nft -f \\'/etc/the ward\\'\"\\'\"\\'s 100%%.nft\\''\n") == 3
