# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of one transaction: read from dpkg and apt, archived before they go, and back without a mirror."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.packages import (
    ARCHIVE,
    Packages,
    archive_package,
    archived_path,
    broken,
    can_archive,
    installed,
    parse_simulation,
    present,
    simulate,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, FakeMount, Node, fixture
from fake_programs import FakePackage

PAIR = Packages("debsums telnet")


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.mirror.update({"telnet": FakePackage("0.17"), "debsums": FakePackage("1:3.0")})
    made.packages["telnet"] = "0.17"
    return made


@pytest.mark.parametrize(
    ("tool", "system", "before", "after"),
    [
        (
            "apt_get",
            "debian-12",
            {"nginx": "1.22.1-9+deb12u11", "libauparse0": None, "auditd": None},
            {"nginx": None, "libauparse0": "1:3.0.9-1", "auditd": "1:3.0.9-1"},
        ),
        (
            "apt_get",
            "debian-13",
            {"nginx": "1.26.3-3+deb13u11", "libauparse0t64": None, "auditd": None},
            {"nginx": None, "libauparse0t64": "1:4.0.2-2+deb13u1", "auditd": "1:4.0.2-2+deb13u1"},
        ),
        ("apt_get_remove", "debian-12", {"sudo": "1.9.13p3-1+deb12u4"}, {"sudo": None}),
        ("apt_get_remove", "debian-13", {"sudo": "1.9.16p2-3+deb13u2"}, {"sudo": None}),
    ],
)
def test_what_apt_would_do(tool: str, system: str, before: dict[str, str], after: dict[str, str]) -> None:
    assert parse_simulation(fixture(tool, system)) == ({"packages": before}, {"packages": after})


@pytest.mark.parametrize(
    ("system", "version"), [("debian-12", "1.9.13p3-1+deb12u4"), ("debian-13", "1.9.16p2-3+deb13u2")]
)
def test_what_dpkg_knows(system: str, version: str) -> None:
    made = FakeHost()
    names = ["sudo", "telnetd"]
    form = r"--showformat=${Package}\t${Version}\t${db:Status-Status}\n"
    argv = ("dpkg-query", "--show", form, *names)
    made.answers[argv] = CommandResult(argv, 1, fixture("dpkg_query", system), "dpkg-query: no packages found\n")
    assert installed(made, names) == ({"sudo": version, "telnetd": None}, {})


@pytest.mark.parametrize("status", ["half-installed", "unpacked", "half-configured", "triggers-awaited"])
def test_what_dpkg_did_not_end_is_neither_installed_nor_absent(host: FakeHost, status: str) -> None:
    host.unfinished["telnet"] = status
    assert installed(host, ["telnet", "debsums"]) == ({"telnet": None, "debsums": None}, {"telnet": status})
    assert present(host, ["telnet", "debsums"]) == {"telnet"}
    assert broken(host) == (f"telnet is {status}",)


def test_a_dpkg_that_was_cut_is_broken_and_a_whole_one_is_not(host: FakeHost) -> None:
    assert broken(host) == ()
    host.add_file("/var/lib/dpkg/updates/0001")
    assert broken(host) == ("dpkg was cut in the middle of its work",)


@pytest.mark.parametrize(
    ("configured", "sentences"),
    [
        ("", ("/usr, where packages are, is mounted read-only: remount it",)),
        ('DPkg::Pre-Invoke:: "mount -o remount,rw /usr";\n', ()),
    ],
    ids=["read-only", "remounted-by-apt"],
)
def test_where_packages_are_must_be_writable(host: FakeHost, configured: str, sentences: tuple[str, ...]) -> None:
    """apt begins there nevertheless, and leaves packages half installed."""
    argv = ("apt-config", "dump")
    host.programs.add("apt-config")
    host.answers[argv] = CommandResult(argv, 0, configured, "")
    host.mounts = [FakeMount("/dev/vda1", "/", "ext4", ["rw"]), FakeMount("/dev/vda2", "/usr", "ext4", ["ro"])]
    assert broken(host) == sentences


