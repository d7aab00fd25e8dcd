# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is judged by: ready to send, with what stays here, under a digest of all that is judged."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue
from unit_tests.plugin_utils._catalogue.catalogues import TRIES, good, ids, make


def test_a_selection_is_ready_to_send(tmp_path: Path) -> None:
    selection = catalogue.select(good(tmp_path), "standard")
    assert selection.controls == [
        {
            "id": "kernel_log",
            "kind": "sysctl",
            "settings": {"key": "kernel.dmesg_restrict", "value": 1},
            "applies": {"families": ["Debian"], "container": False},
            "differs": {},
            "hazard": "none",
        },
        {
            "id": "sshd_tries",
            "kind": "sshd",
            "settings": {"option": "MaxAuthTries", "value": 4, "op": "at_most"},
            "applies": {},
            "differs": {},
            "hazard": "lockout",
        },
    ]
    assert json.loads(json.dumps(selection.controls)) == selection.controls


def test_the_metadata_stays_here_with_its_references(tmp_path: Path) -> None:
    selection = catalogue.select(good(tmp_path), "standard")
    assert selection.metadata["sshd_tries"] == {
        "title": "Few passwords for each connection",
        "rationale": "Every further attempt is a cheap guess.",
        "severity": "medium",
        "hazard": "lockout",
        "tier": "essential",
        "kind": "sshd",
        "references": {"nist": {"AC-7": "partial", "AU-9": "supports"}},
    }
    assert selection.frameworks["nist"] == {
        "title": "A framework",
        "version": "5",
        "status": "guidance",
        "as_of": "2026-01-31",
        "source": "The book of rules, fifth edition",
        "quotable": True,
    }


def test_a_caution_is_for_whoever_enforces_the_control(tmp_path: Path) -> None:
    cautious = TRIES.replace("  rationale: Every", "  caution: Type\n    well.\n  rationale: Every")
    loaded = catalogue.load([make(tmp_path / "b", {"ssh.yml": cautious})])
    assert catalogue.select(loaded, "standard").cautions == {"sshd_tries": "Type well."}
    assert catalogue.select(good(tmp_path / "a"), "standard").cautions == {}


def test_a_skipped_control_is_not_sent_but_stays_in_the_evidence(tmp_path: Path) -> None:
    selection = catalogue.select(good(tmp_path), "standard", skip={"kernel_log": "The vendor's agent reads it."})
    assert ids(selection) == ["sshd_tries"]
    assert selection.skipped == {"kernel_log": "The vendor's agent reads it."}
    assert selection.metadata["kernel_log"]["title"] == "Only root reads the kernel log"


def test_the_digest_follows_what_is_judged(tmp_path: Path) -> None:
    loaded = good(tmp_path)
    digests = {
        catalogue.select(loaded, "standard").digest,
        catalogue.select(loaded, "strict").digest,
        catalogue.select(loaded, "standard", {"tries": 3}).digest,
        catalogue.select(loaded, "standard", skip={"kernel_log": "why"}).digest,
        catalogue.select(loaded, "standard", skip={"kernel_log": "another reason"}).digest,
    }
    assert len(digests) == 5
    again = catalogue.select(catalogue.load([tmp_path]), "standard")
    assert again.digest == catalogue.select(loaded, "standard", {"tries": 4}).digest
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", again.digest)
