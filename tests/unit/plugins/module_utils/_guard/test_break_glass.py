# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would an emergency account still get in: one way in that works, and everything that closes it."""

from __future__ import annotations

import base64
from typing import Callable, List, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._guard import break_glass
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.login import Connection, Login
from fake_host import FakeHost, fixture

#: Who asks: the play, logged in from its control node.
LOGIN = Login(870, Connection(client="192.0.2.7", server="192.0.2.1", port=22))
TODAY = 20781  # 2026-11-24
HASH = "$y$j9T$notarealsalt$notarealhashnotarealhashnotarealhash"
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIBm5yqDQqTtGkGSLJm2RlUdMnqz3Q2mRlfWcGRkYc7tW"
KEY = f"ssh-ed25519 {BLOB} alice@desk\n"
KEYS = "/home/alice/.ssh/authorized_keys"

#: What sudo 1.9.13 (Debian 12) prints into a pipe.
SUDO_DEFAULTS = (
    "Matching Defaults entries for alice on vm:\n"
    "    env_reset, mail_badpass, secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin,"
    " use_pty{more}\n\n"
)
SUDO_MAY = "User alice may run the following commands on vm:\n"
SUDO_NOT = "User alice is not allowed to run sudo on vm.\n"
SUDO_PAM = "session    required   pam_limits.so\n\n@include common-auth\n@include common-account\n"

Change = Callable[[FakeHost], object]


def rsa(bits: int) -> str:
    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    modulus = (1 << (bits - 1)).to_bytes(bits // 8 + 1, "big")
    return "ssh-rsa " + base64.b64encode(field(b"ssh-rsa") + field(b"\1\0\1") + field(modulus)).decode() + "\n"


def hardware_key() -> str:
    fields = (b"sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:")
    blob = b"".join(len(data).to_bytes(4, "big") + data for data in fields)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}\n"


def says(host: FakeHost, argv: Sequence[str], out: str, rc: int = 0, err: str = "") -> None:
    host.answers[tuple(argv)] = CommandResult(tuple(argv), rc, out, err)


def sudo(*rights: str, more: str = "") -> Change:
    listing = SUDO_DEFAULTS.format(more=more) + SUDO_MAY + "".join(f"    {right}\n" for right in rights)
    return lambda host: says(host, ("sudo", "-l", "-U", "alice"), listing)


def question(name: str) -> Sequence[str]:
    """What sshd is asked about an account that comes as LOGIN came."""
    return ("sshd", "-T", "-C", f"user={name},host=192.0.2.7,addr=192.0.2.7,laddr=192.0.2.1,lport=22")


def sshd(*changed: str, name: str = "alice") -> Change:
    """What sshd -T says by default, with some options set otherwise."""
    options = {line.split()[0] for line in changed}
    kept = [line for line in fixture("sshd", "debian-12").splitlines() if line.split()[0] not in options]
    out = "\n".join([*kept, *changed]) + "\n"
    return lambda host: says(host, question(name), out)


def shadow(secret: str = HASH, changed: str = "20700", longest: str = "99999", expires: str = "") -> Change:
    line = f"alice:{secret}:{changed}:0:{longest}:7::{expires}:\n"
    return lambda host: host.add_file("/etc/shadow", f"root:*:19000:0:99999:7:::\n{line}", 0o640)


def keys(content: str, path: str = KEYS) -> Change:
    return lambda host: host.add_file(path, content, 0o600, 1000, 1000)


def passwd(line: str, name: str = "alice") -> Change:
    return lambda host: says(host, ("getent", "passwd", name), line)


def groups(*names: str) -> Change:
    return lambda host: says(host, ("id", "-Gnz", "alice"), "".join(f"{name}\0" for name in names))


def meta(path: str, **parts: int) -> Change:
    def change(host: FakeHost) -> None:
        for part, value in parts.items():
            setattr(host.nodes[path], part, value)

    return change


def debian(members: str = "", everybody: str = "alice:x:1000:1000::/home/alice:/bin/bash\n") -> Change:
    """Whose sshd lets a group write that holds nobody but the account."""

    def change(host: FakeHost) -> None:
        host.add_file("/etc/debian_version", "12.12\n")
        says(host, ("getent", "group", "1000"), f"alice:x:1000:{members}\n")
        says(host, ("getent", "passwd"), f"root:x:0:0:root:/root:/bin/bash\n{everybody}")

    return change


