# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staged, applied, rolled back: what the module says, and what dpkg, apt-mark and systemctl say of it."""

from __future__ import annotations

from laboratory import AFTER, BEFORE, GOOD, Mirror, Patched, excluding, only

WITHOUT = ("lab-postinst", "lab-service")
GOOD_AFTER = {**AFTER, **{name: BEFORE[name] for name in WITHOUT}}


def test_staged_needs_no_mirror_any_more_and_changes_no_package(fresh: Patched, mirror: Mirror) -> None:
    plan = fresh.planned(policy=GOOD)
    shots = [
        fresh.patch(state="staged", policy=GOOD, digest=plan["digest"], check=check) for check in (True, False) * 2
    ]
    assert [shot["changed"] for shot in shots] == [True, True, False, False]
    assert fresh.versions() == BEFORE
    how = {one["name"]: one["how"] for one in shots[1]["kept"]}
    # What is new in security only has its old version in main still; of the rest no mirror has the old one any more.
    assert (how["lab-security"], how["lab-main"]) == ("mirror", "repacked")
    assert set(how) == {one["name"] for one in plan["changes"] if one["from"]}
    mirror.up(False)
    done = fresh.patch(state="applied", policy=GOOD, digest=plan["digest"])
    mirror.up(True)
    assert not done["failed"]
    assert fresh.versions() == GOOD_AFTER


def test_exactly_the_set_is_applied_and_holds_and_marks_stay(fresh: Patched) -> None:
    automatic = fresh.automatic()
    pids = {name: fresh.look(f"systemctl show -p MainPID {name}") for name in ("lab-reader", "lab-daemon")}
    plan = fresh.planned(policy=GOOD)
    words = {
        "state": "applied",
        "policy": GOOD,
        "digest": plan["digest"],
        "restart_order": ["lab-reader*", "lab-service*"],
    }
    shots = [fresh.patch(check=check, **words) for check in (True, False, True, False)]
    assert [shot["changed"] for shot in shots] == [True, True, False, False]
    assert shots[0]["done"] == shots[1]["done"]
    assert fresh.versions() == GOOD_AFTER
    assert fresh.held() == {"lab-held"}
    assert fresh.automatic() == automatic | {"linux-image-6.90.0-2-lab-amd64"}
    assert fresh.look("cat /etc/lab-conf.conf") == "level = 7"
    assert shots[1]["restarted"] == ["lab-reader.service", "lab-service.service", "lab-daemon.service"]
    assert set(fresh.active().values()) == {"active"}
    assert all(fresh.look(f"systemctl show -p MainPID {name}") != pid for name, pid in pids.items())
    assert fresh.look("grep -l 'liblab.*deleted' /proc/[0-9]*/maps", check=False) == ""
    assert shots[1]["reboot"]["needed"]
    assert "6.90.0-2-lab-amd64 is installed" in shots[1]["reboot"]["why"][0]
    assert fresh.look("ls /usr/sbin/policy-rc.d", check=False) == ""
    assert fresh.planned()["services"] == []


def test_with_ask_the_old_services_run_on(fresh: Patched) -> None:
    before = {name: fresh.look(f"systemctl show -p MainPID {name}") for name in ("lab-reader", "lab-daemon")}
    done = fresh.applied(GOOD, restart="ask")
    assert set(done["to_restart"]) == {"lab-daemon.service", "lab-reader.service", "lab-service.service"}
    assert {name: fresh.look(f"systemctl show -p MainPID {name}") for name in before} == before
    assert set(fresh.planned()["services"]) == set(done["to_restart"])


def test_what_the_site_restarts_itself_is_told_and_runs_on(fresh: Patched) -> None:
    """As an imaging archive that only its drain restarts: packages may not, and needrestart shall not."""
    policy, override = "/usr/sbin/policy-rc.d", "/etc/needrestart/conf.d/lab.conf"
    says = 'case "$1" in lab-daemon*) exit 101 ;; esac; exit 104'
    fresh.look(f"printf '%s\\n' '#!/bin/sh' '{says}' > {policy} && chmod 0755 {policy} && cp {policy} /root/policy")
    fresh.look(f"echo '$nrconf{{override_rc}}{{qr(^lab-(daemon|reader))}} = 0;' > {override}")
    before = {name: fresh.look(f"systemctl show -p MainPID {name}") for name in ("lab-reader", "lab-daemon")}
    try:
        done = fresh.applied(GOOD)
        assert fresh.look(f"cmp {policy} /root/policy") == ""
    finally:
        fresh.look(f"rm {policy} {override}")
    assert not done["failed"], done["msg"]
    assert done["to_restart"] == ["lab-daemon.service", "lab-reader.service"]
    assert done["restarted"] == ["lab-service.service"]
    assert {name: fresh.look(f"systemctl show -p MainPID {name}") for name in before} == before
    assert set(done["services"]) == set(done["to_restart"])


