# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to lose a host that we know of, done on purpose. Afterwards it is back, and nobody used a console.

A drill gets hosts that are sound, and leaves them so. It fails unless the host really was out of reach in between.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from outside import HERE, ROOT_PASSWORD, Ended, Host, Judge, Play, engine, run, wait_for

LOCKOUTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "lockouts.yml").read_text("utf-8"))["lockouts"]
UNTIL = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(\d+ s\)"
#: The file that most drills write.
DROP_IN = "/etc/ssh/sshd_config.d/10-drill.conf"
REVERTER = "/var/lib/healthops/guard/revert.pyz"


@dataclass(frozen=True)
class Drill:
    name: str
    act: Callable[..., None]
    hosts: int = 1
    suite: str = ""
    #: About how long it takes: the longest begin first.
    seconds: int = 30


#: Those whose way of shutting a door has a twin among the others. They are run with HEALTHOPS_DRILLS=full.
TWINS = {
    "lockout_allow_groups": "lockout_allow_users",
    "lockout_match_block": "lockout_allow_users",
    "lockout_keys_mode": "lockout_keys_owner",
    "lockout_python_broken": "lockout_python_only",
    "baseline_sudo_terminal": "baseline_no_sudo_rule",
    "ssh_by_socket_bookworm": "ssh_by_socket_trixie",
    "break_glass_is_shut_out": "break_glass_is_shut_out_by_the_baseline",
    "fleet_goes_on_in_batches": "fleet_goes_on",
    "next_boot_ssh_refuses_to_start": "next_boot_fstab_has_a_wrong_option",
}
DRILLS: list[Drill] = []


def asked_for() -> list[Drill]:
    """Return all drills, in the short form without those that have a twin."""
    return [drill for drill in DRILLS if os.environ.get("HEALTHOPS_DRILLS") == "full" or drill.name not in TWINS]


def drill(hosts: int = 1, suite: str = "", seconds: int = 30) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def note(act: Callable[..., None]) -> Callable[..., None]:
        DRILLS.append(Drill(act.__name__, act, hosts, suite, seconds))
        return act

    return note


# --- what many drills say ---


def taken_back(ended: Ended, host: Host, action: str) -> dict[str, Any]:
    """The play failed on that host, and told that the host is back as it was. Returns the result that says so."""
    assert ended.rc != 0, ended.text
    stats = ended.stats(host)
    assert stats["failures"] + stats["unreachable"] == 1, ended.text
    result = ended.of(host, action)
    assert result.get("failed") is True, ended.text
    assert result["guard"]["state"] == "reverted", ended.text
    assert "as it was" in result["msg"], result["msg"]
    return result


def nothing_is_called_fixed(result: dict[str, Any]) -> None:
    assert result["findings"], result
    assert [one["id"] for one in result["findings"] if one["result"] == "fixed"] == []


def confirmed(ended: Ended, host: Host, action: str) -> dict[str, Any]:
    assert ended.rc == 0, ended.text
    result = ended.of(host, action)
    assert result["guard"]["state"] == "confirmed", ended.text
    return result


def undo(host: Host, run_id: str) -> None:
    """What was confirmed is taken back by hand, so that the next drill finds the host as this one did."""
    ended = Play([host], "undo.yml", run=run_id, ansible_timeout=90).end()
    assert ended.rc == 0, ended.text


def lockout(host: Host, name: str) -> None:
    change = LOCKOUTS[name]
    variables: dict[str, Any] = {"lockout": name}
    doors = ["login"]
    if change["judge"] == "su":
        host.root(f"echo root:{ROOT_PASSWORD} | chpasswd")
        variables.update(ansible_become_method="su", ansible_become_password=ROOT_PASSWORD)
        doors.append("su")
    host.remember()
    # A refusal is told at once; that nobody answers takes its time.
    within = host.within(40 if "timed out" in change["saw"] else 20)
    with Judge(host, change["judge"], change["saw"]) as judge:
        ended = Play([host], "guarded.yml", within=within, **variables).end()
    judge.check()
    taken_back(ended, host, "commit_confirm")
    host.is_as_before(*doors)


