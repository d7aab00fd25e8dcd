# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of service_config: it renders with the role's own search path, and sends everything once."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.healthops.clinical.plugins.action import service_config


@dataclass
class TemplateLookup:
    """Stands for Ansible's own, whose loader cannot be had without a whole run; it takes what that takes."""

    name: str
    templar: Templar

    def run(self, names: list[str], variables: dict[str, Any], template_vars: dict[str, Any]) -> list[str]:
        assert self.name == "ansible.builtin.template"
        path = Path(variables["ansible_search_path"][0], "templates", names[0])
        if not path.exists():
            raise AnsibleError(f"the template file {names[0]} could not be found for the lookup")
        text = path.read_text(encoding="utf-8")
        for key, value in {**variables, **template_vars}.items():
            text = text.replace(f"{{{{ {key} }}}}", str(value))
        return [text]


def call(folder: Path, **args: Any) -> dict[str, Any]:
    """Run the action of a role in this folder and return what its module is told."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "files").mkdir(exist_ok=True)
    loader = DataLoader()
    loader.set_basedir(str(folder))
    variables = {"who": "clinic", "ansible_search_path": [str(folder)]}
    task = SimpleNamespace(args=args, async_val=0, check_mode=False, diff=False, get_search_path=lambda: [str(folder)])
    templar = Templar(loader, variables=variables)
    action = service_config.ActionModule(
        task, mock.Mock(), SimpleNamespace(check_mode=False), loader, templar, SimpleNamespace()
    )
    action._load_name = service_config.MODULE  # Ansible's loader sets it
    sent: dict[str, Any] = {}

    def execute(module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert task_vars["ansible_no_target_syslog"]
        sent.update(module_args)
        return {"changed": False, "invocation": module_args}

    lookup = mock.Mock(get=lambda name, loader, templar: TemplateLookup(name, templar))
    with (
        mock.patch.object(action, "_execute_module", execute),
        mock.patch.object(service_config, "lookup_loader", lookup),
    ):
        assert "invocation" not in action.run(task_vars=variables)
    return sent


def test_everything_is_rendered_here_and_sent_once(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.j2").write_text("for {{ who }} and {{ more }}\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "plain").write_bytes(b"\x00\xff")
    files = [
        {"path": "/etc/page", "template": "page.j2", "vars": {"more": "wards"}},
        {"path": "/etc/plain", "source": "plain"},
    ]
    sent = call(tmp_path, name="page", files=files, confirm_within=30)
    rendered = json.loads(sent["rendered"])
    assert [base64.b64decode(file["content"]) for file in rendered["files"]] == [b"for clinic and wards\n", b"\x00\xff"]
    assert (sent["name"], sent["state"], sent["confirm_within"]) == ("page", "applied", 30)
    assert sent["run_id"]
    assert sent["core"]
    assert "files" not in sent


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param({"files": [{"path": "/x", "contents": "y"}]}, "contents", id="a key that nobody knows"),
        pytest.param({"files": [{"path": "/x"}]}, "it has no content", id="no origin"),
        pytest.param({"files": [{"path": "/x", "template": "none.j2"}]}, "none.j2", id="no such template"),
        pytest.param({"state": "present"}, "value of state must be one of", id="state"),
    ],
)
def test_what_cannot_be_meant_never_reaches_a_host(tmp_path: Path, args: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleError, match=words):
        call(tmp_path, name="page", **args)
