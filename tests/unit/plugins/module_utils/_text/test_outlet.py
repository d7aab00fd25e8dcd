# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way out, also through each supported ansible-core's own module: what comes out is text and can be shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rooms import PLUGINS, ROOT
from unit_tests.plugin_utils._evidence import secrets

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._text.outlet import finish, outgoing

#: What a module does with a file whose name is no UTF-8, and a banner in Latin-1, as an old system has it.
MODULE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import conftest
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = json.dumps({"ANSIBLE_MODULE_ARGS": {}}).encode(), "legacy"
from ansible_collections.healthops.clinical.plugins.module_utils._host.dropin import read_text
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from ansible_collections.healthops.clinical.plugins.module_utils._text.outlet import finish
host, folder = RealHost(), sys.argv[2]
result = {
    "changed": False,
    "names": host.listdir(folder),
    "paths": host.glob(folder + "/*"),
    "scanned": [entry.path for entry in host.scan([folder], frozenset(), frozenset(), frozenset(), 100)],
    "diff": [{"before": read_text(host, folder + "/banner"), "after": "none"}],
    "warnings": ["in " + read_text(host, folder + "/banner")],
    **json.loads(sys.argv[3]),
}
finish(basic.AnsibleModule({}), result)
"""


def run_module(folder: Path, **more: Any) -> dict[str, Any]:
    """Return the result of the module as the control node reads it: from bytes, which have to be UTF-8."""
    argv = [sys.executable, "-c", MODULE, str(ROOT / "tests" / "unit"), str(folder), json.dumps(more)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(argv, capture_output=True, env=environment, check=False)
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.decode("utf-8", "strict"))
    return result


@pytest.mark.parametrize("failed", [False, True], ids=["a good end", "a failure"])
def test_a_byte_that_is_no_utf_8_comes_through_ansible(tmp_path: Path, failed: bool) -> None:
    (tmp_path / os.fsdecode(b"r\xe9sum\xff\x1b[2J")).write_bytes(b"")
    (tmp_path / "banner").write_bytes("Nur für Befugte\n".encode("latin-1"))
    result = run_module(tmp_path, **({"failed": True, "msg": "it was refused"} if failed else {}))
    name = "r\\xe9sum\\xff\\x1b[2J"
    assert result["names"] == ["banner", name]
    assert f"{tmp_path}/{name}" in result["paths"]
    assert f"{tmp_path}/{name}" in result["scanned"]
    assert result["diff"][0]["before"] == "Nur f\\xfcr Befugte\n"
    assert "f\\\\xfcr" in json.dumps(result["warnings"])
    assert result.get("failed", False) is failed


def test_plain_data_is_cleaned_at_every_depth() -> None:
    data = {"a": (secrets.PLANTED["token"], {"b": secrets.PLANTED["shadow"], "n": 5, "f": None}), "\x1bkey": True}
    cleaned = outgoing(data)
    assert secrets.found(str(cleaned)) == []
    assert (cleaned["a"][1]["n"], cleaned["a"][1]["f"], cleaned["\\x1bkey"]) == (5, None, True)


def test_every_end_of_a_module_is_the_one_way_out() -> None:
    """Also those that AnsibleModule offers by other names; the control node's own half has no foreign text."""
    folders = [PLUGINS / "modules", PLUGINS / "module_utils"]
    sources = {path: path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py")}
    ends = sorted(
        path.relative_to(PLUGINS).as_posix()
        for path, text in sources.items()
        if any(end in text for end in ("exit_json(", "fail_json(", "module.warn("))
    )
    of_the_control_node = [
        f"modules/{name}.py" for name in ("evidence_record", "evidence_report", "evidence_verify", "preflight")
    ]
    assert ends == ["module_utils/_text/outlet.py", *of_the_control_node]


def test_a_result_ends_a_module_once_and_by_its_word() -> None:
    ended: list[tuple[str, dict[str, Any]]] = []

    class Module:
        def warn(self, text: str) -> None:
            ended.append(("warn", {"text": text}))

        def exit_json(self, **result: Any) -> None:
            ended.append(("exit", result))

        def fail_json(self, **result: Any) -> None:
            ended.append(("fail", result))
            raise SystemExit

    finish(Module(), {"changed": True, "warnings": ("password=hunter2",)})
    with pytest.raises(SystemExit):
        finish(Module(), {"failed": True, "msg": "no"})
    assert ended == [
        ("warn", {"text": "password=[redacted: secret]"}),
        ("exit", {"changed": True}),
        ("fail", {"msg": "no"}),
    ]
