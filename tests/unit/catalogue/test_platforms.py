# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every control on every platform: a host chooses by its facts, and what it gets is something that its kind takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import read_facts, reason_not_applicable
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load, reference
from dirty_host import dirty_host
from fake_host import FakeHost
from fake_programs import PROGRAMS

SHIPPED = Path(__file__).resolve().parents[3] / "roles" / "hardening" / "catalogue"
DATA = reference.read(SHIPPED)
SENT = [Control(**control) for control in load.select(DATA.catalogue, "strict").controls]
RELEASES = {
    "Debian 12": 'ID=debian\nVERSION_ID="12"\n',
    "Debian 13": 'ID=debian\nVERSION_ID="13"\n',
    "Ubuntu 24.04": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
    "Enterprise Linux 9": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n',
}


def host(title: str) -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/os-release", RELEASES[title])
    return made


def on(title: str) -> Dict[str, Control]:
    """The controls as a host of that platform sees them, by their ids."""
    seen = read_facts(host(title))
    return {control.id: control.for_system(seen["family"], seen["distribution"]) for control in SENT}


def test_the_platforms_are_those_that_are_claimed() -> None:
    assert [platform.title for platform in DATA.platforms] == list(RELEASES)
    assert [platform.title for platform in DATA.platforms if platform.tested] == ["Debian 12", "Debian 13"]


@pytest.mark.parametrize("title", RELEASES)
def test_what_a_host_gets_is_accepted_by_its_kind(title: str) -> None:
    wrong = {name: KINDS[c.kind].validate(c.settings) for name, c in on(title).items()}
    assert {name: problems for name, problems in wrong.items() if problems} == {}


@pytest.mark.parametrize("title", RELEASES)
def test_the_reference_says_what_the_host_does(title: str) -> None:
    """Families and versions decide here as there; everything else the host has to have is another matter."""
    made = host(title)
    seen = read_facts(made)
    (platform,) = [platform for platform in DATA.platforms if platform.title == title]
    told = {control.id for control in DATA.catalogue.controls if platform in DATA.concerned(control)}
    keys = ("families", "distributions")
    found = set()
    for name, control in on(title).items():
        applies = {key: value for key, value in control.applies.items() if key in keys}
        if not reason_not_applicable(made, seen, applies):
            found.add(name)
    assert found == told


@pytest.mark.parametrize(
    ("title", "name", "settings"),
    [
        ("Enterprise Linux 9", "service_cron", {"unit": "crond.service", "state": "enabled"}),
        ("Ubuntu 24.04", "service_cron", {"unit": "cron.service", "state": "enabled"}),
        ("Debian 12", "service_cron", {"unit": "cron.service", "state": "enabled"}),
        (
            "Enterprise Linux 9",
            "file_login_log",
            {"path": "/var/log/secure*", "mode": "0640", "group": "root", "readers": True},
        ),
        (
            "Enterprise Linux 9",
            "file_bashrc",
            {"path": "/etc/bashrc", "mode": "0644", "owner": "root", "group": "root"},
        ),
        ("Enterprise Linux 9", "package_pwquality", {"name": "libpwquality", "state": "present"}),
        ("Ubuntu 24.04", "package_pwquality", {"name": "libpam-pwquality", "state": "present"}),
        ("Enterprise Linux 9", "pam_lockout", {"feature": "lockout"}),
        ("Enterprise Linux 9", "package_auditd", {"name": "audit", "state": "present"}),
    ],
)
def test_paths_units_and_packages_are_those_of_the_platform(title: str, name: str, settings: Dict[str, Any]) -> None:
    assert on(title)[name].settings == settings


def test_red_hat_needs_its_own_packages_and_paths() -> None:
    there, here = on("Enterprise Linux 9"), on("Ubuntu 24.04")
    assert there["audit_rules_clock"].applies == {"requires_package": ["audit"]}
    assert here["audit_rules_clock"].applies == {"requires_package": ["auditd"]}
    assert there["file_boot_menu"].applies == {"requires_path": ["/boot/grub2/grub.cfg"]}
    debian_only = [name for name, c in there.items() if "auditd" in c.applies.get("requires_package", ())]
    assert debian_only == []


def test_red_hat_hashes_as_its_policy_for_ciphers_allows() -> None:
    assert on("Enterprise Linux 9")["login_password_hash"].settings["value"] == "SHA512"
    assert on("Debian 12")["login_password_hash"].settings["value"] == "YESCRYPT"


def no_such_package(made: FakeHost, args: Sequence[str]) -> Tuple[int, str, str]:
    return 1, "".join(f"package {name} is not installed\n" for name in args[3:]), ""


@pytest.mark.parametrize("title", RELEASES)
def test_a_run_on_it_judges_every_control(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other programs and other files than a Debian has nothing breaks off, and each control has a result."""
    made = dirty_host()
    made.add_file("/etc/os-release", RELEASES[title])
    if title == "Enterprise Linux 9":
        monkeypatch.setitem(PROGRAMS, "rpm", no_such_package)
        made.programs = {*made.programs, "rpm"} - {"dpkg-query", "apt-get", "pam-auth-update"}
    found = _baseline.audit(made, _baseline.BaselineRequest("a", tuple(SENT))).findings
    assert [finding["id"] for finding in found] == [control.id for control in SENT]
    seen = {finding["id"]: finding for finding in found}
    assert seen["package_sudo"]["result"] == "fail"
    assert ("do it with dnf" in seen["package_sudo"]["reason"]) == (title == "Enterprise Linux 9")
