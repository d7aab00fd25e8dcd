# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration put on a host is remembered, and never guessed at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.run_store import line
from ansible_collections.healthops.clinical.plugins.module_utils._configuration import manifest
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.manifest import Manifest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost

FULL = Manifest(
    name="gateway",
    files=("/etc/a", "/etc/b/c", "/etc/b/d"),
    folders=("/etc/b",),
    data=("/var/lib/gateway",),
    units=("a.service",),
    packages=("haproxy",),
    originals={"/etc/a": {"kind": "file", "content": "eA=="}},
    expected={"file": {"/etc/a": {"kind": "file", "mode": "0644"}}, "unit": {"a.service": {"settings": ["/etc/a"]}}},
    run_id="r1-gateway",
    configured="2026-11-22T15:00:00Z",
)


def test_what_is_written_is_read_again() -> None:
    host = FakeHost()
    host.add_file(manifest.path_of("gateway"), manifest.encode(FULL))
    loaded = manifest.load(host, "gateway")
    assert loaded == FULL
    assert (loaded.run_id, loaded.configured) == (FULL.run_id, FULL.configured)
    assert manifest.names(host) == ["gateway"]


def test_a_host_that_was_never_configured_has_nothing() -> None:
    assert manifest.load(FakeHost(), "gateway") == Manifest("gateway")


def test_who_wrote_it_and_when_does_not_make_it_another() -> None:
    assert replace(FULL, run_id="r2", configured="") == FULL


def test_folders_go_after_what_is_in_them() -> None:
    assert FULL.paths == ["/etc/b/d", "/etc/b/c", "/etc/a", "/etc/b"]


@pytest.mark.parametrize("content", [b"nonsense\n", line({"version": 99, "name": "gateway"})], ids=["damaged", "newer"])
def test_what_cannot_be_read_is_an_error(content: bytes) -> None:
    host = FakeHost()
    host.add_file(manifest.path_of("gateway"), content)
    with pytest.raises(ClinicalError, match="/var/lib/healthops/configurations/gateway"):
        manifest.load(host, "gateway")


def test_the_folder_is_roots_alone() -> None:
    host = FakeHost()
    manifest.make_folder(host)
    assert host.nodes[manifest.FOLDER].mode == 0o700