def test_one_transaction_there_and_back(host: FakeHost) -> None:
    before = PAIR.capture(host)
    assert before == {"packages": {"debsums": None, "telnet": "0.17"}, "residual": []}
    wanted = {"packages": {"debsums": "1:3.0", "telnet": None}, "keep": True}
    PAIR.put(host, wanted)
    assert host.packages == {"debsums": "1:3.0"}
    assert archived_path(host, "telnet", "0.17") == f"{ARCHIVE}/telnet_0.17_amd64.deb"
    host.mirror["telnet"].fetchable = False
    PAIR.put(host, before)
    assert host.packages == {"telnet": "0.17"}
    assert any(f"{ARCHIVE}/telnet_0.17_amd64.deb" in argv for argv in host.runs)


def test_folders_that_dpkg_leaves_over_a_socket_go_with_the_package(host: FakeHost) -> None:
    """Of haproxy, where rsyslog still has its socket; what holds a file stays, and what others have, too."""
    host.residual.add("debsums")
    own, data, shared = "/var/lib/debsums/dev", "/var/lib/debsums/data", "/var/lib/shared"
    for folder in (own, data, shared):
        host.add_dir(folder)
    host.add_file(f"{data}/kept")
    host.nodes[f"{own}/log"] = Node("other")
    listing, search = ("dpkg-query", "--listfiles", "debsums"), ("dpkg-query", "--search", shared, own, data)
    host.answers[listing] = CommandResult(listing, 0, f"/etc/debsums\n{own}\n{data}\n{shared}\n", "")
    owners = "".join(f"debsums: {path}\n" for path in (own, data)) + f"debsums, other: {shared}\n"
    host.answers[search] = CommandResult(search, 0, owners, "")
    PAIR.put(host, {"packages": {"debsums": None, "telnet": "0.17"}, "residual": []})
    assert [host.stat(path) is not None for path in (own, data, shared)] == [False, True, True]


def test_an_image_without_residual_does_not_ask_for_it(host: FakeHost) -> None:
    now = PAIR.capture(host)
    assert PAIR.matches({**now, "residual": ["debsums"]}, {"packages": now["packages"]})
    assert not PAIR.matches({**now, "residual": ["debsums"]}, now)
    assert not PAIR.matches(now, {"packages": {"debsums": None, "telnet": None}})


def test_a_package_manager_that_is_killed_has_changed_some_of_them(host: FakeHost) -> None:
    before = PAIR.capture(host)
    after = {"packages": {"debsums": "1:3.0", "telnet": None}, "residual": []}
    half = {"packages": {"debsums": "1:3.0", "telnet": "0.17"}, "residual": []}
    assert PAIR.is_partial(half, before, after)
    assert not PAIR.is_partial({"packages": {"debsums": "4", "telnet": None}, "residual": []}, before, after)


def test_what_a_cut_dpkg_has_yet_to_write_down_keeps_nothing_from_going_back(host: FakeHost) -> None:
    before = PAIR.capture(host)
    PAIR.put(host, {"packages": {"debsums": "1:3.0", "telnet": None}, "residual": []})
    host.add_file("/var/lib/dpkg/updates/0001", "Package: debsums\n")
    PAIR.put(host, before)
    assert PAIR.capture(host) == before


def test_what_no_mirror_has_cannot_be_archived_unless_it_is_there_already(host: FakeHost) -> None:
    argv = ("apt-get", "--quiet", "--print-uris", "download", "telnet=0.17")
    host.answers[argv] = CommandResult(argv, 100, "", "E: not found\n")
    assert not can_archive(host, {"telnet": "0.17"})
    host.mirror["telnet"].fetchable = False
    with pytest.raises(ClinicalError, match=r"Keeping the package telnet=0\.17: E: Version '0\.17' for 'telnet'"):
        archive_package(host, "telnet", "0.17")
    host.add_file(f"{ARCHIVE}/telnet_0.17_amd64.deb", "deb")
    archive_package(host, "telnet", "0.17")
    assert can_archive(host, {"telnet": "0.17"})


