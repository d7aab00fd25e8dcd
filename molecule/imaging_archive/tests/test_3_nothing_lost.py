# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three modalities send while the archive is killed, stopped and drained; what was acknowledged is counted."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable

import pytest
from outside import ADDRESSES, ARCHIVES, SENDER, failures, play, root, ssh, status, wait_for

STORAGE = "/var/lib/orthanc/db-v6"
TITLES = ("CT1", "CT2", "CT3")
EACH = 60
archives = pytest.mark.parametrize("archive", ARCHIVES)


def sender(archive: str, title: str, first: int, count: int) -> dict[str, Any]:
    command = f"python3 /srv/test/sender.py {ADDRESSES[archive]} 2762 {title} {first} {count} /srv/test/pki"
    done = ssh(SENDER, command)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def send_during(archive: str, act: Callable[[], None], first: int, count: int = EACH) -> list[dict[str, Any]]:
    """What each of three senders had acknowledged that went on sending until what happens to the archive is over."""
    over = threading.Event()

    def go_on(number: int) -> dict[str, Any]:
        parts = [sender(archive, TITLES[number], first + number * 2000, count)]
        while not over.is_set():
            parts.append(sender(archive, TITLES[number], first + number * 2000 + len(parts) * count, count))
        acknowledged = {uid: digest for part in parts for uid, digest in part["acknowledged"].items()}
        assert len(acknowledged) == len(parts) * count
        return {
            "acknowledged": acknowledged,
            **{key: sum(part[key] for part in parts) for key in ("left", "again", "refused")},
        }

    with ThreadPoolExecutor(max_workers=3) as pool:
        before = kept_count(archive)
        sent: list[Future[dict[str, Any]]] = [pool.submit(go_on, number) for number in range(3)]
        try:
            wait_for("images arrive", lambda: kept_count(archive) > before + 5)
            act()
        finally:
            over.set()
        return [one.result() for one in sent]


def kept_count(archive: str) -> int:
    return int(root(archive, f"find {STORAGE} -mindepth 3 -type f | wc -l"))


def kept(archive: str) -> dict[str, str]:
    return dict(json.loads(root(archive, f"python3 /srv/test/kept.py orthanc {STORAGE}")))


def lost(acknowledged: dict[str, str], found: dict[str, str]) -> list[str]:
    """The images that were acknowledged and are not there, or not with the same pixels."""
    return [uid for uid, digest in acknowledged.items() if found.get(uid) != digest]


def together(sent: list[dict[str, Any]]) -> dict[str, str]:
    assert [one["left"] for one in sent] == [0, 0, 0]
    return {uid: digest for one in sent for uid, digest in one["acknowledged"].items()}


def answers(archive: str) -> None:
    wait_for(f"{archive} answers", lambda: status(archive)["answers"])


@archives
def test_killed_three_times_it_keeps_what_it_acknowledged(archive: str) -> None:
    def kill() -> None:
        for _time in range(3):
            root(archive, "systemctl kill --signal=KILL orthanc")
            answers(archive)
            time.sleep(0.5)

    acknowledged = together(send_during(archive, kill, first=10_000))
    assert lost(acknowledged, kept(archive)) == []


@archives
def test_stopped_under_its_senders_it_keeps_what_it_acknowledged(archive: str) -> None:
    def stop() -> None:
        root(archive, "systemctl stop orthanc && systemctl start orthanc")

    acknowledged = together(send_during(archive, stop, first=20_000))
    assert lost(acknowledged, kept(archive)) == []


@archives
def test_a_drained_restart_loses_nothing_and_nobody_sends_twice(archive: str) -> None:
    def drain_and_restart() -> None:
        code, report = play("restart.yml", "--limit", archive)
        assert code == 0, failures(report, archive)

    before, process = len(kept(archive)), pid(archive)
    sent = send_during(archive, drain_and_restart, first=30_000)
    acknowledged, found = together(sent), kept(archive)
    assert pid(archive) != process
    assert lost(acknowledged, found) == []
    assert [one["again"] for one in sent] == [0, 0, 0]
    assert len(found) == before + len(acknowledged)
    assert sum(one["refused"] for one in sent) > 0, "nobody was refused meanwhile: this was no drain"


def pid(archive: str) -> str:
    return root(archive, "systemctl show --property MainPID --value orthanc")


def test_the_count_finds_what_an_archive_lost() -> None:
    """The control: one that acknowledges first and stores later, killed. Sender and count are the same."""
    root(SENDER, "rm -rf /srv/late && mkdir -p /srv/late/memory /srv/late/disk")
    # What arrives is in memory, is brought to the disk every two seconds, and is gone with a kill.
    keep = "while sleep 2; do mv memory/* disk/; done"
    late = f"cd /srv/late; storescp --output-directory memory 11112 & {keep}"
    root(SENDER, f"systemd-run --quiet --unit=late bash -c '{late}'")
    wait_for("it listens", lambda: ssh(SENDER, "ss -Htln sport = :11112 | grep -q .").returncode == 0)
    with ThreadPoolExecutor(max_workers=1) as pool:
        sent = pool.submit(ssh, SENDER, "python3 /srv/test/sender.py 127.0.0.1 11112 CT1 90000 100")
        wait_for("images arrive", lambda: ssh(SENDER, "ls /srv/late/memory | grep -q .").returncode == 0)
        root(SENDER, "systemctl kill --signal=KILL late; rm -f /srv/late/memory/*")
        root(SENDER, f"systemctl reset-failed late; systemd-run --quiet --unit=late bash -c '{late}'")
        acknowledged = json.loads(sent.result().stdout)["acknowledged"]
    time.sleep(3)
    found = json.loads(root(SENDER, "python3 /srv/test/kept.py files /srv/late/disk; systemctl stop late"))
    assert len(acknowledged) == 100
    assert lost(acknowledged, found) != []


