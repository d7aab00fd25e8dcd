# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: four servers of a clinic in containers, audited, hardened, configured and used over real SSH.

``python tools/demo.py up`` does all of it and leaves the hosts running, ``python tools/demo.py down`` removes them.
Needs ansible-core beside this Python and what tests/hosts/install.sh installs; ``make demo`` sees to both.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..collection_path import CHECKOUT, collection_path
from .before_after import probe_lines, read_run, row, still_open, table, unhealthy
from .outside import Answers, ask_all
from .senders import kept_by, send_message, store_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INVENTORY = CHECKOUT / "inventories" / "demo"
HOSTS = CHECKOUT / "tests" / "hosts"
CLINIC = Path(__file__).with_name("clinic.yml")
EVIDENCE = CHECKOUT / "evidence"
STATE = CHECKOUT / ".cache" / "test-hosts" / "demo"
LOGS = CHECKOUT / ".cache" / "demo"
PKI = CHECKOUT / ".cache" / "demo" / "pki"
ARCHIVE_PORT = 2762
STEPS = 10
TASK = re.compile(r"^TASK \[(?!.*Validating arguments)(?:[\w.]+ : )?(?P<name>.+)\] \*")
RECAP = re.compile(r"^(?P<host>\S+)\s+: ok=\d+\s+changed=(?P<changed>\d+)\s+unreachable=\d+\s+failed=\d+", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description="Start, harden, configure and use the demo's hosts, or remove them.")
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("--take-back", action="store_true", help="do at last what is printed about taking it back")
    asked = parser.parse_args()
    if asked.what == "up":
        up(asked.take_back)
    else:
        down()


def up(and_back: bool) -> None:
    began = time.monotonic()
    servers = inventory()
    addresses = {name: str(server["ansible_host"]) for name, server in servers.items()}
    with step(1, "Images of Debian for the hosts"):
        run_visibly([str(HOSTS / "mkimage.sh"), *sorted({str(server["suite"]) for server in servers.values()})])
    with step(2, f"Start {', '.join(servers)}: systemd, OpenSSH, nginx, rsyslog"):
        started = changed_hosts(playbook("create", str(HOSTS / "create.yml")))
    if not started.keys() & servers.keys():
        print("      They were running already. If an earlier demo hardened them, before and after will look alike;")
        print("      make demo-down, then make demo, begins with untouched hosts.")
    with step(3, "Give the clinic two interface engines, and its servers certificates"):
        playbook("clinic", str(CLINIC))
    with step(4, "Ask SSH, HTTP and syslog of each host from outside"):
        expect_answers(ask_all(addresses, STATE / "ssh_config"), "before hardening")
    with step(5, "Audit: look at everything, change nothing"):
        audit = judged("audit")
    with step(6, "Harden all, then configure the gateway and the archive"):
        site = judged("site")
    with step(7, "The same again: nothing may change"):
        again = judged("site-again", "site")
    with step(8, "Send a message as a ward, store an image as a scanner"):
        used = use(servers)
    with step(9, "Ask SSH, HTTP and syslog of each host from outside, again"):
        answers = ask_all(addresses, STATE / "ssh_config")
    with step(10, "Compare"):
        show_result(audit, site, again, answers)
    expect_answers(answers, "after hardening")
    expect_healthy(again)
    expect_unchanged(again, servers)
    print("\n".join(used), end="\n\n")
    show_way_on(site, again, time.monotonic() - began)
    if and_back:
        take_back(audit)


def take_back(before: Judged) -> None:
    """Do what was printed, and stop unless every control of every host is judged as it was before hardening."""
    run_telling_tasks(["sh", "-ec", "\n".join(way_back())], LOGS / "rollback.log")
    if strays := otherwise(before, judged("audit-again", "audit")):
        stop("It was taken back, and yet:", *strays)
    print("It was taken back, and every control is judged as it was before.")


