# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the door of a module in a test: options go in as Ansible gives them, and how it ends comes out."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator


class Ended(Exception):
    def __init__(self, failed: bool, result: Dict[str, Any]) -> None:
        self.failed = failed
        self.result = result
        super().__init__(str(result))


def run(door: Any, monkeypatch: pytest.MonkeyPatch, check: bool = False, **options: Any) -> Ended:
    """Run main() with these options, filled up as Ansible does, and catch how it ends."""

    class Module:
        check_mode = check
        _diff = False

        def __init__(self, argument_spec: Dict[str, Any], supports_check_mode: bool) -> None:
            assert supports_check_mode
            validated = ArgumentSpecValidator(argument_spec).validate(options)
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
