# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of the advisories: what a host gets, when it is made anew, what happens to a damaged one."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories
from unit_tests.plugin_utils._patch.test_advisories_files import EPSS, KEV, TRACKER, release

BENCHMARK = Path(__file__).resolve().parents[4] / "benchmark" / "advisories.py"


def carried_in(folder: Path, tracker: Any = None) -> dict[str, Path]:
    texts = {"debian_tracker": json.dumps(tracker or TRACKER), "cisa_kev": json.dumps(KEV), "epss": EPSS}
    for option, text in texts.items():
        (folder / option).write_text(text, encoding="utf-8")
        os.utime(folder / option, (1_764_000_000, 1_764_000_000))
    return {option: folder / option for option in texts}


def made(folder: Path, **more: Any) -> advisories.AdvisoryIndex:
    found = advisories.index(carried_in(folder, **more), folder / "cache")
    assert found is not None
    return found


def asked(folder: Path) -> advisories.AdvisoryIndex:
    found = advisories.index({option: folder / option for option in advisories.files.NAMES}, folder / "cache")
    assert found is not None
    return found


def indexes(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache").glob("*.sqlite3"))


@pytest.mark.parametrize(
    ("version", "cves"),
    [
        pytest.param("7.88.1-10+deb12u8", ["CVE-2026-0001"], id="an older version"),
        pytest.param("7.88.1-10+deb12u9", [], id="the fixed version"),
        pytest.param("7.88.1-10+deb12u10", [], id="a newer version, though not by its letters"),
        pytest.param("", ["CVE-2026-0001"], id="a version that nobody knows"),
    ],
)
def test_a_host_gets_the_fixes_that_are_newer_than_what_it_has(tmp_path: Path, version: str, cves: list[str]) -> None:
    told = made(tmp_path).for_packages("bookworm", {"curl": version, "nginx": "1.22.1-9"})
    assert [each["cve"] for each in told.get("curl", [])] == cves
    assert set(told) <= {"curl"}


def test_a_fix_is_told_with_what_all_three_files_say_of_it(tmp_path: Path) -> None:
    told = made(tmp_path).for_packages("bookworm", {"curl": "7.88.1-10", "zlib": "1:1.2.13.dfsg-1"})
    assert told == {
        "curl": [
            {
                "cve": "CVE-2026-0001",
                "fixed": "7.88.1-10+deb12u9",
                "urgency": "high",
                "dsa": None,
                "kev_due": "2026-12-01",
                "epss": 0.9421,
            }
        ],
        "zlib": [
            {
                "cve": "TEMP-0000000-1A2B3C",
                "fixed": "1:1.2.13.dfsg-1+deb12u1",
                "urgency": "not yet assigned",
                "dsa": None,
                "kev_due": None,
                "epss": None,
            }
        ],
    }


def test_a_release_gets_only_its_own_fixes(tmp_path: Path) -> None:
    index = made(tmp_path)
    assert [each["cve"] for each in index.for_packages("sid", {"curl": "7.0-1"})["curl"]] == ["CVE-2026-0002"]
    assert index.for_packages("forky", {"curl": "7.0-1"}) == {}
    assert index.about()["debian_tracker"]["releases"] == ["bookworm", "sid"]


def test_a_host_may_have_more_packages_than_one_question_takes(tmp_path: Path) -> None:
    many = {f"source{number}": {"CVE-2026-0009": {"releases": {"bookworm": release("2-1")}}} for number in range(1300)}
    told = made(tmp_path, tracker=many).for_packages("bookworm", dict.fromkeys(many, "1-1"))
    assert len(told) == 1300


def test_what_a_host_named_itself_is_looked_up(tmp_path: Path) -> None:
    assert made(tmp_path).for_cves(["CVE-2026-0001", "CVE-1999-0001"]) == {
        "CVE-2026-0001": {"kev_due": "2026-12-01", "epss": 0.9421},
        "CVE-1999-0001": {"kev_due": None, "epss": None},
    }


def test_no_file_is_no_index(tmp_path: Path) -> None:
    assert advisories.index({}, tmp_path / "cache") is None
    assert not (tmp_path / "cache").exists()


def test_one_file_alone_is_enough(tmp_path: Path) -> None:
    given = {"cisa_kev": carried_in(tmp_path)["cisa_kev"]}
    found = advisories.index(given, tmp_path / "cache")
    assert found is not None
    assert found.for_packages("bookworm", {"curl": "1-1"}) == {}
    assert found.for_cves(["CVE-2021-44228"]) == {"CVE-2021-44228": {"kev_due": "2021-12-24", "epss": None}}


def test_the_same_files_make_no_second_index_and_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_in(tmp_path)
    later = time.time() + 60
    monkeypatch.setattr(advisories.time, "time", lambda: later)
    first = asked(tmp_path)
    monkeypatch.setattr(advisories.hashlib, "sha256", lambda *_data: pytest.fail("a file was read again"))
    monkeypatch.setattr(advisories, "_make", lambda *_args: pytest.fail("the index was made again"))
    monkeypatch.setattr(advisories, "_name", lambda _sums: first.path.name)
    assert asked(tmp_path) == first


def test_other_files_make_another_index_even_with_the_same_name_and_size(tmp_path: Path) -> None:
    first = made(tmp_path)
    changed = json.loads(json.dumps(TRACKER).replace("CVE-2026-0001", "CVE-2026-0007"))
    second = made(tmp_path, tracker=changed)
    assert second != first
    assert [each["cve"] for each in second.for_packages("bookworm", {"curl": "1-1"})["curl"]] == ["CVE-2026-0007"]


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    path = made(tmp_path).path
    for damage in (b"", b"no database", path.read_bytes()[:1000]):
        path.write_bytes(damage)
        assert "curl" in made(tmp_path).for_packages("bookworm", {"curl": "1-1"})


def test_a_damaged_memory_of_checksums_costs_only_time(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "cache" / "checksums.json").write_text("{", encoding="utf-8")
    assert "curl" in made(tmp_path).for_packages("bookworm", {"curl": "1-1"})


def test_a_bad_file_leaves_no_index_behind(tmp_path: Path) -> None:
    given = carried_in(tmp_path)
    given["epss"].write_text("cve,epss,percentile\nCVE-2026-0001,0.1,0.", encoding="utf-8")
    with pytest.raises(ClinicalError, match="it ends in the middle of line 2"):
        advisories.index(given, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_a_package_that_is_named_in_two_places_is_refused(tmp_path: Path) -> None:
    given = carried_in(tmp_path)
    curl = json.dumps(TRACKER["curl"])
    given["debian_tracker"].write_text(
        f'{{"curl": {curl}, "zlib": {{}}, "a": {curl}, "curl": {curl}}}', encoding="utf-8"
    )
    with pytest.raises(ClinicalError, match="names one package in two places"):
        advisories.index(given, tmp_path / "cache")


def test_a_file_of_another_name_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="unknown file 'nvd'"):
        advisories.index({"nvd": tmp_path}, tmp_path / "cache")
    with pytest.raises(ClinicalError, match=r"the EPSS scores in .*No such file"):
        advisories.index({"epss": tmp_path / "missing"}, tmp_path / "cache")
    with pytest.raises(ClinicalError, match="Name another directory"):
        advisories.index(carried_in(tmp_path), tmp_path / "epss" / "cache")


def test_old_indexes_go(tmp_path: Path) -> None:
    for number in range(advisories.KEPT + 2):
        tracker = json.loads(json.dumps(TRACKER).replace("CVE-2026-0001", f"CVE-2026-100{number}"))
        os.utime(made(tmp_path, tracker=tracker).path, (number, number))
    assert len(indexes(tmp_path)) == advisories.KEPT
    assert "curl" in made(tmp_path, tracker=tracker).for_packages("bookworm", {"curl": "1-1"})


def _ask(folder: str) -> int:
    return len(asked(Path(folder)).for_packages("bookworm", {"curl": "1-1", "zlib": "1-1"}))


def test_many_processes_share_one_index(tmp_path: Path) -> None:
    carried_in(tmp_path)
    with multiprocessing.get_context("fork").Pool(8) as pool:
        assert pool.map(_ask, [str(tmp_path)] * 16) == [2] * 16
    assert len(indexes(tmp_path)) == 1


def test_files_that_are_too_old_are_named(tmp_path: Path) -> None:
    now = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)
    about = made(tmp_path).about()
    assert advisories.too_old(about, 400, now) == []
    assert advisories.too_old(about, 14, now) == [
        "the Debian security tracker's data are of 2025-11-24T16:00:00Z, 365 days old: "
        "severities and deadlines may be too mild"
    ]


def test_a_real_tracker_s_size_fits_the_control_node() -> None:
    """The whole of tests/benchmark/advisories.py with a smaller file; all of it in memory at once would take more."""
    command = [sys.executable, str(BENCHMARK), "--megabytes", "12", "--hosts", "20", "--limit", "64"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "allowed 64 MiB" in told.stdout
