# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd would say to an account: its lists, its methods, and the account's keys."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard.authorized_keys import Visit
from ansible_collections.healthops.clinical.plugins.module_utils._guard.ssh_access import (
    LOCAL,
    Account,
    Options,
    client_name,
    effective,
    key_trouble,
    missing_method,
    refusals,
    unjudged,
)
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.login import Connection
from fake_host import FakeHost, fixture
from fake_sockets import listen

ALICE = Account("alice", 1000, 1000, "/home/alice", "/bin/bash", ("alice", "sudo", "domain users"))
ROOT = Account("root", 0, 0, "/root", "/bin/bash", ("root",))
VISIT = Visit(address="192.0.2.7", name="192.0.2.7", now=1_795_350_000.0)
KEYS = "/home/alice/.ssh/authorized_keys"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm5yqDQqTtGkGSLJm2RlUdMnqz3Q2mRlfWcGRkYc7tW"
OPEN = "pubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\nstrictmodes yes\n"


def rsa(bits: int) -> str:
    fields = (b"ssh-rsa", b"\1\0\1", (1 << (bits - 1)).to_bytes(bits // 8 + 1, "big"))
    return "ssh-rsa " + base64.b64encode(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).decode()


def with_keys(text: str, mode: int = 0o600) -> FakeHost:
    host = FakeHost()
    for folder in ("/home/alice", "/home/alice/.ssh"):
        host.add_dir(folder, 0o700)
        host.nodes[folder].uid = host.nodes[folder].gid = 1000
    host.add_file(KEYS, text, mode, 1000, 1000)
    return host


# --- sshd's own answer ---


CONNECTION = Connection(client="192.0.2.7", server="192.0.2.1", port=2222)
ENDS = "addr=192.0.2.7,laddr=192.0.2.1,lport=2222"


def says(host: FakeHost, *argv: str, out: str = "", rc: int = 0, err: str = "") -> None:
    host.answers[argv] = CommandResult(argv, rc, out, err)


def test_sshd_is_asked_for_this_account_on_this_connection() -> None:
    host = FakeHost()
    says(host, "sshd", "-T", "-C", f"user=alice,host=192.0.2.7,{ENDS}", out=fixture("sshd", "debian-12"))
    options = effective(host, "alice", CONNECTION)
    assert options.get("port") == "22"
    assert options.on("usepam")
    assert not options.names("authorizedkeyscommand")
    assert options.every("nosuchoption") == []


def test_a_login_through_a_second_server_is_judged_by_that_one() -> None:
    host = FakeHost()
    listen(host, 2222, 900, "sshd-legacy.service", "sshd")
    host.add_file("/proc/900/cmdline", "sshd: /usr/sbin/sshd -D -f /etc/ssh/second [listener] 0 of 10-100 startups\0")
    own = ("-f", "/etc/ssh/second")
    says(host, "sshd", "-T", *own, "-C", "lport=1", out=fixture("sshd_second", "debian-12"))
    asked = f"user=alice,host=192.0.2.7,{ENDS}"
    says(host, "sshd", "-T", *own, "-C", asked, out=fixture("sshd_second_alice", "debian-12"))
    says(host, "sshd", "-T", "-C", asked, out=fixture("sshd", "debian-12"))
    assert effective(host, "alice", CONNECTION).get("maxauthtries") == "9"
    says(host, "sshd", "-T", "-C", asked.replace("lport=2222", "lport=22"), out=fixture("sshd", "debian-12"))
    assert effective(host, "alice", replace(CONNECTION, port=22)).get("port") == "22"


def test_a_client_whose_connection_is_unknown_comes_to_the_usual_port_from_here() -> None:
    host = FakeHost()
    says(host, "sshd", "-T", "-C", "lport=1", out="port 2222\nport 22\n")
    ends = "addr=127.0.0.1,laddr=127.0.0.1,lport=2222"
    says(host, "sshd", "-T", "-C", f"user=alice,host=127.0.0.1,{ends}", out="usepam yes\n")
    assert effective(host, "alice", Connection()).on("usepam")


@pytest.mark.parametrize(
    ("back", "name"),
    [("192.0.2.7 STREAM pc\n192.0.2.7 DGRAM\n", "pc.example.org"), ("192.0.2.8 STREAM pc\n", "192.0.2.7")],
)
def test_with_use_dns_a_client_has_the_name_that_leads_back_to_it(back: str, name: str) -> None:
    host = FakeHost()
    host.programs.add("getent")
    says(host, "getent", "hosts", "192.0.2.7", out="192.0.2.7       pc.example.org pc\n")
    says(host, "getent", "ahosts", "pc.example.org", out=back)
    says(host, "sshd", "-T", "-C", f"user=alice,host=192.0.2.7,{ENDS}", out="usedns yes\n")
    says(host, "sshd", "-T", "-C", f"user=alice,host=pc.example.org,{ENDS}", out="usedns yes\nmaxauthtries 3\n")
    options = effective(host, "alice", CONNECTION)
    assert client_name(host, options, "192.0.2.7") == name
    assert options.get("maxauthtries") == ("3" if name == "pc.example.org" else "")


def test_an_option_that_stands_there_twice_has_both_values_with_their_blanks() -> None:
    options = Options("DenyGroups domain users\ndenygroups guests\n")
    assert options.every("denygroups") == ["domain users", "guests"]
    assert options.get("denygroups") == "domain users guests"


def test_without_sshd_or_with_a_broken_one_nothing_is_known() -> None:
    host = FakeHost()
    says(host, "sshd", "-T", "-C", f"user=alice,host=192.0.2.7,{ENDS}", rc=255, err="Bad configuration option: X\n")
    with pytest.raises(ClinicalError, match="sshd -T says: Bad configuration option: X"):
        effective(host, "alice", CONNECTION)
    host.programs.discard("sshd")
    with pytest.raises(ClinicalError, match="there is no SSH server on this host"):
        effective(host, "alice", CONNECTION)


# --- lists ---


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        ("", 0),
        ("denyusers al*", 1),
        ("denyusers alic?", 1),
        ("denyusers bob", 0),
        ("denyusers alice@192.0.2.0/24", 1),
        ("denyusers alice@192.0.2.0/24,!192.0.2.7", 0),
        ("denyusers alice@198.51.100.0/24", 0),
        ("denyusers alice@*.7", 1),
        ("allowusers alice", 0),
        ("allowusers bob\nallowusers alice@192.0.2.7", 0),
        ("allowusers bob", 1),
        ("denygroups domain users", 1),
        ("denygroups staff", 0),
        ("allowgroups sud*", 0),
        ("allowgroups staff", 1),
        ("denyusers alice\nallowgroups staff", 2),
        ("allowusers !bob", 1),
    ],
)
def test_the_deny_and_allow_lists(lines: str, reasons: int) -> None:
    assert len(refusals(ALICE, Options(lines), "192.0.2.7", "192.0.2.7")) == reasons