for _name in LOCKOUTS:
    DRILLS.append(Drill(f"lockout_{_name}", partial(lockout, name=_name)))


def baseline_lockout(host: Host, name: str, door: str, saw: str) -> None:
    host.remember()
    with Judge(host, door, saw) as judge:
        ended = Play([host], "baseline.yml", catalogue=name, within=host.within(40 if "timed out" in saw else 20)).end()
    judge.check()
    nothing_is_called_fixed(taken_back(ended, host, "baseline"))
    host.is_as_before()


BASELINE: dict[str, tuple[str, str]] = {
    "keys_not_taken": ("login", "Permission denied"),
    "keys_owner": ("login", "Permission denied"),
    "other_port": ("login", "Connection refused"),
    "no_sudo_rule": ("sudo", "password is required"),
    "sudo_terminal": ("sudo", "must have a tty"),
}
for _name, (_door, _saw) in BASELINE.items():
    DRILLS.append(Drill(f"baseline_{_name}", partial(baseline_lockout, name=_name, door=_door, saw=_saw)))


@drill()
def baseline_network_cut(host: Host) -> None:
    """A kernel value with which the host no longer says where it is.

    This machine knows it for up to a minute more. Here it forgets the host all the time, and asks again.
    """
    over = threading.Event()

    def forget() -> None:
        while not over.wait(0.1):
            run("ip", "neigh", "flush", "to", host.address)

    thread = threading.Thread(target=forget, daemon=True)
    thread.start()
    try:
        baseline_lockout(host, "network_cut", "login", "No route to host|timed out")
    finally:
        over.set()
        thread.join()


# --- a server of SSH that systemd starts ---


@contextlib.contextmanager
def _started_by_its_socket(host: Host) -> Iterator[None]:
    """Let systemd hold the port of SSH, as many sites do, and the server itself again afterwards."""
    host.root("systemctl disable --now ssh.service && systemctl enable --now ssh.socket")
    try:
        yield
    finally:
        # The server that the socket started holds the port until it is stopped as well; whoever is logged in stays so.
        host.root(
            "systemctl disable --now ssh.socket && systemctl stop ssh.service && systemctl enable --now ssh.service"
        )


def ssh_by_socket(host: Host) -> None:
    """A reload would end it, because it cannot bind the port: a good change stays, and a bad one goes."""
    with _started_by_its_socket(host):
        host.remember()
        ended = Play([host], "baseline.yml", catalogue="good", within=host.within(60)).end()
        result = confirmed(ended, host, "baseline")
        assert "maxauthtries 3" in host.root("sshd -T").splitlines()
        assert host.root("systemctl is-active ssh.socket") == "active"
        undo(host, result["run_id"])
        host.is_as_before()
        baseline_lockout(host, "keys_not_taken", "login", "Permission denied")


for _suite in ("bookworm", "trixie"):
    DRILLS.append(Drill(f"ssh_by_socket_{_suite}", ssh_by_socket, suite=_suite, seconds=70))


# --- what happens to the controller ---


@drill()
def controller_killed(host: Host) -> None:
    host.remember()
    with Judge(host, "login", "Permission denied") as judge:
        play = Play([host], "guarded.yml", lockout="allow_users", within=host.within(20), rest=900)
        judge.wait()
        play.kill()
    judge.check()
    host.is_as_before()


@drill()
def controller_killed_while_the_baseline_confirms(host: Host) -> None:
    host.remember()
    with Judge(host, "login", "Permission denied") as judge:
        play = Play([host], "baseline.yml", catalogue="keys_not_taken", within=host.within(20))
        judge.wait()
        play.kill()
    judge.check()
    host.is_as_before()


def _when_armed(host: Host) -> None:
    wait_for(f"{host.name} is guarded", lambda: host.look(f"ls {REVERTER}") == REVERTER, pause=0)


