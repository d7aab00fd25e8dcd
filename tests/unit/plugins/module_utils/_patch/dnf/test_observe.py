# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real dnf 4.14 and rpm 4.18 answered, as patching knows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import holds
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import (
    OmittedChange,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp
from dnf_host import NOW, OBSERVED, DnfHost, answer_with, changes_by_name, dnf_on
from fake_host import fixture
from mutations import mutations, refusals


def test_the_upgrade_is_told_with_what_its_advisories_say() -> None:
    found = changes_by_name(dnf_on(DnfHost()).observe())
    security = found["lab-security"]
    assert (security.old, security.new, security.security, security.severity) == ("1.0-1", "1.0-3", True, "critical")
    assert (security.cves, security.advisories) == (("CVE-2026-0001",), ("LAB-2026:0001",))
    assert security.why == ("LAB-2026:0001 is for security",)
    assert (found["lab-feature"].security, found["lab-feature"].severity) == (False, "unknown")
    assert (found["lab-epoch"].new, found["lab-new"].change, found["lab-new"].old) == ("1:1.0~rc1-1", "install", "")


def test_what_is_held_and_what_dnf_leaves_out_is_told_with_the_reason() -> None:
    omitted = {out.change.name: out.reason for out in dnf_on(DnfHost()).observe().omitted}
    assert omitted["lab-held"] == "held or excluded on the host"
    assert "lab-nobody-has-it" in omitted["lab-lacks"]


def test_installed_packages_have_their_source_and_their_holds() -> None:
    host = DnfHost()
    host.add_file(holds.VERSIONLOCK, "# Added by hand\nlab-held-0:1.0-1.*\n!lab-conf-0:1.1-1.*\n")
    packages = dnf_on(host).installed()
    assert (packages["lab-epoch"].version, packages["lab-epoch"].source_version) == ("9.0-1", "9.0-1")
    assert [name for name, package in packages.items() if package.held] == ["lab-held"]


def test_two_versions_of_a_package_are_a_cut_transaction_and_two_kernels_are_not() -> None:
    host = DnfHost()
    host.installed = (
        "lab-conf\tnoarch\t1.1-1\tlab-conf-1.1-1.src.rpm\nlab-conf\tnoarch\t1.0-1\tlab-conf-1.0-1.src.rpm\n"
        "kernel-core\tx86_64\t5.14.0-427.el9\tkernel-5.14.0-427.el9.src.rpm\n"
        "kernel-core\tx86_64\t5.14.0-503.el9\tkernel-5.14.0-503.el9.src.rpm\n"
        "gpg-pubkey\t(none)\t350d275d-6279464b\t(none)\n"
    )
    packages = dnf_on(host).installed()
    assert {name: (package.version, package.intact) for name, package in packages.items()} == {
        "lab-conf": ("1.1-1", False),
        "kernel-core:x86_64": ("5.14.0-503.el9", True),
    }


@pytest.mark.parametrize(
    ("answer", "now", "told"),
    [
        pytest.param(answer_with(sources=[]), NOW, "no repository is enabled", id="no repository"),
        pytest.param(
            answer_with(sources=[{**OBSERVED["sources"][0], "advisories": False}]),
            NOW,
            "lab has no advisories",
            id="silent",
        ),
        pytest.param(OBSERVED, NOW + timedelta(days=31), "the list of lab is 31 days old", id="old"),
        pytest.param(OBSERVED, NOW - timedelta(days=31), "which is in the future: the clock", id="of the future"),
        pytest.param(
            answer_with(sources=[{**OBSERVED["sources"][0], "stamp": 10**15}]),
            NOW,
            "the list of lab is without a date",
            id="no time",
        ),
        pytest.param(
            answer_with(failed=["lab: no route"]), NOW, "a list could not be read: lab: no route", id="unreachable"
        ),
        pytest.param(
            answer_with(complaint="conflict"), NOW, "dnf cannot resolve the upgrade: conflict", id="unresolvable"
        ),
    ],
)
def test_where_nobody_can_tell_the_reason_is_told(answer: dict[str, Any], now: datetime, told: str) -> None:
    assert any(told in why for why in dnf_on(DnfHost(observe=answer), now).observe().unknown_because)


def test_where_everything_is_known_nothing_is_unknown() -> None:
    observed = dnf_on(DnfHost()).observe()
    assert (observed.unknown_because, observed.broken) == ((), ())
    assert observed.sources[0].security
    assert not observed.sources[0].stale


def test_kernels_stand_beside_each_other_and_two_of_anything_else_are_a_cut_transaction() -> None:
    host = DnfHost()
    rows = [
        ("kernel-core", "5.2-1"),
        ("kernel-core", "5.10-1"),
        ("kernel-core", "5.1-1"),
        ("lab", "1-1"),
        ("lab", "2-1"),
    ]
    host.installed = "".join(f"{name}\tx86_64\t{version}\t{name}.src.rpm\n" for name, version in rows)
    packages = dnf_on(host).installed()
    kernel, lab = packages["kernel-core:x86_64"], packages["lab:x86_64"]
    assert (kernel.version, kernel.intact, kernel.side_by_side) == ("5.10-1", True, True)
    assert [kernel.has(version) for version in ("5.1-1", "5.2-1", "5.10-1", "5.3-1")] == [True, True, True, False]
    assert (lab.version, lab.intact, lab.side_by_side) == ("2-1", False, False)


def test_whatever_rpm_says_is_read_or_named() -> None:
    def observe(text: str) -> object:
        host = DnfHost()
        host.installed = text
        return dnf_on(host).observe()

    errors = refusals(observe, mutations(fixture("rpm_qa", "debian12-4.18.0")))
    assert {error.subject for error in errors} == {"the rpm database"}


def test_a_cut_transaction_is_seen() -> None:
    observed = dnf_on(DnfHost(observe=answer_with(duplicates=["lab-conf.noarch 1.0-1"]))).observe()
    assert observed.broken == ("lab-conf.noarch 1.0-1 was not removed: a transaction was cut",)


def test_the_cves_that_the_lists_name_are_those_of_held_packages_as_well() -> None:
    host = DnfHost()
    assert dnf_on(host).cves(refresh=True) == ("CVE-2026-0001", "CVE-2026-0002")
    assert [each["what"] for each in host.requests] == ["refresh", "observe"]


def test_what_is_known_to_be_exploited_is_the_most_pressing() -> None:
    security = replace(changes_by_name(dnf_on(DnfHost()).observe())["lab-security"], first_seen=format_stamp(NOW))
    told = [{"cve": "CVE-2026-0001", "fixed": security.source_new, "kev_due": "2999-01-01", "epss": 0.9}]
    rate = policy.read({}).rate(security, told, dnf_on(DnfHost()).brings, NOW)
    assert (rate.severity, rate.epss, rate.cves) == ("kev", 0.9, ("CVE-2026-0001",))


def test_what_is_chosen_brings_what_it_needs_unless_that_may_not_come() -> None:
    observed = dnf_on(DnfHost()).observe()
    known = changes_by_name(observed)
    told = [each for each in OBSERVED["changes"] if each["name"] in ("lab-dep", "lab-new")]
    manager = dnf_on(DnfHost(narrow={"changes": told, "complaint": ""}))
    found, lost = manager.narrow(observed, [known["lab-dep"]], lambda _change: None)
    assert [(change.name, change.why) for change in found] == [("lab-dep", ()), ("lab-new", ("the others need it",))]
    assert lost == ()
    barred = OmittedChange("excluded", known["lab-new"], "never")
    found, lost = manager.narrow(observed, [known["lab-dep"]], lambda c: barred if c.name == "lab-new" else None)
    assert found == ()
    assert [(out.change.name, out.reason) for out in lost] == [("lab-dep", "it needs a package that may not come")]
    assert manager.narrow(observed, [], lambda _change: None) == ((), ())