def test_an_epoch_is_written_as_apt_does(host: FakeHost) -> None:
    archive_package(host, "debsums", "1:3.0")
    assert archived_path(host, "debsums", "1:3.0") == f"{ARCHIVE}/debsums_1%3a3.0_amd64.deb"


def test_what_apt_would_do_is_asked_without_a_change(host: FakeHost) -> None:
    assert simulate(host, ["debsums"], ["telnet"]) == (
        {"packages": {"telnet": "0.17", "debsums": None}},
        {"packages": {"telnet": None, "debsums": "1:3.0"}},
    )
    with pytest.raises(ClinicalError, match="Planning the packages nosuch: E: Unable to locate package nosuch"):
        simulate(host, ["nosuch"], [])
    assert host.operations == []


def test_the_package_whose_script_fails_is_named_with_the_reason(host: FakeHost) -> None:
    host.packages.clear()
    PAIR.put(host, {"packages": {"debsums": None, "telnet": "0.17"}})
    argv = next(argv for argv in host.runs if argv[0] == "apt-get" and "install" in argv)
    said = (
        "Setting up telnet (0.17) ...\r\n"
        "dpkg: error processing package telnet (--configure):\r\n"
        " installed telnet package post-installation script subprocess returned error exit status 1\r\n"
        "Errors were encountered while processing:\r\n telnet\r\n"
    )
    complaint = "E: Sub-process /usr/bin/dpkg returned an error code (1)\n"
    host.packages.clear()
    host.answers[argv] = CommandResult(argv, 100, said, complaint)
    with pytest.raises(ClinicalError) as raised:
        PAIR.put(host, {"packages": {"debsums": None, "telnet": "0.17"}})
    assert raised.value.saw == (
        "dpkg: error processing package telnet (--configure): installed telnet package post-installation script"
        " subprocess returned error exit status 1 E: Sub-process /usr/bin/dpkg returned an error code (1)"
    )


def test_who_holds_the_lock_is_told(host: FakeHost) -> None:
    host.apt_lock = "It is held by process 4711 (unattended-upgr)"
    with pytest.raises(ClinicalError, match=r"E: Unable to acquire .* It is held by process 4711 \(unattended-upgr\)"):
        PAIR.put(host, {"packages": {"telnet": None, "debsums": None}})


def test_who_holds_the_lock_is_told_also_where_apt_does_not_say(host: FakeHost) -> None:
    lock = "/var/lib/dpkg/lock-frontend"
    host.add_file(lock, "")
    host.apt_lock = "is another process using it?"
    inode = host.nodes[lock].inode
    rows = f"1: POSIX  ADVISORY  WRITE 12 00:28:{inode}7 0 EOF\n2: POSIX  ADVISORY  WRITE 4711 00:28:{inode} 0 EOF\n"
    host.add_file("/proc/locks", rows)
    host.add_file("/proc/4711/comm", "unattended-upgr\n")
    with pytest.raises(ClinicalError, match=r"E: Unable to acquire .* It is held by process 4711 \(unattended-upgr\)"):
        PAIR.put(host, {"packages": {"telnet": None, "debsums": None}})


def test_present_asks_dpkg_or_rpm_and_nobody_where_neither_is_there(host: FakeHost) -> None:
    assert present(host, ["telnet", "debsums"]) == {"telnet"}
    assert present(host, []) == set()
    host.programs.discard("dpkg-query")
    assert present(host, ["telnet"]) == set()
    host.programs.add("rpm")
    argv = ("rpm", "--query", "--queryformat", "%{NAME}\\n", "telnet", "mail")
    host.answers[argv] = CommandResult(argv, 1, "telnet\npackage mail is not installed\n", "")
    assert present(host, ["telnet", "mail"]) == {"telnet"}


