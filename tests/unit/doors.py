# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the door of a module in a test: options go in as Ansible gives them, and how it ends comes out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator


class Ended(Exception):
    def __init__(self, failed: bool, result: dict[str, Any]) -> None:
        self.failed = failed
        self.result = result
        super().__init__(str(result))


def run(door: Any, monkeypatch: pytest.MonkeyPatch, check: bool = False, **options: Any) -> Ended:
    """Run main() with these options, filled up as Ansible does, and catch how it ends."""

    class Module:
        check_mode = check
        _diff = False

        def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool, **rules: Any) -> None:
            assert supports_check_mode
            validated = ArgumentSpecValidator(argument_spec, **rules).validate(options)
            assert validated.error_messages == []
            self.params = validated.validated_parameters

        def warn(self, text: str) -> None:
            pass

        def exit_json(self, **result: Any) -> None:
            raise Ended(False, result)

        def fail_json(self, **result: Any) -> None:
            raise Ended(True, result)

    monkeypatch.setattr(door, "AnsibleModule", Module)
    with pytest.raises(Ended) as ended:
        door.main()
    return ended.value


class Specified(Exception):
    """Carries what a module or an action plugin takes, in place of running it: options, and the rules between them."""

    def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool = True, **rules: Any) -> None:
        self.argument_spec = argument_spec
        self.supports_check_mode = supports_check_mode
        self.rules = rules
        super().__init__()


def specification(door: Any, monkeypatch: pytest.MonkeyPatch) -> Specified:
    """Return what the main() of a module gives AnsibleModule."""

    def specified(**arguments: Any) -> None:
        raise Specified(**arguments)

    monkeypatch.setattr(door, "AnsibleModule", specified)
    with pytest.raises(Specified) as caught:
        door.main()
    return caught.value


def specification_of_action(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> Specified:
    """Return what an action plugin takes, for those that run on the control node alone."""

    def specified(_self: Any, argument_spec: dict[str, Any], **rules: Any) -> None:
        raise Specified(argument_spec, **rules)

    monkeypatch.setattr(plugin.ActionModule, "validate_argument_spec", specified)
    task = SimpleNamespace(args={}, async_val=0, check_mode=False, diff=False, action="", delegate_to=None)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    context = SimpleNamespace(check_mode=False, diff=False)
    action = plugin.ActionModule(task, connection, context, loader=None, templar=None, shared_loader_obj=None)
    with pytest.raises(Specified) as caught:
        action.run(task_vars={"inventory_hostname": "host"})
    return caught.value


def filled(door: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> dict[str, Any]:
    """Return these options of a module, filled up with its defaults as Ansible does."""
    validated = ArgumentSpecValidator(specification(door, monkeypatch).argument_spec).validate(options)
    assert validated.error_messages == []
    parameters: dict[str, Any] = validated.validated_parameters
    return parameters
