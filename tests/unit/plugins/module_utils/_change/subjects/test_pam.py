# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles of PAM through pam-auth-update, and the options of pam_unix."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.pam import (
    COMMON,
    STACKS,
    PamProfiles,
    enabled_profiles,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import TEMPORARY_SUFFIX, CommandResult
from fake_host import FakeHost, fixture

SYSTEMD = PamProfiles("systemd")


@pytest.fixture(params=["debian-12", "debian-13"])
def host(request: pytest.FixtureRequest) -> FakeHost:
    """PAM as Debian installs it."""
    system = str(request.param)
    made = FakeHost(system)
    for name in ("unix", "systemd"):
        made.add_file(f"/usr/share/pam-configs/{name}", fixture(f"pam_profile_{name}", system))
    for stack in STACKS:
        name = stack.replace("-", "_")
        made.add_file(f"{COMMON}{stack}", fixture(f"pam_common_{name}", system))
        made.add_file(f"/var/lib/pam/{stack}", fixture(f"pam_saved_{name}", system))
    return made


def test_what_debian_enables(host: FakeHost) -> None:
    assert enabled_profiles(host) >= {"unix", "systemd"}
    assert SYSTEMD.capture(host) == {"profiles": {"systemd": True}, "nullok": True, "hash": "yescrypt"}


def test_a_profile_is_switched_off_and_on_again(host: FakeHost) -> None:
    before = SYSTEMD.capture(host)
    SYSTEMD.put(host, {"profiles": {"systemd": False}})
    assert SYSTEMD.capture(host)["profiles"] == {"systemd": False}
    assert "pam_systemd.so" not in host.text(f"{COMMON}session")
    SYSTEMD.put(host, before)
    assert SYSTEMD.matches(SYSTEMD.capture(host), before)


def test_empty_passwords_and_the_hash_are_options_of_pam_unix_alone(host: FakeHost) -> None:
    SYSTEMD.put(host, {"nullok": False, "hash": "sha512"})
    assert SYSTEMD.capture(host) == {"profiles": {"systemd": True}, "nullok": False, "hash": "sha512"}
    assert [argv for argv in host.runs if argv[0] == "pam-auth-update"] == []


def test_how_to_get_there_is_no_part_of_what_it_looks_like(host: FakeHost) -> None:
    now = SYSTEMD.capture(host)
    assert SYSTEMD.matches(now, {"profiles": {"systemd": True}, "rebuild": True, "force": True})
    assert not SYSTEMD.matches(now, {"profiles": {"systemd": False}, "rebuild": True})


def test_a_pam_auth_update_that_is_killed_has_switched_some_profiles() -> None:
    pair = PamProfiles("systemd unix")
    before = {"profiles": {"systemd": True, "unix": True}, "nullok": True, "hash": ""}
    after = {"profiles": {"systemd": False, "unix": False}}
    half = {"profiles": {"systemd": False, "unix": True}, "nullok": True, "hash": ""}
    assert pair.is_partial(half, before, after)
    assert not pair.is_partial({**half, "nullok": False}, before, {**after, "nullok": True})


def test_a_refusal_of_pam_auth_update_is_told(host: FakeHost) -> None:
    argv = ("pam-auth-update", "--package", "--disable", "systemd")
    refusal = "pam-auth-update: Local modifications to /etc/pam.d/common-*, not updating.\n"
    host.answers[argv] = CommandResult(argv, 0, "", refusal)
    with pytest.raises(ClinicalError, match=r"Local modifications .* edited by hand\?"):
        SYSTEMD.put(host, {"profiles": {"systemd": False}})


def test_profiles_that_stay_as_they_were_are_told(host: FakeHost) -> None:
    argv = ("pam-auth-update", "--package", "--disable", "systemd")
    host.answers[argv] = CommandResult(argv, 0, "", "")
    with pytest.raises(ClinicalError, match="Switching the PAM profiles systemd: pam-auth-update left them"):
        SYSTEMD.put(host, {"profiles": {"systemd": False}})


def test_scraps_beside_the_stacks_are_swept(host: FakeHost) -> None:
    scrap = f"/etc/pam.d/.common-auth{TEMPORARY_SUFFIX}"
    host.add_file(scrap, "half")
    SYSTEMD.sweep(host)
    assert scrap not in host.nodes
