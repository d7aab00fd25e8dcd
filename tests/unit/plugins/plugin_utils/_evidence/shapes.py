# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds data against the short descriptions of other people's formats in published/."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

SHAPES = Path(__file__).parent / "published"
KINDS: t.Dict[str, t.Any] = {"str": str, "int": int, "bool": bool, "number": (int, float)}


def problems(data: t.Any, description: str) -> t.List[str]:
    """Where data is not as the file describes it."""
    shapes = yaml.safe_load((SHAPES / description).read_text(encoding="utf-8"))
    return list(_held(data, "event", shapes, "$"))


def _held(data: t.Any, kind: t.Any, shapes: t.Mapping[str, t.Any], where: str) -> t.Iterator[str]:
    if isinstance(kind, list):
        if not isinstance(data, list):
            yield f"{where} is no list"
            return
        for number, item in enumerate(data):
            yield from _held(item, kind[0], shapes, f"{where}[{number}]")
    elif kind in KINDS:
        if not isinstance(data, KINDS[kind]) or (kind in ("int", "number") and isinstance(data, bool)):
            yield f"{where} is {data!r}, no {kind}"
    else:
        yield from _mapping(data, shapes[kind], shapes, where)


def _mapping(data: t.Any, shape: t.Mapping[str, t.Any], shapes: t.Mapping[str, t.Any], where: str) -> t.Iterator[str]:
    if not isinstance(data, dict):
        yield f"{where} is no mapping"
        return
    yield from (f"{where} has no {key}" for key in shape["required"] if key not in data)
    for key, value in data.items():
        if key not in shape["kinds"]:
            yield f"{where} has {key}, which nobody described"
        else:
            yield from _held(value, shape["kinds"][key], shapes, f"{where}.{key}")
    for key, values in shape.get("values", {}).items():
        if key in data and data[key] not in values:
            yield f"{where}.{key} is {data[key]!r}, which has no meaning"
        elif key in data and values[data[key]] and data.get(_caption(key), values[data[key]]) != values[data[key]]:
            yield f"{where}.{_caption(key)} is {data[_caption(key)]!r}, not {values[data[key]]!r}"


def _caption(key: str) -> str:
    """status_id -> status, class_uid -> class_name"""
    return key[: -len("_id")] if key in ("status_id", "severity_id") else f"{key.rsplit('_', 1)[0]}_name"
