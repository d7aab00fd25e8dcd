# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are cut on purpose: the next call says in what state the host is, and carries on."""

from __future__ import annotations

import time

import pytest
from laboratory import BEFORE, Mirror, Patched, answer, engine, only

CACHE = "/var/cache/healthops/packages"
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
    fresh.look("pkill -KILL -f 'AnsiballZ_patch|ansible.*patch' ; true")
    answer_or_nothing(process)
    run = fresh.planned(policy=POLICY, check=True)["run"]
    assert (run["stage"], "cut" in run["left"]) == ("applying", True)
    finished(fresh, digest)


def test_everything_is_killed(fresh: Patched) -> None:
    digest, process = begun(fresh)
    fresh.look(
        "pkill -KILL -f AnsiballZ_patch; systemctl kill --kill-whom=all --signal=KILL healthops-packages.service; true"
    )
    answer_or_nothing(process)
    assert fresh.look("dpkg-query -W -f '${db:Status-Status}' lab-slow") == "half-configured"
    finished(fresh, digest)


def test_everything_is_killed_and_taken_back(fresh: Patched) -> None:
    _digest, process = begun(fresh)
    fresh.look("systemctl kill --kill-whom=all --signal=KILL healthops-packages.service")
    done = answer(process)  # type: ignore[arg-type]
    assert done["failed"]
    fresh.look("rm -f /etc/lab-slow-waits")
    back = fresh.patch(state="rolled_back", run_id=done["run"]["run_id"], hold_days=0)
    assert not back["failed"], back["msg"]
    assert fresh.versions() == BEFORE


def test_the_power_goes(fresh: Patched) -> None:
    digest, process = begun(fresh)
    engine("kill", fresh.container)
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
        ' lock = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(lock, fcntl.LOCK_EX); time.sleep(600)\''
    )
    time.sleep(1)
    refused = fresh.patch(state="applied", digest=digest, policy=POLICY, lock_wait=2)
    fresh.look("systemctl stop lab-lock")
    assert "held by process" in refused["msg"]
    assert "Nothing was changed" in refused["msg"]
    assert fresh.versions() == BEFORE
    finished(fresh, digest)


@pytest.mark.parametrize("free", ["64k", "1m"])
def test_the_disk_is_full(fresh: Patched, free: str) -> None:
    """A small disk below the folder of the runs: first there is no room to download, then none to keep."""
    digest = fresh.planned(policy=POLICY)["digest"]
    fresh.look(
        f"mkdir -p /var/cache/healthops/packages && mount -t tmpfs -o size={free} tmpfs /var/cache/healthops/packages"
    )
    fresh.look("dd if=/dev/zero of=/var/cache/healthops/packages/filler bs=1k 2> /dev/null", check=False)
    refused = fresh.patch(state="staged", policy=POLICY, digest=digest, refresh=False)
    fresh.look(f"umount {CACHE}")
    assert refused["failed"]
    assert fresh.versions() == BEFORE
    finished(fresh, digest)


def answer_or_nothing(process: object) -> None:
    """What a module says that was killed is of no interest."""
    process.communicate(timeout=120)  # type: ignore[attr-defined]