def otherwise(before: Judged, now: Judged) -> list[str]:
    """Return the controls that are judged in another way now, a line each; the logs of sudo and apt are new by now."""
    lines = []
    for name, result in before.hosts.items():
        results = {finding["id"]: finding["result"] for finding in now.hosts[name]["findings"]}
        lines += [
            f"  {name} {finding['id']}: {finding['result']} before, {results.get(finding['id'])} now"
            for finding in result["findings"]
            if finding["result"] not in ("notapplicable", results.get(finding["id"]))
        ]
    return lines


def down() -> None:
    playbook("destroy", str(HOSTS / "destroy.yml"))
    print("The demo's hosts and their network are gone. Images stay in the cache; evidence stays in ./evidence.")


def use(servers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Do what the clinic does all day, through the gateway and into the archive, and tell where it arrived."""
    gateway = next(server for server in servers.values() if "interface_gateway_routes" in server)
    archive = next(server for server in servers.values() if "imaging_archive_aet" in server)
    (route,) = gateway["interface_gateway_routes"]
    engines = [engine["name"] for engine in route["engines"]]
    try:
        message = send_message(gateway["ansible_host"], route["port"], PKI)
        image = store_image(archive["ansible_host"], ARCHIVE_PORT, archive["imaging_archive_aet"], PKI)
    except (OSError, RuntimeError, TimeoutError) as problem:
        stop(f"The clinic cannot work: {problem}")
    keepers = kept_by(engines, message, STATE / "ssh_config")
    if keepers != engines[:1]:
        stop(f"The message {message} should be on {engines[0]} alone; it is on: {', '.join(keepers) or 'nobody'}.")
    return [
        f"Message  {message} was acknowledged and is kept by {keepers[0]}.",
        f"Image    {image} is in the archive.",
    ]


# --- the two halves of a run: what Ansible printed, and the evidence it left ------------------------------------------


class Judged:
    """One run of a playbook of ours: where its evidence is, and how many tasks changed something, by host."""

    def __init__(self, evidence: Path, changed: Mapping[str, int]) -> None:
        self.evidence = evidence
        self.changed = changed
        self.hosts = read_run(evidence)


def judged(log: str, name: str = "") -> Judged:
    """Run healthops.clinical.NAME over the demo's hosts and find the evidence of exactly this run."""
    before = newest_evidence()
    where = json.dumps({"hardening_evidence_dir": str(EVIDENCE)})
    output = playbook(log, f"healthops.clinical.{name or log}", "--extra-vars", where)
    evidence = newest_evidence()
    if evidence is None or evidence == before:
        stop(f"The playbook {name or log} ended well but left no evidence in {EVIDENCE}.")
    return Judged(evidence, changed_hosts(output))


def newest_evidence() -> Path | None:
    latest = EVIDENCE / "latest"
    return latest.resolve() if latest.exists() else None


def changed_hosts(output: str) -> dict[str, int]:
    """Host -> number of changed tasks, of the hosts that changed, from the recap."""
    counts = {match["host"]: int(match["changed"]) for match in RECAP.finditer(output)}
    return {host: changed for host, changed in counts.items() if changed}


# --- what is printed --------------------------------------------------------------------------------------------------


@contextmanager
def step(number: int, title: str) -> Iterator[None]:
    print(f"[{number}/{STEPS}] {title} ...", flush=True)
    began = time.monotonic()
    yield
    print(f"      {time.monotonic() - began:.0f} s", flush=True)


def show_result(audit: Judged, site: Judged, again: Judged, answers: Mapping[str, Answers]) -> None:
    rows = [row(name, audit.hosts[name], site.hosts[name], again.hosts[name], answers[name]) for name in answers]
    print(f"\n{table(rows)}\n")
    print(f"Asked in their own protocols:\n{chr(10).join(probe_lines(again.hosts))}\n")
    open_controls = still_open(again.hosts)
    if open_controls:
        print("Left open, with the reason:")
        print("\n".join(f"  {line}" for line in open_controls), end="\n\n")


def show_way_on(site: Judged, again: Judged, seconds: float) -> None:
    config = shlex.quote(str((STATE / "ssh_config").relative_to(CHECKOUT)))
    print(f"Done in {seconds:.0f} s. A second run changed nothing, and every service still answers.\n")
    print(f"What was done  {site.evidence / 'report.html'}")
    print(f"What is now    {again.evidence / 'report.html'}")
    print(f"Log in         ssh -F {config} {next(iter(again.hosts))}")
    print("Take it back   on the hosts, what hardening changed:")
    print("\n".join(f"               {line}" for line in way_back()))
    print("               or the hosts themselves: make demo-down")


def way_back() -> list[str]:
    """Return what to type in the checkout to take the hardening back."""
    return [
        f"export ANSIBLE_COLLECTIONS_PATH={shlex.quote(str(collection_path()))}",
        f"{tool('ansible-playbook')} -i inventories/demo healthops.clinical.rollback",
    ]


def expect_answers(answers: Mapping[str, Answers], when: str) -> None:
    wrong = [
        f"  {name} {service}: {said}" for name, answer in answers.items() for service, said in answer.wrong().items()
    ]
    if wrong:
        stop(f"Not every service answers {when}:", *wrong)


def expect_unchanged(again: Judged, servers: Mapping[str, Any]) -> None:
    """Both witnesses have to agree: Ansible's own count of changed tasks, and the evidence."""
    changed = [f"  {name}: {count} changed tasks" for name, count in again.changed.items() if name in servers]
    for name, result in again.hosts.items():
        changed += [f"  {name}: {change['subject']}" for change in result["changes"]]
    if changed:
        stop("The second run changed something:", *changed)


def expect_healthy(again: Judged) -> None:
    """The gateway's engines and the archive were asked, and each said that it is ready."""
    if not probe_lines(again.hosts):
        stop("Nobody was asked in its own protocol.")
    if wrong := unhealthy(again.hosts):
        stop("Not everybody is healthy:", *wrong)


def stop(*lines: str) -> NoReturn:
    print("\n".join(lines), file=sys.stderr, flush=True)
    sys.exit(1)


# --- programs that are run --------------------------------------------------------------------------------------------


def tool(name: str) -> str:
    """An Ansible command of the environment that this Python belongs to, else the one on PATH."""
    beside = Path(sys.executable).parent / name
    path = str(beside) if beside.exists() else shutil.which(name)
    return path or stop(f"{name} is not installed beside {sys.executable} and not on PATH. make demo installs it.")


def environment() -> dict[str, str]:
    ours = {"ANSIBLE_COLLECTIONS_PATH": str(collection_path()), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    return {**os.environ, **ours}


def inventory() -> dict[str, dict[str, Any]]:
    """Host name -> its variables, in the inventory's order."""
    command = [tool("ansible-inventory"), "--inventory", str(INVENTORY), "--list"]
    listed = json.loads(subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout)
    hostvars: dict[str, dict[str, Any]] = listed["_meta"]["hostvars"]
    return {name: hostvars[name] for name in listed["test_hosts"]["hosts"]}


def run_visibly(command: list[str]) -> None:
    if subprocess.run(command, check=False).returncode != 0:
        stop(f"{Path(command[0]).name} failed; its words are above.")


def run_telling_tasks(command: list[str], path: Path) -> str:
    """Run it, show the name of each task while it works, and return its output, which the file at ``path`` keeps."""
    lines: list[str] = []
    with (
        path.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=CHECKOUT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            lines.append(line)
            if task := TASK.match(line):
                print(f"      . {task['name']}", flush=True)
    output = "".join(lines)
    if process.returncode != 0:
        stop(*output.splitlines()[-40:], "", f"{shlex.join(command)} exited {process.returncode}. All it said: {path}")
    return output


def playbook(log: str, *arguments: str) -> str:
    """Run a playbook over the demo's inventory and return its output, kept in a log. Ends the demo if it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    command = [tool("ansible-playbook"), "--inventory", str(INVENTORY), *arguments]
    return run_telling_tasks(command, path)


if __name__ == "__main__":
    main()