def test_a_service_that_the_new_version_breaks_is_rolled_back(fresh: Patched) -> None:
    policy = only("lab-service", "lab-library")
    done = fresh.applied(policy)
    assert done["failed"]
    assert done["down"] == ["lab-service.service"]
    assert fresh.active()["lab-service"] == "failed"
    words = {"state": "rolled_back", "run_id": done["run"]["run_id"]}
    shots = [fresh.patch(check=check, **words) for check in (True, False, True, False)]
    assert [shot["changed"] for shot in shots] == [True, True, False, False]
    assert fresh.versions() == BEFORE
    assert set(fresh.active().values()) == {"active"}
    assert {one["name"] for one in shots[1]["reopened"]} == {"lab-library", "lab-service"}
    assert fresh.held() == {"lab-held", "lab-library", "lab-service"}
    held = {one["name"]: one for one in fresh.planned()["held"]}
    assert held["lab-service"]["expires"] == shots[1]["held_until"][0]["until"]
    assert "rolled back" in held["lab-service"]["reason"]


def test_everything_goes_back_with_its_configuration_and_marks(fresh: Patched) -> None:
    automatic = fresh.automatic()
    done = fresh.applied(GOOD)
    assert not done["failed"]
    assert {one["how"] for one in done["kept"]} == {"mirror", "repacked"}
    back = fresh.patch(state="rolled_back", run_id=done["run"]["run_id"], hold_days=0)
    assert not back["failed"]
    assert fresh.versions() == BEFORE
    assert (fresh.held(), fresh.automatic()) == ({"lab-held"}, automatic)
    assert fresh.look("cat /etc/lab-conf.conf; stat -c '%a' /etc/lab-conf.conf; ls /etc/lab-conf.conf*") == (
        "level = 7\n640\n/etc/lab-conf.conf"
    )
    assert fresh.look("dpkg --audit; apt-get check -qq; dpkg --verify lab-main lab-daemon lab-library") == ""
    assert set(fresh.active().values()) == {"active"}


def test_a_package_that_fails_is_told_repaired_or_taken_back(fresh: Patched) -> None:
    policy = only("lab-postinst", "lab-feature")
    done = fresh.applied(policy)
    assert done["failed"]
    assert "lab-postinst" in done["msg"]
    assert done["run"]["stage"] == "broken"
    assert fresh.look("dpkg-query -W -f '${db:Status-Status}' lab-postinst") == "half-configured"
    digest = done["run"]["digest"]
    assert "with repair" in fresh.patch(state="applied", digest=digest, policy=policy)["msg"]
    assert "broken" in fresh.patch(state="staged", policy=GOOD)["msg"]
    fresh.look("touch /etc/lab-postinst-may")
    again = fresh.patch(state="applied", digest=digest, policy=policy, repair=True)
    assert (again["failed"], again["run"]["stage"]) == (False, "applied")
    assert fresh.versions() == {**BEFORE, "lab-postinst": "1.0-2", "lab-feature": "2.1-1"}


def test_a_package_that_fails_can_be_taken_back(fresh: Patched) -> None:
    done = fresh.applied(only("lab-postinst", "lab-feature"))
    back = fresh.patch(state="rolled_back", run_id=done["run"]["run_id"])
    assert not back["failed"], back["msg"]
    assert fresh.versions() == BEFORE


def test_what_somebody_else_left_half_done_is_refused_and_repaired_when_asked(fresh: Patched) -> None:
    fresh.look("apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y lab-postinst", check=False)
    policy = only("lab-feature")
    refused = fresh.applied(policy)
    assert "lab-postinst is installed only in part" in refused["msg"]
    assert "With repair" in refused["msg"]
    fresh.look("touch /etc/lab-postinst-may")
    done = fresh.applied(policy, repair=True)
    assert not done["failed"], done["msg"]
    assert fresh.versions() == {**BEFORE, "lab-postinst": "1.0-2", "lab-feature": "2.1-1"}


def test_a_hold_that_came_between_is_named(fresh: Patched) -> None:
    plan = fresh.planned(policy=GOOD)
    fresh.patch(state="staged", policy=GOOD, digest=plan["digest"])
    fresh.look("apt-mark hold lab-main")
    refused = fresh.patch(state="applied", digest=plan["digest"], policy=GOOD)
    assert "lab-main no longer comes (it is on hold)" in refused["msg"]
    assert fresh.versions() == BEFORE


def test_other_bytes_under_the_same_version_are_refused(fresh: Patched, mirror: Mirror) -> None:
    policy = only("lab-feature")
    plan = fresh.planned(policy=policy)
    fresh.patch(state="staged", policy=policy, digest=plan["digest"])
    mirror.show("other")
    fresh.look("apt-get update -qq")
    refused = fresh.patch(state="applied", digest=plan["digest"], policy=policy)
    assert "lab-feature 2.1-1 would be another file: sha256:" in refused["msg"]
    assert fresh.versions() == BEFORE


def test_a_newer_version_that_came_between_is_named(fresh: Patched, mirror: Mirror) -> None:
    mirror.show("before")
    fresh.look("apt-get update -qq")
    policy = excluding("nothing")
    plan = fresh.planned(policy=policy)
    assert (plan["verdict"], plan["changes"]) == ("none", [])
    mirror.show("after")
    fresh.look("apt-get update -qq")
    refused = fresh.patch(state="applied", digest=plan["digest"], policy=policy)
    assert refused["failed"]
    assert "Nothing was changed" in refused["msg"]
    assert fresh.versions() == BEFORE