@pytest.mark.parametrize(
    ("value", "refused"),
    [("no", True), ("forced-commands-only", True), ("yes", False), ("without-password", False)],
)
def test_root_has_an_option_of_its_own(value: str, refused: bool) -> None:
    options = Options(f"permitrootlogin {value}")
    assert bool(refusals(ROOT, options, LOCAL, LOCAL)) is refused
    assert refusals(ALICE, options, LOCAL, LOCAL) == []


@pytest.mark.parametrize("line", ["forcecommand internal-sftp", "chrootdirectory /srv/%u", "refuseconnection yes"])
def test_what_is_no_shell_is_no_way_in(line: str) -> None:
    (reason,) = refusals(ALICE, Options(line), LOCAL, LOCAL)
    assert reason.lower().startswith(f"sshd gives it no shell: {line.split()[0]} is {line.split()[1]}")
    assert refusals(ALICE, Options("forcecommand none\nchrootdirectory none\n"), LOCAL, LOCAL) == []


# --- methods ---


@pytest.mark.parametrize(
    ("wanted", "available", "missing"),
    [
        ("", {"publickey"}, ""),
        ("any", set(), "any"),
        ("publickey,password", {"publickey"}, "publickey,password"),
        ("publickey,password", {"publickey", "password"}, ""),
        ("publickey,keyboard-interactive:pam password", {"password"}, ""),
        ("publickey,keyboard-interactive:pam", {"publickey", "keyboard-interactive"}, ""),
        ("gssapi hostbased", {"publickey"}, "gssapi or hostbased"),
    ],
)
def test_one_of_the_lists_has_to_be_gone_through(wanted: str, available: set[str], missing: str) -> None:
    assert missing_method(Options(f"authenticationmethods {wanted}"), frozenset(available)) == (missing or None)