def gone(path: str) -> Change:
    return lambda host: host.nodes.pop(path)


@pytest.fixture
def host() -> FakeHost:
    """Where alice gets in with her key, with her password, and becomes root."""
    host = FakeHost()
    host.programs |= {"getent", "id", "sudo"}
    host.add_file("/usr/bin/bash", b"\x7fELF", 0o755)
    host.add_link("/bin", "usr/bin")
    host.add_file("/etc/pam.d/sudo", SUDO_PAM)
    host.add_dir("/home/alice", 0o750)
    host.add_dir("/home/alice/.ssh", 0o700)
    changes: List[Change] = [
        passwd("alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\n"),
        groups("alice", "sudo"),
        shadow(),
        sshd(),
        sudo("(ALL : ALL) ALL"),
        keys(KEY),
        meta("/home/alice", uid=1000, gid=1000),
        meta("/home/alice/.ssh", uid=1000, gid=1000),
    ]
    for change in changes:
        change(host)
    return host


def asked(host: FakeHost, *changes: Change) -> List[str]:
    for change in changes:
        change(host)
    return break_glass.problems(host, ["alice"], LOGIN, TODAY)


NO_PASSWORDS = "passwordauthentication no"
IN = [
    pytest.param([], id="as it comes"),
    pytest.param([sshd(NO_PASSWORDS)], id="key only"),
    pytest.param([sshd("pubkeyauthentication no")], id="password only"),
    pytest.param([sshd("pubkeyauthentication no", NO_PASSWORDS, "kbdinteractiveauthentication yes")], id="PAM asks"),
    pytest.param([gone(KEYS), keys(KEY, f"{KEYS}2"), sshd(NO_PASSWORDS)], id="second key file"),
    pytest.param([shadow("!"), sudo("(ALL) NOPASSWD: ALL")], id="locked password, a key, and sudo asks for none"),
    pytest.param([shadow("*"), sudo("(ALL) NOPASSWD: ALL"), sshd("usepam no")], id="never had a password"),
    pytest.param([shadow(expires=str(TODAY + 1))], id="expires tomorrow"),
    pytest.param([shadow(changed=str(TODAY - 90), longest="90")], id="password runs out today"),
    pytest.param([shadow(changed="", longest="")], id="password does not age"),
    pytest.param([shadow(changed=str(TODAY + 5), longest="90")], id="clock was wrong"),
    pytest.param([shadow(changed="0"), sshd("usepam no"), sudo("(ALL) NOPASSWD: ALL")], id="aged, but no PAM, a key"),
    pytest.param([lambda h: h.add_file("/etc/shadow", "root:*:1:0:99999:7:::\n")], id="directory account"),
    pytest.param([lambda h: h.add_file("/etc/shadow", ""), sshd("pubkeyauthentication no")], id="directory's password"),
    pytest.param([gone("/home/alice"), gone("/home/alice/.ssh"), gone(KEYS)], id="no home, but a password"),
    # sshd's rules
    pytest.param([sshd("allowusers bob", "allowusers alice")], id="AllowUsers"),
    pytest.param([sshd("allowusers al?c*")], id="AllowUsers pattern"),
    pytest.param([sshd("allowusers alice@192.0.2.0/24")], id="AllowUsers from a network"),
    pytest.param([sshd("allowusers *@192.0.2.*,!192.0.2.9")], id="AllowUsers not from another"),
    pytest.param([sshd("denyusers bob", "denyusers alic", "denyusers alice@203.0.113.0/24")], id="DenyUsers others"),
    pytest.param([sshd("denyusers !bob")], id="DenyUsers knows no exclamation mark"),
    pytest.param([sshd("denyusers al[a-z]ce")], id="DenyUsers knows no brackets"),
    pytest.param([sshd("allowgroups ssh users"), groups("alice", "ssh users")], id="AllowGroups with a blank"),
    pytest.param([sshd("denygroups users", "allowgroups sud*"), groups("sudo", "domain users")], id="groups"),
    pytest.param([sshd("permitrootlogin no")], id="PermitRootLogin is not about her"),
    # methods
    pytest.param([sshd("authenticationmethods publickey,password publickey,hostbased")], id="key and password"),
    pytest.param(
        [sshd("authenticationmethods publickey,keyboard-interactive:pam", "kbdinteractiveauthentication yes")],
        id="key, then PAM asks",
    ),
    # keys
    pytest.param(
        [gone(KEYS), sshd(NO_PASSWORDS, "authorizedkeyscommand /usr/bin/sss_ssh_authorizedkeys")], id="command"
    ),
    pytest.param([gone(KEYS), sshd(NO_PASSWORDS, "trustedusercakeys /etc/ssh/ca.pub")], id="certificates"),
    pytest.param(
        [
            gone(KEYS),
            sshd(NO_PASSWORDS, "authorizedkeysfile /etc/ssh/keys/%u.%U%% none"),
            lambda h: h.add_file("/etc/ssh/keys/alice.1000%", KEY),
        ],
        id="root keeps her keys",
    ),
    pytest.param([sshd(NO_PASSWORDS, "authorizedkeysfile %h/.ssh/authorized_keys")], id="%h"),
    pytest.param([sshd(NO_PASSWORDS, "strictmodes no"), meta(KEYS, mode=0o666)], id="writable without StrictModes"),
    pytest.param([sshd(NO_PASSWORDS), meta("/home/alice", mode=0o770), debian()], id="Debian: her own group writes"),
    pytest.param([sshd(NO_PASSWORDS), meta("/home", mode=0o777)], id="above home is not sshd's matter"),
    pytest.param([sshd(NO_PASSWORDS), meta("/home/alice", uid=0, gid=1000)], id="root's home directory, her group"),
    pytest.param(
        [
            sshd(NO_PASSWORDS),
            meta(KEYS, uid=0),
            lambda h: setattr(h.nodes[KEYS], "xattrs", {"system.posix_acl_access": b""}),
        ],
        id="an ACL may let her read",
    ),
    pytest.param(
        [
            sshd(NO_PASSWORDS),
            lambda h: h.add_file("/srv/alice.keys", KEY, 0o644),
            lambda h: h.add_link(KEYS, "/srv/alice.keys"),
        ],
        id="a link is followed",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), keys(f'# mine\n\nfrom="192.0.2.0/24",environment="A=a \\" b c" {KEY}')],
        id="options before a key",
    ),
    pytest.param([sshd(NO_PASSWORDS), keys(f"cert-authority {rsa(1024)}")], id="authority in her keys"),
    pytest.param([sshd(NO_PASSWORDS, "requiredrsasize 3072"), keys(rsa(1024) + rsa(3072))], id="large RSA key"),
    pytest.param([sshd(NO_PASSWORDS, "pubkeyacceptedalgorithms rsa-sha2-512"), keys(rsa(4096))], id="RSA with SHA-2"),
    pytest.param(
        [
            sshd(NO_PASSWORDS),
            keys(hardware_key()),
        ],
        id="hardware key",
    ),
    # sudo
    pytest.param([sudo("(root) /usr/bin/systemctl restart x")], id="one command as root"),
    pytest.param([sudo("(www-data) /usr/bin/id", "(#0) /bin/sh")], id="root by number"),
    pytest.param([sudo("(ALL) !ALL", "(root : adm) PASSWD: /bin/ls")], id="the last word counts"),
    pytest.param([sudo("(ALL) ALL, !/bin/su")], id="but not this"),
    pytest.param([shadow("!"), sudo("(ALL) ALL", more=", !authenticate")], id="sudo authenticates nobody"),
    pytest.param([shadow("!"), sudo("(ALL) ALL", more=", rootpw")], id="sudo asks for root's password"),
    pytest.param([shadow("!"), sudo("(root) ROLE=x SETENV: NOPASSWD: /bin/a b\\,c, sudoedit /etc/x")], id="tags"),
    pytest.param(
        [
            shadow("!"),
            lambda h: h.add_file("/etc/pam.d/sudo", f"auth sufficient pam_ssh_agent_auth.so file=/x\n{SUDO_PAM}"),
        ],
        id="sudo asks the agent",
    ),
]


