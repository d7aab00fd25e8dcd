# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a survey hands to every kind: consent, what must stay, and the one look at what listens and runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.units import PROPERTIES
from ansible_collections.healthops.clinical.plugins.module_utils._controls.context import (
    HostUse,
    SurveyContext,
    running_programs,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import read_facts
from dirty_host import dirty_host, request
from fake_host import FakeHost
from fake_programs import FakeUnit
from fake_sockets import listen, process

CUPS = Control("service_cups", "service", {"unit": "cups.service", "state": "masked"})
AVAHI = Control("service_avahi", "service", {"unit": "avahi-daemon.service", "state": "masked"})
ISSUE = Control("issue", "banner", {"path": "/etc/issue", "text": "x"})


def printing_host() -> FakeHost:
    host = FakeHost()
    host.units.update({"cups.service": FakeUnit(active=True), "avahi-daemon.service": FakeUnit(active=True)})
    listen(host, 631, pid=7, unit="cups.service", program="cupsd", clients=1)
    return host


def count_reads(host: FakeHost, before_read: Callable[[], object] = lambda: None) -> list[str]:
    """Return a list that grows by each file of the network's state that is read; ``before_read`` is called first."""
    paths: list[str] = []
    read = host.read

    def noting(path: str) -> bytes | None:
        if path.startswith("/proc/net/"):
            paths.append(path)
            before_read()
        return read(path)

    host.read = noting  # type: ignore[method-assign]
    return paths


def test_three_who_ask_at_once_get_one_reading() -> None:
    host = printing_host()
    never = threading.Event()
    paths = count_reads(host, lambda: never.wait(0.2))  # time enough for the two who came later to read as well
    context = SurveyContext(facts=read_facts(host))
    start = threading.Barrier(3)
    uses: list[HostUse] = []

    def ask() -> None:
        start.wait()
        uses.append(context.use(host))

    callers = [threading.Thread(target=ask) for _caller in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(uses) == 3
    assert all(use is uses[0] for use in uses)
    assert paths.count("/proc/net/tcp") == 1


def test_who_asks_after_a_reading_that_failed_reads_again() -> None:
    host = printing_host()
    context = SurveyContext(facts=read_facts(host))
    listdir = host.listdir

    def failing(path: str) -> list[str]:
        raise ClinicalError("Listing", path, "Input/output error")

    host.listdir = failing  # type: ignore[method-assign]
    with pytest.raises(ClinicalError):
        context.use(host)
    host.listdir = listdir  # type: ignore[method-assign]
    assert "cups.service" in context.use(host).listeners


def test_proc_is_read_once_a_survey_and_only_where_something_asks() -> None:
    host = printing_host()
    paths = count_reads(host)
    _baseline.audit(host, _baseline.BaselineRequest("a", (ISSUE,)))
    assert paths == []
    _baseline.audit(host, _baseline.BaselineRequest("a", (CUPS, AVAHI)))
    assert paths.count("/proc/net/tcp") == 1
    _baseline.audit(host, _baseline.BaselineRequest("a", (CUPS, AVAHI)))
    assert paths.count("/proc/net/tcp") == 2  # the next survey looks anew


def test_consent_and_what_the_inventory_keeps_go_by_name() -> None:
    keeps = {"cups.service": "this host is declared as print_server"}
    context = SurveyContext(facts={"container": ""}, keeps=keeps, allow_stop=frozenset({"nginx"}))
    assert context.has_consent("package_nginx", "nginx")
    assert not context.has_consent("cups.service")
    assert context.reason_to_keep("cups", "cups.service") == "this host is declared as print_server"
    assert context.reason_to_keep("nginx") is None


def test_the_facts_say_whether_it_is_a_container() -> None:
    assert SurveyContext(facts={"container": "podman"}).in_container
    assert not SurveyContext(facts={"container": ""}).in_container


def test_programs_are_known_by_their_path_also_when_an_update_took_it_away() -> None:
    host = FakeHost()
    process(host, 12, "", "cupsd", "/usr/sbin/cupsd")
    process(host, 13, "", "cupsd", "/usr/sbin/cupsd (deleted)")
    programs = running_programs(host)
    assert {path: [running.pid for running in programs[path]] for path in programs} == {"/usr/sbin/cupsd": ["12", "13"]}


def units_asked(host: FakeHost) -> list[list[str]]:
    """Return the units of each question about their state."""
    questions: list[list[str]] = []
    run = host.run

    def noting(argv: Sequence[str], *more: Any, **options: Any) -> CommandResult:
        if list(argv[:4]) == ["systemctl", "show", "--property", ",".join(PROPERTIES)]:
            questions.append([name for name in argv[5:] if name.endswith((".service", ".socket"))])
        return run(argv, *more, **options)

    host.run = noting  # type: ignore[method-assign]
    return questions


def test_all_units_of_a_survey_are_asked_for_once() -> None:
    host = dirty_host()
    questions = units_asked(host)
    controls = request("a1", "service", "config", "time", "sshd", "apparmor", "aide").controls
    _baseline.survey(host, controls, SurveyContext(facts=read_facts(host)))
    first, *later = questions  # the later one is about who else needs a unit
    assert {"cups.service", "chrony.service", "ssh.socket", "apparmor.service"} <= set(first)
    assert set(first).isdisjoint(name for question in later for name in question)


def test_a_unit_that_systemctl_refuses_keeps_nobody_else_from_an_answer() -> None:
    host = printing_host()
    run = host.run

    def refusing(argv: Sequence[str], *more: Any, **options: Any) -> CommandResult:
        if "bad@@.service" in argv:
            return CommandResult(tuple(argv), 1, "", "Failed to get properties: Invalid argument\n")
        return run(argv, *more, **options)

    host.run = refusing  # type: ignore[method-assign]
    context = SurveyContext(facts=read_facts(host))
    context.expect_units(["bad@@.service", "cups.service"])
    assert context.units(host, ["cups.service"])["cups.service"].running
    with pytest.raises(ClinicalError, match="Invalid argument"):
        context.units(host, ["bad@@.service"])
