# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spellings: for each kind of file many legal and illegal ways to write a setting, always the same ones.

What the program makes of each is in ``tests/fixtures/spellings``, captured by ``capture_spellings``.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterable, Sequence

#: How many of each kind of file.
COUNT = 220
_BLANKS = (" ", "\t", "  ", " \t ")


def _chosen(kind: str, texts: Iterable[str]) -> list[str]:
    """Return COUNT different texts, the same ones each time."""
    unique = sorted(set(texts))
    return random.Random(kind).sample(unique, COUNT)


def _lines(*parts: Sequence[str]) -> list[str]:
    return ["".join(pieces) for pieces in itertools.product(*parts)]


def _files(kind: str, lines: Sequence[str], around: Sequence[str]) -> list[str]:
    """Return texts of one line, and of several with one of ``around`` before or after it."""
    single = [f"{line}\n" for line in lines]
    before = [f"{other}\n{line}\n" for line in lines for other in around]
    after = [f"{line}\n{other}" for line in lines for other in around]
    return _chosen(kind, [*single, *before, *after])


def _login_defs_shadow() -> list[str]:
    values = ("1234", '"1234"', "02322", "0x4d2", "1234 # of the site", "1234#", "'1234'", "1234 ", "many", "")
    lines = _lines(("", " ", "\t"), ("GID_MIN",), (*_BLANKS, "=", " = ", '"'), values)
    return _files(
        "login_defs_shadow", lines, ("GID_MIN 1111", "# GID_MIN 1112", "GID_MIN", "SUB_GID_MIN 7", "gid_min 1113")
    )


def _login_defs_pam() -> list[str]:
    values = ("027", '"027"', "077 # of the site", "077#", "27", "0x1", "  022  ", "none", "")
    lines = _lines(("", " ", "\t"), ("UMASK", "umask"), (*_BLANKS, "=", " = ", "=="), values)
    return _files("login_defs_pam", lines, ("UMASK 011", "# UMASK 012", "umask=013", "UMASK", "UMASKS 1"))


def _key_value_lines(key: str, values: Sequence[str]) -> list[str]:
    return _lines(
        ("", " ", "\t"), (key, key.upper()), (*_BLANKS, "=", " = ", "\t=", "= ", "=="), values, ("", " ", " # x", "#x")
    )


def _pwquality() -> list[str]:
    lines = _key_value_lines("minlen", ("14", "14", "+14", "014", "0x14", '"14"', ""))
    return _files(
        "pwquality", lines, ("minlen = 9", "# minlen = 10", "nosuch = 1", "difok=2", "difok = x", "enforce_for_root")
    )


def _faillock() -> list[str]:
    lines = _key_value_lines("deny", ("5", "+5", "05", "0", "5x", "five", '"5"', ""))
    return _files("faillock", lines, ("deny = 8", "# deny = 2", "nosuch = 1", "silent", "audit = no"))


def _systemd_grammar() -> list[str]:
    lines = _lines(("", " ", "\t"), ("Description",), ("=", " = ", "\t="), ("a b", "a # b", "", '"a"', "a \\"))
    sections = (
        "[Unit]\n",
        " [Unit] \n",
        "[Unit]\n[Install]\n[Unit]\n",
        "[Unit]\nDescription=b\n[Service]\n",
        "[unit]\n[Unit]\n",
    )
    after = ("", "Description=c\n", "# d\nDescription=c\n", "; d \\\nDescription=c\n", " e\n", "#Description=c\n")
    texts = [f"{section}{line}\n{more}" for section in sections for line in lines for more in after]
    return _chosen("systemd_grammar", texts)


def _systemd_sizes() -> list[str]:
    numbers = ("0", "1", "512", "1.5", "0.25", "4096", ".5", "-1", "x", "1 000")
    suffixes = ("", "B", "K", "M", "k", "G", "T", "MB", " M", "KiB", "M 512K", "G512M", "K 1M", "K 2K", " infinity")
    return _chosen("systemd_sizes", [*_lines(("", " "), numbers, suffixes), *_lines(("4G ", "1M "), numbers, suffixes)])


