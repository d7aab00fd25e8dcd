# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts: what is wrong is found, what is safe is mended, and who must get in is left alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.accounts import CHECKS, DAY
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control, KindPlan
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.home_checks import (
    TIMEOUT_FILE,
)
from fake_host import FakeHost, fixture
from look import look, plan

HASH = "$y$j9T$planted0planted$NobodyMayEverReadThisHash"
OLD = "$1$planted$NobodyMayEverReadThisHash"
PASSWD = {
    "root": "root:x:0:0:root:/root:/bin/bash",
    "daemon": "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
    "sync": "sync:x:4:65534:sync:/bin:/bin/sync",
    "alice": "alice:x:1000:1000::/home/alice:/bin/bash",
}
SHADOW = {
    "root": "root:*:20000:0:99999:7:::",
    "daemon": "daemon:*:20000:0:99999:7:::",
    "sync": "sync:*:20000:0:99999:7:::",
    "alice": f"alice:{HASH}:20000:0:99999:7:::",
}
GROUP = {"root": "root:x:0:", "daemon": "daemon:x:1:", "nogroup": "nogroup:x:65534:", "alice": "alice:x:1000:"}
GSHADOW = {"root": "root:*::", "alice": "alice:!::"}
FILES = (("/etc/passwd", PASSWD), ("/etc/shadow", SHADOW), ("/etc/group", GROUP), ("/etc/gshadow", GSHADOW))


def host(**more: dict[str, str]) -> FakeHost:
    """A host in order; ``passwd={"bob": line}`` and the like put lines in or in the place of others."""
    made = FakeHost()
    for path, lines in FILES:
        told = {**lines, **more.get(path[5:], {})}
        made.add_file(path, "".join(f"{line}\n" for line in told.values()), mode=0o640 if "shadow" in path else 0o644)
    made.add_dir("/etc/profile.d")
    made.add_dir("/home/alice", 0o750)
    made.nodes["/home/alice"].uid = 1000
    return made


def put(path: str, text: str, mode: int = 0o644, uid: int = 1000) -> FakeHost:
    made = host()
    made.add_file(path, text, mode=mode, uid=uid)
    return made


def key(path: str) -> FakeHost:
    """A host with a key of alice's that others can read; its folder is closed."""
    made = put(path, "")
    made.nodes["/home/alice/.ssh"].uid, made.nodes["/home/alice/.ssh"].mode = 1000, 0o700
    return made


def blob(*numbers: bytes) -> str:
    return base64.b64encode(b"".join(len(n).to_bytes(4, "big") + n for n in (b"ssh-rsa", *numbers))).decode()


SHORT_KEY = f"ssh-rsa {blob(b'x', bytes([128]) + bytes(127))} alice@ward"
LONG_KEY = f"ssh-rsa {blob(b'x', bytes([0, 128]) + bytes(511))} alice@ward"
BOB = "bob:x:1001:1000::/home/alice:/bin/bash"


@pytest.mark.parametrize("check", CHECKS)
def test_a_host_in_order_passes(check: str) -> None:
    settings: dict[str, Any] = {"check": check, "value": 900, "groups": ["alice"]}
    made = host(shadow={"alice": f"alice:{HASH}:20000:0:300:7:30::"})
    made.add_file(TIMEOUT_FILE, "TMOUT=900\n")
    assert look(made, "accounts", settings).result == "pass"


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
@pytest.mark.parametrize("check", [name for name in CHECKS if name not in ("password_longest", "password_inactive")])
def test_what_debian_installs_passes(check: str, system: str) -> None:
    made = FakeHost(system)
    for path in ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"):
        made.add_file(path, fixture(path[5:], system))
    made.add_file("/etc/profile", fixture("profile", system))
    made.add_file("/etc/login.defs", fixture("login_defs", system))
    made.add_dir("/home/automation", 0o750)
    made.nodes["/home/automation"].uid = 1000
    found = look(made, "accounts", {"check": check, "value": 900})
    assert found.result == ("fail" if check == "shell_timeout" else "pass"), found.before


