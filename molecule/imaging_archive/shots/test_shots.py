# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four shots on hosts that the role never touched: changed, changed, ok, ok, and check mode foretells the run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from outside import ARCHIVES, LOOKED_AT, failures, play, results

#: Without what lies in them, they are nothing that a reader would miss.
DIRECTORIES = {
    "/etc/imaging-archive",
    "/etc/imaging-archive/tls",
    "/etc/needrestart",
    "/etc/needrestart/conf.d",
    "/etc/systemd/system/orthanc.service.d",
    "/usr/local/libexec/imaging-archive",
}
#: The run itself makes all of them. The looks, and the run that finds nothing to do, are of LOOKED_AT.
SHOTS = ((("--check", "--diff"), LOOKED_AT), ((), ARCHIVES), (("--check", "--diff"), LOOKED_AT), ((), LOOKED_AT))


@pytest.fixture(name="shots", scope="module")
def fixture_shots() -> list[tuple[int, dict[str, Any]]]:
    return [play("converge.yml", *words, "--limit", ",".join(archives)) for words, archives in SHOTS]


@pytest.mark.parametrize("archive", [archive for archive in ARCHIVES if archive not in LOOKED_AT] or ["none"])
def test_the_others_are_made_as_well(shots: list[tuple[int, dict[str, Any]]], archive: str) -> None:
    if archive == "none":
        pytest.skip("all of them are looked at")
    stats = shots[1][1]["stats"][archive]
    assert stats["failures"] + stats["unreachable"] == 0, failures(shots[1][1], archive)
    assert stats["changed"] > 0


@pytest.mark.parametrize("archive", LOOKED_AT)
def test_changed_changed_ok_ok(shots: list[tuple[int, dict[str, Any]]], archive: str) -> None:
    told = [failures(report, archive) for _code, report in shots]
    stats = [report["stats"][archive] for _code, report in shots]
    assert [one["failures"] + one["unreachable"] for one in stats] == [0, 0, 0, 0], told
    assert [one["changed"] > 0 for one in stats] == [True, True, False, False], changed(shots[-1][1], archive)


@pytest.mark.parametrize("archive", LOOKED_AT)
def test_the_first_look_foretells_every_file(shots: list[tuple[int, dict[str, Any]]], archive: str) -> None:
    told = str(results(shots[0][1], archive))
    done = files(shots[1][1], archive) - DIRECTORIES
    assert [path for path in done if path not in told] == []
    assert len(done) > 15


@pytest.mark.parametrize("archive", ARCHIVES)
def test_no_diff_and_no_result_shows_a_secret(shots: list[tuple[int, dict[str, Any]]], archive: str) -> None:
    for _code, report in shots:
        text = str(results(report, archive))  # nothing, where it had no part in it
        assert "not-a-secret-but-a-test" not in text
        assert "IMAGING_ARCHIVE_SECRET=" not in text
        assert "PRIVATE KEY" not in text


def changed(report: dict[str, Any], host: str) -> list[str]:
    return [task for task, result in results(report, host) if result.get("changed")]


def files(report: dict[str, Any], host: str) -> set[str]:
    """Every path that a task wrote, or would."""
    found: set[str] = set()
    for _task, result in results(report, host):
        for one in result.get("results", [result]):
            path = one.get("dest") or one.get("path") or one.get("invocation", {}).get("module_args", {}).get("dest")
            if one.get("changed") and path:
                found.add(path)
    return found
