# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The little of HL7 version 2 that a probe needs: one message without a patient, and acknowledgements.

Nothing of a message is looked at beyond MSH, MSA and ERR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

#: Component, repetition, escape and subcomponent, where a message does not say.
DEFAULT_SEPARATORS = "^~\\&"
#: HL7 table 0211, as Python calls them. Of others the codes can be read all the same, as they are ASCII.
CHARSETS = {
    **{f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 10), 15)},
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
#: HL7 table 0357, in our words.
ERRORS = {
    "100": "segments in the wrong order",
    "101": "a required field is missing",
    "102": "wrong data type",
    "103": "value not in its table",
    "200": "message type not supported",
    "201": "event not supported",
    "202": "processing id not supported",
    "203": "version not supported",
    "204": "unknown key",
    "205": "duplicate key",
    "206": "record locked",
    "207": "internal error of the application",
}


class NotHl7(Exception):
    """The bytes are not a message of HL7 version 2."""


@dataclass(frozen=True)
class Message:
    """A message cut at its own separators: segments of fields, in which component and escape still stand."""

    field: str
    component: str
    escape: str
    subcomponent: str
    segments: tuple[tuple[str, ...], ...]

    def segments_named(self, name: str) -> Iterator[tuple[str, ...]]:
        """Yield the segments of a name, each as its fields, the name first."""
        return (segment for segment in self.segments if segment[0] == name)

    def components(self, text: str) -> tuple[str, ...]:
        """Return the components of a field, down to the subcomponents, with nothing escaped."""
        parts = re.split(f"[{re.escape(self.component + self.subcomponent)}]", text)
        return tuple(self.unescape(part) for part in parts)

    def unescape(self, text: str) -> str:
        """Return the text with its escape sequences resolved; those of formatting and of unknown kinds stay."""
        if not self.escape or self.escape not in text:
            return text
        separators = {"F": self.field, "S": self.component, "T": self.subcomponent, "E": self.escape}
        mark = re.escape(self.escape)
        return re.sub(f"{mark}([FSTE]){mark}", lambda match: separators[match[1]], text)


@dataclass(frozen=True)
class Acknowledgement:
    """MSA and ERR. ``text`` is all the text in them, for looking something up in it and never for showing."""

    code: str
    control_id: str
    errors: frozenset[str]
    text: str


def field(segment: tuple[str, ...], number: int) -> str:
    """Return a field by its HL7 number (MSA-1 is 1), or "" where the segment is shorter."""
    if number < len(segment):
        return segment[number]
    return ""


def parse(data: bytes) -> Message:
    """Cut a message at the separators that its MSH declares, whatever they are; raise NotHl7 where it is none."""
    data = data.strip(b"\r\n")
    # A segment ends at <CR>, and <LF> is data, except with those who write their lines as Unix does.
    end = "\r\n*" if b"\r" in data else "\n+"
    head = re.split(end.encode(), data, maxsplit=1)[0]
    if not head.startswith(b"MSH") or len(head) < 4:
        raise NotHl7("it does not begin with MSH")
    mark = chr(head[3])
    if mark.isalnum() or not mark.isprintable() or head[3] > 0x7E:
        raise NotHl7("MSH declares no separator")
    fields = head.decode("latin-1").split(mark)
    component, repetition, escape, subcomponent = list(fields[1] + DEFAULT_SEPARATORS[len(fields[1]) :])[:4]
    # In MSH the separator itself is the first field. Of several character sets the first is the message's own.
    charset = fields[17].split(repetition)[0].strip().upper() if len(fields) > 17 else ""
    text = data.decode(CHARSETS.get(charset, "latin-1"), "replace")
    lines = [line for line in re.split(end, text) if line]
    segments = (_fields(line, mark) for line in lines)
    return Message(mark, component, escape, subcomponent, tuple(segments))


def _fields(line: str, mark: str) -> tuple[str, ...]:
    parts = line.split(mark)
    return tuple([parts[0], mark, *parts[1:]] if parts[0] == "MSH" else parts)


def acknowledgement(message: Message) -> Acknowledgement | None:
    """Return what a message acknowledges (MSA, ERR), or None where it acknowledges nothing."""
    msa = next(message.segments_named("MSA"), None)
    if msa is None:
        return None
    errors = list(message.segments_named("ERR"))
    fields = [field(msa, 3), field(msa, 6), *(text for segment in errors for text in segment[1:])]
    components = [component for text in fields for component in message.components(text)]
    return Acknowledgement(
        code=field(msa, 1).strip(),
        control_id=message.unescape(field(msa, 2)).strip(),
        errors=frozenset(_error_codes(message, msa, errors)),
        text="\n".join([*map(message.unescape, fields), *components]),
    )


def _error_codes(message: Message, msa: tuple[str, ...], errors: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield the codes of errors: from ERR-3 since version 2.5, from ERR-1 (component 4) and MSA-6 before it."""
    yield from message.components(field(msa, 6))[:1]
    for segment in errors:
        yield from message.components(field(segment, 3))[:1]
        yield from message.components(field(segment, 1))[3:4]


def probe_message(control_id: str, now: datetime, header: dict[int, str]) -> bytes:
    """Return an NMD^N02, application management: the time at the sender, and nobody's data.

    ``header`` adds fields of MSH, by number.
    """
    at = now.strftime("%Y%m%d%H%M%S")
    fixed = {2: DEFAULT_SEPARATORS, 7: at, 9: "NMD^N02^NMD_N02", 10: control_id}
    values = {**header, **fixed}
    msh = "|".join(["MSH", *(values.get(number, "") for number in range(2, max(values) + 1))])
    return f"{msh}\rNCK|{at}\r".encode("ascii")
