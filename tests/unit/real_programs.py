# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real programs make of a text: each is asked in a folder, a namespace or a process of its own.

Nothing of the machine is changed. ``answers`` raises NotHere where a program is not installed or must not be run.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Answer = Any


class NotHere(Exception):
    """A program cannot be asked on this machine."""


def answers(kind: str, texts: Sequence[str]) -> list[Answer]:
    """Return what the program of a kind of file makes of each text. Raises NotHere."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        return _ASK[kind](Path(folder), texts)


def _need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin:/lib/systemd") is None:
            raise NotHere(program)
    if os.geteuid() != 0:
        raise NotHere("root")


def _run(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "LC_ALL": "C",
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin:/lib/systemd",
        **more.pop("env", {}),
    }
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=env, **more)


def _library(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise NotHere(name) from error


# --- login.defs ---


def _shadow(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the number that groupadd gives to the first group, which is GID_MIN."""
    _need("groupadd")
    etc = folder / "etc"
    etc.mkdir()
    numbers = []
    for text in texts:
        for path in etc.iterdir():
            path.unlink()
        (etc / "login.defs").write_text(f"GID_MAX 60000\n{text}")
        for name in ("group", "passwd"):
            (etc / name).touch()
        _run("groupadd", "--prefix", str(folder), "ward")
        group = (etc / "group").read_text()
        numbers.append(int(group.split(":")[2]) if group else None)
    return numbers


class _Conversation(ctypes.Structure):
    _fields_ = (("function", ctypes.c_void_p), ("data", ctypes.c_void_p))


def _pam(service: str, folder: Path, user: str) -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    library, handle, rc = _pam_started(service, folder, user)
    if rc:
        raise NotHere(f"libpam: {rc}")
    return library, handle


def _pam_started(service: str, folder: Path, user: str) -> tuple[ctypes.CDLL, ctypes.c_void_p, int]:
    """Return libpam, its handle for the service of a folder, and the answer, which is not 0 where it refuses that."""
    library, handle, conversation = _library("libpam.so.0"), ctypes.c_void_p(), _Conversation()
    start = library.pam_start_confdir
    start.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    rc = start(
        service.encode(), user.encode(), ctypes.addressof(conversation), str(folder).encode(), ctypes.byref(handle)
    )
    return library, handle, rc


