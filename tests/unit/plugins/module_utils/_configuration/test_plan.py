# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change is planned from what is there, and refused where the host could not have it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._configuration import manifest
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import parse
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.plan import Plan, plan
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost
from fake_programs import FakePackage, FakeUnit


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def planned(host: FakeHost, **sent: Any) -> Plan:
    return plan(host, parse({"name": "gateway", **sent}), manifest.load(host, "gateway"))


def file(path: str, text: str = "x\n", **more: Any) -> dict[str, Any]:
    return {"path": path, "content": base64.b64encode(text.encode()).decode(), **more}


def subjects(found: Plan) -> list[str]:
    return [f"{step.subject.type} {step.subject.name}" for group in found.groups for step in group.steps]


def effects(found: Plan) -> list[str]:
    return [effect.verb for group in found.groups for effect in group.effects]


def test_nothing_wanted_is_nothing_to_do(host: FakeHost) -> None:
    assert planned(host).groups == ()


def test_folders_are_made_before_what_is_in_them(host: FakeHost) -> None:
    assert subjects(planned(host, files=[file("/etc/a/b/c")]))[:3] == [
        "file /etc/a",
        "file /etc/a/b",
        "file /etc/a/b/c",
    ]


def test_a_unit_file_has_systemd_read_its_units_anew(host: FakeHost) -> None:
    found = planned(host, files=[file("/etc/systemd/system/x.service.d/y.conf")])
    assert [effect.verb for effect in found.groups[-1].effects] == ["daemon-reload"]


def test_only_owner_and_mode_are_no_reason_to_reload(host: FakeHost) -> None:
    host.units["x.service"] = FakeUnit(active=True, since=host.clock + 1)
    host.add_file("/etc/x.conf", "x\n", mode=0o600)
    found = planned(host, files=[file("/etc/x.conf", reload=["x.service"])], units=[{"name": "x.service"}])
    assert found.groups[-1].effects == ()
    assert (found.groups[-1].steps[0].before, found.groups[-1].steps[0].after) == ("root:root 0600", "root:root 0644")


def test_a_certificate_of_somebody_else_that_is_newer_reloads_what_reads_it(host: FakeHost) -> None:
    host.units["x.service"] = FakeUnit(active=True, since=host.clock)
    host.add_file("/etc/ssl/x.pem", "x\n")
    unit = {"name": "x.service", "reload_on": ["/etc/ssl/x.pem"]}
    assert effects(planned(host, units=[unit])) == []
    host.clock += 1
    host.add_file("/etc/ssl/x.pem", "y\n")
    assert effects(planned(host, units=[unit])) == ["reload-or-restart"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        pytest.param({"files": [file("/etc/d")]}, "it is a folder; nothing was changed", id="file over folder"),
        pytest.param({"links": [{"path": "/etc/d", "target": "x"}]}, "it is a folder", id="link over folder"),
        pytest.param({"folders": [{"path": "/etc/f"}]}, "it is a file; nothing was changed", id="folder over file"),
        pytest.param({"kernel": {"no.such": "1"}}, "this kernel does not have it", id="kernel"),
        pytest.param({"units": [{"name": "m.service", "state": "started"}]}, "somebody masked it", id="masked"),
        pytest.param({"packages": ["none"]}, "none", id="package"),
    ],
)
def test_what_the_host_cannot_have_is_refused(host: FakeHost, sent: dict[str, Any], words: str) -> None:
    host.add_dir("/etc/d")
    host.add_file("/etc/f")
    host.add_link("/etc/systemd/system/m.service", "/dev/null")
    host.units["m.service"] = FakeUnit(masked=True)
    before = host.state()
    with pytest.raises(ClinicalError, match=words):
        planned(host, **sent)
    assert host.state() == before


def test_packages_come_first_and_in_one_transaction(host: FakeHost) -> None:
    host.mirror.update(aa=FakePackage("1"), bb=FakePackage("2"))
    host.add_dir("/var/lib/apt")
    found = planned(host, packages=["aa", "bb"], files=[file("/etc/x")])
    assert [group.name for group in found.groups] == ["package", "gateway"]
    assert "packages aa bb" in subjects(found)
    assert found.manifest.packages == ("aa", "bb")