def _systemd_times() -> list[str]:
    numbers = ("0", "1", "90", "1.5", "2.25", ".5", "-1", "x", "1 0")
    units = (
        "",
        "s",
        "sec",
        "min",
        "m",
        "M",
        "h",
        "hr",
        "hours",
        "d",
        "week",
        "month",
        "y",
        "ms",
        "us",
        "fortnight",
        "H",
    )
    return _chosen("systemd_times", _lines(("", "1h ", "2min", "infinity", "1d"), numbers, ("", " "), units))


def _limits() -> list[str]:
    types, items = ("hard", "-", "soft", "HARD", "both"), ("core", "Core", "nofile")
    values = ("0", "00", "1", "unlimited", "-1", "0 # x", "0#", "x", "")
    lines = _lines(("", " "), ("*",), (" ", "\t"), types, ("  ",), items, (" ", "\t "), values)
    return _files(
        "limits",
        lines,
        ("* hard core 7", "# * hard core 8", "* - core unlimited", "root hard core 9", "** hard core 0"),
    )


def _auditd() -> list[str]:
    values = ("32", "032", "32x", "32 # x", "0", "32 33", "-1", "")
    lines = _lines(
        ("", " ", "\t"), ("max_log_file", "MAX_LOG_FILE"), (" = ", "  =  ", " =   ", "=", "\t=\t"), values, ("", " ")
    )
    return _files("auditd", lines, ("max_log_file = 9", "# max_log_file = 10", "num_logs = 7"))


def _adduser() -> list[str]:
    values = ("0750", '"0750"', "'0750'", "750", "0750 # x", "\"'0750'\"", "0750 ", "u=rwx", "", '"0750')
    lines = _lines(("", " ", "\t"), ("DIR_MODE", "dir_mode", "export DIR_MODE"), ("=", " = ", " ", "\t="), values)
    return _files(
        "adduser", lines, ("DIR_MODE=0711", "# DIR_MODE=0712", " # DIR_MODE=0713", "nonsense", "DIR_MODES=0714")
    )


def _sysctl() -> list[str]:
    keys = (
        "net.ipv4.conf.all.rp_filter",
        "net/ipv4/conf/all/rp_filter",
        "net.ipv4.conf.*.rp_filter",
        "net/ipv4/conf/*/rp_filter",
        "net.ipv4.conf.a??.rp_filter",
        "net.ipv4.conf.[ab]ll.rp_filter",
        "net.ipv4.*",
        "net.ipv4.conf.all.*",
        "net.ipv4.conf/all.rp_filter",
        "*",
    )
    lines = _lines(("", " ", "-", "- "), keys, ("=", " = ", " ", "\t=\t"), ("1", " 1 ", "1 # x", "2", ""))
    lines += [f"-{key}" for key in keys]
    around = (
        "net.ipv4.conf.all.rp_filter=3",
        "net.ipv4.conf.*.rp_filter=4",
        "-net.ipv4.conf.all.rp_filter",
        "# x",
        "#net.ipv4.conf.all.rp_filter=5",
        ";net.ipv4.conf.all.rp_filter=6",
    )
    return _files("sysctl", lines, around)


def _sshd_match() -> list[str]:
    values = ("5m", "300", "1m30s", '"5m"', "'90'", "90 # x", "1H", "2w")
    lines = _lines(
        ("", " ", "\t"),
        ("ClientAliveInterval", "clientaliveinterval", '"ClientAliveInterval"'),
        (" ", "=", " = ", "\t"),
        values,
    )
    matches = (
        "Match User alice\n",
        "match user=alice\n",
        'Match User "alice"\n',
        "Match=User alice # x\n",
        "Match User bob,alice\n",
    )
    texts = [f"{match}{line}\n" for match in matches for line in lines]
    return _chosen("sshd_match", texts)


def _sudo() -> list[str]:
    numbers = ("5", "2.5", ".5", "0", "-1", "-0.5", '"5"', "0x5", "5 # x", "05")
    signs = ("=", " = ", "= ", "\t=", "+=")
    lines = _lines(
        ("Defaults ", "Defaults\t", "  Defaults  ", "Defaults:alice "), ("",), ("timestamp_timeout",), signs, numbers
    )
    lines += [f"Defaults{blanks}!timestamp_timeout" for blanks in (" ", "  ", "\t")]
    return _files(
        "sudo", lines, ("Defaults timestamp_timeout=9", "Defaults passwd_tries=2, !visiblepw", "# x", "Defaults \\")
    )


