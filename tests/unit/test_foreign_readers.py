# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever reads what a host's files and programs say, beside the kinds of controls: an answer or an error of ours.

Each source of each reader says something else, hostile or merely odd. Never may a Python message come out of that, an
error names the file or the program, and what stands beside an odd line is read as ever: never are there fewer entries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal, run_store
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects import packages, registers, units
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.local_accounts import (
    LocalAccount,
    LocalGroup,
)
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.mounts import mounted
from ansible_collections.healthops.clinical.plugins.module_utils._configuration import drift, manifest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import (
    authorized_keys,
    boot_watch,
    break_glass,
    record,
    ssh_access,
    ways_in,
)
from ansible_collections.healthops.clinical.plugins.module_utils._host import protocols, sockets
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.login import Connection
from ansible_collections.healthops.clinical.plugins.module_utils._patch import ledger, restarts, stages
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import holds as apt_holds
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import observe as apt
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import files as dnf_files
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import holds as dnf_holds
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import observe as dnf
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.program import Program
from ansible_collections.healthops.clinical.plugins.module_utils._probe.peer_kind import peer_kind
from ansible_collections.healthops.clinical.plugins.module_utils._service import haproxy
from apt_host import AptHost
from dnf_host import DnfHost
from fake_host import FakeHost, fixture
from fake_programs import FakeUnit
from strangeness import LINES, PYTHON, TEXTS, Strangeness, make_strange, variants

UNFORESEEN = "unforeseen:"
NOW = datetime(2026, 11, 25, tzinfo=timezone.utc)
RUN = "20261125T150000Z-1f3a"
ALICE = ssh_access.Account("alice", 1000, 1000, "/home/alice", "/bin/bash", ("alice",))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm5yqDQqTtGkGSLJm2RlUdMnqz3Q2mRlfWcGRkYc7tW"
VISIT = authorized_keys.Visit(address="192.0.2.7", name="192.0.2.7", now=1_795_350_000.0)
OPTIONS = ssh_access.Options(
    "pubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys\nrevokedkeys /etc/ssh/revoked"
)
PASSWD = "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000:Alice:/home/alice:/bin/bash\n"
PATCHED = stages.PatchRun(run_id=RUN, sequence=1, stage="applied", digest="x", begun="", changed="")
CLINIC = manifest.Manifest("clinic", files=("/etc/clinic.conf",), expected={"file": {"/etc/clinic.conf": {}}})
GUARD = record.Guard(
    run_id=RUN,
    state="armed",
    within=60,
    until="",
    deadline=0.0,
    boot_id="",
    armed_by=0,
    reload=(),
    running=(),
    commands=(),
    survives_reboot=True,
)


@dataclass(frozen=True)
class Reader:
    """Something that reads a host, and the host. ``read`` returns the names of all that it read, nothing where none.

    Of the odd contents every one is tried, or every ``step``.
    """

    host: Callable[[], FakeHost]
    read: Callable[[FakeHost], Iterable[str] | None]
    step: int = 1


def debian() -> FakeHost:
    """Return a host with an account, its keys, shadow, units, mounts and packages."""
    host = FakeHost()
    host.programs |= {"getent", "id", "sshd"}
    for path, text in (
        ("/etc/passwd", PASSWD),
        ("/etc/group", "root:x:0:\nalice:x:1000:\nsudo:x:27:alice\n"),
        ("/etc/shadow", "root:*:1::::::\nalice:$y$x:20000:0:99999:7:::\n"),
        ("/etc/ssh/revoked", f"{KEY[:-4]}AAAA gone\n"),
        ("/etc/ssl/given.pem", "PEM\n"),
        ("/etc/clinic.conf", "ours\n"),
    ):
        host.add_file(path, text)
    for folder in ("/home/alice", "/home/alice/.ssh"):
        host.add_dir(folder, 0o700)
        host.nodes[folder].uid = host.nodes[folder].gid = 1000
    host.add_file("/home/alice/.ssh/authorized_keys", f"# keys\n{KEY} alice\n", 0o600, 1000, 1000)
    host.packages["bash"] = "5.2"
    host.units["ssh.service"] = FakeUnit(active=True)
    host.answers[("getent", "passwd", "alice")] = CommandResult((), 0, f"{PASSWD.split(chr(10))[1]}\n", "")
    host.answers[("id", "-Gnz", "alice")] = CommandResult((), 0, "alice\0sudo\0", "")
    return host


