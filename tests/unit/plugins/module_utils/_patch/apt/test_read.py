# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt and dpkg of Debian 12 and 13 really print."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Callable

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import read
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.read import (
    Offer,
    ReleaseDates,
    SimulatedStep,
)
from fake_host import fixture
from mutations import mutations, refusals

SYSTEMS = ("debian-12", "debian-13")


@pytest.mark.parametrize("system", SYSTEMS)
def test_packages_with_their_sources_and_holds(system: str) -> None:
    found = read.packages(fixture("patch_dpkg_query", system))
    assert found["bash:amd64"].source_version == found["bash:amd64"].version.partition("+b")[0]
    assert found["libc6:amd64"].source == "glibc"
    assert [key for key, package in found.items() if package.held] == ["lab-held"]
    assert all(package.intact for package in found.values())


def test_what_was_left_half_done_is_not_whole_and_what_is_away_is_not_there() -> None:
    lines = [
        "whole\tall\t1\twhole\t1\tinstall ok installed",
        "cut\tall\t1\tcut\t1\tinstall ok half-configured",
        "unpacked\tall\t1\tunpacked\t1\thold ok unpacked",
        "gone\tall\t1\tgone\t1\tdeinstall ok config-files",
    ]
    found = read.packages("\n".join(lines) + "\n")
    assert {key: package.intact for key, package in found.items()} == {"whole": True, "cut": False, "unpacked": False}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_step_of_a_simulation(system: str) -> None:
    steps = {step.name: step for step in read.simulated(fixture("apt_simulate", system)).steps}
    number = system.partition("-")[2]
    assert len(steps) == 12
    assert steps["lab-epoch"] == SimulatedStep(
        "lab-epoch", "all", "1:1.0~rc1-1", "1:1.0-1", (f"Debian:{number}/stable",)
    )
    assert steps["linux-image-6.90.0-2-lab-amd64"].old == ""


@pytest.mark.parametrize(
    ("system", "kept_back", "phased"),
    [
        pytest.param("debian-12", ("lab-held", "lab-phased"), (), id="apt 2.6 has one list for both"),
        pytest.param("debian-13", ("lab-held",), ("lab-phased",), id="apt 3.0 has two"),
    ],
)
def test_what_apt_keeps_back(system: str, kept_back: tuple[str, ...], phased: tuple[str, ...]) -> None:
    found = read.simulated(fixture("apt_simulate", system))
    assert (found.kept_back, found.phased) == (kept_back, phased)


@pytest.mark.parametrize(
    ("line", "step"),
    [
        pytest.param("Remv lab [1.0]", SimulatedStep("lab", "", "1.0", ""), id="removal"),
        pytest.param("Remv lab:i386 [1.0]", SimulatedStep("lab", "i386", "1.0", ""), id="foreign removal"),
        pytest.param(
            "Inst lab:i386 [1.0] (1.1 Debian:12/stable, Debian-Security:12/stable-security [i386]) []",
            SimulatedStep("lab", "i386", "1.0", "1.1", ("Debian:12/stable", "Debian-Security:12/stable-security")),
            id="two origins",
        ),
        pytest.param(
            "Inst lab (1.1 localhost [all])", SimulatedStep("lab", "all", "", "1.1", ("localhost",)), id="a file"
        ),
        pytest.param("Inst lab (1.1 [all])", SimulatedStep("lab", "all", "", "1.1"), id="no origin"),
    ],
)
def test_odd_steps(line: str, step: SimulatedStep) -> None:
    assert read.simulated(line + "\n").steps == (step,)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_version_between_has_its_lists(system: str) -> None:
    found = read.offers(fixture("apt_policy", system))
    suite = {"debian-12": "bookworm", "debian-13": "trixie"}[system]
    base = "http://mirror.example/debian "
    assert (found["lab-main"].installed, found["lab-main"].candidate) == ("1.0-1", "1.0-2")
    assert found["lab-main"].versions == (
        Offer("1.0-2", (f"{base}{suite}/main amd64 Packages",)),
        Offer("1.0-1+deb12u1", (f"{base}{suite}-security/main amd64 Packages",)),
        Offer("1.0-1", ("/var/lib/dpkg/status",)),
    )
    assert found["lab-phased"].versions[0].phased == 0
    assert found["linux-image-6.90.0-2-lab-amd64"].installed == ""


