# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three modalities send while the archive is killed, stopped and drained; what was acknowledged is counted."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Sequence

from outside import (
    ADDRESSES,
    ARCHIVES,
    POSTGRESQL,
    READER,
    SENDER,
    SQLITE,
    each,
    failures,
    play,
    rest,
    results,
    root,
    ssh,
    status,
    wait_for,
)

STORAGE = "/var/lib/orthanc/db-v6"
TITLES = ("CT1", "CT2", "CT3")
EACH = 40


def sender(archive: str, title: str, first: int, count: int) -> dict[str, Any]:
    command = f"python3 /srv/test/sender.py {ADDRESSES[archive]} 2762 {title} {first} {count} /srv/test/pki"
    done = ssh(SENDER, command, lane=archive)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def send_during(
    act: Callable[[], object], first: int, archives: Sequence[str] = ARCHIVES, count: int = EACH
) -> dict[str, list[dict[str, Any]]]:
    """What three senders of each archive had acknowledged, which went on until what happens meanwhile is over."""
    over = threading.Event()

    def go_on(archive: str, number: int) -> dict[str, Any]:
        parts = [sender(archive, TITLES[number], first + number * 2000, count)]
        while not over.is_set():
            parts.append(sender(archive, TITLES[number], first + number * 2000 + len(parts) * count, count))
        acknowledged = {uid: digest for part in parts for uid, digest in part["acknowledged"].items()}
        assert len(acknowledged) == len(parts) * count
        return {
            "acknowledged": acknowledged,
            **{key: sum(part[key] for part in parts) for key in ("left", "again", "refused")},
        }

    # All at once, sshd would take some of so many logins for an attack.
    each(lambda archive: ssh(SENDER, "true", lane=archive), archives)
    with ThreadPoolExecutor(max_workers=3 * len(archives)) as pool:
        before = each(kept_count, archives)
        sent = {archive: [pool.submit(go_on, archive, number) for number in range(3)] for archive in archives}
        try:
            each(lambda archive: images_arrive(archive, before[archive]), archives)
            act()
        finally:
            over.set()
        return {archive: [one.result() for one in three] for archive, three in sent.items()}


def images_arrive(archive: str, before: int) -> None:
    wait_for("images arrive", lambda: kept_count(archive) > before + 5)


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


def nothing_is_lost(sent: dict[str, list[dict[str, Any]]]) -> None:
    found = each(kept, sent)
    for archive, three in sent.items():
        assert lost(together(three), found[archive]) == [], archive


def test_killed_three_times_they_keep_what_they_acknowledged() -> None:
    def kill(archive: str) -> None:
        for _time in range(3):
            root(archive, "systemctl kill --signal=KILL orthanc")
            answers(archive)
            time.sleep(0.5)

    nothing_is_lost(send_during(lambda: each(kill), first=10_000))


def test_stopped_under_their_senders_they_keep_what_they_acknowledged() -> None:
    def stop(archive: str) -> None:
        root(archive, "systemctl stop orthanc && systemctl start orthanc")

    nothing_is_lost(send_during(lambda: each(stop), first=20_000))


def test_a_drained_restart_loses_nothing_and_nobody_sends_twice() -> None:
    def drain_and_restart() -> None:
        code, report = play("restart.yml")
        assert code == 0, [failures(report, archive) for archive in ARCHIVES]

    before, processes = each(kept), each(pid)
    sent = send_during(drain_and_restart, first=30_000)
    nothing_is_lost(sent)
    now, found = each(pid), each(kept)
    for archive, three in sent.items():
        assert now[archive] != processes[archive]
        assert [one["again"] for one in three] == [0, 0, 0]
        assert len(found[archive]) == len(before[archive]) + len(together(three))
        assert sum(one["refused"] for one in three) > 0, "nobody was refused meanwhile: this was no drain"


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
    archive = SQLITE[-1]
    pki = "-cert /srv/test/pki/sender.pem -key /srv/test/pki/sender.key"
    # Senders that say nothing. Orthanc closes each after half a minute; two take turns, so that one of them is there.
    hold = f"while :; do sleep 25 | openssl s_client -quiet {pki} -connect {ADDRESSES[archive]}:2762; done"
    root(SENDER, f"systemd-run --quiet --collect --unit=hold bash -c '(sleep 12; {hold}) & {hold}'")
    try:
        wait_for("it is held", lambda: status(archive)["associations"] == 2)
        process = pid(archive)
        code, report = play("restart.yml", "--limit", archive, imaging_archive_drain_seconds=4)
    finally:
        root(SENDER, "systemctl kill --signal=KILL hold")
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


