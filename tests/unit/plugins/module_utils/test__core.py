# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent with a module is all that a host has of us; what it keeps compiled is used for nothing else."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, Dict, Optional

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _core
from rooms import imports, sources

SOURCES = {
    "_calls/__init__": "",
    "_calls/greet": (
        "from .. import _word\n"
        "def answer(params, check, diff):\n"
        "    if params['name'] == 'nobody':\n"
        "        return {'failed': True, 'msg': 'there is nobody', 'warnings': []}\n"
        "    return {'told': _word.WORD + params['name'], 'warnings': ['mind the step'], 'diff': diff}\n"
    ),
    "_text/__init__": "",
    "_text/outlet": (
        "def finish(module, result):\n"
        "    for warning in result.pop('warnings'):\n"
        "        module.warn(warning)\n"
        "    failed = result.pop('failed', False)\n"
        "    (module.fail_json if failed else module.exit_json)(**result)\n"
    ),
    "_word": "WORD = 'hello '\n",
}
#: A host: it has this file of us and nothing else, and Ansible's module is there to be ended.
HOST = """
import json, sys
from ansible_collections.healthops.clinical.plugins.module_utils import _core
asked = json.load(sys.stdin)
_core.FOLDER = asked["folder"]
compiled, warned = [], []
to_code = _core.Core.source_to_code
_core.Core.source_to_code = lambda self, text, path: compiled.append(path) or to_code(text, path)
class Module:
    params, check_mode, _diff = {"core": asked["core"], "name": asked["name"]}, asked["check"], True
    warn = warned.append
    def exit_json(self, failed=False, **told):
        about = {"params": self.params, "warned": warned, "compiled": compiled}
        sys.exit(print(json.dumps({"told": told, "failed": failed, **about})))
    def fail_json(self, **told):
        self.exit_json(failed=True, **told)
_core.answer(Module(), asked["call"])
"""


class Host:
    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache" / "healthops" / "core"
        self._site = folder / "site"
        beside = self._site / "ansible_collections" / "healthops" / "clinical" / "plugins" / "module_utils"
        beside.mkdir(parents=True)
        (folder / "cache").mkdir()
        shutil.copy(_core.__file__, beside)

    def runs(self, core: str, call: str = "greet", name: str = "world", check: bool = False) -> Dict[str, Any]:
        asked = {"folder": str(self.cache), "core": core, "call": call, "name": name, "check": check}
        done = subprocess.run(
            [sys.executable, "-S", "-c", HOST],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(self._site)},
            cwd="/",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: Dict[str, Any] = json.loads(done.stdout)
        return told

    def kept(self) -> Optional[Path]:
        return next(self.cache.iterdir(), None) if self.cache.is_dir() else None


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def sent(members: Dict[str, str]) -> str:
    told = _core.SEPARATOR.join(part for source in members.items() for part in source)
    return base64.b64encode(zlib.compress(told.encode())).decode()


def test_the_call_that_was_sent_answers(host: Host) -> None:
    ended = host.runs(sent(SOURCES))
    assert (ended["told"], ended["failed"]) == ({"told": "hello world", "diff": True}, False)
    assert ended["warned"] == ["mind the step"]
    assert ended["params"] == {}, "Ansible would send back all that the control node knows"


def test_what_it_says_of_a_failure_ends_the_module(host: Host) -> None:
    ended = host.runs(sent(SOURCES), name="nobody")
    assert (ended["told"], ended["failed"]) == ({"msg": "there is nobody"}, True)


def test_a_run_keeps_what_it_compiled_and_the_next_one_uses_it(host: Host) -> None:
    first, again = host.runs(sent(SOURCES)), host.runs(sent(SOURCES))
    assert len(first["compiled"]) == len(SOURCES)
    assert (again["compiled"], again["told"]) == ([], first["told"])
    kept = host.kept()
    assert kept is not None
    assert [path.stat().st_mode & 0o777 for path in (kept, kept.parent, kept.parent.parent)] == [0o600, 0o700, 0o755]