def _login_defs_pam(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return what PAM's modules find for UMASK, without blanks around it."""
    (folder / "spelling").write_text("auth required pam_permit.so\n")
    library, handle = _pam("spelling", folder, "root")
    library.pam_modutil_search_key.restype = ctypes.c_char_p
    library.pam_modutil_search_key.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    found = []
    for text in texts:
        (folder / "login.defs").write_text(text)
        value = library.pam_modutil_search_key(handle, str(folder / "login.defs").encode(), b"UMASK")
        found.append(None if value is None else value.decode().strip())
    return found


# --- PAM's modules ---


def _pwquality(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return whether libpwquality reads all of a file, and the minlen that it has then."""
    library = _library("libpwquality.so.1")
    library.pwquality_default_settings.restype = ctypes.c_void_p
    values = []
    for text in texts:
        (folder / "pwquality.conf").write_text(text)
        settings, error, value = (
            ctypes.c_void_p(library.pwquality_default_settings()),
            ctypes.c_void_p(),
            ctypes.c_int(),
        )
        rc = library.pwquality_read_config(settings, str(folder / "pwquality.conf").encode(), ctypes.byref(error))
        library.pwquality_get_int_value(settings, 3, ctypes.byref(value))
        values.append([rc == 0, value.value])
    return values


def _faillock(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return whether an account is locked after three, five and eight wrong passwords."""
    user, now = "nobody", int(time.time())
    (folder / "spelling").write_text(
        f"auth required pam_faillock.so preauth silent nodelay conf={folder}/faillock.conf dir={folder}/tally\n"
        "auth required pam_permit.so\n"
    )
    (folder / "tally").mkdir()
    locked = []
    for text in texts:
        (folder / "faillock.conf").write_text(text)
        states = []
        for failures in (3, 5, 8):
            tally = folder / "tally" / user
            tally.write_bytes(struct.pack("52sHHQ", b"here", 0, 1, now) * failures)
            shutil.chown(tally, user)
            library, handle = _pam("spelling", folder, user)
            states.append(library.pam_authenticate(handle, 0x8000) != 0)
            library.pam_end(handle, 0)
        locked.append(states)
    return locked


def _limits(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return whether pam_limits keeps a session from leaving a core."""
    (folder / "spelling").write_text(f"session required pam_limits.so conf={folder}/limits.conf\n")
    none_left = []
    for text in texts:
        (folder / "limits.conf").write_text(text)
        child = os.fork()
        if not child:
            library, handle = _pam("spelling", folder, "nobody")
            library.pam_open_session(handle, 0x8000)
            os._exit(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0)
        none_left.append(bool(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    return none_left


# --- systemd ---


def _test_systemd(folder: Path, units: dict[str, str]) -> str:
    """Return what a manager that only looks says of some units."""
    _need("systemd", "runuser")
    (folder / "units").mkdir()
    run = folder / "run"
    run.mkdir(mode=0o700)
    shutil.chown(run, "nobody")
    for name, text in units.items():
        (folder / "units" / name).write_text(text)
    wants = " ".join(units)
    (folder / "units" / "all.target").write_text(f"[Unit]\nWants={wants}\n")
    environment = {"XDG_RUNTIME_DIR": str(run), "SYSTEMD_UNIT_PATH": str(folder / "units")}
    done = _run(
        "runuser",
        "-u",
        "nobody",
        "--",
        "/lib/systemd/systemd",
        "--test",
        "--user",
        "--unit=all.target",
        env=environment,
    )
    if "-> By units:" not in done.stdout:
        raise NotHere(done.stderr.strip()[-200:])
    return done.stdout


def _said_of(output: str, unit: str, word: str) -> str | None:
    block = re.search(rf"^\t?-> Unit {re.escape(unit)}:\n(.*?)(?=^\t?-> Unit |\Z)", output, re.MULTILINE | re.DOTALL)
    match = re.search(rf"^\t*{word}: (.*)$", block[1], re.MULTILINE) if block else None
    return match[1] if match else None


def _systemd_grammar(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the Description of a unit, None where it has only its name."""
    units = {f"t{number}.service": f"{text}\n[Service]\nExecStart=/bin/true\n" for number, text in enumerate(texts)}
    output = _test_systemd(folder, units)
    described = [_said_of(output, name, "Description") for name in units]
    return [None if text == name else text for name, text in zip(units, described)]


def _systemd_sizes(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the bytes of a size, None where systemd does not take it."""
    socket = "[Socket]\nListenFIFO=/run/x\nReceiveBuffer=7\nReceiveBuffer={}\n[Unit]\nDefaultDependencies=no\n"
    units = {f"t{number}.socket": socket.format(text) for number, text in enumerate(texts)}
    units.update({f"t{number}.service": "[Service]\nExecStart=/bin/true\n" for number in range(len(texts))})
    output = _test_systemd(folder, units)
    sizes = [_said_of(output, f"t{number}.socket", "ReceiveBuffer") for number in range(len(texts))]
    return [None if size == "7" else int(size or 0) for size in sizes]  # nought is not shown


def _systemd_times(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the microseconds of a time, None where systemd does not take it."""
    _need("systemd-analyze")
    times: list[Answer] = []
    for text in texts:
        done = _run("systemd-analyze", "timespan", "--", text)
        match = re.search(r"s: ([0-9]+)", done.stdout)
        times.append(int(match[1]) if match else None)
    return times


# --- the others ---


def _auditd(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the size of a log that auditd takes, None where it refuses the file. It may not reach the kernel."""
    _need("auditd", "unshare")
    sizes: list[Answer] = []
    for text in texts:
        path = folder / "auditd.conf"
        path.write_text(f"space_left = 75\nadmin_space_left = 50\n{text}")
        path.chmod(0o640)
        done = _run("unshare", "--user", "--map-root-user", "auditd", "-f", "-n", "-c", str(folder), timeout=20)
        taken = re.findall(r"max_log_size_parser called with: (.*)", done.stderr)
        sizes.append((taken or ["not set"])[-1] if done.returncode == 1 else None)
    return sizes


def _adduser(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the mode that adduser gives to homes, in octal."""
    _need("perl")
    for number, text in enumerate(texts):
        (folder / f"{number}.conf").write_text(text)
    program = (
        "sub gettext { $_[0] } use Debian::AdduserCommon; for my $n (0 .. $ARGV[1]) { my %c = (dir_mode => '0755');"
        ' read_config("$ARGV[0]/$n.conf", \\%c); printf "%04o\\n", oct($c{dir_mode}); }'
    )
    done = _run("perl", "-e", program, str(folder), str(len(texts) - 1))
    if done.returncode:
        raise NotHere(done.stderr.strip())
    return done.stdout.split()


def _sysctl(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return what systemd-sysctl writes to a key; its /proc/sys is a folder in memory."""
    _need("systemd-sysctl", "unshare")
    for number, text in enumerate(texts):
        (folder / f"{number}.conf").write_text(text)
    script = (
        "set -e; mount -t tmpfs none /proc/sys; key=/proc/sys/net/ipv4/conf/all/rp_filter; mkdir -p ${key%/*}\n"
        f"for n in $(seq 0 {len(texts) - 1}); do\n"
        f'echo untouched > $key; systemd-sysctl "{folder}/$n.conf" > /dev/null 2>&1 || true; head -n 1 $key\ndone\n'
    )
    done = _run("unshare", "--mount", "sh", "-c", script)
    if done.returncode:
        raise NotHere(done.stderr.strip())
    return [None if value == "untouched" else value for value in done.stdout.split("\n")[: len(texts)]]


def _sshd_match(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the seconds that sshd has for alice, None where it refuses the file."""
    _need("sshd", "ssh-keygen")
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key"))
    Path("/run/sshd").mkdir(exist_ok=True)
    seconds: list[Answer] = []
    for text in texts:
        (folder / "sshd_config").write_text(f"HostKey {folder}/key\n{text}")
        who = "user=alice,addr=192.0.2.1,host=h,laddr=192.0.2.2,lport=22"
        done = _run(
            shutil.which("sshd", path="/usr/sbin") or "sshd", "-T", "-f", str(folder / "sshd_config"), "-C", who
        )
        match = re.search(r"^clientaliveinterval (.*)$", done.stdout, re.MULTILINE)
        seconds.append(match[1] if match and done.returncode == 0 else None)
    return seconds


def _sudo(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return what cvtsudoers prints of the rules, and the minutes for which sudo itself remembers a password."""
    _need("sudo", "cvtsudoers", "visudo", "unshare")
    told: list[Answer] = []
    for text in texts:
        path = folder / "sudoers"
        path.unlink(missing_ok=True)
        path.write_text(f"{text.rstrip(chr(10))}\n")
        path.chmod(0o440)
        document = _run("cvtsudoers", "-f", "json", str(path))
        check = _run("visudo", "--check", f"--file={path}")
        done = _run("unshare", "--mount", "sh", "-c", f"mount --bind {path} /etc/sudoers && sudo -V")
        minutes = re.search(r"timestamp timeout: (.*) minutes", done.stdout)
        rules = json.loads(document.stdout or "{}") if document.returncode == 0 else None
        told.append(
            {
                "rules": rules,
                "refusal": check.stderr if check.returncode else "",
                "minutes": minutes[1] if minutes else None,
            }
        )
    return told


def _apt(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the line of ``apt-config dump`` for a key and whether apt takes it for yes; None where it refuses."""
    _need("apt-config")
    dumped: list[Answer] = []
    for text in texts:
        (folder / "apt.conf").write_text(f'Dir::Etc::parts "/nowhere"; Dir::Etc::main "/nowhere";\n{text}')
        environment = {"APT_CONFIG": str(folder / "apt.conf")}
        done = _run("apt-config", "dump", env=environment)
        lines = [line for line in done.stdout.split("\n") if line.lower().startswith("apt::get::allowunauthenticated ")]
        shell = _run("apt-config", "shell", "IS", "APT::Get::AllowUnauthenticated/b", env=environment)
        dumped.append([lines, "true" in shell.stdout] if done.returncode == 0 else None)
    return dumped


def _chrony(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the directives that chronyd prints, None where it refuses the file."""
    _need("chronyd")
    printed: list[Answer] = []
    for text in texts:
        (folder / "chrony.conf").write_text(text)
        done = _run("chronyd", "-p", "-f", str(folder / "chrony.conf"))
        printed.append(done.stdout.split("\n")[:-1] if done.returncode == 0 else None)
    return printed


# --- what the machine is mounted with ---

_FSTAB_GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator"


def _fstab(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return the options of the unit that systemd makes for /srv, None without one, False where it fails."""
    if not Path(_FSTAB_GENERATOR).exists():
        raise NotHere("systemd")
    return [_unit_of_srv(folder / str(number), text) for number, text in enumerate(texts)]


def _unit_of_srv(folder: Path, text: str) -> Answer:
    units = [folder / name for name in ("normal", "early", "late")]
    for path in units:
        path.mkdir(parents=True)
    table = folder / "fstab"
    table.write_bytes(text.encode())
    if _run(_FSTAB_GENERATOR, *map(str, units), env={"SYSTEMD_FSTAB": str(table)}).returncode:
        return False
    unit = units[0] / "srv.mount"
    lines = unit.read_text(encoding="utf-8").split("\n") if unit.exists() else []
    options = [line.partition("=")[2] for line in lines if line.startswith("Options=")]
    return options[0] if options else ("" if lines else None)


# --- accounts ---


class _Passwd(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("name", "password")),
        *((name, ctypes.c_uint) for name in ("uid", "gid")),
        *((name, ctypes.c_char_p) for name in ("gecos", "home", "shell")),
    )


class _Shadow(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("name", "password")),
        *((name, ctypes.c_long) for name in ("changed", "least", "longest", "warned", "inactive", "expires")),
        ("flag", ctypes.c_ulong),
    )


class _Group(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("name", "password")),
        ("gid", ctypes.c_uint),
        ("members", ctypes.POINTER(ctypes.c_char_p)),
    )


def _rows(
    function: str, form: type[ctypes.Structure], row: Callable[[Any], Answer]
) -> Callable[[Path, Sequence[str]], list[Answer]]:
    """Return what asks the C library for each line of files of accounts that it takes for one."""

    def ask(folder: Path, texts: Sequence[str]) -> list[Answer]:
        library = ctypes.CDLL(None)
        library.fopen.restype = ctypes.c_void_p
        library.fclose.argtypes = [ctypes.c_void_p]
        following = getattr(library, function)
        following.argtypes, following.restype = [ctypes.c_void_p], ctypes.POINTER(form)
        replies = []
        for text in texts:
            (folder / "rows").write_bytes(text.encode())
            stream = library.fopen(str(folder / "rows").encode(), b"r")
            found = []
            while entry := following(stream):
                found.append(row(entry.contents))
            library.fclose(stream)
            replies.append(found)
        return replies

    return ask


def _of_passwd(entry: Any) -> Answer:
    return [entry.name.decode(), entry.uid, entry.gid, entry.home.decode(), entry.shell.decode()]


def _of_shadow(entry: Any) -> Answer:
    days = [entry.changed, entry.longest, entry.inactive]
    return [entry.name.decode(), entry.password.decode() == "", *(None if day == -1 else day for day in days)]


def _of_group(entry: Any) -> Answer:
    members = []
    while entry.members[len(members)] is not None:
        members.append(entry.members[len(members)].decode())
    return [entry.name.decode(), entry.gid, members]


# --- PAM ---

#: A module that writes down its options, and goes on.
_SPY = """
#include <stdio.h>
#include <stdlib.h>
int pam_sm_authenticate(void *handle, int flags, int count, const char **options) {
    FILE *seen = fopen(getenv("PAM_SPY"), "a");
    for (int n = 0; n < count; n++) fprintf(seen, "%s\\t", options[n]);
    fputs("\\n", seen);
    fclose(seen);
    return 25; /* PAM_IGNORE */
}
int pam_sm_setcred(void *handle, int flags, int count, const char **options) { return 25; }
"""


def _pam_stack(folder: Path, texts: Sequence[str]) -> list[Answer]:
    """Return, for each stack, the options that pam_unix.so is called with, a list a call, in their order."""
    _need("cc")
    (folder / "spy.c").write_text(_SPY)
    spy, seen = folder / "spy.so", folder / "seen"
    if _run("cc", "-shared", "-fPIC", "-o", str(spy), str(folder / "spy.c")).returncode:
        raise NotHere("cc")
    os.environ["PAM_SPY"] = str(seen)  # what a module of PAM reads is the process's own
    replies = []
    for number, text in enumerate(texts):
        stacks = folder / str(number)
        stacks.mkdir()
        (stacks / "ward").write_text(text.replace("pam_unix.so", str(spy)), "utf-8")
        seen.write_text("")
        library, handle, rc = _pam_started("ward", stacks, "root")
        if rc == 0:
            library.pam_authenticate(handle, 0)
            library.pam_end(handle, 0)
        calls = seen.read_bytes().decode().replace(str(spy), "pam_unix.so")
        replies.append([line.split("\t")[:-1] for line in calls.split("\n")[:-1]])
    del os.environ["PAM_SPY"]
    return replies


_ASK: dict[str, Callable[[Path, Sequence[str]], list[Answer]]] = {
    "login_defs_shadow": _shadow,
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
    "passwd": _rows("fgetpwent", _Passwd, _of_passwd),
    "shadow": _rows("fgetspent", _Shadow, _of_shadow),
    "group": _rows("fgetgrent", _Group, _of_group),
    "pam": _pam_stack,
}