# --- keys ---


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (ED25519, ""),
        (f'# mine\nfrom="192.0.2.0/24",environment="A=\\"hi there\\"" {ED25519} alice@desk\n', ""),
        (f"cert-authority {ED25519}\n", ""),
        (rsa(3072), ""),
        (rsa(1024), "line 1 holds an RSA key that is too short"),
        ("ssh-rsa AAAA", "line 1 holds a damaged key"),
        ("ssh-rsa not*base64", "line 1 holds a damaged key"),
        (f"# {ED25519}\n", "holds no key"),
        ("", "holds no key"),
    ],
)
def test_what_the_file_holds(text: str, trouble: str) -> None:
    found = key_trouble(with_keys(text), ALICE, Options(f"{OPEN}requiredrsasize 2048\n"), VISIT)
    assert trouble in found if trouble and found else (found or "") == trouble


def test_algorithms_that_are_not_accepted() -> None:
    only_rsa = Options(f"{OPEN}pubkeyacceptedalgorithms rsa-sha2-512,rsa-sha2-256\n")
    assert "holds a type of key that sshd does not accept" in (
        key_trouble(with_keys(ED25519), ALICE, only_rsa, VISIT) or ""
    )
    assert key_trouble(with_keys(rsa(3072)), ALICE, only_rsa, VISIT) is None


def test_the_second_file_is_as_good_and_of_none_the_first_is_told() -> None:
    host = with_keys(ED25519)
    host.nodes[f"{KEYS}2"] = host.nodes.pop(KEYS)
    assert key_trouble(host, ALICE, Options(OPEN), VISIT) is None
    del host.nodes[f"{KEYS}2"]
    assert key_trouble(host, ALICE, Options(OPEN), VISIT) == f"there is no {KEYS}"


@pytest.mark.parametrize(
    ("lines", "trouble"),
    [
        ("pubkeyauthentication no\n", "PubkeyAuthentication is no"),
        ("pubkeyauthentication yes\nauthorizedkeysfile none\n", "AuthorizedKeysFile is none"),
        ("pubkeyauthentication yes\nauthorizedkeyscommand /usr/bin/sss_ssh_authorizedkeys\n", ""),
        ("pubkeyauthentication yes\ntrustedusercakeys /etc/ssh/ca.pub\n", ""),
        ("pubkeyauthentication yes\nauthorizedkeysfile /etc/keys/%u-%U%%\n", "there is no /etc/keys/alice-1000%"),
    ],
)
def test_where_keys_come_from(lines: str, trouble: str) -> None:
    assert key_trouble(FakeHost(), ALICE, Options(lines), VISIT) == (trouble or None)


@pytest.mark.parametrize(
    ("path", "mode", "uid", "trouble"),
    [
        (KEYS, 0o620, 1000, "is writable by its group"),
        (KEYS, 0o602, 1000, "is writable by everybody"),
        (KEYS, 0o600, 33, "belongs to www-data"),
        ("/home/alice/.ssh", 0o777, 1000, "/home/alice/.ssh is writable by its group"),
        ("/home/alice", 0o700, 0, "the account may not enter /home/alice"),
        (KEYS, 0o600, 0, f"the account may not read {KEYS}"),
    ],
)
def test_strict_modes_and_what_the_account_may_read(path: str, mode: int, uid: int, trouble: str) -> None:
    host = with_keys(ED25519)
    host.nodes[path].mode, host.nodes[path].uid = mode, uid
    if uid != 1000:
        host.nodes[path].gid = 0
    assert trouble in (key_trouble(host, ALICE, Options(OPEN), VISIT) or "")