def with_file(host: FakeHost, path: str, text: str) -> FakeHost:
    host.add_file(path, text)
    return host


def sshd_host() -> FakeHost:
    host = debian()
    said = CommandResult((), 0, fixture("sshd", "debian-12"), "")
    host.answers[("sshd", "-T", "-C", "lport=1")] = said
    for client in ("192.0.2.7", "127.0.0.1"):
        ends = f"addr={client},laddr=127.0.0.1,lport=22"
        host.answers[("sshd", "-T", "-C", f"user=alice,host={client},{ends}")] = said
    return host


def stored(path: str, *records: object) -> Callable[[], FakeHost]:
    def host() -> FakeHost:
        made = debian()
        made.add_file(path, b"".join(run_store.line(one) for one in records))  # type: ignore[arg-type]
        return made

    return host


def journaled() -> FakeHost:
    host = debian()
    journal.end(host, journal.begin(host, RUN, "2026-11-25T15:00:00Z", (), ()), "complete", (), {})
    return host


def guarded() -> FakeHost:
    host = journaled()
    record._write(host, GUARD)
    return host


def configured() -> FakeHost:
    host = debian()
    manifest.make_folder(host)
    host.add_file(manifest.path_of("clinic"), manifest.encode(CLINIC))
    return host


def tunnels() -> FakeHost:
    host = debian()
    host.programs.add("ip")
    for argv, out in (
        (("ip", "-details", "-json", "link", "show"), '[{"ifname": "gre1"}]'),
        (("ip", "xfrm", "state"), "x\n"),
    ):
        host.answers[argv] = CommandResult(argv, 0, out, "")
    return host


def key_trouble(host: FakeHost) -> Iterable[str] | None:
    return None if ssh_access.key_trouble(host, ALICE, OPTIONS, VISIT) else ["alice"]


def drifted(host: FakeHost) -> Iterable[str]:
    standings = drift.audit(host)
    for standing in standings:
        for error in standing["errors"]:
            raise ClinicalError("Auditing", "", error)
    return [standing["name"] for standing in standings]


def troubles(host: FakeHost) -> None:
    for sentence in break_glass.problems(host, ["alice"]):
        assert not PYTHON.search(sentence)


def quiet(read: Callable[[FakeHost], Any]) -> Callable[[FakeHost], None]:
    """Return a reader of which no names are compared: another answer may be right."""

    def look(host: FakeHost) -> None:
        read(host)

    return look


