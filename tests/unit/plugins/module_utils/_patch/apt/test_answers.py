# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt is asked again exactly where something that it reads has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import answers
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import observe as look
from fake_host import FakeHost

STATUS = "/var/lib/dpkg/status"
LIST = "/var/lib/apt/lists/mirror.example_dists_trixie_InRelease"
PIN = "/etc/apt/preferences.d/site"
SOLVE = ["apt-get", "-s", "-y", "dist-upgrade"]


class ServiceRequest(FakeHost):
    """Counts what apt is asked."""

    def __init__(self) -> None:
        super().__init__("debian-13")
        self.asked: list[list[str]] = []
        self.rc = 0
        self.add_dir("/var/cache")
        for path in (STATUS, LIST, PIN, "/etc/apt/apt.conf.d/70debconf"):
            self.add_file(path, "as it was")

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        self.asked.append(list(argv))
        return CommandResult(tuple(argv), self.rc, f"answer {len(self.asked)}", "")


def test_the_same_question_is_answered_once() -> None:
    host = ServiceRequest()
    first = answers.remembering(host, keeps=True).run(SOLVE)
    again = answers.remembering(host, keeps=True).run(SOLVE)
    assert (first.out, again.out, len(host.asked)) == ("answer 1", "answer 1", 1)
    assert answers.remembering(host, keeps=True).run(["apt-cache", "show", "lab"]).out == "answer 2"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda host: host.write(STATUS, b"as it was", 0o644, 0, 0, {}), id="packages"),
        pytest.param(lambda host: host.write(LIST, b"newer", 0o644, 0, 0, {}), id="lists"),
        pytest.param(lambda host: host.write(PIN, b"newer", 0o644, 0, 0, {}), id="preferences"),
        pytest.param(lambda host: host.remove(PIN), id="gone"),
        pytest.param(lambda host: host.add_file("/etc/apt/sources.list", "deb ..."), id="sources"),
        pytest.param(lambda host: host.add_file("/var/lib/dpkg/updates/0001", "cut"), id="a-cut-dpkg"),
    ],
)
def test_what_apt_reads_has_changed(change: Callable[[FakeHost], object]) -> None:
    host = ServiceRequest()
    answers.remembering(host, keeps=True).run(SOLVE)
    host.clock += 1
    change(host)
    assert answers.remembering(host, keeps=True).run(SOLVE).out == "answer 2"
    assert len(host.glob(f"{answers.FOLDER}/*")) == 1  # the older answers have gone


def test_a_link_is_followed() -> None:
    host = ServiceRequest()
    host.add_file("/srv/sources.list", "one")
    host.add_link("/etc/apt/sources.list", "/srv/sources.list")
    answers.remembering(host, keeps=True).run(SOLVE)
    host.clock += 1
    host.write("/srv/sources.list", b"two", 0o644, 0, 0, {})
    assert answers.remembering(host, keeps=True).run(SOLVE).out == "answer 2"


def test_the_pins_of_a_run_are_part_of_the_question() -> None:
    host = ServiceRequest()
    for pins in ("one", "two", "one"):
        look.simulate(answers.remembering(host, keeps=True), ["dist-upgrade"], pins)
    assert len(host.asked) == 2


@pytest.mark.parametrize(
    "setting", ['Dir::State::lists "/srv/lists";', 'Dir "/srv";', 'Dir { State "x"; };', "RootDir /"]
)
def test_a_site_that_has_moved_the_folders_of_apt_is_asked_each_time(setting: str) -> None:
    host = ServiceRequest()
    host.add_file("/etc/apt/apt.conf.d/99site", setting)
    assert [answers.remembering(host, keeps=True).run(SOLVE).out for _time in range(2)] == ["answer 1", "answer 2"]


def test_a_moved_cache_is_no_moved_list() -> None:
    host = ServiceRequest()
    host.add_file("/etc/apt/apt.conf.d/clean", 'Dir::Cache::pkgcache "";\nDir::Log::Terminal "";')
    assert [answers.remembering(host, keeps=True).run(SOLVE).out for _time in range(2)] == ["answer 1", "answer 1"]


def test_check_mode_writes_nothing() -> None:
    host = ServiceRequest()
    before = dict(host.nodes)
    for _time in range(2):
        answers.remembering(host, keeps=False).run(SOLVE)
    assert (len(host.asked), host.nodes) == (2, before)


def test_what_is_no_question_is_done_each_time() -> None:
    host = ServiceRequest()
    for argv in (["apt-get", "-y", "install", "lab"], ["apt-mark", "hold", "lab"], ["apt-get", "update", "-q"]):
        for _time in range(2):
            answers.remembering(host, keeps=True).run(argv)
    assert len(host.asked) == 6
    assert host.glob(f"{answers.FOLDER}/*") == []


def test_a_failure_is_not_remembered() -> None:
    host = ServiceRequest()
    host.rc = 100
    assert answers.remembering(host, keeps=True).run(SOLVE).rc == 100
    host.rc = 0
    assert answers.remembering(host, keeps=True).run(SOLVE).out == "answer 2"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"out": "x"}', b"\xff"])
def test_a_damaged_answer_is_asked_for_again(content: bytes) -> None:
    host = ServiceRequest()
    answers.remembering(host, keeps=True).run(SOLVE)
    (path,) = host.glob(f"{answers.FOLDER}/*/*")
    host.write(path, content, 0o600, 0, 0, {})
    assert answers.remembering(host, keeps=True).run(SOLVE).out == "answer 2"


def test_a_full_disk_only_forgets() -> None:
    host = ServiceRequest()
    host.strike(0, "ENOSPC", lasting=True)
    assert [answers.remembering(host, keeps=True).run(SOLVE).out for _time in range(2)] == ["answer 1", "answer 2"]
