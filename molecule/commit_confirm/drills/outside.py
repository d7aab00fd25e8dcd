# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a drill as somebody sees it who is not on it, and the controller that works on it.

Whatever repairs a host has to come through SSH or from the host itself. The container engine is used only to look
(:meth:`Host.look`), and for what makes a drill a drill: pulling the plug, setting the clock (:meth:`Host.strike`).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
HOSTS = ROOT / "tests" / "hosts"
STATE = ROOT / ".cache" / "test-hosts" / "drills"
INVENTORY = HERE / "hosts"
#: Far more than anything here needs; what is not true by then never will be.
PATIENCE = 180.0
ROOT_PASSWORD = "for-the-drill-of-su"

#: What a guard leaves while it is armed, and must not leave afterwards. Prints what it finds.
_LEFT_ARMED = r"""
systemctl list-units --plain --no-legend 'healthops-guard*'
systemctl list-unit-files --plain --no-legend 'healthops-guard*'
ls -d /etc/systemd/system/healthops-guard* /etc/systemd/system/*/healthops-guard* \
  /run/systemd/*/healthops-guard* /var/lib/healthops/guard 2> /dev/null
pgrep --full --list-full 'revert[.]pyz'
"""

#: The ways in, as commands over a fresh login, and what each answers when it is open.
DOORS = {
    "login": "sudo -n id -un",
    "sudo": "sudo -n id -un",
    "su": f"echo {ROOT_PASSWORD} | su -c 'id -un' root",
    "python": "sudo -n python3 -c 'print(\"root\")'",
    "keeper": "sudo -n id -un",
}