READERS = {
    "apt: installed": Reader(AptHost, apt.installed),
    "apt: lists": Reader(AptHost, lambda host: [index.description for index in apt.indexes(host)]),
    "apt: offers": Reader(AptHost, lambda host: apt.offers(host, ["openssl"])),
    "apt: all": Reader(AptHost, lambda host: apt.observe(host, NOW).packages, step=5),
    "apt: marks": Reader(
        lambda: with_file(debian(), apt_holds.MARKS, "Package: a\nArchitecture: amd64\nAuto-Installed: 1\n"),
        lambda host: apt_holds.set_marks(host, (), apt_holds.marks(host), ()),
    ),
    "dnf: installed": Reader(DnfHost, dnf.installed),
    "dnf: all": Reader(DnfHost, lambda host: dnf.observe(host, Program(host, 7), NOW, ()).packages),
    "dnf: cves": Reader(DnfHost, lambda host: dnf.cves(Program(host, 7))),
    "dnf: patterns": Reader(
        lambda: with_file(DnfHost(), dnf_holds.VERSIONLOCK, "lab-dep-0:1.0-1.*\n"),
        dnf_holds.holding_patterns,
    ),
    "dnf: kernels": Reader(DnfHost, quiet(dnf.kernels)),
    "dnf: fetched": Reader(
        lambda: with_file(DnfHost(), "/stage/paths.json", "{}"),
        lambda host: dnf_files.fetched(host, "/stage", ()),
    ),
    "ledger": Reader(
        stored(
            ledger.LEDGER, {"what": "seen", "name": "x", "arch": "all", "version": "1", "at": "2026-11-25T15:00:00Z"}
        ),
        lambda host: [str(entry["name"]) for entry in ledger.read(host).entries],
    ),
    "patch runs": Reader(
        stored(f"{stages.RUNS}/{RUN}/run", asdict(PATCHED)), lambda host: [run.run_id for run in stages.runs(host)]
    ),
    "keys": Reader(debian, key_trouble),
    "sshd": Reader(sshd_host, lambda host: ssh_access.effective(host, "alice", Connection()).every("port")),
    "break glass": Reader(sshd_host, troubles),
    "ways in": Reader(sshd_host, ways_in.account_names),
    "guard": Reader(guarded, quiet(lambda host: record.load(host, RUN))),
    "newest guard": Reader(guarded, quiet(record.newest)),
    "boot watch": Reader(stored(boot_watch.RECORD, {"runs": []}), quiet(boot_watch.load)),
    "journal": Reader(journaled, lambda host: [run.run_id for run in journal.runs(host)]),
    "journaled run": Reader(journaled, lambda host: [journal.load(host, run).run.run_id for run in journal.runs(host)]),
    "manifest": Reader(configured, lambda host: manifest.load(host, "clinic").files),
    "drift": Reader(configured, drifted),
    "heard": Reader(tunnels, quiet(protocols.heard_by_kernel)),
    "units": Reader(debian, lambda host: units.show(host, ["ssh.service"])),
    "packages": Reader(debian, lambda host: packages.installed(host, ["bash", "adduser"])[0]),
    "broken packages": Reader(debian, quiet(packages.broken)),
    "accounts": Reader(debian, quiet(LocalAccount("alice").capture)),
    "groups": Reader(debian, quiet(LocalGroup("sudo").capture)),
    "mounts": Reader(debian, mounted),
}


def attempt(reader: Reader, host: FakeHost) -> tuple[Collection[str] | None, str]:
    """Return the names that were read, None where none are to be compared, and what went wrong."""
    try:
        names = reader.read(host)
    except ClinicalError as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001  what nobody foresaw is what is looked for
        return None, f"{UNFORESEEN} {type(error).__name__}: {error}"
    return (None if names is None else set(names)), ""


def complaint(source: str, error: str) -> str:
    if error and (PYTHON.search(error) or error.startswith(UNFORESEEN)):
        return f"a Python message: {error[:200]}"
    if error and not any(word in error for word in (source, source.split(" ")[0], RUN, "dnf", "rpm", "dpkg")):
        return f"{source} is not named: {error[:200]}"
    return ""


def sealed(value: object) -> bytes:
    """Return what ``run_store.line`` would write of it: no damage, but of a release that writes something else."""
    return run_store.line(value)  # type: ignore[arg-type]


#: Records with a checksum that is right, and a shape that is not.
SEALED = tuple(
    sealed(value)
    for value in (
        *({}, [], None, 7, "x", {"version": 1}, {"version": 1, "files": 7}, {"run_id": RUN}, {"of": 0}, {"group": 0}),
        *({"of": [], "group": {}}, {"what": 7}, {"runs": 7, "users": None}, {"run_id": RUN, "commands": 7}),
    )
)