def test_without_strict_modes_only_reading_counts() -> None:
    host = with_keys(ED25519, mode=0o666)
    assert key_trouble(host, ALICE, Options(OPEN.replace("strictmodes yes", "strictmodes no")), VISIT) is None


def test_an_access_list_is_not_judged_by_the_mode() -> None:
    host = with_keys(ED25519)
    host.nodes[KEYS].uid = host.nodes[KEYS].gid = 0
    host.nodes[KEYS].xattrs = {"system.posix_acl_access": b"x"}
    assert key_trouble(host, ALICE, Options(OPEN), VISIT) is None


@pytest.mark.parametrize(("members", "own"), [("", True), ("alice", True), ("bob", False)])
def test_debian_lets_a_group_write_that_has_nobody_in_it_but_the_account(members: str, own: bool) -> None:
    host = with_keys(ED25519, mode=0o660)
    host.programs.add("getent")
    host.add_file("/etc/debian_version", "12.12\n")
    for argv, out in (
        (("getent", "group", "1000"), f"alice:x:1000:{members}\n"),
        (("getent", "passwd"), "alice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/sh\n"),
    ):
        host.answers[argv] = CommandResult(argv, 0, out, "")
    assert (key_trouble(host, ALICE, Options(OPEN), VISIT) is None) is own
    del host.nodes["/etc/debian_version"]
    assert "writable by its group" in (key_trouble(host, ALICE, Options(OPEN), VISIT) or "")


def test_a_home_of_many_links_is_judged_where_it_really_is() -> None:
    host = with_keys(ED25519)
    host.add_link("/users", "/home")
    assert key_trouble(host, replace(ALICE, home="/users/alice"), Options(OPEN), VISIT) is None


REVOKED = "/etc/ssh/revoked"
REVOKING = f"{OPEN}revokedkeys {REVOKED}\n"
EVERY_KEY = "sshd refuses every key (RevokedKeys)"


@pytest.mark.parametrize(
    ("listed", "trouble"),
    [
        pytest.param("# none yet\n\n", "", id="none"),
        pytest.param(f"{rsa(3072)} lost laptop\n", "", id="another"),
        pytest.param(f"{rsa(3072)}\n  {ED25519} alice@lost\n", "line 1 holds a key that RevokedKeys lists", id="this"),
        pytest.param("words\n", EVERY_KEY, id="damaged"),
        pytest.param(None, EVERY_KEY, id="absent"),
        pytest.param("SSHKRL\n\0\0\0", "", id="binary"),
    ],
)
def test_a_key_that_is_revoked_is_no_way_in(listed: str | None, trouble: str) -> None:
    host = with_keys(ED25519)
    if listed is not None:
        host.add_file(REVOKED, listed, 0o600)
    found = key_trouble(host, ALICE, Options(REVOKING), VISIT) or ""
    assert trouble in found if trouble else found == ""


@pytest.mark.parametrize(
    ("lines", "listed", "named"),
    [
        (OPEN, "", []),
        (f"{OPEN}authorizedkeyscommand none\ntrustedusercakeys none\nrevokedkeys none\n", "", []),
        (f"{OPEN}authorizedkeyscommand /usr/bin/keys\n", "", ["what AuthorizedKeysCommand (/usr/bin/keys) answers"]),
        (f"{OPEN}trustedusercakeys /etc/ssh/ca\n", "", ["whom TrustedUserCAKeys (/etc/ssh/ca) has signed for"]),
        (REVOKING, f"{rsa(3072)}\n", []),
        (REVOKING, "SSHKRL\n\0", [f"which keys RevokedKeys ({REVOKED}, a binary list) revokes"]),
        ("pubkeyauthentication no\nauthorizedkeyscommand /usr/bin/keys\n", "", []),
    ],
)
def test_what_cannot_be_judged_is_named(lines: str, listed: str, named: list[str]) -> None:
    host = FakeHost()
    host.add_file(REVOKED, listed)
    assert unjudged(host, Options(lines)) == named