def wait_for(what: str, done: Any, patience: float = PATIENCE, pause: float = 0.5) -> Any:
    """The first true answer of ``done``; fails where there is none in all that time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = done()
        if answer:
            return answer
        time.sleep(pause)
    raise AssertionError(f"{what}: not so after {patience:.0f} s")


def run(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    more = {"capture_output": True, "text": True, "timeout": PATIENCE, **more}
    return subprocess.run(argv, check=False, stdin=more.pop("stdin", subprocess.DEVNULL), **more)


def engine() -> str:
    return os.environ.get("HEALTHOPS_ENGINE") or str(HOSTS / "engine" / "podman")


@dataclass(frozen=True)
class Attempt:
    """One try of a door: when, whether it was open, and what was seen."""

    at: float
    open: bool
    saw: str


@dataclass
class Host:
    """One host of the drills. ``log`` collects what happened to it, for the report of a drill that fails."""

    number: int
    name: str
    suite: str
    address: str
    container: str
    #: How long a login took at last.
    login_seconds: float = 0.5
    log: list[str] = field(default_factory=list)
    plays: list[Play] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S')} {self.name}: {text}")

    def ssh(
        self, command: str, user: str = "automation", text: str = "", patience: float = PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        """A new login over a connection of its own."""
        options = (
            "ControlMaster=no",
            "ControlPath=none",
            "BatchMode=yes",
            f"ConnectTimeout={5 + int(self.login_seconds)}",
            f"User={user}",
        )
        words = [word for option in options for word in ("-o", option)]
        argv = ["ssh", "-F", str(STATE / "ssh_config"), *words, self.name, command]
        return run(*argv, stdin=None, input=text, timeout=patience)

    def root(self, command: str) -> str:
        """What a shell command says that root runs in the host, over a new login."""
        done = self.ssh("sudo -n sh -s", text=command)
        assert done.returncode == 0, f"{self.name}: {command}: {done.returncode} {done.stdout} {done.stderr}"
        return done.stdout.strip()

    def look(self, command: str) -> str:
        """What a shell command says in the host, asked past all its doors; nothing where the host is down."""
        return run(engine(), "exec", self.container, "sh", "-c", command).stdout.strip()

    def strike(self, *argv: str) -> None:
        """What no controller could do to a host: for drills about power, clocks and killed processes."""
        self.note(f"strike {argv}")
        done = run(engine(), *argv)
        assert done.returncode == 0, f"{self.name}: {argv}: {done.stderr}"

    def strike_inside(self, command: str) -> None:
        self.strike("exec", self.container, "sh", "-ec", command)

    def running(self) -> bool:
        return run(engine(), "inspect", "--format", "{{.State.Running}}", self.container).stdout.strip() == "true"

    def replace(self) -> None:
        """A new host in its place: nobody knows what the last drill left."""
        argv = [
            str(HOSTS / "start-host.sh"),
            self.container.removesuffix(f"-{self.name}"),
            self.name,
            self.suite,
            self.address,
            str(STATE),
            "fresh",
        ]
        done = run(*argv)
        assert done.returncode == 0, done.stderr

    def stop_plays(self) -> None:
        """Those that a drill that failed left at work."""
        for play in self.plays:
            if play.process.poll() is None:
                play.kill()

    # --- doors ---

    def attempt(self, door: str) -> Attempt:
        try:
            patience = 8 + 5 * self.login_seconds
            done = self.ssh(DOORS[door], user="keeper" if door == "keeper" else "automation", patience=patience)
        except subprocess.TimeoutExpired:  # the door was shut while somebody was passing through
            self.note(f"door {door}: timed out on the way")
            return Attempt(time.monotonic(), False, "timed out on the way")
        words = " ".join(f"{done.stdout} {done.stderr}".split())
        attempt = Attempt(time.monotonic(), done.stdout == "root\n", f"{words} (exit code {done.returncode})")
        self.note(f"door {door}: {'open' if attempt.open else attempt.saw}")
        return attempt

    # --- before and after ---

    def remember(self) -> None:
        """Keep what the host looks like now; it is compared with itself later. And how long a login takes just now."""
        began = time.monotonic()
        done = self.ssh(
            "sudo -n tee /srv/snapshot.py > /dev/null", text=(HOSTS / "inside" / "snapshot.py").read_text("utf-8")
        )
        assert done.returncode == 0, done.stderr
        self.login_seconds = time.monotonic() - began
        assert self.armed() == ""
        self.root("python3 /srv/snapshot.py take /srv/before.json")

    def within(self, seconds: int) -> int:
        """So many seconds for a guard, and more on a busy machine: a judge has to find the door shut twice in them."""
        return int(seconds + 15 * self.login_seconds)

    def armed(self) -> str:
        return self.root(_LEFT_ARMED + "true\n")

    def is_as_before(self, *doors: str) -> None:
        """Reachable over fresh logins, identical, and nothing is left armed."""
        for door in doors or ("login",):
            wait_for(f"{self.name}: the door {door} is open again", lambda door=door: self.attempt(door).open, pause=3)
        wait_for(f"{self.name}: nothing is left armed", lambda: self.armed() == "")
        done = self.ssh("sudo -n python3 /srv/snapshot.py compare /srv/before.json")
        assert (done.returncode, done.stdout) == (0, ""), f"{self.name} is not what it was:\n{done.stdout}{done.stderr}"
        self.note("is as it was")


class Judge:
    """Tries a door while a play is at work, until it was found shut twice.

    Not more often: each refusal counts for what the host does against people who guess.
    """

    def __init__(self, host: Host, door: str, saw: str) -> None:
        self.host, self.door, self.saw = host, door, re.compile(saw)
        self.attempts: list[Attempt] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Judge:
        self._thread.start()
        return self

    def __exit__(self, *_about: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.is_set() and not self.is_shut():
            self.attempts.append(self.host.attempt(self.door))
            self._over.wait(1)

    def is_shut(self) -> bool:
        refused = [attempt.saw for attempt in self.attempts if not attempt.open and self.saw.search(attempt.saw)]
        # To run into a timeout takes as long as to be refused several times.
        return len(refused) >= (1 if re.search("timed out|No route", "".join(refused)) else 2)

    def wait(self) -> None:
        wait_for(f"{self.host.name}: the door {self.door} is shut", self.is_shut, pause=0.1)

    def check(self) -> None:
        """Fails where the door was not open first and shut then: without that, the drill shows nothing."""
        told = "\n".join(f"{a.at:.1f} {'open' if a.open else a.saw}" for a in self.attempts)
        assert self.attempts, "nobody tried the door"
        assert self.attempts[0].open, f"the door was shut before anything was done:\n{told}"
        assert self.is_shut(), f"the door was never found shut:\n{told}"


@dataclass(frozen=True)
class Ended:
    """A play that is over."""

    rc: int
    report: dict[str, Any]
    text: str

    def results(self, host: Host) -> list[dict[str, Any]]:
        tasks = [task for play in self.report["plays"] for task in play["tasks"]]
        return [
            {"task": task["task"]["name"], **task["hosts"][host.name]} for task in tasks if host.name in task["hosts"]
        ]

    def of(self, host: Host, action: str) -> dict[str, Any]:
        """The last result of an action on that host."""
        found = [result for result in self.results(host) if result.get("action") == f"healthops.clinical.{action}"]
        assert found, self.text
        return found[-1]

    def named(self, host: Host, task: str) -> dict[str, Any]:
        found = [result for result in self.results(host) if result["task"].endswith(task)]
        assert found, f"the task {task} was not run on {host.name}: {self.text}"
        return found[-1]

    def stats(self, host: Host) -> dict[str, int]:
        return dict(self.report["stats"].get(host.name, {}))


class Play:
    """ansible-playbook at work, with connections that it shares with nobody."""

    def __init__(
        self, hosts: list[Host], playbook: str, inventory: dict[str, Any] | None = None, **variables: Any
    ) -> None:
        self.hosts, self.said = hosts, ""
        # A short path, because sockets lie in it.
        self.folder = Path(tempfile.mkdtemp(prefix="drill-"))
        if variables.pop("waits", False):
            variables["go"] = str(self.folder / "go")
        environment = variables.pop("environment", {})
        more = self.folder / "more.json"
        more.write_text(json.dumps(inventory or {"all": {}}), "utf-8")
        path = playbook if "." in playbook and not playbook.endswith(".yml") else str(HERE / playbook)
        argv = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            f"--inventory={INVENTORY}",
            f"--inventory={more}",
            "--limit=" + ",".join(["localhost", *(host.name for host in hosts)]),
            "--extra-vars=" + json.dumps({"evidence": str(self.folder / "evidence"), **variables}),
            path,
        ]
        self._out, self._err = (self.folder / "out").open("w+"), (self.folder / "err").open("w+")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, cwd=self.folder,
            env={**self._environment(), **environment}, start_new_session=True,
        )  # fmt: skip
        self.began = time.monotonic()
        for host in hosts:
            host.plays.append(self)
        self.note(f"begins {path} {variables}")

    def note(self, text: str) -> None:
        for host in self.hosts:
            host.note(f"play {self.process.pid} {text}")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))}
        return {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_CONFIG": str(HOSTS / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }

    def is_waiting(self) -> bool:
        """A play that ``waits`` has made its change."""
        return (self.folder / "go.awaited").exists()

    def go_on(self) -> None:
        """A play that ``waits`` between its change and the confirmation is let go."""
        self.note("may go on")
        (self.folder / "go").touch()

    def end(self) -> Ended:
        """Wait for it, and read its report."""
        rc = self.process.wait(2 * PATIENCE)
        self.note(f"ended with {rc}")
        out, err = ((self.folder / name).read_text("utf-8") for name in ("out", "err"))
        text = self.said = f"--- {self.process.args!r}\n{out}\n{err}"
        self._put_away()
        assert out.lstrip().startswith("{"), text
        return Ended(rc, json.loads(out), text)

    def family(self) -> list[int]:
        """It and everything that it started, its workers in sessions of their own among them."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(path.parent.name)] = int(path.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def connections(self) -> list[int]:
        """The ssh processes on its shared connection; the one that holds it is nobody's child."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                command = path.read_text("utf-8", "replace")
                if str(self.folder / "cp") in command and "ssh" in command[:20]:
                    found.append(int(path.parent.name))
        return found

    def signal(self, number: int, pids: list[int] | None = None) -> None:
        self.note(f"is sent {signal.Signals(number).name}")
        for pid in self.family() if pids is None else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """As the kernel does when memory is short: nothing can be said or tidied any more."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        self._put_away()

    def _put_away(self) -> None:
        self._out.close()
        self._err.close()
        for pid in self.connections():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)


def hosts() -> Iterator[Host]:
    listed = run(str(Path(sys.executable).with_name("ansible-inventory")), f"--inventory={INVENTORY}", "--list")
    found = json.loads(listed.stdout)
    for number, name in enumerate(found["test_hosts"]["hosts"]):
        values = found["_meta"]["hostvars"][name]
        yield Host(number, name, values["suite"], values["ansible_host"], f"{values['test_hosts_network']}-{name}")


def hosts_playbook(name: str, *more: str) -> None:
    """create.yml or destroy.yml of the test hosts, for the hosts of the drills."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_CONFIG")}
    argv = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        f"--inventory={INVENTORY}",
        str(HOSTS / name),
        *more,
    ]
    done = run(*argv, env=environment, timeout=900)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
