# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt would do, out of what apt of Debian 12 and 13 really prints; each fact that sinks naive tools is a test."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from itertools import islice

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import observe as look
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import (
    Observed,
    OmittedChange,
    PackageChange,
)
from apt_host import ANSWERS, AptHost
from fake_host import fixture
from mutations import mutations, refusals

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)
SYSTEMS = ("debian-12", "debian-13")


def changes(found: Observed) -> dict[str, PackageChange]:
    return {change.name: change for change in found.changes}


def omitted(found: Observed) -> dict[str, OmittedChange]:
    return {out.change.name: out for out in found.omitted}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_whole_upgrade_in_one_run_of_the_solver(system: str) -> None:
    host = AptHost(system)
    found = look.observe(host, NOW)
    assert len(found.changes) == 12
    assert [argv[:2] for argv in host.runs].count(("apt-get", "-s")) == 1
    assert len(host.runs) == 5
    assert host.operations == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_newest_version_is_in_main_and_is_a_security_update_all_the_same(system: str) -> None:
    main = changes(look.observe(AptHost(system), NOW))["lab-main"]
    assert (main.new, main.security, "Security" in main.origin) == ("1.0-2", True, False)
    assert main.why[0].startswith("1.0-1+deb12u1 has the label Debian-Security in ")


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_passes_no_version_of_security_is_none(system: str) -> None:
    found = changes(look.observe(AptHost(system), NOW))
    assert {name for name, change in found.items() if change.security is False} == {
        *("lab-auto", "lab-conf", "lab-daemon", "lab-epoch", "lab-feature", "lab-postinst"),
    }


@pytest.mark.parametrize("system", SYSTEMS)
def test_held_and_phased_are_told_apart(system: str) -> None:
    found = omitted(look.observe(AptHost(system), NOW))
    assert {name: out.kind for name, out in found.items()} == {"lab-held": "held", "lab-phased": "phased"}
    assert found["lab-held"].change.security
    assert "0% of the hosts" in found["lab-phased"].reason


@pytest.mark.parametrize("system", SYSTEMS)
def test_sizes_and_sources_come_from_the_lists(system: str) -> None:
    change = changes(look.observe(AptHost(system), NOW))["lab-library"]
    assert change.download_bytes > 60000
    assert (change.source, change.source_old, change.source_new) == ("lab-library", "1.0-1", "1.0-1+deb12u1")


def test_the_day_of_a_release_of_debian_itself_says_nothing_but_that_of_security_does() -> None:
    found = look.observe(AptHost(), NOW + timedelta(days=60))
    assert {source.codename: source.stale for source in found.sources} == {
        "bookworm": False,
        "bookworm-updates": True,
        "bookworm-security": True,
    }
    assert "60 days old" in found.unknown_because[0]


def test_a_list_that_is_past_its_own_end_is_stale_at_once() -> None:
    host = AptHost()
    path = "/var/lib/apt/lists/mirror.example_debian_dists_bookworm_InRelease"
    host.add_file(path, "Date: Mon, 23 Nov 2026 11:22:37 UTC\nValid-Until: Tue, 24 Nov 2026 11:22:37 UTC\n")
    assert next(s for s in look.observe(host, NOW).sources if s.codename == "bookworm").stale


def test_a_list_of_the_future_is_no_proof() -> None:
    found = look.observe(AptHost(), NOW - timedelta(days=60))
    assert all(source.stale for source in found.sources)
    assert "which is in the future: the clock of the host or of the mirror is wrong" in found.unknown_because[0]


def test_sizes_that_no_vendor_should_write_stop_nothing() -> None:
    host = AptHost()
    shown = fixture("apt_show", "debian-12")
    odd = re.sub(r"(?m)^((?:Installed-)?Size): (\d+)$", r"\1: \2.5", shown)
    assert odd != shown
    host.says[("apt-cache", "show")] = CommandResult((), 0, odd, "")
    assert look.observe(host, NOW).changes == look.observe(AptHost(), NOW).changes


@pytest.mark.parametrize("question", sorted(ANSWERS), ids=" ".join)
def test_whatever_apt_says_a_host_is_observed_or_told_why_not(question: tuple[str, str]) -> None:
    def observe(text: str) -> object:
        host = AptHost()
        host.says[question] = CommandResult((), 0, text, "")
        return look.observe(host, NOW)

    errors = refusals(observe, islice(mutations(fixture(ANSWERS[question], "debian-12")), 0, None, 7))
    assert {error.doing for error in errors} <= {"Reading"}


