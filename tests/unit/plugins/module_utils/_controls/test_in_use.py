# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in use is not stopped: what runs, what listens, what others need, what the inventory declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls import in_use
from ansible_collections.healthops.clinical.plugins.module_utils._controls.context import SurveyContext
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import read_facts
from fake_host import FakeHost
from fake_programs import FakePackage, FakeUnit
from fake_sockets import listen, process

NGINX = Control("package_nginx", "package", {"name": "nginx", "state": "absent"})
CUPS = Control("service_cups", "service", {"unit": "cups.service", "state": "masked"})
DCCP = Control("module_dccp", "kernel_module", {"module": "dccp"})


def server() -> FakeHost:
    """nginx serves three clients; its units belong to another package, as on Debian."""
    host = FakeHost()
    host.mirror.update({"nginx": FakePackage("1.22", depends=("nginx-common",)), "nginx-common": FakePackage("1.22")})
    host.packages.update({"nginx": "1.22", "nginx-common": "1.22"})
    host.units["nginx.service"] = FakeUnit(active=True, since=1000.0)
    host.add_file("/var/lib/dpkg/info/nginx.list", "/.\n/sbin\n/sbin/nginx\n")
    listen(host, 80, pid=12, unit="nginx.service", program="nginx", clients=3)
    return host


def audit(
    host: FakeHost, control: Control, allow_stop: Sequence[str] = (), keeps: dict[str, str] | None = None
) -> dict[str, Any]:
    request = _baseline.BaselineRequest("a", (control,), frozenset(allow_stop), keeps=keeps or {})
    report = _baseline.audit(host, request)
    (finding,) = report.findings
    return {**finding, "changed": report.changed}


def test_a_package_whose_program_serves_clients_stays() -> None:
    finding = audit(server(), NGINX)
    assert (finding["result"], finding["changed"]) == ("fail", False)
    assert finding["reason"] == (
        "nginx.service is in use: it runs; it listens on tcp 80 (3 clients); "
        "to have it removed, list nginx in hardening_allow_stop"
    )


def test_a_package_that_is_a_part_of_a_running_service_stays() -> None:
    """Its own program starts with the first client, and the service belongs to another package."""
    host = FakeHost()
    host.mirror["dovecot-imapd"] = FakePackage("1:2.3")
    host.packages["dovecot-imapd"] = "1:2.3"
    host.units["dovecot.service"] = FakeUnit(active=True, since=1000.0)
    host.add_file("/var/lib/dpkg/info/dovecot-imapd.list", "/.\n/usr/lib/dovecot\n/usr/lib/dovecot/imap-login\n")
    listen(host, 143, pid=12, unit="dovecot.service", program="dovecot")
    process(host, 13, "dovecot.service", "anvil", "/usr/lib/dovecot/anvil")
    wanted = Control("package_dovecot_imapd", "package", {"name": "dovecot-imapd", "state": "absent"})
    finding = audit(host, wanted)
    assert (finding["result"], finding["changed"]) == ("fail", False)
    assert "dovecot.service is in use: it runs; it listens on tcp 143" in finding["reason"]


@pytest.mark.parametrize("consent", ["nginx", "nginx.service", "package_nginx"])
def test_consent_names_the_package_the_unit_or_the_control(consent: str) -> None:
    finding = audit(server(), NGINX, [consent])
    assert (finding["reason"], finding["changed"]) == ("", True)


def test_a_package_that_nobody_uses_goes() -> None:
    host = server()
    host.units["nginx.service"].active = False
    for path in [path for path in host.nodes if path.startswith("/proc/12")]:
        del host.nodes[path]
    assert audit(host, NGINX)["changed"]


def test_a_program_that_somebody_runs_by_hand_stays() -> None:
    host = server()
    host.units["nginx.service"].active = False
    process(host, 12, "", "nginx", "/usr/sbin/nginx")
    assert audit(host, NGINX)["reason"].startswith("somebody runs /usr/sbin/nginx; ")


@pytest.mark.parametrize("name", ["nginx", "nginx.service"])
def test_what_a_purpose_keeps_stays_though_it_does_not_run(name: str) -> None:
    host = server()
    host.add_file("/var/lib/dpkg/info/nginx.list", "/lib/systemd/system/nginx.service\n")
    host.units["nginx.service"].active = False
    finding = audit(host, NGINX, keeps={name: "this host is declared as web_server"})
    assert finding["reason"].startswith("this host is declared as web_server; ")
    assert not finding["changed"]


def test_a_unit_says_what_would_be_cut() -> None:
    host = FakeHost()
    host.units.update({"cups.service": FakeUnit(active=True), "labels.service": FakeUnit(active=True)})
    listen(host, 631, pid=7, unit="cups.service", program="cupsd", clients=1)
    listen(host, 5353, pid=7, unit="cups.service", program="cupsd", protocol="udp")
    argv = ("systemctl", "show", "--property", ",".join(in_use._NEEDED_BY), "--", "cups.service")
    words = "Id=cups.service\nRequiredBy=cups.socket labels.service stopped.service\nWantedBy=multi-user.target\n"
    host.answers[argv] = CommandResult(argv, 0, words, "")
    finding = audit(host, CUPS)
    assert finding["reason"] == (
        "it runs; it listens on tcp 631 (1 client); labels.service needs it; "
        "to have it stopped, list cups.service in hardening_allow_stop"
    ).replace("tcp 631", "tcp 631, udp 5353")
    assert not finding["changed"]


@pytest.mark.parametrize("consent", ["cups.service", "service_cups"])
def test_with_consent_a_unit_goes_and_what_needs_it_may_go_too(consent: str) -> None:
    host = FakeHost()
    host.units["cups.service"] = FakeUnit(active=True)
    request = _baseline.BaselineRequest("e", (CUPS,), frozenset({consent}))
    context = SurveyContext(facts=read_facts(host), allow_stop=request.allow_stop)
    surveyed = _baseline.survey(host, request.controls, context)
    assert [group.stops for group in surveyed.groups] == [("cups.service",)]
    report = _baseline.enforce(host, request)
    assert [f["result"] for f in report.findings] == ["fixed"]
    assert report.availability["consented"] == ["cups.service"]
    assert report.availability["lost"] == []


def test_a_unit_that_a_purpose_keeps_is_not_masked_though_it_does_not_run() -> None:
    host = FakeHost()
    host.units["cups.service"] = FakeUnit()
    assert audit(host, CUPS)["changed"]
    finding = audit(host, CUPS, keeps={"cups.service": "this host is declared as print_server"})
    assert (finding["result"], finding["changed"]) == ("fail", False)
    assert finding["reason"].startswith("this host is declared as print_server; ")


@pytest.mark.parametrize(
    ("users", "consent", "changed"),
    [(2, (), False), (2, ("dccp",), True), (2, ("module_dccp",), True), (0, (), True), (None, (), True)],
)
def test_a_kernel_module_that_is_used_stays_loadable(users: int | None, consent: Sequence[str], changed: bool) -> None:
    host = FakeHost()
    host.add_dir("/etc/modprobe.d")
    if users is not None:
        host.modules["dccp"] = users
    finding = audit(host, DCCP, consent)
    assert finding["changed"] == changed
    assert ("list dccp in hardening_allow_stop" in finding["reason"]) != changed


def test_units_that_group_others_and_the_unit_itself_do_not_need_it() -> None:
    block = "Id=cups.service\nRequiredBy=cups.socket labels.service\nWantedBy=multi-user.target labels.service\n"
    assert in_use.parse_needed_by(block) == ["cups.socket", "labels.service"]
