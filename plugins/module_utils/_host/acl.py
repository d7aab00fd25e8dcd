# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access control lists of files, as acl(5) has them and the kernel keeps them in extended attributes.

As text, an entry is what getfacl prints: ``user:www-data:r-x``, ``default:group:audit:r--``, ``mask::r-x``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence

from .._text.numbers import is_natural

ATTRIBUTE = "system.posix_acl_access"
#: What files that are made in a folder get.
DEFAULT_ATTRIBUTE = "system.posix_acl_default"
_VERSION = 2
_NOBODY = 0xFFFFFFFF
_OWNER, _NAMED_USER, _OWNING_GROUP, _GROUP, _MASK, _EVERYBODY = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_READ, _WRITE, _RUN = 4, 2, 1
#: By what an entry is called and whether it has a name; in the order that the kernel wants.
_TAGS = {
    ("user", False): _OWNER,
    ("user", True): _NAMED_USER,
    ("group", False): _OWNING_GROUP,
    ("group", True): _GROUP,
    ("mask", False): _MASK,
    ("other", False): _EVERYBODY,
}
_ENTRY = re.compile(
    r"(?P<default>default:)?(?P<tag>user|group|mask|other):(?P<name>[a-z_][a-z0-9_-]{0,31}|[0-9]{1,10})?"
    r":(?P<bits>[r-][w-][x-])(\s*#effective:[r-][w-][x-])?"
)
#: An entry of a list in the kernel: what it is of, its permission bits, and whose.
KernelEntry = tuple[int, int, int]


def read_by_group(gid: int) -> bytes:
    """Return the list of a file of mode 0640 that one more group may read, whatever group owns it."""
    entries = (
        (_OWNER, _READ | _WRITE, _NOBODY),
        (_OWNING_GROUP, _READ, _NOBODY),
        (_GROUP, _READ, gid),
        (_MASK, _READ, _NOBODY),
        (_EVERYBODY, 0, _NOBODY),
    )
    return _pack(entries)


def complete(mode: int, entries: Sequence[str], folder: bool) -> tuple[str, ...]:
    """Return the whole list of what has this mode: what ``entries`` leave out of it is as the mode and acl(5) say.

    Raises ValueError, in words, for what is no entry, is said twice, or is otherwise than the mode.
    """
    given: dict[bool, dict[tuple[str, str], int]] = {False: {}, True: {}}
    for text in entries:
        default, tag, name, bits = _parsed(text)
        if default and not folder:
            raise ValueError(f"{text!r} is for folders only")
        if (tag, name) in given[default]:
            raise ValueError(f"{text!r} is said twice")
        given[default][tag, name] = bits
    lists = [
        f"{prefix}{text}"
        for default, prefix in ((False, ""), (True, "default:"))
        for text in _completed(mode, given[default], default)
    ]
    return tuple(lists)


def _completed(mode: int, given: Mapping[tuple[str, str], int], default: bool) -> list[str]:
    bits_by_entry = dict(given)
    for tag, bits in (("user", mode >> 6 & 7), ("group", mode >> 3 & 7), ("other", mode & 7)):
        if bits_by_entry.setdefault((tag, ""), bits) != bits and not default:
            raise ValueError(f"'{tag}::{_letters(bits_by_entry[tag, ''])}' is otherwise than the mode {mode:04o}")
    named = [bits for (_tag, name), bits in bits_by_entry.items() if name]
    if not (given if default else named or ("mask", "") in bits_by_entry):
        return []
    if named and ("mask", "") not in bits_by_entry:
        union = bits_by_entry["group", ""]
        for bits in named:
            union |= bits
        bits_by_entry["mask", ""] = union
    order = list(_TAGS)
    keys = sorted(bits_by_entry, key=lambda key: (order.index((key[0], bool(key[1]))), key[1]))
    return [f"{tag}:{name}:{_letters(bits_by_entry[tag, name])}" for tag, name in keys]


def shown_mode(mode: int, texts: Sequence[str]) -> int:
    """Return the mode that stat shows of a path with this list: in the place of its group's bits stands the mask."""
    masks = [_parsed(text)[3] for text in texts if text.startswith("mask:")]
    return mode & ~0o070 | masks[0] << 3 if masks else mode


def packed(
    texts: Sequence[str], uid: Callable[[str], int | None], gid: Callable[[str], int | None]
) -> dict[str, bytes]:
    """Return the extended attributes that hold a whole list. Raises ValueError for a name that nobody has."""
    lists: dict[str, list[KernelEntry]] = {}
    for text in texts:
        default, tag, name, bits = _parsed(text)
        number = _NOBODY
        if name:
            ask = uid if tag == "user" else gid
            known = int(name) if is_natural(name) else ask(name)
            if known is None:
                raise ValueError(f"there is no {tag} {name}")
            number = known
        attribute = DEFAULT_ATTRIBUTE if default else ATTRIBUTE
        lists.setdefault(attribute, []).append((_TAGS[tag, bool(name)], bits, number))
    return {attribute: _pack(sorted(entries, key=_place)) for attribute, entries in lists.items()}


def without(xattrs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the extended attributes that are no access control lists."""
    return {name: value for name, value in xattrs.items() if name not in (ATTRIBUTE, DEFAULT_ATTRIBUTE)}


def entries_of(xattrs: Mapping[str, bytes]) -> frozenset[tuple[str, KernelEntry]]:
    """Return what the lists among extended attributes say, whatever their order; nothing where there are none."""
    return frozenset(
        (attribute, entry)
        for attribute in (ATTRIBUTE, DEFAULT_ATTRIBUTE)
        for entry in _unpacked(xattrs.get(attribute, b""))
    )


def describe(
    xattrs: Mapping[str, bytes], user_name: Callable[[int], str], group_name: Callable[[int], str]
) -> tuple[str, ...]:
    """Return the lists among extended attributes as ``complete`` writes them."""
    texts = []
    tags = {number: key for key, number in _TAGS.items()}
    for prefix, attribute in (("", ATTRIBUTE), ("default:", DEFAULT_ATTRIBUTE)):
        for kind, bits, number in sorted(_unpacked(xattrs.get(attribute, b"")), key=_place):
            tag, named = tags.get(kind, ("unknown", False))
            ask = user_name if tag == "user" else group_name
            name = ask(number) if named else ""
            texts.append(f"{prefix}{tag}:{name}:{_letters(bits)}")
    return tuple(texts)


def _parsed(text: str) -> tuple[bool, str, str, int]:
    match = _ENTRY.fullmatch(text)
    if match is None or (match["tag"], bool(match["name"])) not in _TAGS:
        raise ValueError(f"{text!r} is no entry of an access control list")
    bits = sum(bit for bit, letter in zip((_READ, _WRITE, _RUN), match["bits"]) if letter != "-")
    return bool(match["default"]), match["tag"], match["name"] or "", bits


def _letters(bits: int) -> str:
    return "".join(letter if bits & bit else "-" for bit, letter in ((_READ, "r"), (_WRITE, "w"), (_RUN, "x")))


def _place(entry: KernelEntry) -> tuple[int, int]:
    """Return where an entry stands in a list, as setfacl sorts it: by what it is of, then by whose."""
    return entry[0], entry[2]


def _pack(entries: Sequence[KernelEntry]) -> bytes:
    return struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _unpacked(value: bytes) -> Iterator[KernelEntry]:
    yield from struct.iter_unpack("<HHI", value[4:])