@pytest.mark.parametrize("changes", IN)
def test_gets_in(host: FakeHost, changes: List[Change]) -> None:
    assert asked(host, *changes) == []


UNKNOWN = "which is neither a key nor an option that sshd knows"
NO_KEY = "neither a key nor a password would let it in: {}; sshd takes no passwords"
OUT = [
    pytest.param([passwd("")], "there is no such account", id="no account"),
    pytest.param(
        [passwd("alice:x:1000:1000::/home/alice:/usr/sbin/nologin\n")], "its shell is /usr/sbin/nologin", id="nologin"
    ),
    pytest.param([passwd("alice:x:1000:1000::/home/alice:/bin/false\n")], "its shell is /bin/false", id="false"),
    pytest.param([gone("/usr/bin/bash")], "its shell /bin/bash is not a program on this host", id="no shell"),
    pytest.param(
        [meta("/usr/bin/bash", mode=0o644)], "its shell /bin/bash is not a program on this host", id="shell mode"
    ),
    pytest.param([shadow(expires="20454")], "its account expired on 2026-01-01", id="expired"),
    pytest.param([shadow(expires=str(TODAY))], "its account expired on 2026-11-24", id="expires today"),
    pytest.param([shadow(changed="0")], "its password must be changed at the next login", id="must change"),
    pytest.param([shadow(changed="20690", longest="90")], "its password ran out on 2026-11-23", id="ran out"),
    pytest.param(
        [shadow("*", changed="20690", longest="90"), sudo("(ALL) NOPASSWD: ALL")],
        "its password ran out on 2026-11-23",
        id="PAM ages also what is no password",
    ),
    pytest.param(
        [shadow("!" + HASH), sshd("usepam no"), sudo("(ALL) NOPASSWD: ALL")],
        "it is locked, and with UsePAM no sshd refuses even its keys",
        id="locked without PAM",
    ),
    # sshd's rules
    pytest.param(
        [lambda h: says(h, question("alice"), "", 255, "line 1: Bad\n")],
        "it could not be checked: Asking sshd alice: sshd -T says: line 1: Bad.",
        id="sshd's configuration is broken",
    ),
    pytest.param(
        [lambda h: h.programs.discard("sshd")],
        "it could not be checked: Asking sshd alice: there is no SSH server on this host.",
        id="no sshd",
    ),
    pytest.param([sshd("denyusers al*")], "sshd refuses it: DenyUsers has al*", id="DenyUsers"),
    pytest.param(
        [sshd("denyusers alice@192.0.2.0/24")],
        "sshd refuses it: DenyUsers has alice@192.0.2.0/24",
        id="DenyUsers network",
    ),
    pytest.param(
        [sshd("allowusers bob")], "sshd refuses it: AllowUsers does not have it, coming from 192.0.2.7", id="AllowUsers"
    ),
    pytest.param(
        [sshd("allowusers alice@192.0.2.0/24,!192.0.2.7")],
        "sshd refuses it: AllowUsers does not have it, coming from 192.0.2.7",
        id="AllowUsers not from here",
    ),
    pytest.param(
        [sshd("allowusers alice@2001:db8::/32")],
        "sshd refuses it: AllowUsers does not have it, coming from 192.0.2.7",
        id="AllowUsers other family",
    ),
    pytest.param([sshd("denygroups su*")], "sshd refuses it: DenyGroups has its group su*", id="DenyGroups"),
    pytest.param([sshd("allowgroups users")], "sshd refuses it: AllowGroups has none of its groups", id="AllowGroups"),
    # methods
    pytest.param(
        [sshd("authenticationmethods publickey,password hostbased", NO_PASSWORDS)],
        "sshd wants publickey,password or hostbased (AuthenticationMethods): sshd takes no passwords",
        id="AuthenticationMethods",
    ),
    pytest.param(
        [sshd("authenticationmethods gssapi-with-mic")],
        "sshd wants gssapi-with-mic (AuthenticationMethods): it has not all of them",
        id="only Kerberos",
    ),
    pytest.param(
        [sshd("pubkeyauthentication no"), shadow("*"), sudo("(ALL) NOPASSWD: ALL")],
        "neither a key nor a password would let it in: PubkeyAuthentication is no; it has no password",
        id="password only, but there is none",
    ),
    pytest.param(
        [sshd("pubkeyauthentication no"), shadow("!" + HASH), sudo("(ALL) NOPASSWD: ALL")],
        "neither a key nor a password would let it in: PubkeyAuthentication is no; its password is locked",
        id="password only, but it is locked",
    ),
    pytest.param(
        [sshd("pubkeyauthentication no", "usepam no"), lambda h: h.add_file("/etc/shadow", "")],
        "neither a key nor a password would let it in: PubkeyAuthentication is no; it has no password on this host",
        id="directory's password without PAM",
    ),
    pytest.param(
        [sshd("pubkeyauthentication no", NO_PASSWORDS, "kbdinteractiveauthentication yes", "usepam no")],
        "neither a key nor a password would let it in: PubkeyAuthentication is no; sshd takes no passwords",
        id="nobody asks",
    ),
    # keys
    pytest.param([sshd(NO_PASSWORDS), gone(KEYS)], NO_KEY.format(f"there is no {KEYS}"), id="no key file"),
    pytest.param(
        [sshd(NO_PASSWORDS, "authorizedkeysfile none")], NO_KEY.format("AuthorizedKeysFile is none"), id="files off"
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), keys(f"# {KEY}\nssh-dss {BLOB}\n")],
        NO_KEY.format(f"{KEYS}: line 3 has ssh-dss, {UNKNOWN}"),
        id="no key",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), gone(KEYS), lambda h: h.add_dir(KEYS)],
        NO_KEY.format(f"{KEYS} is not a regular file"),
        id="a folder",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), meta(KEYS, mode=0o620)],
        NO_KEY.format(f"{KEYS} is writable by its group"),
        id="group writes",
    ),
    *(
        pytest.param(
            [sshd(NO_PASSWORDS), meta(KEYS, mode=0o660, gid=gid), change],
            NO_KEY.format(f"{KEYS} is writable by its group"),
            id=f"Debian: {name}",
        )
        for gid, change, name in [
            (1000, debian("bob"), "another in her group"),
            (
                1000,
                debian(everybody="alice:x:1000:1000::/:/bin/sh\nbob:x:1001:1000::/:/bin/sh\n"),
                "her group is bob's",
            ),
            (1000, debian(everybody=""), "nobody in the group"),
            (100, debian(), "a group for many"),
        ]
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), meta("/home/alice", mode=0o757)],
        NO_KEY.format("/home/alice is writable by everybody"),
        id="everybody writes home",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), meta("/home/alice/.ssh", uid=33)],
        NO_KEY.format("/home/alice/.ssh belongs to www-data"),
        id="another's folder",
    ),
    pytest.param(
        [
            sshd(NO_PASSWORDS, "authorizedkeysfile /srv/keys/%u"),
            lambda h: h.add_file("/srv/keys/alice", KEY),
            meta("/srv", mode=0o775),
        ],
        NO_KEY.format("/srv is writable by its group"),
        id="outside of home up to the root",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), meta(KEYS, uid=0, gid=0)],
        NO_KEY.format(f"the account may not read {KEYS}"),
        id="unreadable",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS), meta("/home", mode=0o700)],
        NO_KEY.format("the account may not enter /home"),
        id="shut folder",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS, "pubkeyacceptedalgorithms rsa-sha2-512")],
        NO_KEY.format(f"{KEYS}: line 1 holds a type of key that sshd does not accept (PubkeyAcceptedAlgorithms)"),
        id="algorithm",
    ),
    pytest.param(
        [sshd(NO_PASSWORDS, "requiredrsasize 3072"), keys(rsa(2048))],
        NO_KEY.format(f"{KEYS}: line 1 holds an RSA key that is too short (RequiredRSASize)"),
        id="small RSA key",
    ),
    # sudo
    pytest.param(
        [lambda h: h.programs.discard("sudo")],
        "there is no sudo on this host, so it could not become root",
        id="no sudo",
    ),
    pytest.param(
        [lambda h: says(h, ("sudo", "-l", "-U", "alice"), SUDO_NOT)],
        "it could not become root: User alice is not allowed to run sudo on vm.",
        id="not allowed",
    ),
    pytest.param(
        [lambda h: says(h, ("sudo", "-l", "-U", "alice"), "", 1, "sudo: unknown user alice\n")],
        "it could not become root: sudo: unknown user alice",
        id="sudo fails",
    ),
    *(
        pytest.param([sudo(*rights)], "it could not become root: sudo lets it run nothing as root", id=name)
        for rights, name in [
            (("(www-data) /usr/bin/id", "(alice : adm) /bin/ls"), "as others only"),
            (("(ALL, !root) /bin/dd",), "as everybody but root"),
            (("(ALL : ALL) NOPASSWD: ALL", "(ALL) PASSWD: !/bin/su, !ALL"), "taken back"),
            (("(root) !/bin/su",), "only what not"),
        ]
    ),
    pytest.param(
        [shadow("!" + HASH)],
        "it could not become root: sudo asks for its password, and its password is locked",
        id="sudo wants a locked password",
    ),
    pytest.param(
        [shadow("*"), sudo("(root) NOPASSWD: !/bin/a, PASSWD: /bin/ls")],
        "it could not become root: sudo asks for its password, and it has no password",
        id="sudo wants a password that is not",
    ),
]


