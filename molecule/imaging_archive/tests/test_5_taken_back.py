# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration with which the archive does not answer, or of which nobody says so, is not there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

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


def test_an_archive_that_does_not_start_with_it_has_the_earlier_configuration_back() -> None:
    """The file is good JSON; it is Orthanc that wants a number there, and says so when it starts."""
    broken = {"ConcurrentJobs": "many"}
    code, report = play("converge.yml", "--limit", ARCHIVE, imaging_archive_options=broken)
    assert code == 2
    assert f"{ARCHIVE} has its earlier configuration of imaging_archive back" in failures(report, ARCHIVE)


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
