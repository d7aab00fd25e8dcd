# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One judge for each kind of control: whether a host is as the control says, seen by the system's own tools.

Nothing here uses the collection's code. A judge returns whether the host complies, and what it saw. The longer
ones have a file of their own, ``judge_KIND.py``, with a function ``judge``.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib
import re
import shlex
import time
from typing import TYPE_CHECKING, Any, Callable

import outside
from catalogue import spelled

if TYPE_CHECKING:
    from testinfra.host import Host

Settings = dict[str, Any]
Verdict = tuple[bool, str]


@functools.cache
def asked(host: Host, command: str) -> str:
    """What a command says as root, asked once for all the controls that it answers; nothing where it fails."""
    answer = outside.root(host, command)
    return answer.out if answer.rc == 0 else ""


#: What a unit multiplies by, as systemd.time(7) and systemd's manual of the journal have it.
UNITS = {
    "bytes": {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40},
    "seconds": {"": 1, "s": 1, "min": 60, "h": 3600, "day": 86400, "week": 604800, "month": 2629800, "year": 31557600},
}
#: Of what login.defs calls them, the quickest to guess first.
HASHES = ("DES", "MD5", "SHA256", "SHA512", "YESCRYPT")


def amount(text: str, measure: str) -> float:
    """What a value counts; what has no end counts more than any other, and what is none satisfies no wish."""
    if measure == "password_hash":
        return HASHES.index(text)
    if measure.endswith(("_or_endless", "_or_never")) and text in ("0", "never", "infinity"):
        return float("inf")
    units = UNITS["bytes" if "bytes" in measure else "seconds"]
    numbers = re.findall(r"([0-9.]+)([A-Za-z]*)", text)
    return sum(float(number) * units[unit] for number, unit in numbers) if numbers else float("nan")


def within(settings: Settings, seen: str) -> bool:
    """Whether a value satisfies the wish."""
    wanted, op = settings["value"], settings.get("op", "equal")
    measure = settings.get("measure", "")
    if measure == "password_hash" or "bytes" in measure or "seconds" in measure:
        value, limit = amount(seen, measure), amount(spelled(wanted), measure)
        return {"equal": value == limit, "at_most": value <= limit, "at_least": value >= limit}[op]
    if seen in [spelled(value) for value in settings.get("accept", ())]:
        return True
    if op == "equal":
        return seen == spelled(wanted)
    if op == "up_to":
        return seen.isdigit() and 0 < int(seen) <= int(wanted)
    return seen.isdigit() and (int(seen) <= int(wanted) if op == "at_most" else int(seen) >= int(wanted))


def sysctl(host: Host, settings: Settings) -> Verdict:
    """The running value, and what systemd's own reading order makes of the files at the next boot."""
    key = settings["key"]
    running = asked(host, f"sysctl -n {shlex.quote(key)}")
    lines = asked(host, "systemd-analyze cat-config sysctl.d").splitlines()
    pairs = [line.lstrip("-").partition("=") for line in lines if "=" in line and not line.startswith(("#", ";"))]
    booting = [v.strip() for k, _equals, v in pairs if k.strip().replace("/", ".") == key]
    then = booting[-1] if booting else "nothing"
    return within(settings, running) and within(settings, then), f"{running} now, {then} at boot"


def kernel_module(host: Host, settings: Settings) -> Verdict:
    """What modprobe would do if it were asked, and that no hardware can bring the module by itself."""
    module = settings["module"]
    would = asked(host, f"modprobe --dry-run --verbose {module}")
    banned = f"blacklist {module}" in asked(host, "modprobe --showconfig").replace("-", "_").splitlines()
    return would == "install /bin/false" and banned, f"{would or 'loads it'}, {'' if banned else 'not '}blacklisted"


