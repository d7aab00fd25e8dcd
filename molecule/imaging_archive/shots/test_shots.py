# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four shots on hosts that the role never touched: changed, changed, ok, ok, and check mode foretells the run."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from outside import ARCHIVES, changes, failures, play, results, root

LOOK = ("--check", "--diff")


@pytest.fixture(name="shots", scope="module")
def fixture_shots() -> list[tuple[int, dict[str, Any]]]:
    return [play("converge.yml", *words) for words in (LOOK, (), LOOK, ())]


@pytest.mark.parametrize("archive", ARCHIVES)
def test_changed_changed_ok_ok(shots: list[tuple[int, dict[str, Any]]], archive: str) -> None:
    told = [failures(report, archive) for _code, report in shots]
    stats = [report["stats"][archive] for _code, report in shots]
    assert [one["failures"] + one["unreachable"] for one in stats] == [0, 0, 0, 0], told
    assert [one["changed"] > 0 for one in stats] == [True, True, False, False], changed(shots[-1][1], archive)


@pytest.mark.parametrize("archive", ARCHIVES)
def test_the_first_look_foretells_every_change(shots: list[tuple[int, dict[str, Any]]], archive: str) -> None:
    foretold, done = (changes(report, archive) for _code, report in shots[:2])
    assert foretold == done
    assert len([change for change in done if change["subject"].startswith(("file /", "generated file /"))]) > 20
    assert changed(shots[0][1], archive) == changed(shots[1][1], archive)


@pytest.mark.parametrize("archive", ARCHIVES)
def test_orthanc_was_started_once_and_never_by_its_package(
    shots: list[tuple[int, dict[str, Any]]], archive: str
) -> None:
    assert shots[1][0] == 0
    assert root(archive, "journalctl --unit orthanc --output cat | grep -c '^Started '") == "1"
    assert root(archive, "journalctl --unit nginx --output cat | grep -c '^Started '") == "1"
    assert root(archive, "ss -Htln sport = :4242") == "", "the package's own configuration is in use"
    assert root(archive, "stat -c %n /usr/sbin/policy-rc.d*") == "/usr/sbin/policy-rc.d"


@pytest.mark.parametrize("archive", ARCHIVES)
def test_no_diff_and_no_result_shows_a_secret(shots: list[tuple[int, dict[str, Any]]], archive: str) -> None:
    secrets = own_secrets(archive)
    for _code, report in shots:
        text = str(results(report, archive))
        assert "not-a-secret-but-a-test" not in text
        assert re.search(r"IMAGING_ARCHIVE_SECRET=\w", text) is None
        assert not any(secret in text for secret in secrets)
        assert "PRIVATE KEY" not in text


def own_secrets(archive: str) -> list[str]:
    """The host's own password and what is made of it: nginx's login and the hashes of people's passwords."""
    read = "cat /etc/imaging-archive/environment /etc/imaging-archive/nginx-secret.conf /etc/imaging-archive/htpasswd"
    found = re.findall(r"SECRET=(\w+)|Basic ([^\"]+)|reader:(\S+)", root(archive, read))
    assert len(found) == 3
    return ["".join(groups) for groups in found]


def changed(report: dict[str, Any], host: str) -> list[str]:
    return [task for task, result in results(report, host) if result.get("changed")]