@pytest.mark.parametrize(("changes", "problem"), OUT)
def test_is_kept_out(host: FakeHost, changes: List[Change], problem: str) -> None:
    assert f"break-glass account alice: {problem}" in asked(host, *changes)


@pytest.mark.parametrize(("changes", "problem"), OUT)
def test_no_text_holds_a_secret(host: FakeHost, changes: List[Change], problem: str) -> None:
    told = "\n".join(asked(host, *changes))
    assert not [secret for secret in (HASH, BLOB, "AAAA", "$y$") if secret in told]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param(["permitrootlogin without-password"], "", id="key"),
        pytest.param(["permitrootlogin yes", "pubkeyauthentication no"], "", id="password"),
        pytest.param(["permitrootlogin no"], "sshd refuses it: PermitRootLogin is no", id="no"),
        pytest.param(
            ["permitrootlogin forced-commands-only"],
            "sshd refuses it: PermitRootLogin is forced-commands-only",
            id="forced commands",
        ),
        pytest.param(
            ["permitrootlogin without-password", "pubkeyauthentication no"],
            "neither a key nor a password would let it in: PubkeyAuthentication is no; "
            "PermitRootLogin lets no password in",
            id="no key",
        ),
    ],
)
def test_root_needs_no_sudo(host: FakeHost, options: List[str], problem: str) -> None:
    passwd("root:x:0:0:root:/root:/bin/bash\n", "root")(host)
    says(host, ("id", "-Gnz", "root"), "root\0")
    host.add_file("/root/.ssh/authorized_keys", KEY, 0o600)
    host.add_file("/etc/shadow", f"root:{HASH}:20700:0:99999:7:::\n")
    host.programs.discard("sudo")
    sshd(*options, name="root")(host)
    found = break_glass.problems(host, ["root"], LOGIN, TODAY)
    assert found == ([f"break-glass account root: {problem}"] if problem else [])