def test_a_list_without_a_release_file_is_no_proof() -> None:
    host = AptHost()
    del host.nodes["/var/lib/apt/lists/mirror.example_debian_dists_bookworm_InRelease"]
    assert "has no Release file that bears a date" in look.observe(host, NOW).unknown_because[0]


def without(host: AptHost, word: str) -> None:
    parts = fixture("apt_indextargets", host.system).split("\n\n")
    host.says[("apt-get", "indextargets")] = CommandResult((), 0, "\n\n".join(p for p in parts if word not in p), "")


def test_a_source_of_security_that_has_nothing_to_offer_is_one_all_the_same() -> None:
    host = AptHost()
    without(host, "Debian-Security")  # apt says nothing of an empty list
    found = look.observe(host, NOW)
    assert found.unknown_because == ()
    assert {change.security for change in found.changes} == {False}


def test_without_a_source_of_security_nobody_can_tell() -> None:
    host = AptHost()
    without(host, "Debian-Security")
    del host.nodes["/var/lib/apt/lists/mirror.example_debian_dists_bookworm-security_InRelease"]
    found = look.observe(host, NOW)
    assert found.unknown_because == ("no source brings the security updates of bookworm",)
    assert {change.security for change in found.changes} == {None}


def test_security_of_another_release_is_no_source_of_security_and_a_renamed_suite_is() -> None:
    host = AptHost()
    del host.nodes["/var/lib/apt/lists/mirror.example_debian_dists_bookworm-security_InRelease"]
    told = fixture("apt_indextargets", "debian-12")
    host.says[("apt-get", "indextargets")] = CommandResult(
        (), 0, told.replace("bookworm-security", "bullseye-security"), ""
    )
    assert any("no source brings" in why for why in look.observe(host, NOW).unknown_because)
    host = AptHost()
    renamed = told.replace("Suite: stable-security", "Suite: oldstable-security")
    host.says[("apt-get", "indextargets")] = CommandResult((), 0, renamed, "")
    assert look.observe(host, NOW).unknown_because == ()


def test_without_any_list_it_is_unknown() -> None:
    host = AptHost()
    host.says[("apt-get", "indextargets")] = CommandResult((), 0, "", "")
    assert "no list of packages" in look.observe(host, NOW).unknown_because[0]


def test_a_list_that_nobody_signed_is_no_proof() -> None:
    host = AptHost()
    told = fixture("apt_indextargets", "debian-12").replace("Trusted: yes", "Trusted: no")
    host.says[("apt-get", "indextargets")] = CommandResult((), 0, told, "")
    assert "is not signed" in look.observe(host, NOW).unknown_because[0]


def test_what_was_cut_is_broken() -> None:
    host = AptHost()
    told = fixture("patch_dpkg_query", "debian-12").replace(
        "lab-main\t1.0-1\tinstall ok installed", "lab-main\t1.0-1\tinstall ok half-configured"
    )
    host.says[("dpkg-query", "-W")] = CommandResult((), 0, told, "")
    host.add_file("/var/lib/dpkg/updates/0001")
    host.says[("apt-get", "-s")] = CommandResult(
        (), 100, "", "E: Unmet dependencies. Try 'apt --fix-broken install'.\n"
    )
    found = look.observe(host, NOW)
    assert found.broken == (
        "lab-main is installed only in part",
        "dpkg was cut in the middle of its work",
        "apt finds no way to upgrade: Unmet dependencies. Try 'apt --fix-broken install'.",
    )


def test_a_hold_of_ours_that_is_over_does_not_count_and_all_others_do() -> None:
    host = AptHost()
    told = fixture("patch_dpkg_query", "debian-12").replace("lab-main\t1.0-1\tinstall", "lab-main\t1.0-1\thold")
    host.says[("dpkg-query", "-W")] = CommandResult((), 0, told, "")
    look.observe(host, NOW, {"lab-main"})
    ((solver, pinned),) = [(argv, text) for argv, text in host.asked if argv[:2] == ("apt-get", "-s")]
    assert {"APT::Ignore-Hold=1", *look.PINNED} <= set(solver)
    assert "Package: lab-held\nPin: version 1.0-1\nPin-Priority: 1001\n" in pinned
    assert "lab-main" not in pinned
    assert host.operations == []


def test_the_pins_of_the_site_are_heeded_after_ours() -> None:
    host = AptHost()
    host.add_file(look.SITE_PREFERENCES, "Package: theirs\nPin: release *\nPin-Priority: 1\n")
    look.simulate(host, ["dist-upgrade"], look.pins([("ours", "1", -1)]))
    ((_argv, pinned),) = host.asked
    assert pinned.index("ours") < pinned.index("theirs")
    assert host.operations == []