def test_a_drain_that_does_not_come_to_its_end_gives_up_and_says_who() -> None:
    archive = ARCHIVES[1]
    pki = "-cert /srv/test/pki/sender.pem -key /srv/test/pki/sender.key"
    over = threading.Event()

    def hold() -> None:
        """One sender after the other that says nothing: Orthanc closes each after half a minute."""
        while not over.is_set():
            ssh(SENDER, f"sleep 25 | openssl s_client -quiet {pki} -connect {ADDRESSES[archive]}:2762")

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        wait_for("it is held", lambda: status(archive)["associations"] == 1)
        process = pid(archive)
        code, report = play("restart.yml", "--limit", archive, imaging_archive_drain_seconds=4)
    finally:
        over.set()
        thread.join()
    assert code == 2
    assert f"{archive} could not be drained in 4 seconds" in failures(report, archive)
    assert ADDRESSES[SENDER] in failures(report, archive)
    assert (pid(archive), status(archive)["drained"]) == (process, False)


def test_a_host_that_stays_drained_is_named_and_reloading_the_firewall_does_not_admit_it() -> None:
    archive = ARCHIVES[0]
    units = "/run/systemd/system/imaging-archive-drain.service.d"
    code, report = play("restart.yml", "--limit", archive, archive_step="drain")
    assert code == 0, failures(report, archive)
    root(archive, "systemctl restart nftables && systemctl is-enabled --quiet imaging-archive-drain")
    assert "reset" in root(archive, "nft list table inet imaging_archive_drain")
    refuse = f"printf '[Unit]\\nRefuseManualStop=yes\\n' > {units}/no.conf"
    root(archive, f"mkdir -p {units} && {refuse} && systemctl daemon-reload")
    code, report = play("restart.yml", "--limit", archive, archive_step="undrain")
    assert code == 2
    assert f"{archive} STAYS DRAINED" in failures(report, archive)
    root(archive, f"rm -r {units} && systemctl daemon-reload")
    code, report = play("restart.yml", "--limit", archive, archive_step="undrain")
    assert (code, status(archive)["drained"]) == (0, False), failures(report, archive)


def test_an_index_copied_under_senders_restores_all_that_was_there() -> None:
    archive = ARCHIVES[0]
    before = kept(archive)

    def snapshot() -> None:
        root(archive, "systemctl start imaging-archive-snapshot")

    acknowledged = together(send_during(archive, snapshot, first=50_000))
    assert lost(acknowledged, kept(archive)) == []
    root(
        archive,
        f"systemctl stop orthanc && cp -a {STORAGE} /srv/backup && rm {STORAGE}/index*"
        f" && cp /var/lib/imaging-archive/index {STORAGE}/ && chown orthanc: {STORAGE}/index"
        " && systemctl start orthanc",
    )
    answers(archive)
    restored = kept(archive)
    assert lost(before, restored) == []
    back = f"rm -r {STORAGE}/* && cp -a /srv/backup/* {STORAGE}/ && rm -r /srv/backup"
    root(archive, f"systemctl stop orthanc && {back} && systemctl start orthanc")
    answers(archive)


def test_a_database_is_copied_too() -> None:
    archive = ARCHIVES[2]
    root(archive, "systemctl start imaging-archive-snapshot")
    assert "TABLE DATA public resources" in root(archive, "pg_restore --list /var/lib/imaging-archive/index.pgdump")
    rows = root(
        archive, "runuser -u postgres -- psql -tAc 'select count(*) from resources where resourcetype = 3' orthanc"
    )
    assert int(rows) == len(kept(archive))


def test_a_full_disk_refuses_and_deletes_nothing() -> None:
    archive = ARCHIVES[1]
    small = f"mount -t tmpfs -o size=6m tmpfs {STORAGE} && chown orthanc: {STORAGE}"
    root(archive, f"systemctl stop orthanc && {small} && systemctl start orthanc")
    answers(archive)
    program = "python3 /srv/test/sender.py"
    done = ssh(SENDER, f"{program} {ADDRESSES[archive]} 2762 CT1 70000 300 /srv/test/pki --briefly")
    sent = json.loads(done.stdout)
    assert sent["left"] > 0
    assert len(sent["acknowledged"]) > 20
    assert lost(sent["acknowledged"], kept(archive)) == []
    root(archive, f"systemctl stop orthanc && umount {STORAGE} && systemctl start orthanc")
    answers(archive)
