# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the YAML of a catalogue strictly, and remember the line of every key.

PyYAML's own constructor forgets lines, lets the last of two equal keys win and turns ``0640`` into 416 and ``no`` into
false. A control that was misread like that would be enforced on a fleet, so here each of them is a problem with its
line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.healthops.clinical.plugins.module_utils._text.numbers import is_natural

# The C parser is about eight times faster, and every worker process reads the catalogue once.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"


class YamlMapping(dict[str, Any]):
    """A YAML mapping: a dict, with the line it starts on and the line of each key."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, key: str) -> int:
        """The line of a key, or of the mapping where it has no such key."""
        return self.lines.get(key, self.line)


class BadYaml(Exception):
    """One thing wrong with a YAML text: ``line`` (0 where there is none), ``key`` and ``fault``."""

    def __init__(self, line: int, key: str, fault: str) -> None:
        super().__init__(fault)
        self.line = line
        self.key = key
        self.fault = fault


def read(path: Path) -> Any:
    """The content of one file as YamlMapping, list, str, int and bool. Raises BadYaml."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadYaml(0, "", f"it is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise BadYaml(0, "", f"it cannot be read: {error.strerror}") from error
    node = _compose(text)
    if node is None or (node.tag == _TAG + "null"):
        raise BadYaml(0, "", "the file is empty")
    return _Converter().convert(node, "")


def _compose(text: str) -> yaml.Node | None:
    loader = LOADER(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "it cannot be parsed"
        raise BadYaml(mark.line + 1 if mark else 0, "", f"broken YAML: {what}") from error
    except yaml.YAMLError as error:
        raise BadYaml(0, "", f"broken YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


class _Converter:
    """Turns nodes into plain values.

    A collection that is met twice came in through an alias, which is refused: one place in the file then means one
    control, and nothing can grow without end.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def convert(self, node: yaml.Node, key: str) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, key)
        if id(node) in self._seen:
            raise BadYaml(_line(node), key, "an alias (*name); catalogue files repeat a value in full instead")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, key)
        raise BadYaml(_line(node), key, f"an unknown kind of YAML value, {node.tag}")

    def _sequence(self, node: yaml.SequenceNode, key: str) -> list[Any]:
        if node.tag != _TAG + "seq":
            raise BadYaml(_line(node), key, f"the YAML tag {node.tag}; a plain list is allowed")
        return [self.convert(item, key) for item in node.value]

    def _mapping(self, node: yaml.MappingNode, above: str) -> YamlMapping:
        if node.tag != _TAG + "map":
            raise BadYaml(_line(node), above, f"the YAML tag {node.tag}; a plain mapping is allowed")
        mapping = YamlMapping(_line(node))
        for key_node, value_node in node.value:
            key = _key(key_node, above)
            if key in mapping:
                raise BadYaml(_line(key_node), key, f"the key {key!r} stands twice, first on line {mapping.lines[key]}")
            mapping.lines[key] = _line(key_node)
            mapping[key] = self.convert(value_node, key)
        return mapping


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _key(node: yaml.Node, above: str) -> str:
    """A mapping's key. ``12:`` and ``no:`` are refused like unquoted values, and so is the merge key ``<<``."""
    if not isinstance(node, yaml.ScalarNode) or node.tag != _TAG + "str":
        raise BadYaml(_line(node), above, f"the key {getattr(node, 'value', '')!s:.40} is not text; put it in quotes")
    return str(node.value)


def _scalar(node: yaml.ScalarNode, key: str) -> Any:
    """Text, whole number, true or false. What YAML would quietly read as something else has to be quoted."""
    tag, text = node.tag, str(node.value)
    if tag == _TAG + "str":
        return text
    if tag == _TAG + "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if tag == _TAG + "int" and _is_decimal(text):
        return int(text)
    if tag == _TAG + "timestamp":
        return text
    if tag == _TAG + "null":
        raise BadYaml(_line(node), key, "no value")
    raise BadYaml(_line(node), key, f'{text}, which YAML would not read as this text; put it in quotes: "{text}"')


def _is_decimal(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text
    return is_natural(digits) and (digits == "0" or digits[0] != "0")


def files(directory: Path) -> Iterator[Path]:
    """The YAML files of a directory, by name, so that every run reads them in one order."""
    for path in sorted(directory.iterdir()):
        if path.suffix in (".yml", ".yaml") and path.is_file():
            yield path