@drill()
def connection_cut_in_the_middle(host: Host) -> None:
    """The module is at work, and its connection dies."""
    host.remember()
    play = Play([host], "baseline.yml", catalogue="other_port")
    _when_armed(host)
    play.signal(signal.SIGKILL, play.connections())
    ended = play.end()
    assert ended.rc != 0, ended.text
    assert ended.stats(host)["failures"] + ended.stats(host)["unreachable"] > 0, ended.text
    host.is_as_before()


@drill()
def connection_cut_between_change_and_confirmation(host: Host) -> None:
    """The change is a good one. The next task opens a connection again, and confirms."""
    host.remember()
    play = Play([host], "guarded.yml", lockout="good", within=600, waits=True)
    wait_for("the play waits, with its connection open", play.is_waiting)
    play.signal(signal.SIGKILL, play.connections())
    play.go_on()
    result = confirmed(play.end(), host, "commit_confirm")
    assert host.armed() == ""
    undo(host, result["run_id"])
    host.is_as_before()


@drill()
def controller_comes_back_late(host: Host) -> None:
    """It stood still from the change until long after the host had taken it back."""
    host.remember()
    with Judge(host, "login", "Permission denied") as judge:
        play = Play([host], "baseline.yml", catalogue="keys_not_taken", within=host.within(20))
        judge.wait()
        play.signal(signal.SIGSTOP)
    judge.check()
    host.is_as_before()
    play.signal(signal.SIGCONT)
    nothing_is_called_fixed(taken_back(play.end(), host, "baseline"))
    host.is_as_before()


@drill()
def good_change_is_confirmed_too_late(host: Host) -> None:
    """The login works, and it does not count any more."""
    host.remember()
    within = host.within(10)
    ended = Play([host], "guarded.yml", lockout="good", within=within, rest=within + 15).end()
    taken_back(ended, host, "commit_confirm")
    host.is_as_before()


# --- what happens to the host ---


def _restarted(host: Host) -> None:
    wait_for(f"{host.name} is down", lambda: not host.running())
    host.note("is started")
    time.sleep(1)  # The engine may still be letting go of the host's address; then it says so and starts nothing.
    wait_for(f"{host.name} is started", lambda: run(engine(), "start", host.container).returncode == 0)


def _has_booted_before(host: Host) -> None:
    """The very first boot of a host is unlike all others: it makes the host's keys."""
    host.strike("kill", "--signal", "KILL", host.container)
    _restarted(host)
    wait_for("sshd is there again", lambda: host.attempt("login").open)


@drill(seconds=50)
def rebooted_before_confirmation(host: Host) -> None:
    """Long before the time is over, so that it is the boot that takes the change back."""
    _has_booted_before(host)
    host.remember()
    with Judge(host, "login", "Permission denied") as judge:
        play = Play([host], "guarded.yml", lockout="allow_users", within=1800)
        judge.wait()
        host.strike_inside("systemctl --no-block reboot")
        _restarted(host)
    judge.check()
    host.is_as_before()
    result = taken_back(play.end(), host, "commit_confirm")
    assert "restarted" in result["guard"]["why"], result


@drill()
def power_cut_before_confirmation(host: Host) -> None:
    _has_booted_before(host)
    host.remember()
    with Judge(host, "sudo", "must have a tty") as judge:
        play = Play([host], "baseline.yml", catalogue="sudo_terminal", within=1800)
        judge.wait()
        host.strike("kill", "--signal", "KILL", host.container)
        _restarted(host)
    judge.check()
    host.is_as_before()
    nothing_is_called_fixed(taken_back(play.end(), host, "baseline"))


def _own_clock(host: Host) -> None:
    """From now on every new process reads its wall clock from a file; the monotonic clock stays what it is.

    The system's first process keeps the machine's clock: libfaketime would break its monotonic timers. That no timer
    of the guard looks at the wall clock is checked by asking systemd.
    """
    settings = ("FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1", "NO_FAKE_STAT=1")
    names = " ".join(setting.partition("=")[0] for setting in settings)
    lines = "\\n".join(settings)
    host.root(
        f"printf '{lines}\\n' >> /etc/environment\n"
        "mkdir -p /etc/systemd/system.conf.d\n"
        f"printf '[Manager]\\nDefaultEnvironment={' '.join(settings)}\\n' > /etc/systemd/system.conf.d/clock.conf\n"
        f"echo 'Defaults env_keep += \"{names}\"' > /etc/sudoers.d/clock && chmod 0440 /etc/sudoers.d/clock\n"
        "echo +0 > /etc/faketimerc\n"
        "systemctl daemon-reload\n"
        "echo /usr/lib/*/faketime/libfaketimeMT.so.1 > /etc/ld.so.preload\n"
        "systemctl restart ssh.service\n"
    )
    wait_for("sshd is there again", lambda: host.attempt("login").open)


