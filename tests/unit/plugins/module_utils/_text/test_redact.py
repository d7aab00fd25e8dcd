# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a text may not quote is taken out of it; what it says about settings stays."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._text import redact
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
        "daemon has no shell, but a password: if no file transfer or mail service checks it, lock it",
        "alice has no password: a person has to set a password for it",
        "passwd: files systemd",
        "passwd: compat",
        "Setting owner and mode of /etc/passwd: Read-only file system. Remount it writable and run again.",
        "cat: /etc/ldap.secret: Permission denied",
        "cp: cannot open '/etc/krb5.passwd': Input/output error",
        "/root/.vault-token: No such file or directory",
        "usermod -u 1000 alice",
        "podman run --user 1000:1000 image",
        "journalctl -u ssh.service",
        "every account has a password or is locked",
        "passwords of people last a limited time",
        "password policy of 2026",
        "credentials=/etc/cifs.credentials",
        "backup:*:19000:0:99999:7:::",
        "ward:x:50:alice,bob",
        "the community of the practice",
        "trap 'rm -f file' EXIT",
        "the patient record stays readable",
        "",
        "abc",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact.text(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("password hunter2", "password [redacted: secret]", id="a line of key and value"),
        pytest.param("-bindpw correcthorse\n", "-bindpw [redacted: secret]\n", id="such a line of a diff"),
        pytest.param(
            "the login with password hunter2! was refused",
            "the login with password [redacted: secret] was refused",
            id="the same in a sentence",
        ),
        pytest.param(
            "ALTER ROLE ehr PASSWORD 'correct horse' VALID",
            "ALTER ROLE ehr PASSWORD [redacted: secret] VALID",
            id="in quotes",
        ),
        pytest.param(
            "machine nas.example login backup password correct account x",
            "machine nas.example login backup password [redacted: secret] account x",
            id=".netrc",
        ),
        pytest.param(
            "machine nas\n  login backup\n  password correct\n",
            "machine nas\n  login backup\n  password [redacted: secret]\n",
            id=".netrc on several lines",
        ),
        pytest.param("db:5432:ehr:app:correct", "db:5432:ehr:app:[redacted: secret]", id=".pgpass"),
        pytest.param("*:*:*:app:correct\n", "*:*:*:app:[redacted: secret]\n", id=".pgpass for all"),
        pytest.param(
            "curl -ubackup:correct https://x failed", "curl -ubackup:[redacted: secret] https://x failed", id="-u"
        ),
        pytest.param("wget --user=a:correct x", "wget --user=a:[redacted: secret] x", id="--user"),
        pytest.param("mysqldump -u root -pcorrect ehr", "mysqldump -u root -p[redacted: secret] ehr", id="mysql -p"),
        pytest.param(
            "CREATE USER 'a'@'%' IDENTIFIED BY 'correct'; ok",
            "CREATE USER 'a'@'%' IDENTIFIED BY [redacted: secret]; ok",
            id="identified by",
        ),
        pytest.param("trapcommunity correct", "trapcommunity [redacted: secret]", id="trapcommunity"),
        pytest.param("com2sec lab 10.0.0.0/8 correct", "com2sec lab 10.0.0.0/8 [redacted: secret]", id="com2sec"),
        pytest.param("trap2sink 10.0.0.1 correct 162", "trap2sink 10.0.0.1 [redacted: secret] 162", id="trapsink"),
        pytest.param(
            'createUser ops SHA "correct horse" AES battery',
            "createUser ops SHA [redacted: secret] AES [redacted: secret]",
            id="createUser",
        ),
        pytest.param(
            "//nas/x /mnt/x cifs username=a,password=correct,uid=0 0 0",
            "//nas/x /mnt/x cifs username=a,password=[redacted: secret],uid=0 0 0",
            id="fstab",
        ),
        pytest.param("  auth_pass 1234", "  auth_pass [redacted: secret]", id="keepalived"),
        pytest.param(
            "user a insecure-password correct groups x",
            "user a insecure-password [redacted: secret] groups x",
            id="haproxy",
        ),
        pytest.param(
            "cannot route LUND^Ilsa^M and gave up", "cannot route [redacted: patient data] and gave up", id="a name"
        ),
        pytest.param(
            "(0010,0010) PN [LUND^Ilsa] was refused", "[redacted: patient data] was refused", id="a DICOM element"
        ),
    ],
)
def test_the_value_is_taken_and_the_sentence_around_it_stays(text: str, redacted: str) -> None:
    assert redact.text(text) == redacted
    assert redact.text(redacted) == redacted


@pytest.mark.parametrize("rule", redact.RULES, ids=lambda rule: rule.hints[0])
def test_what_lets_a_rule_be_tried_stands_in_what_it_matches(rule: redact.Rule) -> None:
    assert rule.hints == tuple(hint.lower() for hint in rule.hints)
    assert redact._compiled(rule).pattern == rule.pattern
