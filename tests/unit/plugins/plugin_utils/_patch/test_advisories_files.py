# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that tell of vulnerabilities: what is read out of them, and what is refused with which words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories_files as files
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories_json


def release(fixed: Any, status: str = "resolved", urgency: str = "not yet assigned") -> dict[str, Any]:
    told = {"status": status, "repositories": {"bookworm": "1.0-1"}, "urgency": urgency}
    return {**told, "fixed_version": fixed} if fixed is not None else told


TRACKER: dict[str, Any] = {
    "curl": {
        "CVE-2026-0001": {"description": "é", "releases": {"bookworm": release("7.88.1-10+deb12u9", urgency="high")}},
        "CVE-2026-0002": {"scope": "remote", "releases": {"bookworm": release(None, "open"), "sid": release("8.1-1")}},
        "CVE-2026-0003": {"releases": {"bookworm": release("0")}},
    },
    "zlib": {"TEMP-0000000-1A2B3C": {"releases": {"bookworm": release("1:1.2.13.dfsg-1+deb12u1")}}},
}
KEV: dict[str, Any] = {
    "title": "CISA Catalog of Known Exploited Vulnerabilities",
    "catalogVersion": "2026.11.24",
    "dateReleased": "2026-11-24T15:00:12.1234Z",
    "count": 2,
    "vulnerabilities": [
        {"cveID": "CVE-2026-0001", "dueDate": "2026-12-01", "shortDescription": 'It says "x" {[,'},
        {"cveID": "CVE-2021-44228", "dueDate": "2021-12-24"},
    ],
}
EPSS = """#model_version:v2026.03.14,score_date:2026-11-24T00:00:00+0000
cve,epss,percentile
CVE-2026-0001,0.94210,0.99900
CVE-2026-0002,0.00043,0.07200
"""
READERS: dict[str, Any] = {"debian_tracker": files.fixes, "cisa_kev": files.exploited, "epss": files.scores}
GOOD = {"debian_tracker": json.dumps(TRACKER), "cisa_kev": json.dumps(KEV), "epss": EPSS}


def read(folder: Path, option: str, text: Any) -> list[Any]:
    path = folder / "carried-in"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return list(READERS[option](path, files.About()))


def test_the_tracker_tells_every_fix_and_nothing_that_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, "debian_tracker", GOOD["debian_tracker"]) == [
        ("bookworm", "curl", "CVE-2026-0001", "7.88.1-10+deb12u9", "high"),
        ("sid", "curl", "CVE-2026-0002", "8.1-1", "not yet assigned"),
        ("bookworm", "zlib", "TEMP-0000000-1A2B3C", "1:1.2.13.dfsg-1+deb12u1", "not yet assigned"),
    ]


@pytest.mark.parametrize("indent", [None, 1])
def test_where_the_text_is_divided_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: Any
) -> None:
    whole = json.dumps(TRACKER, indent=indent, ensure_ascii=False)
    wanted = read(tmp_path, "debian_tracker", whole)
    for size in range(1, 40):
        monkeypatch.setattr(advisories_json, "CHUNK", size)
        assert read(tmp_path, "debian_tracker", whole) == wanted


def test_kev_and_epss_tell_their_rows_and_their_dates(tmp_path: Path) -> None:
    about = files.About()
    path = tmp_path / "kev.json"
    path.write_text(GOOD["cisa_kev"], encoding="utf-8")
    assert list(files.exploited(path, about)) == [("CVE-2026-0001", "2026-12-01"), ("CVE-2021-44228", "2021-12-24")]
    assert (about.as_of, about.rows, about.told_by) == ("2026-11-24T15:00:12Z", 2, "the catalogue")
    about = files.About()
    path.write_text(EPSS, encoding="utf-8")
    assert list(files.scores(path, about)) == [("CVE-2026-0001", 0.9421), ("CVE-2026-0002", 0.00043)]
    assert (about.as_of, about.rows, about.told_by) == ("2026-11-24T00:00:00Z", 2, "the file")


@pytest.mark.parametrize("option", sorted(READERS))
def test_compressed_files_are_read_as_they_are(tmp_path: Path, option: str) -> None:
    assert read(tmp_path, option, gzip.compress(GOOD[option].encode())) == read(tmp_path, option, GOOD[option])


