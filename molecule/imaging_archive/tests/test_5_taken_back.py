# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration with which the archive does not answer, or of which nobody says so, is not there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from outside import ADDRESSES, FULL, SENDER, SQLITE, command, dicom, failures, play, root, status, wait_for

ARCHIVE = SQLITE[-1]
#: A drain of 4 seconds, and the least time that leaves for a restart and its probe.
SHORTLY = {"imaging_archive_drain_seconds": 4, "imaging_archive_confirm_within": 244}


def files() -> str:
    return root(ARCHIVE, "find /etc/imaging-archive /etc/systemd/system /etc/nginx -type f -exec sha256sum {} + | sort")


def process() -> str:
    return root(ARCHIVE, "systemctl show --property MainPID --value orthanc")


@pytest.fixture(autouse=True)
def _answers_as_before() -> Iterator[None]:
    before = files()
    yield
    assert files() == before
    now = status(ARCHIVE)
    assert (now["answers"], now["drained"], now["restart_waits"]) == (True, False, False)
    assert dicom("echoscu", ARCHIVE, "CT1")[0] == 0


def longest_silence(act: Callable[[], None]) -> float:
    """Return for how many seconds at most a modality had no answer while something happened."""
    over = threading.Event()

    def ask() -> float:
        last = time.monotonic()
        longest = 0.0
        while not over.is_set() or longest == 0.0:
            if dicom("echoscu", ARCHIVE, "CT1")[0] == 0:
                longest = max(longest, time.monotonic() - last)
                last = time.monotonic()
            time.sleep(0.2)
        return longest

    with ThreadPoolExecutor(max_workers=1) as pool:
        asked = pool.submit(ask)
        try:
            act()
        finally:
            over.set()
        return asked.result()


def test_an_archive_that_does_not_start_with_it_has_the_earlier_configuration_back() -> None:
    """The file is good JSON; it is Orthanc that wants a number there, and says so when it starts."""
    broken = {"ConcurrentJobs": "many"}

    def configure() -> None:
        code, report = play("converge.yml", "--limit", ARCHIVE, imaging_archive_options=broken)
        message = failures(report, ARCHIVE)
        assert code == 2
        assert f"{ARCHIVE} has its earlier configuration of imaging_archive back" in message
        assert "orthanc.service was restarted and does not answer. It said: " in message
        assert "ConcurrentJobs" in message, "Orthanc's reason is missing"

    # Orthanc waits two seconds before each start; awaited to the end, it would be two minutes.
    assert longest_silence(configure) < 100


@pytest.mark.skipif(not FULL, reason="it waits for the guard; the long form does")
def test_a_control_node_that_dies_in_the_drain_leaves_an_archive_that_admits_senders_again() -> None:
    before = process()
    pki = "-cert /srv/test/pki/sender.pem -key /srv/test/pki/sender.key"
    hold = f"while :; do sleep 25 | openssl s_client -quiet {pki} -connect {ADDRESSES[ARCHIVE]}:2762; done"
    root(SENDER, f"systemd-run --quiet --collect --unit=hold bash -c '(sleep 12; {hold}) & {hold}'")
    variables = {**SHORTLY, "imaging_archive_options": {"ConcurrentJobs": 3}}
    argv, environment = command("converge.yml", "--limit", ARCHIVE, **variables)
    running = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for("it is drained", lambda: status(ARCHIVE)["drained"], patience=120)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        wait_for("senders are admitted again", lambda: not status(ARCHIVE)["drained"], patience=400)
    finally:
        root(SENDER, "systemctl kill --signal=KILL hold")
    assert process() == before, "it had not read what was taken back, and was restarted all the same"