def test_a_table_that_somebody_has_flushed_is_loaded_again(host: FakeHost) -> None:
    host.units["door.service"] = FakeUnit(active=True, since=host.clock)
    unit = {"name": "door.service", "table": "inet door"}
    host.tables["inet door"] = "table inet door {}"
    assert effects(planned(host, units=[unit])) == []
    del host.tables["inet door"]
    assert effects(planned(host, units=[unit])) == ["restart"]


def test_what_the_configuration_starts_or_stops_waits_while_its_package_comes(host: FakeHost) -> None:
    host.mirror["aa"] = FakePackage("1")
    host.add_dir("/var/lib/apt")
    host.units["runs.service"] = FakeUnit(active=True)
    states = {"runs": "started", "new": "started", "off": "stopped", "theirs": "unmanaged"}
    units = [{"name": f"{name}.service", "state": state} for name, state in states.items()]
    (package,) = (group for group in planned(host, packages=["aa"], units=units).groups if group.name == "package")
    assert (package.steps[1].wanted or {})["waiting"] == ["new.service", "off.service"]


def test_what_is_not_wanted_any_more_stops_in_the_opposite_order(host: FakeHost) -> None:
    earlier = manifest.Manifest("gateway", units=("door.service", "archive.service"))
    for name in earlier.units:
        host.units[name] = FakeUnit(active=True)
    (group,) = plan(host, parse({"name": "gateway"}), earlier).groups
    stopped = [step.subject.name for step in group.steps if step.subject.type == "own unit"]
    assert stopped == ["archive.service", "door.service"]


# --- beside another system on the same host ---


@pytest.fixture
def neighbour(host: FakeHost) -> manifest.Manifest:
    """Another system: it has a file, a link, a folder that is empty so far, and runs nginx."""
    neighbour = manifest.Manifest(
        "clinic",
        files=("/etc/clinic.conf", "/etc/nginx/sites-enabled/clinic"),
        folders=("/etc/shared",),
        units=("nginx.service",),
    )
    host.add_file("/etc/clinic.conf")
    host.add_link("/etc/nginx/sites-enabled/clinic", "/etc/clinic.conf")
    host.add_file(manifest.path_of("clinic"), manifest.encode(neighbour))
    return neighbour


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"files": [file("/etc/clinic.conf")]}, id="file"),
        pytest.param({"links": [{"path": "/etc/nginx/sites-enabled/clinic", "target": "x"}]}, id="link"),
        pytest.param({"absent": ["/etc/clinic.conf"]}, id="absent"),
        pytest.param({"folders": [{"path": "/etc/clinic.conf"}]}, id="folder"),
    ],
)
@pytest.mark.usefixtures("neighbour")
def test_what_belongs_to_another_system_is_refused(host: FakeHost, sent: dict[str, Any]) -> None:
    with pytest.raises(ClinicalError, match=r"it belongs to the configuration clinic; nothing was changed"):
        planned(host, **sent)


@pytest.mark.usefixtures("neighbour")
def test_a_unit_and_a_folder_that_another_system_needs_as_well_outlive_the_configuration(host: FakeHost) -> None:
    host.add_dir("/etc/shared")
    for name in ("nginx.service", "gateway.service"):
        host.units[name] = FakeUnit(active=True)
    earlier = manifest.Manifest("gateway", folders=("/etc/shared",), units=("nginx.service", "gateway.service"))
    host.add_file(manifest.path_of("gateway"), manifest.encode(earlier))
    found = subjects(planned(host))
    assert "unit gateway.service" in " ".join(found)
    assert [subject for subject in found if "nginx" in subject or "shared" in subject] == []


@pytest.mark.parametrize(
    ("release", "problem"),
    [
        ("ID=debian\nVERSION_ID=12\n", ""),
        ("ID=debian\nVERSION_ID=11\n", "it has Debian 11; nothing was changed. gateway is for Debian 12 and 13"),
        ("ID=rocky\nVERSION_ID=9.4\n", "it has Rocky 9.4; nothing was changed"),
    ],
)
def test_only_the_platforms_it_is_for_are_configured(host: FakeHost, release: str, problem: str) -> None:
    host.add_file("/etc/os-release", release)
    if not problem:
        assert planned(host, platforms={"Debian": ["12", "13"]}).groups == ()
        return
    with pytest.raises(ClinicalError, match=problem):
        planned(host, platforms={"Debian": ["12", "13"]})