@pytest.mark.parametrize("system", SYSTEMS)
def test_indexes_and_the_beginning_of_their_release_files(system: str) -> None:
    found = read.indexes(fixture("apt_indextargets", system))
    suite = {"debian-12": "bookworm", "debian-13": "trixie"}[system]
    assert [index.codename for index in found] == [suite, f"{suite}-updates", f"{suite}-security"]
    assert [index.label for index in found] == ["Debian", "Debian", "Debian-Security"]
    assert found[0].base == f"/var/lib/apt/lists/mirror.example_debian_dists_{suite}_"
    assert found[0].description == f"http://mirror.example/debian {suite}/main amd64 Packages"


def test_the_source_of_a_package_that_was_built_again() -> None:
    assert read.source_of({"Package": "bash", "Version": "5.2-2+b13", "Source": "bash (5.2-2)"}) == ("bash", "5.2-2")
    assert read.source_of({"Package": "libssl3", "Version": "3.0-1", "Source": "openssl"}) == ("openssl", "3.0-1")
    assert read.source_of({"Package": "acl", "Version": "1"}) == ("acl", "1")


def test_the_dates_of_a_release_file() -> None:
    signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nDate: Mon, 23 Nov 2026 11:22:37 UTC\n"
    until = "Valid-Until: Mon, 30 Nov 2026 11:22:37 UTC\n"
    dated = datetime(2026, 11, 23, 11, 22, 37, tzinfo=timezone.utc)
    assert read.release(signed) == ReleaseDates(dated, None)
    assert read.release(signed + until) == ReleaseDates(dated, dated.replace(day=30))
    assert read.release("Date: yesterday\n") == ReleaseDates()


@pytest.mark.parametrize("system", SYSTEMS)
def test_single_values_of_the_configuration(system: str) -> None:
    assert read.config(fixture("apt_config", system))["APT::Periodic::Unattended-Upgrade"] == "1"


# --- what nobody prints, and somebody will ---


@pytest.mark.parametrize(
    ("parse", "printed"),
    [
        pytest.param(read.packages, "patch_dpkg_query", id="dpkg-query"),
        pytest.param(read.simulated, "apt_simulate", id="apt-get -s"),
        pytest.param(read.offers, "apt_policy", id="apt-cache policy"),
        pytest.param(read.indexes, "apt_indextargets", id="apt-get indextargets"),
        pytest.param(read.release, "apt_inrelease", id="InRelease"),
        pytest.param(read.config, "apt_config", id="apt-config dump"),
    ],
)
def test_odd_text_is_read_or_named_and_never_a_surprise(parse: Callable[[str], object], printed: str) -> None:
    errors = refusals(parse, mutations(fixture(printed, "debian-12")))
    assert {error.doing for error in errors} <= {"Reading"}


def test_a_line_of_dpkg_that_is_none_is_named_and_no_package_is_passed_over() -> None:
    whole = fixture("patch_dpkg_query", "debian-12")
    lines = whole.split("\n")
    lines[6] = lines[6].replace("\t", " ")
    with pytest.raises(ClinicalError, match=r"line 7 of what dpkg-query says is '"):
        read.packages("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234", 1234),
        ("12.5", 12),
        (" 7 kB", 7),
        ("", 0),
        ("unknown", 0),
        ("-3", 0),
        ("\u0663", 0),
        ("9" * 5000, 10**15 - 1),
    ],
)
def test_a_size_is_read_as_apt_reads_it(text: str, number: int) -> None:
    assert read.size(text) == number


def test_a_date_that_no_calendar_has_is_none() -> None:
    assert read.release("Date: Fri, 31 Dec 9999 23:59:59 -2300\n").dated is None