def test_a_drain_waits_for_a_job_at_work_and_gives_up_on_one_that_takes_too_long() -> None:
    """The archives send to a viewer that stands still, until it is let go on."""
    root(SENDER, "rm -rf /srv/viewer; mkdir /srv/viewer")
    viewer = "storescp --fork --output-directory /srv/viewer --unique-filenames 11113"
    root(SENDER, f"systemd-run --quiet --collect --unit=viewer {viewer}")
    wait_for("it listens", lambda: ssh(SENDER, "ss -Htln sport = :11113 | grep -q .").returncode == 0)
    root(SENDER, "systemctl kill --signal=STOP viewer")

    def work(archive: str) -> str:
        chosen = json.loads(rest(archive, "/instances?since=0&limit=5", "-u", READER)[1])
        assert len(chosen) == 5
        asked = json.dumps({"Resources": chosen, "Synchronous": False})
        return str(json.loads(rest(archive, "/modalities/viewer/store", "-u", READER, "-d", asked)[1])["ID"])

    def state(archive: str) -> tuple[object, ...]:
        now = status(archive)
        job = json.loads(rest(archive, f"/jobs/{jobs[archive]}", "-u", READER)[1])
        return now["drained"], now["associations"], now["jobs"], job["State"]

    def drain(**more: Any) -> tuple[int, dict[str, Any]]:
        return play("restart.yml", "--limit", ",".join(SQLITE), archive_step="drain", **more)

    jobs = each(work, SQLITE)
    try:
        code, report = drain(imaging_archive_drain_seconds=4)
        assert code == 2
        for archive in SQLITE:
            assert f"{archive} could not be drained in 4 seconds" in failures(report, archive)
            assert state(archive) == (False, 0, 1, "Running")
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = pool.submit(drain)
            try:
                each(lambda archive: wait_for("it waits", lambda: state(archive) == (True, 0, 1, "Running")), SQLITE)
                assert not waiting.done()
            finally:
                root(SENDER, "systemctl kill --signal=CONT viewer")
            code, report = waiting.result()
        assert code == 0, [failures(report, archive) for archive in SQLITE]
        assert each(state, SQLITE) == dict.fromkeys(SQLITE, (True, 0, 0, "Success"))
        assert int(root(SENDER, "find /srv/viewer -type f | wc -l")) == 5 * len(SQLITE)
    finally:
        root(SENDER, "systemctl kill --signal=KILL viewer")
        code, report = play("restart.yml", "--limit", ",".join(SQLITE), archive_step="undrain")
    assert code == 0, [failures(report, archive) for archive in SQLITE]


BACKUP = "/srv/backups/one"


def act_on_data(step: str, *words: str, **variables: Any) -> tuple[int, dict[str, Any]]:
    """Run an entry point of the role on the folder of the backup; what it reports names no patient."""
    code, report = play("restart.yml", *words, archive_step=step, imaging_archive_backup_directory=BACKUP, **variables)
    assert "TEST^IMAGE" not in json.dumps(report), "a patient is named"
    return code, report


def said_by(report: dict[str, Any], archive: str) -> str:
    return "\n".join(str(result.get("msg")) for _task, result in results(report, archive))


def lose_data(archive: str) -> None:
    """With SQLite all that it holds; with PostgreSQL the database alone: images are there that nothing knows."""
    root(archive, "systemctl stop orthanc")
    if archive in SQLITE:
        root(archive, f"rm -r {STORAGE}/*; systemctl start orthanc")
        answers(archive)
        assert kept(archive) == {}, "the count finds images that are gone"
    else:
        root(archive, "runuser -u postgres -- dropdb orthanc")


def test_what_is_backed_up_under_senders_comes_back_when_the_data_are_lost() -> None:
    before = each(kept)
    each(lambda archive: root(archive, "rm -rf /srv/backups; mkdir /srv/backups"))

    def back_up() -> None:
        code, report = act_on_data("backup", "--check")
        for archive in ARCHIVES:
            assert "Would back up " in said_by(report, archive), failures(report, archive)
            assert root(archive, "ls /srv/backups") == ""
        code, report = act_on_data("backup")
        assert code == 0, [failures(report, archive) for archive in ARCHIVES]

    nothing_is_lost(send_during(back_up, first=50_000))
    manifests = each(lambda archive: json.loads(root(archive, f"cat {BACKUP}/manifest.json")))
    assert set(each(lambda archive: root(archive, f"stat -c '%U %a' {BACKUP}")).values()) == {"root 700"}

    # The nightly copy of the index, which the backup was made of, counts the same.
    for archive in SQLITE:
        said = root(
            archive, "journalctl --quiet --unit imaging-archive-snapshot --output cat | grep instances | tail -1"
        )
        assert f": {manifests[archive]['counts']['instances']} instances;" in said
    # It is never overwritten, and an archive that holds images has to be named.
    code, report = act_on_data("backup")
    for archive in ARCHIVES:
        assert "is there already, and is never overwritten" in failures(report, archive)
    processes = each(pid)
    code, report = act_on_data("restore")
    for archive in ARCHIVES:
        assert f"set imaging_archive_restore_replaces: {archive}" in failures(report, archive)
    assert each(pid) == processes

    each(lose_data)
    code, report = act_on_data("restore", "--check")
    for archive in SQLITE:
        assert "Would restore " in said_by(report, archive), failures(report, archive)
        assert kept(archive) == {}
    for archive in POSTGRESQL:
        assert "is not empty: it holds an unknown number of instances in the index" in failures(report, archive)
    code, report = act_on_data("restore", imaging_archive_restore_replaces="{{ inventory_hostname }}")
    assert code == 0, [failures(report, archive) for archive in ARCHIVES]
    restored = each(kept)
    for archive in ARCHIVES:
        assert lost(before[archive], restored[archive]) == [], archive
        assert len(restored[archive]) == manifests[archive]["counts"]["instances"] >= len(before[archive]) > 3 * EACH
        assert "no file" not in restored[archive].values()
        assert not status(archive)["drained"]
    # It goes on from there.
    nothing_is_lost(send_during(lambda: None, first=60_000))
    each(lambda archive: root(archive, f"rm -r /srv/backups {STORAGE}/.restore-* 2> /dev/null || true"))


def test_a_full_disk_refuses_and_deletes_nothing() -> None:
    archive = SQLITE[-1]
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
