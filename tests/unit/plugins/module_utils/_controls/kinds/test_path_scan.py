# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One walk over the local disks: what it enters, what it finds, what is mended and what is left to people."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds import path_scan
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._guard.run import describe_changes
from ansible_collections.healthops.clinical.plugins.module_utils._host import real
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from fake_host import FakeHost, fixture
from look import look, plan

FILES, FOLDERS = {"check": "world_writable_files"}, {"check": "world_writable_folders"}


def host() -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/passwd", "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n")
    made.add_file("/etc/group", "root:x:0:\nalice:x:1000:\n")
    return made


@pytest.mark.parametrize(
    ("path", "mode", "uid", "gid", "settings", "result", "mends"),
    [
        pytest.param("/srv/list", 0o666, 0, 0, FILES, "fail", True, id="open file"),
        pytest.param("/srv/list", 0o664, 0, 0, FILES, "pass", False, id="open to a group"),
        pytest.param("/srv/list", 0o666, 0, 0, {**FILES, "except": ["/srv/*"]}, "pass", False, id="open on purpose"),
        pytest.param("/tmp/list", 0o666, 0, 0, FILES, "pass", False, id="in tmp"),
        pytest.param("/var/lib/docker/x", 0o666, 0, 0, FILES, "pass", False, id="of a container"),
        pytest.param("/srv/pacs/1", 0o666, 0, 0, {**FILES, "not_scanned": ["/srv/pacs"]}, "pass", False, id="left out"),
        pytest.param("/srv/old", 0o644, 1007, 0, {"check": "unowned"}, "fail", False, id="unowned"),
        pytest.param("/srv/old", 0o644, 1000, 0, {"check": "unowned"}, "pass", False, id="owned"),
        pytest.param("/srv/old", 0o644, 0, 1007, {"check": "ungrouped"}, "fail", False, id="ungrouped"),
        pytest.param("/opt/x", 0o4755, 0, 0, {"check": "privileged"}, "fail", False, id="setuid"),
        pytest.param("/opt/x", 0o2755, 0, 0, {"check": "privileged"}, "fail", False, id="setgid"),
        pytest.param(
            "/usr/bin/su", 0o4755, 0, 0, {"check": "privileged", "expected": ["/usr/bin/su"]}, "pass", False, id="known"
        ),
    ],
)
def test_verdicts(path: str, mode: int, uid: int, gid: int, settings: Any, result: str, mends: bool) -> None:
    made = host()
    made.add_file(path, "", mode=mode, uid=uid, gid=gid)
    found = plan(made, "path_scan", settings)
    assert found.assessments[0].result == result
    assert bool(found.groups) == mends
    assert bool(found.assessments[0].reason) == (result == "fail" and not mends)


def test_an_open_folder_becomes_sticky_unless_several_accounts_keep_files_there() -> None:
    made = host()
    made.add_dir("/srv/drop", 0o777)
    made.add_file("/srv/drop/1.hl7", "", uid=0)
    request = _baseline.BaselineRequest("r1", (Control("c1", "path_scan", FOLDERS),))
    assert _baseline.enforce(made, request).findings[0]["result"] == "fixed"
    assert made.nodes["/srv/drop"].mode == 0o1777
    made.nodes["/srv/drop"].mode = 0o777
    made.add_file("/srv/drop/2.hl7", "", uid=1000)
    found = plan(made, "path_scan", FOLDERS)
    assert found.groups == ()
    assert "may count on removing each other's" in found.assessments[0].reason


def test_a_walk_that_would_take_too_long_is_given_up_and_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_scan, "BUDGET", 3)
    found = look(host(), "path_scan", FILES)
    assert found.result == "error"
    assert "files_not_scanned" in found.reason


def test_what_was_left_out_is_told() -> None:
    made = host()
    made.add_file("/proc/self/mountinfo", fixture("mountinfo", "debian-12-archive"))
    assert "(without /mnt/nas, /srv/twice)" in look(made, "path_scan", FILES).before


def test_all_controls_share_one_walk() -> None:
    made = host()
    walks: list[int] = []
    scan = made.scan
    made.scan = lambda *words: (walks.append(1), scan(*words))[1]  # type: ignore[method-assign, func-returns-value]
    plan(made, "path_scan", FILES, FOLDERS, {"check": "unowned"}, {"check": "privileged"})
    assert walks == [1]


@pytest.mark.parametrize(
    ("name", "roots", "foreign"),
    [
        ("debian-12-archive", ["/", "/srv/images"], {"/mnt/nas", "/srv/twice", "/proc", "/sys", "/dev", "/run"}),
        ("debian-12", ["/", "/var/log/journal"], {"/proc", "/sys", "/dev", "/run"}),
    ],
)
def test_each_local_disk_is_walked_once(name: str, roots: list[str], foreign: set[str]) -> None:
    found, left_out = path_scan.roots_of(fixture("mountinfo", name))
    assert found == roots
    assert foreign <= set(left_out)


