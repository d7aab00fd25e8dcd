# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: who signed is told, a key that cannot sign is named, and no key is ever shown."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.sign import Signed, fingerprint, judged, sign
from unit_tests.plugin_utils._evidence.chains import RUNS, run, snapshot, told
from unit_tests.plugin_utils._evidence.stored_runs import report


def test_the_report_and_the_result_name_the_key_and_never_hold_it(signed: Path, keys: Path) -> None:
    made = report(signed, run_id=RUNS[0])
    assert made["signer"].startswith("SHA256:")
    assert made["signer"] in (signed / RUNS[0] / "report.html").read_text(encoding="utf-8")
    private = "".join((keys / "ours").read_text(encoding="utf-8").splitlines()[1:-1])
    for path, data in snapshot(signed).items():
        assert private[:40].encode() not in data, path
        assert str(keys).encode() not in data, path


@pytest.mark.parametrize("name", ["absent", "locked"])
def test_a_key_that_cannot_sign_fails_and_leaves_the_bundle_to_be_sealed(tmp_path: Path, keys: Path, name: str) -> None:
    with pytest.raises(ClinicalError, match=r"signing key|Signing with") as raised:
        run(tmp_path, RUNS[0], key=keys / name)
    assert "secret words" not in str(raised.value)
    made = run(tmp_path, RUNS[0], key=keys / "ours")
    assert (made["sequence"], told(tmp_path, allowed_signers=keys / "allowed")) == (1, [])


def test_the_public_half_of_a_key_in_an_agent_signs(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        while not socket.exists() and agent.poll() is None:
            pass
        subprocess.run(["ssh-add", "-q", str(keys / "ours")], check=True, capture_output=True)
        public = tmp_path / "only.pub"
        shutil.copy(keys / "ours.pub", public)
        made = run(tmp_path / "e", RUNS[0], key=public)
    finally:
        agent.terminate()
        agent.wait()
    assert made["signer"].startswith("SHA256:")
    assert told(tmp_path / "e", allowed_signers=keys / "allowed") == []


@pytest.mark.parametrize("suffix", ["", ".pub"], ids=["private", "public"])
def test_a_key_is_named_by_its_fingerprint(keys: Path, suffix: str) -> None:
    listed = subprocess.run(["ssh-keygen", "-l", "-f", str(keys / "ours.pub")], capture_output=True, check=True)
    assert fingerprint(keys / f"ours{suffix}") == listed.stdout.decode("ascii").split()[1]


def test_who_signed_is_told_by_key_and_by_name(tmp_path: Path, keys: Path) -> None:
    signature = tmp_path / "data.sig"
    signature.write_bytes(sign(keys / "ours", b"data"))
    key = fingerprint(keys / "ours")
    assert judged(b"data", signature, None) == Signed(key=key)
    assert judged(b"data", signature, keys / "allowed") == Signed(key=key, name="ours@hospital.example")


def test_a_signer_may_have_a_blank_in_the_name(tmp_path: Path, keys: Path) -> None:
    signature, allowed = tmp_path / "data.sig", tmp_path / "allowed"
    signature.write_bytes(sign(keys / "ours", b"data"))
    public = (keys / "ours.pub").read_text(encoding="utf-8").split()
    allowed.write_text(f'"Evidence Office" namespaces="healthops.clinical" {public[0]} {public[1]}\n', encoding="utf-8")
    assert judged(b"data", signature, allowed).name == "Evidence Office"


def test_a_signature_of_other_data_is_broken(tmp_path: Path, keys: Path) -> None:
    signature = tmp_path / "data.sig"
    signature.write_bytes(sign(keys / "ours", b"data"))
    for allowed in (None, keys / "allowed"):
        made = judged(b"datum", signature, allowed)
        assert (made.key, made.name) == ("", "")
        assert made.problem.startswith("the signature is broken: ")


def test_a_key_that_nobody_allowed_is_named(tmp_path: Path, keys: Path) -> None:
    signature = tmp_path / "data.sig"
    signature.write_bytes(sign(keys / "theirs", b"data"))
    made = judged(b"data", signature, keys / "allowed")
    assert (made.key, made.name) == (fingerprint(keys / "theirs"), "")
    assert made.problem == f"it is signed by a key that {keys / 'allowed'} does not allow: {made.key}"


def test_a_file_that_is_no_key_has_no_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("words", encoding="utf-8")
    with pytest.raises(ClinicalError, match="Reading the signing key"):
        fingerprint(tmp_path / "key")


def test_what_is_told_of_a_program_is_its_whole_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess(["ssh-keygen"], 255, b"", "no\u2028key: bad format\r\n".encode())
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_more: answer)
    with pytest.raises(ClinicalError) as caught:
        fingerprint(tmp_path / "key")
    assert caught.value.saw == "no\u2028key: bad format"