def versions(debsums: str | None, telnet: str | None) -> dict[str, dict[str, str | None] | list[str]]:
    return {"packages": {"debsums": debsums, "telnet": telnet}, "residual": []}


@pytest.mark.parametrize(
    ("before", "after", "now", "goal", "conflicts"),
    [
        pytest.param((None, "1"), ("3", None), ("3", None), (None, "1"), [], id="nobody else"),
        pytest.param((None, None), ("3", None), ("3.1", None), (None, None), [], id="ours was upgraded since"),
        pytest.param((None, "1"), ("3", None), ("3", "2"), (None, "2"), [], id="somebody wanted it back"),
        pytest.param(("2", None), ("3", None), ("4", None), ("4", None), ["debsums"], id="a third version"),
        pytest.param((None, None), ("3", None), (None, None), (None, None), [], id="somebody took it away"),
    ],
)
def test_the_way_back_knows_what_others_did_with_the_packages(
    before: tuple[str | None, str | None],
    after: tuple[str | None, str | None],
    now: tuple[str | None, str | None],
    goal: tuple[str | None, str | None],
    conflicts: list[str],
) -> None:
    way = PAIR.way_back(versions(*before), versions(*after), versions(*now))
    assert way.goal == versions(*goal)
    assert [conflict.entry for conflict in way.conflicts] == conflicts


def test_what_came_since_and_needs_ours_is_an_obstacle(host: FakeHost) -> None:
    host.packages["debsums"] = "1:3.0"
    host.mirror["auditing"] = FakePackage("1", depends=("debsums",))
    assert PAIR.obstacle(host, versions(None, "0.17")) == ""
    host.packages["auditing"] = "1"
    assert PAIR.obstacle(host, versions(None, "0.17")) == "auditing came since and would be removed along"
    assert PAIR.obstacle(host, versions("1:3.0", None)) == ""


@pytest.mark.parametrize("status", ["half-installed", "unpacked", "half-configured"])
def test_what_dpkg_did_not_end_is_neither_there_nor_away(host: FakeHost, status: str) -> None:
    """With /usr read-only apt answers "already the newest version", and its exit code is 0."""
    form = r"--showformat=${Package}\t${Version}\t${db:Status-Status}\n"
    argv = ("dpkg-query", "--show", form, "debsums", "telnet")
    host.answers[argv] = CommandResult(argv, 0, f"debsums\t1:3.0\t{status}\n", "")
    image = PAIR.capture(host)
    assert image["unfinished"] == {"debsums": status}
    assert PAIR.astray(image, versions(None, None)) != []
    assert PAIR.astray(image, versions("1:3.0", None)) != []
    PAIR.put(host, versions(None, None))
    (asked,) = [argv for argv in host.runs if argv[-1] == "debsums-"]
    assert "Dpkg::Options::=--force-remove-reinstreq" in asked


def test_what_dpkg_unpacked_in_part_is_unpacked_again(host: FakeHost) -> None:
    """apt calls it installed: without being told so, it answers "already the newest version" and does nothing."""
    form = r"--showformat=${Package}\t${Version}\t${db:Status-Status}\n"
    argv = ("dpkg-query", "--show", form, "debsums", "telnet")
    host.answers[argv] = CommandResult(argv, 0, "debsums\t1:3.0\thalf-installed\n", "")
    PAIR.put(host, versions("1:3.0", None))
    assert any("--reinstall" in argv and argv[-1] == "debsums=1:3.0" for argv in host.runs)
    host.answers[argv] = CommandResult(argv, 0, "", "")
    ran_before = len(host.runs)
    PAIR.put(host, versions("1:3.0", None))
    installs = [argv for argv in host.runs[ran_before:] if "install" in argv]
    assert ["--reinstall" in argv for argv in installs] == [False]