def _apt() -> list[str]:
    values = ('"true"', '"false"', "false", '"0"', '"1"', '"no"', '"without"', '"Yes"', '"on"', '""', '"maybe"')
    plain = _lines(
        ("", " "),
        ("APT::Get::AllowUnauthenticated", "apt::get::allowunauthenticated"),
        (" ", "\t", "=", " = ", "  "),
        values,
        (";", " ;", "; // x"),
    )
    blocks = [
        shape.replace("VALUE", value)
        for value in values
        for shape in (
            "APT { Get { AllowUnauthenticated VALUE; }; };",
            "APT::Get {\n  AllowUnauthenticated VALUE;\n};",
            "APT\n{\nGet::AllowUnauthenticated VALUE;\n}",
            "/* x */ APT::Get::AllowUnauthenticated VALUE;",
            "APT::Get::AllowUnauthenticated /* x */ VALUE;",
            "// APT::Get::AllowUnauthenticated VALUE;",
            "# APT::Get::AllowUnauthenticated VALUE;",
            "APT::Get::AllowUnauthenticated VALUE; # x",
            "APT::Get::AllowUnauthenticated VALUE;\n#clear APT::Get::AllowUnauthenticated;",
            "APT::Get::AllowUnauthenticated\n VALUE;",
        )
    ]
    return _files(
        "apt",
        [*plain, *blocks],
        ('APT::Get::AllowUnauthenticated "true";', 'APT::Get::AllowUnauthenticated "false";', "// x"),
    )


def _chrony() -> list[str]:
    names = ("server", "Server", "SERVER", "pool", "peer", "!server", "# server", "%server", ";server")
    values = ("ntp1.hospital.example", "192.0.2.1 iburst", "ntp2.hospital.example minpoll 4 maxpoll 6 # x", "")
    lines = _lines(("", " ", "\t"), names, (" ", "\t", "  ", " \t"), values, ("", " ", "\t"))
    return _files("chrony", lines, ("makestep 1 3", "# server x", "allow 192.0.2.0/24", "user\t_chrony"))


def _fstab() -> list[str]:
    places = ("/srv", "/srv/", "//srv", "/./srv", "/srv//", "//./srv/", "/srv\\040", "/srv/.")
    options = (
        *("noexec,nodev", "exec,noexec", "noexec,exec", "rw,,noexec", "NOEXEC", "noexec,nodevs", "defaults"),
        *("x-systemd.idle-timeout=9,noexec", "noexec,nodev,suid,dev", "noexec\\040", "noexec#"),
    )
    ends = ("", " 0 0", "\t0\t2 ", " 0", " 0 0 # x", " 0 2\r")
    lines = _lines(("", " ", "\t"), ("tmpfs ",), places, (" tmpfs\t",), options, ends)
    odd = ("/s\\162v", "srv", '"/srv"', "/srv/../srv")
    lines += _lines(("tmpfs ",), odd, (" tmpfs ",), ("noexec",), (*ends, "\r", " # x"))
    lines += _lines(
        ("tmpfs /srv", "tmpfs /srv tmpfs", "# tmpfs /srv tmpfs noexec", "/dev/sdz1\t/srv ext4 noexec"), ends
    )
    around = ("# tmpfs /srv tmpfs noexec 0 0", "tmpfs /home tmpfs noexec 0 0", "/dev/sdz9 none swap sw 0 0", " # x", "")
    return _files("fstab", lines, (*around, "tmpfs /srv tmpfs nodev 0 0"))


#: A line that is no entry makes the whole file one that cannot be read; so most of the others are sound.
def _rows(kind: str, sound: Sequence[str], odd: Sequence[str], around: Sequence[str]) -> list[str]:
    files = [f"{before}{line}\n{after}" for line in sound for before in around for after in ("", *around[2:])]
    strange = [f"{before}{line}\n" for line in odd for before in ("", around[0])]
    chosen = random.Random(kind)
    return _chosen(kind, [*chosen.sample(sorted(set(files)), 190), *chosen.sample(sorted(set(strange)), 30)])