def _set_clock(host: Host, offset: str) -> None:
    before = int(host.look("date +%s"))
    host.strike_inside(f"echo {offset} > /etc/faketimerc")
    assert abs(int(host.look("date +%s")) - before) > 24 * 3600 - 60


def clock_jumps(host: Host, offset: str) -> None:
    """The guard fires neither early nor late; a login is refused until then."""
    _own_clock(host)
    host.remember()
    within = host.within(30)
    with Judge(host, "login", "Permission denied") as judge:
        play = Play([host], "guarded.yml", lockout="allow_users", within=within)
        judge.wait()
        _set_clock(host, offset)
        timer = host.look("systemctl show healthops-guard.timer --property TimersCalendar,TimersMonotonic")
        assert "TimersMonotonic={ " in timer, timer
        assert "TimersCalendar={" not in timer, timer
        wait_for("the change is taken back", lambda: not host.look(f"ls {DROP_IN}"))
        lasted = time.monotonic() - play.began
    judge.check()
    assert lasted >= within, f"taken back {lasted:.1f} s after the play began; {within} s were given"
    taken_back(play.end(), host, "commit_confirm")
    host.strike_inside("echo +0 > /etc/faketimerc")
    host.is_as_before()
    host.replace()


@drill(suite="trixie", seconds=60)
def clock_jumps_forward(host: Host) -> None:
    clock_jumps(host, "+2d")


@drill(suite="trixie", seconds=60)
def clock_jumps_back(host: Host) -> None:
    clock_jumps(host, "-5d")


@drill(suite="trixie", seconds=60)
def clock_jumps_and_a_good_change_is_confirmed(host: Host) -> None:
    _own_clock(host)
    for offset in ("+2d", "-5d"):
        host.remember()
        play = Play([host], "guarded.yml", lockout="good", within=600, waits=True)
        wait_for("the change is made", lambda: host.look(f"ls {DROP_IN}"))
        _set_clock(host, offset)
        play.go_on()
        result = confirmed(play.end(), host, "commit_confirm")
        host.strike_inside("echo +0 > /etc/faketimerc")
        undo(host, result["run_id"])
        host.is_as_before()
    host.replace()


# --- what only the next boot brings to light ---

_LOOK = "/var/lib/healthops/boot-look/look.pyz"
#: What the look takes for granted and cannot have here: it would wait for half an hour, and a container's boot is that
#: of its machine. All else of it stays.
_FOR_A_CONTAINER = {
    "_guard/boot_look": ("PATIENCE, PAUSE = 1800.0, 20.0", "PATIENCE, PAUSE = 30.0, 5.0"),
    "_host/boot": ('"/proc/sys/kernel/random/boot_id"', '"/srv/boot-id"'),
}
_ADAPT = f"""
import zipfile
with zipfile.ZipFile("{_LOOK}") as archive:
    files = {{name: archive.read(name).decode() for name in archive.namelist()}}
for source, (old, new) in {_FOR_A_CONTAINER!r}.items():
    path = f"healthops/{{source}}.py"
    assert files[path].count(old) == 1, path
    files[path] = files[path].replace(old, new)
with zipfile.ZipFile("{_LOOK}", "w") as archive:
    for name, text in files.items():
        archive.writestr(zipfile.ZipInfo(name), text)
with open("/srv/boot-id", "w") as stream:
    stream.write("the next one")
"""