def test_the_real_walk_finds_what_stands_out_and_enters_nothing_it_should_not(tmp_path: Any) -> None:
    for name in ("open", "quiet", "secret/open", "deep/er/open"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o666 if path.name == "open" else 0o644)
    (tmp_path / "link").symlink_to("open")
    (tmp_path / "deep").chmod(0o777)
    everybody = frozenset([tmp_path.stat().st_uid]), frozenset([tmp_path.stat().st_gid])
    avoided = frozenset([str(tmp_path / "secret")])
    found = RealHost().scan([str(tmp_path)], avoided, *everybody, 100)
    assert found is not None
    names = {entry.path[len(str(tmp_path)) + 1 :]: (entry.kind, entry.mode) for entry in found}
    assert names == {"open": ("file", 0o666), "deep": ("dir", 0o777), "deep/er/open": ("file", 0o666)}
    assert RealHost().scan([str(tmp_path)], avoided, *everybody, 3) is None
    strange = RealHost().scan([str(tmp_path)], avoided, frozenset(), everybody[1], 100)
    assert strange is not None
    assert len(strange) == 6


@pytest.fixture
def deep_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with an open file so deep below it that no path can name the file, as any account can make one."""
    handle = os.open(tmp_path, os.O_RDONLY)
    for _level in range(20):
        os.mkdir("x" * 250, dir_fd=handle)
        below = os.open("x" * 250, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(os.open("open", os.O_CREAT, dir_fd=handle))
    os.chmod("open", 0o666, dir_fd=handle)
    os.close(handle)
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_the_real_walk_goes_deeper_than_a_path_can_name(deep_folder: Path) -> None:
    everybody = frozenset([os.getuid()]), frozenset([os.getgid()])
    entries = RealHost().scan([str(deep_folder)], frozenset(), *everybody, 100)
    assert entries is not None
    assert [(entry.path.endswith("x/open"), len(entry.path) > 4096, entry.mode) for entry in entries] == [
        (True, True, 0o666)
    ]


def test_open_folders_at_the_end_of_what_a_path_can_name_blind_no_check(deep_folder: Path) -> None:
    """Of each it is asked who keeps files in it: below the last ones, nothing can be named any more."""
    path = str(deep_folder)
    while len(path) < 4096:
        os.chmod(path, 0o777)
        path += "/" + "x" * 250
    made = host()
    real_host = RealHost()
    made.scan = lambda _roots, *more: real_host.scan([str(deep_folder)], *more)  # type: ignore[method-assign]
    made.listdir, made.stat = real_host.listdir, real_host.stat  # type: ignore[method-assign]
    judged = plan(made, "path_scan", FOLDERS, {"check": "privileged"})
    assert [assessment.result for assessment in judged.assessments] == ["fail", "pass"]


def test_a_folder_that_becomes_a_link_during_the_walk_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner exchanges it after the walk has met it: what the link leads to is not below this folder."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "swapped" / "below", elsewhere / "below"):
        folder.mkdir(parents=True)
    (elsewhere / "below" / "open").touch()
    (elsewhere / "below" / "open").chmod(0o666)
    list_entries = real._list_entries

    def exchange_then_list(folder: str, *met: Any) -> Any:
        if folder.endswith("swapped/below"):
            (home / "swapped").rename(home / "aside")
            (home / "swapped").symlink_to(elsewhere)
        return list_entries(folder, *met)

    monkeypatch.setattr(real, "_list_entries", exchange_then_list)
    everybody = frozenset([os.getuid()]), frozenset([os.getgid()])
    assert RealHost().scan([str(home)], frozenset(), *everybody, 100) == []


@pytest.mark.parametrize(("check", "mode"), [(FILES, 0o666), (FOLDERS, 0o777)], ids=["file", "folder"])
def test_what_no_path_can_name_is_left_to_people_and_all_else_is_mended(check: Any, mode: int) -> None:
    made = host()
    for path in ("/srv/open", "/srv/" + f"{'x' * 250}/" * 20 + "open"):
        (made.add_dir if mode == 0o777 else made.add_file)(path, mode=mode)
    judged = plan(made, "path_scan", check)
    assert "deeper than any program's path reaches" in judged.assessments[0].reason
    assert [step.subject.path for group in judged.groups for step in group.steps] == ["/srv/open"]


def test_names_of_files_of_data_are_told_as_folder_and_count() -> None:
    made = host()
    for name in ("LUND^Ilsa.dcm", "RICK^Blaine.dcm", "1942 \x1b[2J.dcm"):
        made.add_file(f"/srv/pacs/in/{name}", "", mode=0o666, uid=1007)
    made.add_file("/etc/open", "", mode=0o666)
    files, unowned = FILES, {"check": "unowned"}
    assert look(made, "path_scan", files).before == "/etc/open 0:0 0666, 3 entries in /srv/pacs"
    told = look(made, "path_scan", unowned)
    assert told.before.startswith("3 entries in /srv/pacs")
    assert told.reason.endswith("; to list them: find /srv/pacs -xdev -nouser")
    of_root, of_somebody = plan(made, "path_scan", files).groups
    assert [(c["subject"], c["before"], c["after"]) for c in describe_changes([of_root, of_somebody])] == [
        ("owner and mode of /etc/open", "0666", "0664"),
        ("owner and mode of 3 entries in /srv/pacs", "0666", "0664"),
    ]
