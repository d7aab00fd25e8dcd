# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a text may not quote is taken out of it; what it says about settings stays."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import redact
from unit_tests.plugin_utils._evidence import secrets


@pytest.mark.parametrize("text", secrets.PLANTED.values(), ids=list(secrets.PLANTED))
def test_a_planted_secret_is_taken_out(text: str) -> None:
    cleaned = redact.text(text)
    assert secrets.found(cleaned) == []
    assert "[redacted: " in cleaned
    assert redact.text(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(secrets.PLANTED["shadow"], "backup:*:19000:0:99999:7:::", id="accounts-without-password"),
        pytest.param(secrets.PLANTED["shadow"], "locked:!:19000:0:99999:7:::", id="locked-accounts"),
        pytest.param(secrets.PLANTED["private-key"], "Cannot read", id="words-before-a-key"),
        pytest.param(secrets.PLANTED["web-address"], "https://svc:", id="whose-password-it-was"),
        pytest.param(secrets.PLANTED["hl7"], "MSH|^~\\&|ADT", id="the-segment-about-systems"),
    ],
)
def test_what_is_around_it_stays(text: str, kept: str) -> None:
    assert kept in redact.text(text)


@pytest.mark.parametrize(
    "text",
    [
        "PASS_MAX_DAYS 365",
        "PASS_MAX_DAYS: 365",
        "%admin ALL=(ALL) NOPASSWD: ALL",
        "ops ALL=(ALL) PASSWD: ALL",
        "ops ALL=(ALL) PASSWD: /usr/bin/systemctl restart orthanc",
        "Defaults passwd_tries=3, passwd_timeout=5",
        "PermitEmptyPasswords: no",
        "PasswordAuthentication no",
        "password requisite pam_pwquality.so retry=3",
        "password [success=1 default=ignore] pam_unix.so obscure use_authtok try_first_pass yescrypt",
        "auth required pam_faillock.so preauth silent deny=5",
        "root password: not set",
        "password: locked",
        "root:x:0:0:root:/root:/bin/bash",
        "shadow:*::",
        "mode at most 0640, root:shadow",
        "file /etc/ssh/ssh_host_ed25519_key: 0600 root:root",
        "Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
        "Permission denied (publickey,password).",
        "host all all 10.0.0.0/8 scram-sha-256",
        "local all all md5",
        "sha256:5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
        "^[a-z_][a-z0-9_-]*$",
        "2026-11-22T15:00:00Z",
        "net.ipv4.conf.all.rp_filter = 1",
        "-w /etc/shadow -p wa -k identity",
        "-a always,exit -F arch=b64 -S open -F exit=-EACCES -F auid>=1000 -F auid!=unset -k access",
        "/dev/shm tmpfs rw,nosuid,nodev,noexec",
        "It is in use: 2 clients hold connections on port 6661.",
        "MSA|AA|42",
        "the patient record stays readable",
        "",
        "abc",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact.text(text) == text


def test_plain_data_is_cleaned_at_every_depth() -> None:
    data = {"a": [secrets.PLANTED["token"], {"b": secrets.PLANTED["shadow"], "n": 5, "f": None}], "ok": True}
    cleaned = redact.deep(data)
    assert secrets.found(str(cleaned)) == []
    assert (cleaned["a"][1]["n"], cleaned["a"][1]["f"], cleaned["ok"]) == (5, None, True)