def next_boot(host: Host, change: str) -> None:
    """A fresh login confirmed the change, and the boot after it lets nobody in: it goes, and the next run tells so."""
    _has_booted_before(host)
    host.remember()
    result = confirmed(Play([host], "guarded.yml", lockout=change, within=1800).end(), host, "commit_confirm")
    assert "looks again after its next boot" in result["guard"]["why"], result
    assert host.ssh("sudo -n python3 -", text=_ADAPT).returncode == 0
    with Judge(host, "login", "Connection refused") as judge:
        wait_for("the judge was let in", lambda: judge.attempts)
        host.strike_inside("systemctl --no-block reboot")
        _restarted(host)
        wait_for("the host is in again", lambda: judge.is_shut() and host.attempt("login").open, pause=3)
    judge.check()
    wait_for("the look is over", lambda: host.look("systemctl is-active healthops-boot-look") == "inactive")
    host.is_as_before()
    assert not host.look(f"ls {_LOOK} /etc/systemd/system/*/healthops-boot-look.service")
    told = Play([host], "baseline.yml", catalogue="good").end()
    assert "after the next boot nobody got in" in told.text, told.text
    undo(host, confirmed(told, host, "baseline")["run_id"])
    host.is_as_before()


for _change in ("ssh_refuses_to_start", "fstab_has_a_wrong_option"):
    DRILLS.append(Drill(f"next_boot_{_change}", partial(next_boot, change=_change), seconds=150))


# --- two at once, and one that is cut ---


@drill(seconds=50)
def second_run_while_armed(host: Host) -> None:
    """It refuses, says until when, and does no harm to the first."""
    host.remember()
    play = Play([host], "guarded.yml", lockout="good", within=600, waits=True)
    wait_for("the change is made", lambda: host.look(f"ls {DROP_IN}"))
    for ended, action in (
        (Play([host], "guarded.yml", lockout="match_block").end(), "commit_confirm"),
        (Play([host], "baseline.yml", catalogue="sudo_terminal").end(), "baseline"),
    ):
        result = ended.of(host, action)
        assert ended.rc != 0, ended.text
        assert result["failed"] is True, ended.text
        assert re.search(UNTIL, result["msg"]), result["msg"]
        assert "nothing was changed" in result["msg"]
    play.go_on()
    result = confirmed(play.end(), host, "commit_confirm")
    undo(host, result["run_id"])
    host.is_as_before()


@drill()
def two_runs_at_once(host: Host) -> None:
    """One of them is guarded and confirmed. The other changes nothing, and says why."""
    host.remember()
    plays = [Play([host], "guarded.yml", lockout="good", within=600, waits=True) for _play in range(2)]
    wait_for("one of them ends", lambda: any(play.process.poll() is not None for play in plays))
    for play in plays:
        play.go_on()
    ended = sorted((play.end() for play in plays), key=lambda one: one.rc)
    result = confirmed(ended[0], host, "commit_confirm")
    refused = ended[1].of(host, "commit_confirm")
    assert ended[1].rc != 0, ended[1].text
    assert re.search(f"{UNTIL}|another run is at work", refused["msg"]), refused["msg"]
    undo(host, result["run_id"])
    host.is_as_before()


def _kill_the_revert(host: Host, at: str) -> Play:
    """With SIGKILL, once ``at`` has changed."""
    source = (HERE.parents[2] / "tests" / "hosts" / "inside" / "killer.py").read_text("utf-8")
    assert host.ssh("sudo -n tee /srv/killer.py > /dev/null", text=source).returncode == 0
    host.root("rm -f /srv/killed")
    host.remember()
    with Judge(host, "login", "Permission denied") as judge:
        play = Play([host], "guarded.yml", lockout="allow_users", within=host.within(20))
        judge.wait()
    host.strike_inside(f"systemd-run --quiet --unit=killer sh -c 'exec python3 /srv/killer.py {at} > /srv/killed'")
    killed = wait_for("the revert is killed", lambda: host.look("cat /srv/killed"), pause=0.2)
    assert killed.startswith("killed "), killed
    judge.check()
    return play


def revert_is_killed(host: Host, at: str) -> None:
    """It is tried again, by itself."""
    play = _kill_the_revert(host, at)
    host.is_as_before()
    ended = play.end()
    assert ended.rc != 0, ended.text