def _passwd() -> list[str]:
    ends = _lines(
        (":Ward, 3rd floor:/home/ward:", "::/:"), ("/bin/sh", "/usr/sbin/nologin", "", " /bin/sh", "/bin/sh ")
    )
    sound = _lines(("ward:x:", "ward:*:", "ward::", "Wärd:x:"), ("1001:100", "01001:0100", "0:0"), ends)
    numbers = (" 1001:100", "1001 :100", "+1001:100", "x:100", ":100", "4294967296:0", "-1:100", "0x1:1")
    odd = _lines(("ward:x:", "Wärd:x:"), numbers, ends)
    odd += _lines((" ward:x:", "\tward:*:", "ward :x:", "", ":x:"), ("1001:100",), (*ends, ":more::/:/bin/sh"))
    return _rows(
        "passwd", sound, odd, ("root:x:0:0:root:/root:/bin/bash\n", "", "\n# x\n", "\n \n", "#ward:x:0:0::/:\n")
    )


def _shadow_rows() -> list[str]:
    marks = ("$y$j9T$x", "!", "*", "", "!$6$x", "x", "!!")
    days = ("19000:0:99999:7:::", "19000:0:::::", "::::::", "0:::::10:", "19000:0:99999:7:30::", "019000:0:0365:7:::")
    strange = ("x:0:99999:7:::", "19000", "19000:0:99999:7::::more", " 19000:0:365:7:::", "+9:0:07:7::1:", "-1::::::")
    sound = _lines(("ward:", "Wärd:"), marks, (":",), days)
    odd = _lines(("ward:", "Wärd:"), marks, (":",), (*strange, "19000:0:7:7:::x", ":::::: :"))
    return _rows(
        "shadow", sound, odd, ("root:*:19000:0:99999:7:::\n", "\nnight:!:1::::::\n", "", "\n# x\n", "#ward:::::::\n")
    )


def _group_rows() -> list[str]:
    members = ("", "ana", "ana,ben", " ana , ben", "ana,,ben", "ana ben", ",", "ana,")
    sound = _lines(("ward:x:", "ward::", "ward:!:", "Wärd:*:"), ("1001", "01001", "0"), (":",), members)
    numbers = (" 1001", "1001 ", "+1001", "x", "", "-1", "4294967296")
    odd = _lines(("ward:x:",), numbers, (":",), members) + _lines((" ward:x:", "ward :x:", ":x:"), ("7:ana", "7:a:b"))
    return _rows("group", sound, odd, ("root:x:0:\n", "\nnight:x:1002:ana\n", "", "\n# x\n", "#ward:x:7:\n"))


def _pam() -> list[str]:
    types = ("auth", "-auth", "AUTH", "Auth", " auth", "account", "authority", "# auth", "\\\nauth")
    controls = (
        "required",
        "optional",
        "OPTIONAL",
        "[default=ignore]",
        "[success=ok default=bad]",
        "[ default=ok ]",
        "always",
    )
    modules = ("pam_unix.so",)
    options = (
        *("", "nullok", "nullok\ttry_first_pass", "nullok # of the site", "nullok#", "nullok \\\n try_first_pass"),
        *("[nullok try_first_pass]", "[nul lok] minlen=8", "[a\\]b]", "NULLOK", "nullok \\", "a=[b c] d", "nullok\r"),
    )
    lines = _lines(types, (" ", "\t"), controls, ("  ", "\t"), modules, ("  ", " \t"), options)
    around = (
        "auth optional pam_unix.so first",
        "# auth optional pam_unix.so first",
        "account required pam_unix.so",
        "",
        "x",
    )
    return _files("pam", lines, around)


_KINDS: dict[str, Callable[[], list[str]]] = {
    "login_defs_shadow": _login_defs_shadow,
    "login_defs_pam": _login_defs_pam,
    "pwquality": _pwquality,
    "faillock": _faillock,
    "systemd_grammar": _systemd_grammar,
    "systemd_sizes": _systemd_sizes,
    "systemd_times": _systemd_times,
    "limits": _limits,
    "auditd": _auditd,
    "adduser": _adduser,
    "sysctl": _sysctl,
    "sshd_match": _sshd_match,
    "sudo": _sudo,
    "apt": _apt,
    "chrony": _chrony,
    "fstab": _fstab,
    "passwd": _passwd,
    "shadow": _shadow_rows,
    "group": _group_rows,
    "pam": _pam,
}
KINDS = tuple(_KINDS)


@functools.cache
def spellings(kind: str) -> list[str]:
    """Return the texts of one kind of file."""
    return _KINDS[kind]()