def file(host: Host, settings: Settings) -> Verdict:
    listed = asked(host, f"stat --format '%n %a %U %G' {settings['path']}")
    if settings.get("state") == "absent":
        return not listed, listed or "absent"
    groups = settings.get("group", [])
    groups = [groups] if isinstance(groups, str) else groups
    fine = [
        int(mode, 8) & ~int(settings.get("mode", "7777"), 8) == 0
        and owner == settings.get("owner", owner)
        and (group in groups or not groups)
        for _name, mode, owner, group in (line.rsplit(" ", 3) for line in listed.splitlines())
    ]
    return bool(fine) and all(fine), listed or "absent"


def config(host: Host, settings: Settings) -> Verdict:
    seen = CONFIG[settings["file"]](host, settings)
    return within(settings, seen), seen


def _login_defs(host: Host, settings: Settings) -> str:
    """The last one counts."""
    return asked(host, f"awk '$1 == \"{settings['key']}\" {{v = $2}} END {{print v}}' /etc/login.defs")


def _adduser(host: Host, settings: Settings) -> str:
    return asked(host, f"sh -c '. {settings['file']}; echo ${settings['key']}'")


def _systemd(host: Host, settings: Settings) -> str:
    text = asked(host, f"systemd-analyze cat-config {settings['file'].removeprefix('/etc/')} 2>&1")
    values: list[str] = re.findall(rf"^{settings['key']}=(.*)$", text, re.MULTILINE)
    return values[-1] if values else "not set"


def _words(files: str) -> Callable[[Host, Settings], str]:
    """A key of a file of ``key = value`` lines, or alone; the last file has the last word."""

    def last(host: Host, settings: Settings) -> str:
        awk = "awk -F '[ =]+' -v key=%s '$1 == key {v = $2; set = 1} END {print set ? v : \"not set\"}'"
        return asked(host, f"cat {files} 2> /dev/null | {awk % settings['key']}")

    return last


def _core_limit(host: Host, settings: Settings) -> str:
    """What a real login gets."""
    return outside.ssh(host, "ulimit -H -c").stdout.strip()


def _new_log_file(host: Host, settings: Settings) -> str:
    """The mode of a log file that the daemon makes now, because a message came in from outside."""
    outside.root(host, "rm -f /var/log/mail.log; systemctl kill --signal HUP rsyslog.service")
    for _attempt in range(25):
        outside.syslog(host, 2 * 8 + 6, "a message to the mail log")
        mode = outside.root(host, "stat --format %a /var/log/mail.log")
        if mode.rc == 0:
            return "0" + mode.out
        time.sleep(0.2)
    return "no new log file"


def _auditd(host: Host, settings: Settings) -> str:
    return asked(host, f"awk '$1 == \"{settings['key']}\" {{v = $3}} END {{print v}}' /etc/audit/auditd.conf")


def _apt(host: Host, settings: Settings) -> str:
    """What apt itself says."""
    return asked(host, f"apt-config dump --format '%v%n' {settings['key']}")


CONFIG: dict[str, Callable[[Host, Settings], str]] = {
    "/etc/audit/auditd.conf": _auditd,
    "/etc/apt/apt.conf": _apt,
    "/etc/login.defs": _login_defs,
    "/etc/adduser.conf": _adduser,
    "/etc/systemd/journald.conf": _systemd,
    "/etc/systemd/system.conf": _systemd,
    "/etc/systemd/coredump.conf": _systemd,
    "/etc/systemd/logind.conf": _systemd,
    "/etc/security/limits.conf": _core_limit,
    "/etc/rsyslog.conf": _new_log_file,
    "/etc/security/faillock.conf": _words("/etc/security/faillock.conf"),
    "/etc/security/pwquality.conf": _words("/etc/security/pwquality.conf.d/*.conf /etc/security/pwquality.conf"),
}

#: What a client sees of the algorithms that the running server offers.
OFFERED = {
    "Ciphers": r"ciphers ctos: (\S+)",
    "MACs": r"MACs ctos: (\S+)",
    "KexAlgorithms": r"KEX algorithms: (\S+)",
}


@functools.cache
def _handshake(host: Host) -> str:
    return outside.ssh(host, "true", verbose="-vvv").stderr