for _number, _at in enumerate(("/var/lib/healthops/journal", DROP_IN)):
    DRILLS.append(Drill(f"revert_is_killed_{_number}", partial(revert_is_killed, at=_at), seconds=100))


@drill(seconds=50)
def revert_is_killed_and_the_power_fails(host: Host) -> None:
    """The boot takes it back."""
    _has_booted_before(host)
    play = _kill_the_revert(host, "/var/lib/healthops/journal")
    host.strike("kill", "--signal", "KILL", host.container)
    _restarted(host)
    host.is_as_before()
    taken_back(play.end(), host, "commit_confirm")


# --- the opposite: what is good stays ---


@drill()
def good_change_is_kept(host: Host) -> None:
    host.remember()
    result = confirmed(Play([host], "guarded.yml", lockout="good", within=1800).end(), host, "commit_confirm")
    assert host.armed() == ""
    assert host.root(f"cat {DROP_IN}") == "MaxAuthTries 3"
    undo(host, result["run_id"])
    host.is_as_before()


def slow_login(host: Host, name: str) -> None:
    host.remember()
    result = confirmed(Play([host], "guarded.yml", lockout=name, within=150).end(), host, "commit_confirm")
    undo(host, result["run_id"])
    host.is_as_before()


@drill(seconds=50)
def slow_session_is_confirmed(host: Host) -> None:
    slow_login(host, "slow_session")


@drill(seconds=50)
def slow_login_is_confirmed(host: Host) -> None:
    slow_login(host, "slow_login")


# --- connections without a login ---


@contextlib.contextmanager
def _into_the_container(host: Host) -> Iterator[dict[str, Any]]:
    """Variables for a connection through the container engine, under the name that the connection plugin looks for."""
    with tempfile.TemporaryDirectory(prefix="drill-docker-") as shims:
        shim = Path(shims, "docker")
        shim.write_text(f'#!/bin/sh\nexec {engine()} "$@"\n', "utf-8")
        shim.chmod(0o755)
        yield {
            "environment": {"PATH": f"{shims}:{os.environ['PATH']}"},
            "ansible_connection": "community.docker.docker",
            "ansible_host": host.container,
            "ansible_user": "root",
            "ansible_become": False,
        }


@drill()
def container_connection_does_not_pay(host: Host) -> None:
    host.remember()
    with _into_the_container(host) as way:
        ended = Play([host], "baseline.yml", catalogue="sudo_terminal", within=1800, **way).end()
        told = ended.of(host, "baseline")
        assert ended.rc == 0, ended.text
        assert told["guard"]["state"] == "skipped", told["guard"]
        assert "connection goes into a container" in told["guard"]["why"]
        assert host.look("ls /var/lib/healthops/guard") == ""
        ended = Play([host], "undo.yml", run=told["run_id"], **way).end()
    assert ended.rc == 0, ended.text
    host.is_as_before()


@drill()
def local_connection_does_not_pay(host: Host) -> None:
    """On this machine, with a file that nobody needs; the host has no part in it."""
    ended = Play([host], "local.yml").end()
    assert ended.rc == 0, ended.text


# --- break-glass ---


def _with_keeper(host: Host) -> None:
    """An account for when nothing else works: it logs in with the same key here, and may become root."""
    host.root(
        "id keeper 2> /dev/null || useradd --create-home --shell /bin/bash keeper\n"
        "usermod --password '*' --expiredate '' keeper\n"
        "install -d -m 0700 -o keeper -g keeper /home/keeper/.ssh\n"
        "install -m 0600 -o keeper -g keeper /home/automation/.ssh/authorized_keys /home/keeper/.ssh/authorized_keys\n"
        "echo 'keeper ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/keeper && chmod 0440 /etc/sudoers.d/keeper\n"
    )
    host.remember()


