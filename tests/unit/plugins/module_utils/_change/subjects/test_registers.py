# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of a text goes and the others stay: by entry in registers, by line elsewhere."""

from __future__ import annotations

from itertools import permutations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.registers import merge, shown

ROOT, ALICE, DAEMON = (
    "root:x:0:0::/root:/bin/bash",
    "alice:x:1000:1000::/home/alice:/bin/bash",
    "_aide:x:106:112::/:/bin/false",
)
BOB = "bob:x:1001:1001::/home/bob:/bin/bash"


def text(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def marks(**packages: int) -> str:
    stanzas = (f"Package: {name}\nArchitecture: amd64\nAuto-Installed: {auto}" for name, auto in packages.items())
    return "".join(f"{stanza}\n\n" for stanza in stanzas)


@pytest.mark.parametrize(
    ("path", "before", "ours", "now", "goal"),
    [
        pytest.param(
            "/etc/passwd",
            text(ROOT, ALICE),
            text(ROOT, ALICE, DAEMON),
            text(ROOT, ALICE, DAEMON, BOB),
            text(ROOT, ALICE, BOB),
            id="an account of our package goes, one that came since stays",
        ),
        pytest.param(
            "/etc/passwd",
            text(ROOT, DAEMON, ALICE),
            text(ROOT, ALICE),
            text(ROOT, ALICE, BOB),
            text(ROOT, DAEMON, ALICE, BOB),
            id="an account that went comes back where it stood",
        ),
        pytest.param(
            "/etc/shadow",
            text("alice:OLD:19000:0:99999:7:::"),
            text("alice:OLD:19000:0:365:7:::"),
            text("alice:NEW:20000:0:365:7:::"),
            text("alice:NEW:20000:0:99999:7:::"),
            id="a password of since stays, the field that we set goes back",
        ),
        pytest.param(
            "/etc/group",
            text("adm:x:4:syslog"),
            text("adm:x:4:syslog,_chrony"),
            text("adm:x:4:syslog,_chrony,bob"),
            text("adm:x:4:syslog,bob"),
            id="a member of since stays",
        ),
        pytest.param(
            "/etc/group",
            text("adm:x:4:syslog,alice"),
            text("adm:x:4:syslog"),
            text("adm:x:4:syslog,bob"),
            text("adm:x:4:syslog,bob,alice"),
            id="a member that we took out comes back",
        ),
        pytest.param(
            "/etc/subuid",
            text("alice:100000:65536"),
            text("alice:100000:65536", "_svc:165536:65536"),
            text("alice:100000:65536", "_svc:165536:65536", "bob:231072:65536"),
            text("alice:100000:65536", "bob:231072:65536"),
            id="subordinate ids",
        ),
        pytest.param(
            "/etc/shells",
            text("# shells", "/bin/sh"),
            text("# shells", "/bin/sh", "/usr/bin/tmux"),
            text("# shells", "/bin/sh", "/usr/bin/tmux", "/usr/bin/zsh"),
            text("# shells", "/bin/sh", "/usr/bin/zsh"),
            id="shells",
        ),
        pytest.param(
            "/etc/fstab",
            text("/dev/a / ext4 defaults 0 1", "tmpfs /tmp tmpfs defaults 0 0"),
            text("/dev/a / ext4 defaults 0 1", "tmpfs /tmp tmpfs nodev 0 0"),
            text("UUID=1 / ext4 defaults 0 1", "tmpfs /tmp tmpfs nodev 0 0", "/dev/b /data ext4 defaults 0 2"),
            text("UUID=1 / ext4 defaults 0 1", "tmpfs /tmp tmpfs defaults 0 0", "/dev/b /data ext4 defaults 0 2"),
            id="the line of a mount, by its place",
        ),
        pytest.param(
            "/var/lib/apt/extended_states",
            marks(a=1),
            marks(a=1, b=1),
            marks(a=0, b=1),
            marks(a=0),
            id="the marks of apt, by package",
        ),
        pytest.param(
            "/etc/login.defs",
            text("# a", "UMASK 022", "# b", "LOG yes"),
            text("# a", "UMASK 027", "# b", "LOG yes"),
            text("# a", "UMASK 027", "# b", "LOG no", "NEW 1"),
            text("# a", "UMASK 022", "# b", "LOG no", "NEW 1"),
            id="a line of a text",
        ),
        pytest.param(
            "/etc/cron.allow",
            text("root", "alice", "carol"),
            text("root", "carol"),
            text("root", "carol", "bob"),
            text("root", "alice", "carol", "bob"),
            id="a line that we took away comes back where it stood",
        ),
        pytest.param(
            "/etc/x.conf",
            text("a", "b"),
            text("a", "c", "b"),
            text("a", "b", "d"),
            text("a", "b", "d"),
            id="what others took back already",
        ),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_our_change_goes_and_theirs_stays(path: str, before: str, ours: str, now: str, goal: str, force: bool) -> None:
    merged = merge(path, before, ours, now, force)
    assert (merged.text, merged.conflicts) == (goal, ())
    assert merge(path, before, ours, ours).text == before
    assert merge(path, before, ours, before).text == before
    assert merge(path, before, before, now).text == now


@pytest.mark.parametrize(
    ("path", "texts", "entry", "forced"),
    [
        pytest.param(
            "/etc/passwd",
            (text(ALICE), text(ALICE.replace("bash", "sh")), text(ALICE.replace("bash", "zsh"), BOB)),
            "alice, field 7 (before: /bin/bash; set: /bin/sh; now: /bin/zsh)",
            text(ALICE, BOB),
            id="field",
        ),
        pytest.param(
            "/etc/passwd",
            (text(ROOT), text(ROOT, DAEMON), text(ROOT, DAEMON.replace("false", "sh"))),
            "_aide (before: not there; set: _aide:*:106:112::/:/bin/false; now: _aide:*:106:112::/:/bin/sh)",
            text(ROOT),
            id="account",
        ),
        pytest.param(
            "/etc/login.defs",
            (text("UMASK 022", "# b"), text("UMASK 027", "# b"), text("UMASK 077", "# b")),
            "line 1 (before: UMASK 022; set: UMASK 027; now: UMASK 077)",
            text("UMASK 022", "# b"),
            id="line",
        ),
    ],
)
def test_the_same_that_others_changed_is_left_and_told(
    path: str, texts: tuple[str, str, str], entry: str, forced: str
) -> None:
    merged = merge(path, *texts)
    (conflict,) = merged.conflicts
    assert f"{conflict.entry} ({conflict.describe()})" == entry
    assert merged.text == texts[2]
    assert merge(path, *texts, force=True).text == forced


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/shadow", "alice:{}:19000"),
        ("/etc/gshadow", "adm:{}::"),
        ("/etc/fstab", "//nas/x /mnt/x cifs password={} 0 0"),
        ("/etc/crypttab", "data UUID=1 {}"),
    ],
)
def test_no_secret_is_shown(path: str, line: str) -> None:
    secrets = ("$6$one", "$6$two", "$6$three")
    (conflict,) = merge(path, *(text(line.format(secret)) for secret in secrets)).conflicts
    assert "$6$" not in conflict.describe()
    assert len({conflict.before, conflict.ours, conflict.now}) == 3


def test_of_a_file_that_not_everybody_may_read_lines_are_named_and_not_shown() -> None:
    (conflict,) = merge("/etc/app.conf", "key=a\n", "key=b\n", "key=c\n", readable=False).conflicts
    assert "key" not in conflict.describe()


def test_whatever_others_do_to_other_entries_the_result_is_what_it_would_be_without_us() -> None:
    base = [f"user{n}:x:{n}:{n}::/:/bin/sh" for n in range(4)]
    for order in permutations(range(4), 2):
        ours = [line for n, line in enumerate(base) if n != order[0]] + [DAEMON]
        now = [line.replace("/bin/sh", "/bin/no") if line == base[order[1]] else line for line in ours] + [BOB]
        expected = [line.replace("/bin/sh", "/bin/no") if n == order[1] else line for n, line in enumerate(base)]
        assert merge("/etc/passwd", text(*base), text(*ours), text(*now)).text == text(*expected, BOB)


def test_a_file_separator_within_a_field_makes_no_entry() -> None:
    odd = "alice:x:1000:1000:A\u2028eve:/home/alice:/bin/sh"
    assert merge("/etc/passwd", text(odd), text(odd, DAEMON), text(odd, DAEMON, BOB)).text == text(odd, BOB)


def test_a_long_value_is_cut() -> None:
    assert shown("a\nb " * 200).endswith(" ...")