@pytest.mark.parametrize("option", sorted(READERS))
def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path, option: str) -> None:
    whole = GOOD[option].encode("utf-8")
    # A CSV that is cut just at the end of a line, after its first score, is whole to every reader.
    ends = [place for place in range(len(whole)) if option != "epss" or whole[:place].count(b"\n") < 3]
    for end in ends:
        with pytest.raises(ClinicalError) as refused:
            read(tmp_path, option, whole[:end])
        assert files.NAMES[option] in str(refused.value), end
        if end > 60 and option != "epss":
            assert "it ends in the middle" in str(refused.value), end
            assert files.CARRY_AGAIN in str(refused.value), end


@pytest.mark.parametrize("option", sorted(READERS))
def test_a_compressed_file_that_was_cut_is_refused(tmp_path: Path, option: str) -> None:
    whole = gzip.compress(GOOD[option].encode("utf-8"))
    for end in range(3, len(whole), 7):
        with pytest.raises(ClinicalError):
            read(tmp_path, option, whole[:end])


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        pytest.param("debian_tracker", GOOD["cisa_kev"], "this looks like the KEV catalogue", id="KEV for the tracker"),
        pytest.param("debian_tracker", EPSS, "an object is wanted at character 0", id="EPSS for the tracker"),
        pytest.param(
            "debian_tracker", "<html>", "an object is wanted at character 0, and there is '<'", id="a web page"
        ),
        pytest.param("debian_tracker", "{}", "it tells of no fix at all", id="nothing in it"),
        pytest.param("debian_tracker", '{"curl": {"bug": 1}}', "the entry 'bug' of 'curl' is no CVE", id="no CVE"),
        pytest.param("debian_tracker", GOOD["debian_tracker"] + "x", "something follows its end", id="more after it"),
        pytest.param("debian_tracker", '{"curl": {,}}', "it is no JSON at character 10", id="broken in it"),
        pytest.param("debian_tracker", '{"curl" {}}', "a colon is wanted", id="no colon"),
        pytest.param("debian_tracker", '{"curl": {} "zlib": {}}', "a comma or '}' is wanted", id="no comma"),
        pytest.param("debian_tracker", '{"c": {"CVE-2026-0001": ' + "[" * 99999, "is too deep", id="deep"),
        pytest.param("debian_tracker", b'{"curl\xff": {}}', "it is no UTF-8 text", id="no text"),
        pytest.param("debian_tracker", b"\x1f\x8bnothing", "damaged", id="no gzip"),
        pytest.param("cisa_kev", GOOD["debian_tracker"], "it has no list of vulnerabilities", id="tracker for KEV"),
        pytest.param(
            "cisa_kev", json.dumps({**KEV, "count": 3}), "it says that it has 3 entries, and has 2", id="count"
        ),
        pytest.param(
            "cisa_kev", json.dumps({**KEV, "vulnerabilities": [{}]}), "vulnerability 1 has no cveID", id="no id"
        ),
        pytest.param("cisa_kev", json.dumps({**KEV, "dateReleased": "soon"}), "it is dated 'soon'", id="no date"),
        pytest.param(
            "cisa_kev", json.dumps({**KEV, "vulnerabilities": [{"cveID": "CVE-2026-0001"}]}), "is due on None", id="due"
        ),
        pytest.param("epss", GOOD["cisa_kev"], "wanted is cve,epss,percentile", id="KEV for EPSS"),
        pytest.param("epss", "cve,epss,percentile\nCVE-2026-0001,9.8,0.5\n", "line 2 is 'CVE-2026-0001,9.8", id="CVSS"),
        pytest.param(
            "epss", "cve,epss,percentile\nCVE-2026-0001,,\n", "line 2 is 'CVE-2026-0001,,', no score", id="gap"
        ),
        pytest.param("epss", "cve,epss,percentile\n", "it has no score at all", id="only a head"),
    ],
)
def test_another_file_than_the_option_says_is_refused(tmp_path: Path, option: str, text: Any, told: str) -> None:
    with pytest.raises(ClinicalError) as refused:
        read(tmp_path, option, text)
    assert told in str(refused.value)
    assert str(tmp_path / "carried-in") in str(refused.value)


@pytest.mark.parametrize("option", sorted(READERS))
def test_a_file_that_is_not_there_is_named(tmp_path: Path, option: str) -> None:
    with pytest.raises(ClinicalError, match="No such file or directory"):
        list(READERS[option](tmp_path / "missing", files.About()))


def test_a_value_that_never_ends_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisories_json, "CHUNK", 10)
    monkeypatch.setattr(advisories_json, "LONGEST", 100)
    with pytest.raises(ClinicalError, match="does not end"):
        read(tmp_path, "debian_tracker", '{"curl": {"CVE-2026-0001": "' + "x" * 1000)