def test_every_account_is_told_of(host: FakeHost) -> None:
    passwd("", "bob")(host)
    shadow(expires="1")(host)
    assert break_glass.problems(host, ["bob", "alice"], LOGIN, TODAY) == [
        "break-glass account bob: there is no such account",
        "break-glass account alice: its account expired on 1970-01-02",
    ]


@pytest.mark.parametrize("name", ["", "-x", "a,addr=10.0.0.1", "a:b", "1000", "../x", "%wheel", "#0", "a\nb"])
def test_what_is_no_name_reaches_no_program(host: FakeHost, name: str) -> None:
    assert break_glass.problems(host, [name], today=TODAY) == [f"break-glass account {name}: there is no such account"]
    assert host.runs == []


def test_nobody_declared_asks_nothing(host: FakeHost) -> None:
    assert break_glass.problems(host, []) == []
    assert host.runs == []


def test_the_day_is_that_of_the_hosts_clock_unless_told(host: FakeHost) -> None:
    shadow(expires=str(TODAY))(host)
    host.set_clock(TODAY * 86400 - 1)
    assert break_glass.problems(host, ["alice"], LOGIN) == []
    host.sleep(1)
    assert len(break_glass.problems(host, ["alice"], LOGIN)) == 1


def test_without_getent_nothing_is_known(host: FakeHost) -> None:
    host.programs.discard("getent")
    assert asked(host) == [
        "break-glass account alice: it could not be checked: Running getent: there is no such command on this host."
    ]


def test_what_nobody_can_judge_of_keys_is_warned_of() -> None:
    host = FakeHost()
    sshd("authorizedkeyscommand /usr/bin/keys")(host)
    sshd(name="bob")(host)
    says(host, question("nobody"), "", 1, "it cannot say")
    host.programs.add("sshd")
    assert break_glass.warnings(host, ["alice", "bob", "nobody"], LOGIN) == [
        "break-glass account alice: what AuthorizedKeysCommand (/usr/bin/keys) answers cannot be judged from here; "
        "try a login with its key."
    ]