@pytest.mark.parametrize("name", READERS)
def test_whatever_a_source_says_it_is_read_or_named(name: str) -> None:
    reader = READERS[name]
    strangeness = Strangeness()
    usual, error = attempt(reader, make_strange(reader.host(), strangeness))
    assert not error
    sources = sorted(strangeness.files) + sorted(strangeness.programs)
    assert sources, "nothing is read"
    wrong: list[str] = []
    for source in sources:
        strangeness.instead = {}
        content = contents_of(reader, source)
        inserted = len(LINES) * 2
        for number, variant in list(enumerate([*variants(content), *SEALED]))[:: reader.step]:
            strangeness.instead = {source: variant}
            host = make_strange(reader.host(), strangeness)
            names, error = attempt(reader, host)
            if error:
                wrong.append(complaint(source, error))
            if number < inserted and usual is not None and names is not None and not set(usual) <= set(names):
                wrong.append(f"{source} {variant[:60]!r}: fewer are read without a word")
    assert list(dict.fromkeys(filter(None, wrong)))[:10] == []


def contents_of(reader: Reader, source: str) -> bytes:
    """Return what a file of the host holds, or what a program of it said."""
    host = reader.host()
    if source.startswith("/"):
        return host.read(source) or b""
    said: list[str] = []
    run = host.run

    def listen(argv: Sequence[str], *more: Any, **named: Any) -> CommandResult:
        done = run(argv, *more, **named)
        if " ".join(argv[:2]) == source:
            said.append(done.out)
        return done

    host.run = listen  # type: ignore[method-assign, assignment]
    attempt(reader, host)
    return said[0].encode("utf-8", "replace") if said else b""


@pytest.mark.parametrize("path", [*registers.REGISTERS, "/etc/another.conf"])
def test_taking_a_change_back_keeps_every_odd_line_of_others(path: str) -> None:
    before = "a:x:1:1::/a:/bin/sh\nb:x:2:2::/b:/bin/sh\n"
    ours = before + "c:x:3:3::/c:/bin/sh\n"
    for line in LINES:
        text = line.decode("utf-8", "surrogateescape")
        merged = registers.merge(path, before, ours, f"{text}\n{ours}")
        assert text in merged.text
        assert merged.text.count("\n") >= before.count("\n")
    for content in TEXTS:
        registers.merge(path, before, ours, content.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        pytest.param(haproxy.parse_workers, fixture("haproxy_proc", "debian-12"), id="workers"),
        pytest.param(lambda text: haproxy.parse_stat(1, text), fixture("haproxy_stat", "debian-12"), id="stat"),
        pytest.param(
            lambda text: haproxy.parse_sessions(text, "engine-a"), fixture("haproxy_sess", "debian-12"), id="sessions"
        ),
        pytest.param(haproxy.parse_server_states, fixture("haproxy_servers_state", "debian-12"), id="servers"),
        pytest.param(lambda text: haproxy.parse_check_seconds(text, "engine-a"), "backend b\nserver a\n", id="checks"),
        pytest.param(restarts.parse_needrestart, "NEEDRESTART-SVC: a.service\n", id="needrestart"),
        pytest.param(sockets.parse_unix, "Num RefCount Protocol\n", id="unix sockets"),
        pytest.param(sockets.parse_sockets, "[::]:22 ssh.socket ssh.service\n", id="sockets of systemd"),
        pytest.param(peer_kind, "", id="peer"),
    ],
)
def test_what_a_program_answers_is_parsed_or_an_error_of_ours(parse: Callable[[Any], Any], text: str) -> None:
    wrong = []
    for variant in variants(text.encode()):
        try:
            parse(variant if parse is peer_kind else variant.decode("utf-8", "replace"))
        except ClinicalError as error:
            if PYTHON.search(str(error)):
                wrong.append(str(error)[:200])
        except Exception as error:  # noqa: BLE001  what nobody foresaw is what is looked for
            wrong.append(f"{variant[:60]!r}: {type(error).__name__}: {error}"[:200])
    assert wrong == []