def test_check_mode_writes_nothing_and_may_use_what_is_there(host: Host) -> None:
    host.runs(sent(SOURCES), check=True)
    assert host.kept() is None
    host.runs(sent(SOURCES))
    assert host.runs(sent(SOURCES), check=True)["compiled"] == []


def test_other_sources_are_compiled_and_take_the_place_of_the_old_ones(host: Host) -> None:
    host.runs(sent(SOURCES))
    ended = host.runs(sent({**SOURCES, "_word": "WORD = 'good morning '\n"}))
    assert ended["told"]["told"] == "good morning world"
    assert len(list(host.cache.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "others", "link"])
def test_what_was_damaged_or_can_be_written_by_others_is_not_run(host: Host, damage: str) -> None:
    host.runs(sent(SOURCES))
    kept = host.kept()
    assert kept is not None
    code = kept.read_bytes()
    if damage == "others":
        kept.chmod(0o666)
    elif damage == "link":
        kept.rename(kept.with_name("elsewhere"))
        os.symlink("elsewhere", kept)
    else:
        kept.write_bytes(
            {"cut": code[:-9], "changed": code[:-9] + bytes([code[-9] ^ 1]) + code[-8:], "empty": b""}[damage]
        )
    ended = host.runs(sent(SOURCES))
    assert (len(ended["compiled"]), ended["told"]["told"]) == (len(SOURCES), "hello world")
    assert host.runs(sent(SOURCES))["compiled"] == [], "it is whole again"


def test_where_nothing_can_be_kept_the_run_goes_on(host: Host) -> None:
    host.cache.parent.parent.rmdir()
    assert host.runs(sent(SOURCES))["told"]["told"] == "hello world"
    host.cache.parent.parent.write_text("a file in the way")
    assert host.runs(sent(SOURCES))["told"]["told"] == "hello world"


def test_what_another_call_left_stays(host: Host) -> None:
    host.runs(sent(SOURCES))
    other = host.cache / "patch-0123.cpython-39"
    other.write_bytes(b"")
    (host.cache / "0123.cpython-39").write_bytes(b"")  # an earlier release named it so
    host.runs(sent({**SOURCES, "_word": "WORD = 'good morning '\n"}))
    assert len(list(host.cache.iterdir())) == 2
    assert other.exists()


def test_every_call_is_known() -> None:
    calls = {path.stem for path in Path(_core.__file__).with_name("_calls").glob("[a-z]*.py")}
    assert set(_core.UNREAD_ROOMS) == calls


@pytest.mark.parametrize("call", sorted(_core.UNREAD_ROOMS))
def test_what_is_packed_is_what_the_call_can_ever_read(call: str) -> None:
    """Also inside of functions: no source that is imported is missing, and no room is sent for nothing."""
    reached, waiting = set(), [f"module_utils._calls.{call}", "module_utils._text.outlet"]
    while waiting:
        source = waiting.pop()
        if source not in reached:
            reached.add(source)
            waiting += sorted(imports(source, sources()[source]))
    packed = {name for name in _core.Core(_core.packed(call), call).sources if not name.endswith("/__init__")}
    needed = {source.split(".", 1)[1].replace(".", "/") for source in reached}
    assert needed - packed == set()
    assert {name.partition("/")[0] for name in packed} - {name.partition("/")[0] for name in needed} <= {"_core"}


@pytest.mark.parametrize("call", sorted(_core.UNREAD_ROOMS))
def test_nothing_is_missing_in_what_is_packed(host: Host, call: str) -> None:
    """A host without the rest of the collection can read each call, and every part that it may ask for later."""
    told = _core.Core(_core.packed(call), call).sources
    modules = [name.replace("/", ".") for name in told if not name.endswith("/__init__") and name != "_core"]
    everything = "\n".join(f"import {_core.PACKAGE}.{name}" for name in modules)
    asks = f"{everything}\nfrom . import {call}\ndef answer(params, check, diff): return {{'is': {call}.__name__}}\n"
    assert host.runs(sent({**told, "_calls/asks": asks}), call="asks")["told"]["is"].endswith(f"_calls.{call}")


def test_the_same_sources_are_the_same_text() -> None:
    assert _core.packed.__wrapped__("patch") == _core.packed("patch")
