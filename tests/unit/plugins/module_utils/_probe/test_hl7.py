# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acknowledgements of many engines: any separators, the usual character sets, errors where each version has them."""

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._probe import hl7

MSH = "MSH|^~\\&|ENGINE|HOSP|HEALTHPROBE|OPS|20261125033000||ACK^N02^ACK|9|P|2.5"


def ack(*segments: str) -> hl7.Acknowledgement:
    acknowledgement = hl7.acknowledgement(hl7.parse("\r".join(segments).encode("utf-8")))
    assert acknowledgement is not None
    return acknowledgement


def test_an_ordinary_acknowledgement() -> None:
    assert ack(MSH, "MSA|AA|HP1|READY") == hl7.Acknowledgement("AA", "HP1", frozenset({""}), "READY\n\nREADY\n")


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param(["MSH#*~!@#ENGINE", "MSA#AA#HP1#fit@READY"], id="own-separators"),
        pytest.param(["MSH|", "MSA|AA|HP1|READY"], id="no-separators-declared"),
        pytest.param(["MSH|^", "MSA|AA|HP1|READY"], id="only-one-declared"),
        pytest.param(["MSH]^~\\&]ENGINE", "MSA]AA]HP1]READY"], id="special-in-expressions"),
        pytest.param([MSH, "ZZZ|MSA|AE", "MSA|AA|HP1|READY", "MSA|AR|HP2"], id="first-of-two"),
        pytest.param([MSH, "MSA| AA |HP1|READY"], id="blanks"),
    ],
)
def test_any_separators(segments: list[str]) -> None:
    acknowledgement = ack(*segments)
    assert (acknowledgement.code, acknowledgement.control_id) == ("AA", "HP1")
    assert "READY" in acknowledgement.text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_ends(end: str) -> None:
    acknowledgement = hl7.acknowledgement(hl7.parse(end.join([MSH, "MSA|CA|HP1", ""]).encode("ascii")))
    assert acknowledgement is not None
    assert acknowledgement.code == "CA"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param("ERR||MSH^1^11|202^Unsupported processing id^HL70357|E", id="2.5"),
        pytest.param("ERR|MSH^1^11^202&Unsupported processing id&HL70357", id="2.3"),
    ],
)
def test_errors_are_where_the_version_has_them(error: str) -> None:
    assert "202" in ack(MSH, "MSA|AR|HP1", error).errors


def test_errors_of_old_versions_stand_in_msa() -> None:
    assert "207" in ack(MSH, "MSA|AE|HP1||||207^internal").errors


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        pytest.param("UNICODE UTF-8", "utf-8", id="utf-8"),
        pytest.param("8859/1", "latin-1", id="latin-1"),
        pytest.param("8859/15", "iso8859-15", id="latin-9"),
        pytest.param("", "latin-1", id="not-declared"),
        pytest.param("unheard of", "latin-1", id="unknown"),
        pytest.param("UNICODE UTF-8~ISO IR87", "utf-8", id="first-of-two"),
    ],
)
def test_character_sets(declared: str, codec: str) -> None:
    head = f"{MSH}||||||{declared}"
    acknowledgement = hl7.acknowledgement(hl7.parse(f"{head}\rMSA|AA|HP1|Wartung läuft".encode(codec)))
    assert acknowledgement is not None
    assert "Wartung läuft" in acknowledgement.text


def test_escaped_text_is_read_plain() -> None:
    assert "A|B^C&D\\E \\X41\\ F" in ack(MSH, "MSA|AA|HP1|A\\F\\B\\S\\C\\T\\D\\E\\E \\X41\\ F").text


@pytest.mark.parametrize(
    "data", [b"", b"MSH", b"MSHA^~\\&A", b"MSH\x00\x00\x00", b"PID|1", b"\xff\xfeM\x00S\x00H\x00|\x00"]
)
def test_what_is_not_hl7(data: bytes) -> None:
    with pytest.raises(hl7.NotHl7):
        hl7.parse(data)


def test_a_message_that_acknowledges_nothing() -> None:
    assert hl7.acknowledgement(hl7.parse(MSH.encode("ascii"))) is None


def test_the_probe_has_nobodys_data() -> None:
    at = datetime(2026, 11, 25, 3, 30)
    header = {3: "HEALTHPROBE", 4: "OPS", 11: "D", 12: "2.5", 15: "AL", 16: "NE"}
    message = hl7.probe_message("HP1", at, header)
    assert message == (
        b"MSH|^~\\&|HEALTHPROBE|OPS|||20261125033000||NMD^N02^NMD_N02|HP1|D|2.5|||AL|NE\rNCK|20261125033000\r"
    )
    assert {segment[0] for segment in hl7.parse(message).segments} == {"MSH", "NCK"}


@pytest.mark.parametrize(
    ("data", "names"),
    [
        pytest.param(b"MSH|^~\\&|E\rMSA|AA|1|a\nb\r", ["MSH", "MSA"], id="a newline is data"),
        pytest.param(b"MSH|^~\\&|E\r\nMSA|AA|1|a\r\nERR|x\r\n", ["MSH", "MSA", "ERR"], id="lines of Windows"),
        pytest.param(b"MSH|^~\\&|E\nMSA|AA|1|a\nERR|x\n\r", ["MSH", "MSA", "ERR"], id="lines of Unix"),
        pytest.param(b"\r\nMSH|^~\\&|E\nF\rMSA|AA|1\r", ["MSH", "MSA"], id="a newline in the header"),
    ],
)
def test_where_a_segment_ends(data: bytes, names: list[str]) -> None:
    assert [segment[0] for segment in hl7.parse(data).segments] == names
