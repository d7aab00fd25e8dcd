# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of a file of data, which may be a patient's, is in no text that leaves the host."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Group, Step
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import withheld_names
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import Meta, narrower_image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.trees import Tree
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError, ExchangedError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import commit_confirm, reverter
from ansible_collections.healthops.clinical.plugins.module_utils._guard import run as guarded_run
from ansible_collections.healthops.clinical.plugins.module_utils._guard.commit_confirm import GuardRequest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Stat
from dirty_host import dirty_host, request
from fake_host import FakeHost

FOLDER, PATIENT = "/srv/exchange", "LUND Ilsa"
OF_PATIENT = f"{FOLDER}/{PATIENT}.pdf"
OTHER = "/var/log/exchange.log"


@pytest.fixture(name="host")
def fixture_host() -> FakeHost:
    host = dirty_host()
    host.add_dir(FOLDER, 0o755)
    host.add_file(OF_PATIENT, "a letter\n", mode=0o666, uid=1001)
    host.add_file(OTHER, "", mode=0o606, uid=1001)
    return host


def narrow(host: FakeHost, run_id: str = "e1") -> None:
    """Take from everybody the right to write the file, as a run does."""
    step = Step(Meta(OF_PATIENT), narrower_image("file", 0o002, 1001), "0666", "0664", "everybody may write it", ("x",))
    other = replace(step, subject=Meta(OTHER), before="0606", after="0604")
    outcome = guarded_run.carry_out(host, run_id, [Group("narrow", (step, other))], None)
    assert outcome.failed == {}
    assert host.nodes[OF_PATIENT].mode == 0o664


def exchange_always(host: FakeHost) -> None:
    """Have the account put another file in the place whenever root has looked at it."""
    set_meta = host.set_meta

    def raced(path: str, mode: int, uid: int, gid: int, planned: Stat, taken: int = 0) -> None:
        host.nodes[path].mode ^= 0o010 if path == OF_PATIENT else 0
        set_meta(path, mode, uid, gid, planned, taken)

    host.set_meta = raced  # type: ignore[method-assign]


def nameless(text: str) -> bool:
    return PATIENT not in text and f"something in {FOLDER}" in text


def test_the_error_of_a_step_names_the_folder(host: FakeHost) -> None:
    with pytest.raises(ExchangedError) as caught:
        Meta(OF_PATIENT).put(host, narrower_image("dir", 0o002, 1001))
    assert nameless(str(caught.value))


def test_a_folder_of_a_service_and_what_is_no_data_are_named_themselves(host: FakeHost) -> None:
    host.add_file("/etc/motd", "", uid=1001)
    for path, kind in ((FOLDER, "dir"), ("/etc/motd", "file")):
        with pytest.raises(ExchangedError, match=f"Setting owner and mode of {path}:"):
            Meta(path).put(host, narrower_image(kind, 0o002, 4321))


def test_what_is_left_of_a_run_names_the_folder(host: FakeHost) -> None:
    narrow(host)
    host.nodes[OF_PATIENT].mode = 0o640
    report = _baseline.revert(host, request("r1"), "e1", False)
    (left,) = report.left
    assert left["subject"] == f"owner and mode of something in {FOLDER}"
    assert (left["entry"], left["now"]) == ("mode", "0640")
    assert nameless(" ".join(report.warnings))


def test_what_is_exchanged_on_a_way_back_names_the_folder(host: FakeHost) -> None:
    narrow(host)
    exchange_always(host)
    report = _baseline.revert(host, request("r1"), "e1", False)
    told = [warning for warning in report.warnings if warning.startswith("Left to whoever")]
    assert told
    assert all(map(nameless, told))


def test_what_a_guard_leaves_names_the_folder(host: FakeHost) -> None:
    narrow(host)
    exchange_always(host)
    taken = reverter.take_back_now(host, "e1", "a test")
    assert taken.guard.state == "reverted"
    assert nameless(taken.guard.why)
    assert PATIENT not in str(taken.restored)


def guard_folder(host: FakeHost) -> None:
    """Guard the folder, change the file and have it confirmed; then somebody else changes it as well."""
    wanted = GuardRequest(run_id="g1", paths=(FOLDER,), watch_next_boot=False)
    commit_confirm.arm(host, wanted, False)
    host.nodes[OF_PATIENT].content = b"another letter\n"
    assert not commit_confirm.confirm(host, wanted, False).failed
    host.nodes[OF_PATIENT].content = b"a third letter\n"


def test_what_others_changed_in_a_guarded_tree_names_the_folder(host: FakeHost) -> None:
    guard_folder(host)
    host.nodes[FOLDER].mode = 0o700
    with pytest.raises(ClinicalError) as caught:
        _baseline.revert(host, request("r1"), "g1", False)
    assert nameless(str(caught.value))
    report = _baseline.revert(host, request("r1", force=True), "g1", False)
    assert PATIENT not in str(asdict(report))


def test_a_guarded_tree_that_cannot_be_put_back_names_the_folder(host: FakeHost) -> None:
    image = Tree(FOLDER).capture(host)
    host.nodes[OF_PATIENT].content = b"another letter\n"

    def refuse(path: str, *_args: object) -> None:
        raise ClinicalError("Writing", path, "the disk is full")

    host.write = refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(ClinicalError) as caught:
        Tree(FOLDER).put(host, image)
    assert nameless(str(caught.value))
    assert all(map(nameless, Tree(FOLDER).astray(Tree(FOLDER).capture(host), image)))


def test_what_cannot_be_looked_at_while_controls_observe_names_the_folder(host: FakeHost) -> None:
    below = f"{FOLDER}/{PATIENT}"
    host.add_dir(below)

    def scan(*_args: object) -> None:
        raise ClinicalError("Scanning", below, f"Input/output error at {below}")

    host.scan = scan  # type: ignore[method-assign, assignment]
    findings = _baseline.audit(host, request("a1", "path_scan")).findings
    assert findings
    assert all(finding["result"] == "error" and nameless(finding["reason"]) for finding in findings)


def test_a_path_that_a_control_names_is_told() -> None:
    with (
        pytest.raises(ClinicalError, match=f"Reading {OF_PATIENT}: "),
        withheld_names(lambda _path: False, {OF_PATIENT}),
    ):
        raise ClinicalError("Reading", OF_PATIENT, "Input/output error")