@pytest.mark.parametrize(
    ("made", "check", "saw", "mends"),
    [
        pytest.param(host(shadow={"alice": "alice::1:0:9:7:::"}), "passwords_set", "alice has no password", True),
        pytest.param(host(passwd={"bob": "bob::1001:1000::/:/bin/sh"}), "passwords_set", "bob has no password", True),
        pytest.param(host(passwd={"bob": f"bob:{HASH}:9:9::/:/bin/sh"}), "passwords_shadowed", "bob is in", False),
        pytest.param(host(shadow={"alice": f"alice:{OLD}:1::::::"}), "passwords_hashed_well", "old hash", False),
        pytest.param(host(shadow={"alice": f"alice:{HASH}:99999::::::"}), "passwords_changed_in_past", "future", False),
        pytest.param(
            host(shadow={"daemon": f"daemon:{HASH}:1::::::"}), "shell_less_are_locked", "daemon has no", False
        ),
        pytest.param(host(gshadow={"alice": f"alice:{HASH}::"}), "group_passwords", "group alice has a", True),
        pytest.param(host(passwd={"toor": "toor:x:0:0::/root:/bin/sh"}), "uid_zero", "toor has root's", False),
        pytest.param(host(passwd={"bob": "bob:x:1001:0::/:/bin/sh"}), "gid_zero", "the group of bob", False),
        pytest.param(host(group={"wheel": "wheel:x:0:bob"}), "group_zero", "group wheel has", False),
        pytest.param(host(passwd={"bob": "bob:x:1000:1000::/:/bin/sh"}), "unique_uids", "alice, bob share", False),
        pytest.param(host(passwd={"again": PASSWD["alice"]}), "unique_users", "alice stands in", False),
        pytest.param(host(group={"staff": "staff:x:1000:"}), "unique_gids", "alice, staff share", False),
        pytest.param(host(group={"again": GROUP["alice"]}), "unique_groups", "alice stands in", False),
        pytest.param(host(passwd={"bob": BOB}), "unique_homes", "alice, bob share the home", False),
        pytest.param(host(passwd={"bob": "bob:x:1001:77::/:/bin/sh"}), "groups_exist", "group 77 of bob", False),
        pytest.param(host(group={"shadow": "shadow:x:42:web"}), "shadow_group", "web can read", False),
        pytest.param(host(passwd={"bob": "bob:x:1001"}), "well_formed", "/etc/passwd:5 is no line", False),
        pytest.param(host(passwd={"nis": "+::::::"}), "no_directory_lines", "/etc/passwd takes in", False),
        pytest.param(host(passwd={"daemon": "daemon:x:1:1::/:/bin/sh"}), "system_shells", "daemon opens /bin/sh", True),
        pytest.param(host(passwd={"bob": "bob:x:1001:1000::/home/bob:/bin/sh"}), "homes_exist", "home/bob is", False),
        pytest.param(host(passwd={"bob": BOB}), "homes_owned", "bob's home /home/alice belongs", False),
        pytest.param(put("/home/alice/.bashrc", "", 0o666), "dot_files", ".bashrc has mode 0666", True),
        pytest.param(put("/root/.profile", "", 0o662, uid=0), "dot_files", "/root/.profile has mode", True),
        pytest.param(put("/home/alice/.pgpass", ""), "private_files", ".pgpass has mode 0644", True),
        pytest.param(key("/home/alice/.ssh/id_rsa"), "private_files", "id_rsa has mode 0644", True),
        pytest.param(put("/home/alice/.pgpass", "", uid=0), "private_files", "belongs to another account", False),
        pytest.param(put("/home/alice/.profile", "", 0o666, uid=0), "dot_files", "to another account", False),
        pytest.param(put("/home/alice/.ssh/authorized_keys", "", 0o664), "login_keys", "has mode 0664", True),
        pytest.param(put("/home/alice/.ssh/authorized_keys", "", uid=7), "login_keys", "another account", False),
        pytest.param(put("/home/alice/.rhosts", "+"), "trust_files", "/home/alice/.rhosts is there", True),
        pytest.param(put("/home/alice/.rhosts", "+", uid=0), "trust_files", "belongs to another account", False),
        pytest.param(put("/home/alice/.forward", "x"), "forward_files", ".forward is there", False),
        pytest.param(put("/home/alice/.netrc", "x"), "netrc_files", ".netrc is there", False),
        pytest.param(
            put("/home/alice/.ssh/authorized_keys", SHORT_KEY), "login_key_strength", "RSA key of 1024 bits", False
        ),
        pytest.param(
            put("/home/alice/.ssh/authorized_keys", "ssh-dss AAAA x"), "login_key_strength", "a DSA key", False
        ),
        pytest.param(put("/etc/shells", "/bin/sh\n/usr/sbin/nologin\n"), "shells_list", "nologin is", True),
        pytest.param(put("/etc/profile", "TMOUT=7200\n"), "shell_timeout", "sets 7200 seconds", False),
        pytest.param(host(), "shell_timeout", "a shell waits for ever", True),
        pytest.param(put("/etc/profile.d/vendor.sh", "umask 000\n"), "shell_umask", "sets the mask 000", False),
        pytest.param(put("/root/.bashrc", " umask 022 # all\n"), "root_umask", "sets the mask 022", True),
        pytest.param(put("/root/.profile", "export PATH=/bin:.:$PATH\n"), "root_path", "current folder", False),
        pytest.param(put("/etc/environment", 'PATH="/bin::/sbin"\n'), "root_path", "an empty entry", False),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_is_wrong_is_found_and_mended_where_that_is_safe(
    made: FakeHost, check: str, saw: str, mends: bool
) -> None:
    settings = {"check": check, "value": 900}
    found = look(made, "accounts", settings)
    assert (found.result, saw in found.before) == ("fail", True), found.before
    assert bool(found.reason) != mends
    request = _baseline.BaselineRequest("r", (Control("c1", "accounts", settings),))
    (finding,) = _baseline.enforce(made, request).findings
    assert finding["result"] == ("fixed" if mends else "fail"), finding
    assert not _baseline.audit(made, request).changed


def test_a_folder_in_the_path_of_root_that_others_can_write_is_told() -> None:
    made = put("/etc/login.defs", "ENV_SUPATH\tPATH=/usr/local/bin:/opt/ehr/bin\n", uid=0)
    made.add_dir("/opt/ehr/bin", 0o777)
    assert "others can write to /opt/ehr/bin" in look(made, "accounts", {"check": "root_path"}).before


def test_a_home_that_others_look_into_is_closed_unless_the_site_says_otherwise() -> None:
    made = host()
    made.nodes["/home/alice"].mode = 0o755
    assert look(made, "accounts", {"check": "homes_closed"}).before == "/home/alice has mode 0755"
    assert look(made, "accounts", {"check": "homes_closed", "except": ["alice"]}).result == "pass"


def test_homes_on_other_machines_are_not_looked_at() -> None:
    made = put("/home/alice/.bashrc", "", 0o666)
    made.mounts.append(fake_mount("nas:/home", "/home", "nfs4"))
    assert look(made, "accounts", {"check": "dot_files"}).result == "pass"


def fake_mount(source: str, path: str, kind: str) -> Any:
    from fake_host import FakeMount

    return FakeMount(source, path, kind, ["rw"])


#: What is asked of files that a broken line of passwd is not in.
NOT_OF_PASSWD = {
    "well_formed",
    "no_directory_lines",
    "group_passwords",
    "group_zero",
    "unique_gids",
    "unique_groups",
    "passwords_hashed_well",
    "passwords_changed_in_past",
    "shells_list",
    "shell_timeout",
    "shell_umask",
    "root_umask",
    "root_path",
}


@pytest.mark.parametrize("check", CHECKS)
def test_a_line_that_cannot_be_read_is_an_error_and_never_a_smaller_set(check: str) -> None:
    made = host(passwd={"eve": "eve:x:0:0"}, group={"shadow": "shadow:x:42:"})
    made.add_file(TIMEOUT_FILE, "TMOUT=900\n")
    found = look(made, "accounts", {"check": check, "value": 900, "groups": ["alice"]})
    if check in NOT_OF_PASSWD:
        assert found.result == ("fail" if check == "well_formed" else "pass")
    else:
        assert (found.result, "/etc/passwd:5" in found.reason) == ("error", True)


def test_chfn_does_not_hide_a_second_root() -> None:
    made = host(passwd={"eve": "eve:x:0:1000:Eve\u2028:/home/alice:/bin/sh"})
    assert look(made, "accounts", {"check": "uid_zero"}).before == "eve has root's number 0"


# --- who must get in ---


def protected_plan(made: FakeHost, check: str, **more: Any) -> KindPlan:
    return plan(made, "accounts", {"check": check, **more}, protected=["alice"])


def test_a_break_glass_account_is_told_and_never_locked_or_aged() -> None:
    made = host(
        shadow={"alice": "alice::20000:0:99999:7:::"}, passwd={"alice": "alice:x:900:1000::/home/alice:/bin/sh"}
    )
    unlocked = protected_plan(made, "passwords_set")
    assert (unlocked.groups, unlocked.assessments[0].result) == ((), "fail")
    assert "a person has to set a password" in unlocked.assessments[0].reason
    assert protected_plan(made, "system_shells").assessments[0].result == "pass"
    aged = host()
    assert protected_plan(aged, "password_longest", value=90, groups=["alice"]).assessments[0].result == "pass"


def test_the_account_that_runs_this_keeps_its_shell() -> None:
    made = host(passwd={"robot": "robot:x:990:1000::/srv/robot:/bin/bash"})
    made.add_file("/proc/self/stat", f"4711 (python3) S 4000 {'0 ' * 17}900 0 0\n")
    made.add_file("/proc/4000/stat", f"4000 (bash) S 1 {'0 ' * 17}800 0 0\n")
    made.add_dir("/proc/4000")
    made.nodes["/proc/4000"].uid = 990
    assert look(made, "accounts", {"check": "system_shells"}).result == "pass"
    made.nodes["/proc/4000"].uid = 0
    assert look(made, "accounts", {"check": "system_shells"}).result == "fail"


@pytest.mark.parametrize("use", ["password", "keys", "process", "site"])
def test_an_account_of_the_system_that_is_in_use_keeps_its_shell(use: str) -> None:
    line = "hl7drop:x:990:1000::/srv/hl7:/bin/sh"
    shadow = {"hl7drop": f"hl7drop:{HASH}:20000:0:99999:7:::"} if use == "password" else {}
    made = host(passwd={"hl7drop": line}, shadow=shadow)
    if use == "keys":
        made.add_file("/srv/hl7/.ssh/authorized_keys", f'command="internal-sftp" {LONG_KEY}\n')
    if use == "process":
        made.add_dir("/proc/812")
        made.nodes["/proc/812"].uid = 990
    settings = {"check": "system_shells", "except": ["hl7drop"] if use == "site" else []}
    found = plan(made, "accounts", settings)
    assert found.groups == ()
    assert found.assessments[0].result == ("pass" if use == "site" else "fail")
    assert bool(found.assessments[0].reason) == (use != "site")


def test_service_accounts_never_age() -> None:
    made = host(group={"staff": "staff:x:50:alice"}, passwd={"mirth": "mirth:x:1005:1000::/opt/mirth:/bin/bash"})
    text = made.text("/etc/shadow") + f"mirth:{HASH}:10000:0:99999:7:::\n"
    made.add_file("/etc/shadow", text, mode=0o640)
    nobody = look(made, "accounts", {"check": "password_longest", "value": 90})
    assert (nobody.result, "service accounts never age" in nobody.reason) == ("notapplicable", True)
    people = plan(made, "accounts", {"check": "password_inactive", "value": 30, "groups": ["staff"]})
    assert [step.subject.name for group in people.groups for step in group.steps] == ["inactive days of alice"]


def test_no_password_expires_from_one_run_to_the_next() -> None:
    made = host()
    made.set_clock(20300 * DAY)
    settings = {"check": "password_longest", "value": 310, "groups": ["alice"]}
    assert "would expire within 14 days" in look(made, "accounts", settings).reason
    (group,) = plan(made, "accounts", {**settings, "value": 320}).groups
    assert [step.after for step in group.steps] == ["320 days"]


# --- what must never be told ---


def test_no_hash_reaches_a_result_a_diff_or_a_person() -> None:
    lines = {"alice": f"alice:{HASH}:20000:0:99999:7:::", "bob": f"bob:{OLD}:1:0:99999:7:::"}
    made = host(
        shadow=lines,
        passwd={"bob": f"bob:{OLD}:1001:1000::/home/bob:/bin/bash", "eve": "eve::1002:1000::/home/eve:/bin/sh"},
        gshadow={"alice": f"alice:{HASH}::"},
    )
    controls = tuple(Control(name, "accounts", {"check": name, "value": 30, "groups": ["alice"]}) for name in CHECKS)
    report = _baseline.enforce(made, _baseline.BaselineRequest("r1", controls))
    assert report.changed
    told = json.dumps(_baseline.result(report, with_diff=True, check=False)) + " ".join(report.warnings)
    assert "NobodyMayEverReadThisHash" not in told
    assert "NobodyMayEverReadThisHash" in made.text("/var/lib/healthops/journal/r1/entries")
    kept = {made.nodes[path].mode for path in made.files_below("/var/lib/healthops/journal/r1")}
    assert kept == {0o600}
    assert made.nodes["/var/lib/healthops/journal/r1"].mode == 0o700
    assert made.text("/etc/gshadow").splitlines()[1] == "alice:!::"


def test_taking_a_run_back_does_not_take_a_new_password_back() -> None:
    made = host(shadow={"bob": "bob::20000:0:99999:7:::"}, passwd={"bob": BOB})
    before = made.text("/etc/shadow")
    request = _baseline.BaselineRequest("r1", (Control("c1", "accounts", {"check": "passwords_set"}),))
    _baseline.enforce(made, request)
    assert "bob:!:20000" in made.text("/etc/shadow")
    changed = made.text("/etc/shadow").replace(HASH, "$y$new")
    made.add_file("/etc/shadow", changed, mode=0o640)
    _baseline.revert(made, _baseline.BaselineRequest("r2"), "r1", check=False)
    assert made.text("/etc/shadow") == before.replace(HASH, "$y$new")
    assert made.locked > 0


def test_of_accounts_that_share_a_home_the_owner_of_a_file_is_asked() -> None:
    shared = host(passwd={"bob": "bob:x:1001:1000::/home/alice:/bin/sh"})
    shared.add_file("/home/alice/.rhosts", "+ +", uid=1000)
    assessed = look(shared, "accounts", {"check": "trust_files"})
    assert (assessed.before, assessed.reason) == ("/home/alice/.rhosts is there", "")
