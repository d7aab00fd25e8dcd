# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way out: no text leaves a host, or becomes evidence, that has not been through here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from . import redact
from .clean import clean


@lru_cache(maxsize=4096)
def shown(text: str) -> str:
    """Return the text without secrets and what names a patient, and with nothing in it that a terminal obeys."""
    return clean(redact.text(text))


def outgoing(value: Any) -> Any:
    """Return plain data with each of its texts as it may be shown; sequences become lists."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {key if key.isidentifier() else shown(key): outgoing(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [outgoing(item) for item in value]
    return value


def finish(module: Any, result: Mapping[str, Any]) -> None:
    """End a module with its result, in which ``warnings`` are texts and ``failed`` says how it ends."""
    answer = outgoing(result)
    for warning in answer.pop("warnings", ()):
        module.warn(warning)
    end = module.fail_json if answer.pop("failed", False) else module.exit_json
    end(**answer)
