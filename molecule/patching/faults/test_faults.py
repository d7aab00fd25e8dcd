# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are cut on purpose: the next call says in what state the host is, and carries on."""

from __future__ import annotations

import pytest
from laboratory import BEFORE, Mirror, Patched, answer, engine, only

CACHE = "/var/cache/healthops/packages"
STATE = "/var/lib/healthops/patch"
KILL_THE_MODULE = "kill -KILL $(grep -Eo '\"pid\": [0-9]+' /run/healthops/baseline.lock | grep -Eo '[0-9]+')"
KILL_APT = "systemctl kill --kill-whom=all --signal=KILL healthops-packages.service"
POLICY = only("lab-slow", "lab-feature", "lab-main")
AFTERWARDS = {**BEFORE, "lab-slow": "1.0-2", "lab-feature": "2.1-1", "lab-main": "1.0-2"}


def begun(host: Patched) -> tuple[str, object]:
    """A run whose packages are being configured: the middle of it."""
    host.look("touch /etc/lab-slow-waits")
    digest = host.planned(policy=POLICY)["digest"]
    process = host.begin(state="applied", digest=digest, policy=POLICY)
    host.wait_for("test -e /run/lab-slow-began")
    return digest, process


def finished(host: Patched, digest: str) -> None:
    """The same call again, and what the others say then."""
    host.look("rm -f /etc/lab-slow-waits")
    again = host.patch(state="applied", digest=digest, policy=POLICY, patience=60)
    assert not again["failed"], again["msg"]
    assert again["run"]["stage"] == "applied"
    assert host.versions() == AFTERWARDS
    assert host.look("dpkg --audit; apt-get check -qq; ls /usr/sbin/policy-rc.d", check=False) == ""
    assert host.held() == {"lab-held"}
    assert set(host.active().values()) == {"active"}
    installed = host.look('grep -c \'"what":"installed"\' /var/lib/healthops/patch/ledger')
    assert installed == str(len([name for name, version in AFTERWARDS.items() if BEFORE.get(name) != version]))


def test_the_module_is_killed_and_apt_goes_on(fresh: Patched) -> None:
    digest, process = begun(fresh)
    fresh.look(KILL_THE_MODULE)
    answer_or_nothing(process)
    run = fresh.planned(policy=POLICY, check=True)["run"]
    assert (run["stage"], "was cut" in run["left"]) == ("applying", True)
    assert fresh.look("systemctl is-active healthops-packages.service") == "active"
    finished(fresh, digest)


def test_everything_is_killed(fresh: Patched) -> None:
    digest, process = begun(fresh)
    fresh.look(f"{KILL_THE_MODULE}; {KILL_APT}")
    answer_or_nothing(process)
    assert fresh.look("dpkg-query -W -f '${db:Status-Status}' lab-slow") == "half-configured"
    finished(fresh, digest)


def test_everything_is_killed_and_taken_back(fresh: Patched) -> None:
    _digest, process = begun(fresh)
    fresh.look(KILL_APT)
    done = answer(process)  # type: ignore[arg-type]
    assert done["failed"]
    fresh.look("rm -f /etc/lab-slow-waits")
    back = fresh.patch(state="rolled_back", run_id=done["run"]["run_id"], hold_days=0)
    assert not back["failed"], back["msg"]
    assert fresh.versions() == BEFORE


def test_the_power_goes(fresh: Patched) -> None:
    digest, process = begun(fresh)
    engine("kill", fresh.container)
    engine("wait", fresh.container)
    answer_or_nothing(process)
    engine("start", fresh.container)
    fresh.wait_for("systemctl is-system-running | grep -E 'running|degraded' && systemctl is-active ssh")
    run = fresh.planned(policy=POLICY, check=True)["run"]
    assert run["stage"] == "applying"
    finished(fresh, digest)


def test_the_mirror_goes_in_the_middle(fresh: Patched, mirror: Mirror) -> None:
    plan = fresh.planned(policy=POLICY)
    mirror.up(False)
    cut = fresh.patch(state="staged", policy=POLICY, digest=plan["digest"], refresh=False)
    assert cut["failed"]
    assert "Downloading" in cut["msg"]
    assert fresh.planned(policy=POLICY, check=True)["run"]["stage"] == "staging"
    assert fresh.versions() == BEFORE
    mirror.up(True)
    staged = fresh.patch(state="staged", policy=POLICY, digest=plan["digest"], refresh=False)
    assert not staged["failed"], staged["msg"]
    finished(fresh, plan["digest"])


def test_the_lock_is_held_by_somebody(fresh: Patched) -> None:
    """As unattended-upgrades does it; the holder is named, and nothing is changed."""
    digest = fresh.planned(policy=POLICY)["digest"]
    fresh.patch(state="staged", policy=POLICY, digest=digest, refresh=False)
    fresh.look(
        "systemd-run --quiet --unit lab-lock python3 -c 'import fcntl, time;"
        ' lock = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(lock, fcntl.LOCK_EX);'
        ' open("/run/lab-lock-held", "w"); time.sleep(600)\''
    )
    fresh.wait_for("test -e /run/lab-lock-held")
    refused = fresh.patch(state="applied", digest=digest, policy=POLICY, lock_wait=2)
    fresh.look("systemctl stop lab-lock")
    assert "held by process" in refused["msg"]
    assert "Nothing was changed" in refused["msg"]
    assert fresh.versions() == BEFORE
    finished(fresh, digest)


@pytest.mark.parametrize("folder", [CACHE, STATE], ids=["downloads", "records"])
def test_the_disk_is_full(fresh: Patched, folder: str) -> None:
    """A small disk over a folder that the run writes to."""
    digest = fresh.planned(policy=POLICY)["digest"]
    fresh.look(f"mkdir -p {folder} && mount -t tmpfs -o size=64k tmpfs {folder}")
    fresh.look(f"dd if=/dev/zero of={folder}/filler bs=1k 2> /dev/null", check=False)
    refused = fresh.patch(state="applied", policy=POLICY, digest=digest)
    fresh.look(f"umount {folder}")
    assert refused["failed"]
    assert "No space left" in refused["msg"]
    assert fresh.versions() == BEFORE
    finished(fresh, digest)


def test_the_disk_is_full_while_packages_are_unpacked(fresh: Patched) -> None:
    """Where dpkg puts the files of one of them; the others are in by then."""
    digest = fresh.planned(policy=POLICY)["digest"]
    fresh.look("mount -t tmpfs -o size=64k tmpfs /usr/share/lab-slow")
    fresh.look("dd if=/dev/zero of=/usr/share/lab-slow/filler bs=1k 2> /dev/null", check=False)
    done = fresh.patch(state="applied", policy=POLICY, digest=digest)
    fresh.look("umount /usr/share/lab-slow")
    assert done["failed"]
    assert "No space left" in done["msg"]
    assert done["run"]["stage"] == "broken"
    assert fresh.versions() != BEFORE
    again = fresh.patch(state="applied", policy=POLICY, digest=digest, repair=True)
    assert not again["failed"], again["msg"]
    finished(fresh, digest)


def answer_or_nothing(process: object) -> None:
    """What a module says that was killed is of no interest."""
    process.communicate(timeout=120)  # type: ignore[attr-defined]
