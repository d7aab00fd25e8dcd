# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two accounts with a shell do their worst in their homes, in /tmp and in their names, with real files, as root.

No check goes blind, nothing is given away, nothing of theirs is run, and no audit or run ends because of them.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.context import SurveyContext
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.accounts import CHECKS
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Assessment, Control
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import read_facts
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from ansible_collections.healthops.clinical.plugins.module_utils._text.outlet import outgoing

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")

EVE, MALLORY = 51_001, 51_002
#: What chfn lets people write, and what ends a line or a field elsewhere than in passwd.
GECOS = "Eve \u2028\x1c\x85 $(touch {owned}) `touch {owned}` \x1b[2J"
REGISTERS = ("passwd", "shadow", "group", "gshadow")


class OwnRegisters(RealHost):
    """The machine, with account files of the test's own; it notes every program that is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: list[str] = []

    def resolve(self, path: str) -> str:
        return self._place(super().resolve(path))

    def read(self, path: str) -> bytes | None:
        return super().read(self._place(path))

    def run(self, argv: Any, *more: Any, **named: Any) -> CommandResult:
        self.programs.append(str(argv[0]))
        return super().run(argv, *more, **named)

    def _place(self, path: str) -> str:
        own = self.folder / path.rpartition("/")[2]
        return str(own) if path.startswith("/etc/") and own.is_file() else path


def own(path: Path, uid: int, mode: int = 0o644) -> None:
    os.chown(path, uid, uid, follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(mode)


def home_of(folder: Path, name: str, uid: int) -> Path:
    home = folder / name
    (home / ".ssh").mkdir(parents=True)
    own(home, uid, 0o755)
    own(home / ".ssh", uid, 0o777)
    return home


def do_the_worst(folder: Path, home: Path, uid: int) -> None:
    """Fill a home with links to what is root's, names that are no text, and files that are no files."""
    root = folder / "of-root"
    for name in (".netrc", ".profile", ".bashrc"):
        (home / name).symlink_to(root)
        own(home / name, uid)
    odd = [os.fsdecode(b".\xff\xfe"), ".\x1b[2J", ".a\nb", ".-rf", f".$(touch {folder}/owned)".replace("/", "\u2044")]
    for name in odd:
        (home / name).write_text(f"touch {folder}/owned\n", encoding="utf-8")
        own(home / name, uid, 0o666)
    os.mkfifo(home / ".python_history")
    own(home / ".python_history", uid, 0o666)
    (home / ".bash_history").mkdir()
    os.link(root, home / ".pgpass")
    with (home / ".ssh" / "authorized_keys").open("wb") as keys:
        keys.truncate(64 * 1024 * 1024)  # larger than anything that is read
    own(home / ".ssh" / "authorized_keys", uid, 0o666)
    (home / ".ssh" / "authorized_keys2").symlink_to("/dev/zero")
    (home / ".ssh" / "id_rsa").symlink_to(root)


@pytest.fixture
def host(tmp_path: Path) -> OwnRegisters:
    folder = Path(os.path.realpath(tmp_path))
    folder.chmod(0o755)
    (folder / "of-root").write_text("root's\n", encoding="utf-8")
    (folder / "of-root").chmod(0o644)
    passwd, shadow, group = ["root:x:0:0:root:/root:/bin/bash"], ["root:*:20000:0:99999:7:::"], ["root:x:0:"]
    for name, uid in (("eve", EVE), ("mallory", MALLORY)):
        about = GECOS.format(owned=folder / "owned")
        passwd.append(f"{name}:x:{uid}:{uid}:{about}:{home_of(folder, name, uid)}:/bin/bash")
        shadow.append(f"{name}:$y$j9T$planted0planted$planted:20000:0:99999:7:::")
        group.append(f"{name}:x:{uid}:")
        do_the_worst(folder, folder / name, uid)
    for name, lines in zip(REGISTERS, (passwd, shadow, group, [])):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return OwnRegisters(folder)


CONTROLS = tuple(
    Control(check, "accounts", {"check": check, "value": 900, "groups": ["eve"]})
    for check in sorted(CHECKS)
    if check not in ("shells_list", "shell_timeout", "shell_umask", "root_umask", "root_path")  # they are root's alone
)


def survey(host: OwnRegisters) -> dict[str, Assessment]:
    return dict(_baseline.survey(host, CONTROLS, SurveyContext(facts=read_facts(host))).assessments)


def test_no_check_goes_blind_and_nothing_of_theirs_is_run(host: OwnRegisters) -> None:
    assessments = survey(host)
    assert {control.id for control in CONTROLS} == set(assessments)
    assert [a.control for a in assessments.values() if a.result == "error"] == []
    for check in ("dot_files", "private_files", "login_keys", "login_key_strength", "homes_closed"):
        assert assessments[check].result == "fail", check
    assert "cannot be read" in assessments["login_key_strength"].before
    assert assessments["uid_zero"].result == "pass"
    assert not (host.folder / "owned").exists()
    assert [program for program in host.programs if str(host.folder) in program] == []


def test_a_second_root_does_not_hide_behind_its_name(host: OwnRegisters) -> None:
    text = (host.folder / "passwd").read_text(encoding="utf-8")
    (host.folder / "passwd").write_text(text.replace(f":{MALLORY}:", ":0:", 1), encoding="utf-8")
    assert survey(host)["uid_zero"].before == "mallory has root's number 0"


def test_what_is_told_of_them_can_be_printed(host: OwnRegisters) -> None:
    told = str(outgoing([vars(assessment) for assessment in survey(host).values()]))
    assert told.isprintable()
    assert told.encode("utf-8")


def test_what_is_mended_is_theirs_and_nothing_of_roots_changes_hands(host: OwnRegisters) -> None:
    surveyed = _baseline.survey(host, CONTROLS, SurveyContext(facts=read_facts(host)))
    steps = [step for group in surveyed.groups for step in group.steps if str(host.folder) in step.subject.name]
    assert steps
    for step in steps:
        assert step.wanted is not None
        before = step.subject.capture(host)
        step.subject.put(host, step.wanted)
        assert step.subject.matches(step.subject.capture(host), step.wanted)
        step.subject.put(host, before)
        step.subject.put(host, step.wanted)
    root = (host.folder / "of-root").stat()
    assert (root.st_uid, root.st_gid, stat.S_IMODE(root.st_mode)) == (0, 0, 0o644)
    assert (host.folder / "of-root").read_text(encoding="utf-8") == "root's\n"
    owners = {path.lstat().st_uid for name in ("eve", "mallory") for path in (host.folder / name).rglob("*")}
    assert owners <= {0, EVE, MALLORY}
    assert not (host.folder / "owned").exists()