def sshd(host: Host, settings: Settings) -> Verdict:
    """What sshd says of its settings; for algorithms also what the one that runs offers to a client."""
    option = settings["option"]
    if option == "DebianBanner":  # which sshd -T does not print on Debian 12
        greeting = outside.greeting(host)
        return "Debian" not in greeting, greeting
    told = dict(line.split(" ", 1) for line in asked(host, "sshd -T").splitlines() if " " in line)[option.lower()]
    told = {"without-password": "prohibit-password"}.get(told, told)
    if settings.get("op") == "each_at_most":
        numbers, most = (re.split("[: ]", text) for text in (told, settings["value"]))
        endless = option == "RekeyLimit" and "0" in numbers  # 0: the keys are never changed by size, or by time
        return all(int(one) <= int(limit) for one, limit in zip(numbers, most)) and not endless, told
    if settings.get("op") != "excludes":
        endless = told == "0" and settings.get("op") == "at_most"
        return within(settings, told) and not endless, told
    names = told.split(",")
    if option in OFFERED:
        server = _handshake(host).split("peer server KEXINIT proposal")[1]
        names += re.findall(OFFERED[option], server)[0].split(",")
    weak = sorted({one for one in names if any(fnmatch.fnmatch(one, pattern) for pattern in settings["value"])})
    return not weak, ", ".join(weak) or "nothing weak"


def service(host: Host, settings: Settings) -> Verdict:
    # Both answers come with an exit code of their own, which says the same again.
    enabled = outside.root(host, f"systemctl is-enabled {settings['unit']}").out
    active = outside.root(host, f"systemctl is-active {settings['unit']}").out
    wanted = ("masked", "inactive") if settings["state"] == "masked" else ("enabled", "active")
    return (enabled, active) == wanted, f"{enabled}, {active}"


def package(host: Host, settings: Settings) -> Verdict:
    state = asked(host, f"dpkg-query --show --showformat='${{db:Status-Status}}' {settings['name']}")
    return (state == "installed") == (settings.get("state", "present") == "present"), state or "unknown"


def mount(host: Host, settings: Settings) -> Verdict:
    """The kernel's table, and what fstab gives at the next boot."""
    now = asked(host, f"findmnt --noheadings --output OPTIONS --mountpoint {settings['path']} | tail -n 1")
    then = asked(host, f"findmnt --fstab --noheadings --output OPTIONS --target {settings['path']}")
    missing = [one for one in settings["options"] if one not in now.split(",") or one not in then.split(",")]
    return not missing, f"now {now}, at boot {then}"


def sudo(host: Host, settings: Settings) -> Verdict:
    """What sudo itself says holds for the automation account."""
    told = asked(host, "sudo --list --other-user=automation")
    block = told.split("Matching Defaults entries", 1)[-1].split("User automation may", 1)[0].split("\n", 1)[-1]
    entries = [entry.strip() for entry in re.split(r",(?!\\)", block.replace("\n", " "))]
    name, value = settings["default"], settings["value"]
    seen = [one for one in entries if one.lstrip("!").split("=")[0] == name]
    last = seen[-1] if seen else "not set"
    if isinstance(value, bool):
        return last == (name if value else f"!{name}"), last
    return within(settings, last.partition("=")[2]), last


def banner(host: Host, settings: Settings) -> Verdict:
    text = asked(host, f"cat {settings['path']}")
    return text == settings["text"].strip(), text


KINDS: dict[str, Callable[[Host, Settings], Verdict]] = {
    "banner": banner,
    "config": config,
    "file": file,
    "kernel_module": kernel_module,
    "mount": mount,
    "package": package,
    "service": service,
    "sshd": sshd,
    "sudo": sudo,
    "sysctl": sysctl,
}


def judge(host: Host, control: dict[str, Any]) -> Verdict:
    kind = control["kind"]
    verdict: Verdict = (KINDS.get(kind) or importlib.import_module(f"judge_{kind}").judge)(host, control["settings"])
    return verdict