@drill()
def break_glass_is_shut_out(host: Host) -> None:
    """Automation still gets in. The change is taken back at once, long before the time is over."""
    _with_keeper(host)
    assert host.attempt("keeper").open
    ended = Play([host], "guarded.yml", lockout="no_keeper", within=1800, break_glass=["keeper"]).end()
    result = taken_back(ended, host, "commit_confirm")
    assert "keeper" in result["msg"], result["msg"]
    host.is_as_before("login", "keeper")


@drill()
def break_glass_is_shut_out_by_the_baseline(host: Host) -> None:
    _with_keeper(host)
    ended = Play(
        [host], "baseline.yml", catalogue="no_keeper", within=1800, hardening_break_glass_users=["keeper"]
    ).end()
    result = taken_back(ended, host, "baseline")
    assert "keeper" in result["msg"], result["msg"]
    nothing_is_called_fixed(result)
    host.is_as_before("login", "keeper")


@drill()
def break_glass_was_shut_out_before(host: Host) -> None:
    """Then nothing is changed at all."""
    _with_keeper(host)
    host.root("passwd --quiet --lock keeper; chage --expiredate 1 keeper")
    host.remember()
    ended = Play([host], "baseline.yml", catalogue="sudo_terminal", hardening_break_glass_users=["keeper"]).end()
    result = ended.of(host, "baseline")
    assert result["failed"] is True, ended.text
    assert "keeper" in result["msg"], result["msg"]
    assert "nothing was changed" in result["msg"], result["msg"]
    host.is_as_before()


# --- fleets ---


def _fleet(hosts: list[Host], serial: Any, strict: bool) -> Ended:
    """The main playbook on all; the second host has a catalogue that shuts automation out, the others a good one."""
    catalogues = ("good", "keys_not_taken", "good")
    own = {
        host.name: {"hardening_extra_catalogues": [str(HERE / "catalogues" / name)]}
        for host, name in zip(hosts, catalogues)
    }
    skip = yaml.safe_load((HERE.parents[1] / "hardening" / "vars" / "quick.yml").read_text("utf-8"))["quick_skip"]
    for host in hosts:
        host.remember()
    with Judge(hosts[1], "login", "Permission denied") as judge:
        play = Play(
            hosts,
            "healthops.clinical.harden",
            {"test_hosts": {"hosts": own}},
            run_targets="test_hosts",
            hardening_tier="essential",
            hardening_skip=skip,
            hardening_confirm_within=max(host.within(15) for host in hosts),
            hardening_serial=serial,
            hardening_evidence_dir="evidence",
            environment={"ANSIBLE_ANY_ERRORS_FATAL": str(strict)},
        )
        ended = play.end()
    judge.check()
    result = taken_back(ended, hosts[1], "baseline")
    assert hosts[1].name in result["msg"], result["msg"]
    nothing_is_called_fixed(result)
    hosts[1].is_as_before()
    return ended


def _is_hardened(ended: Ended, host: Host) -> None:
    result = ended.of(host, "baseline")
    assert result["guard"]["state"] == "confirmed", ended.text
    assert [one for one in result["findings"] if one["result"] == "fixed"], ended.text
    assert host.armed() == ""
    undo(host, result["run_id"])
    host.is_as_before()


@drill(hosts=3)
def fleet_goes_on(*hosts: Host) -> None:
    ended = _fleet(list(hosts), "100%", strict=False)
    for host in (hosts[0], hosts[2]):
        assert ended.stats(host)["failures"] == 0, ended.text
        _is_hardened(ended, host)


@drill(hosts=3)
def fleet_goes_on_in_batches(*hosts: Host) -> None:
    ended = _fleet(list(hosts), 2, strict=False)
    for host in (hosts[0], hosts[2]):
        assert ended.stats(host)["failures"] == 0, ended.text
        _is_hardened(ended, host)


@drill(hosts=3)
def fleet_stops_at_the_first_error(*hosts: Host) -> None:
    """The batch of the host that failed is finished, and the next one is never begun."""
    ended = _fleet(list(hosts), 2, strict=True)
    _is_hardened(ended, hosts[0])
    assert [one for one in ended.results(hosts[2]) if one.get("action") == "healthops.clinical.baseline"] == []
    hosts[2].is_as_before()
