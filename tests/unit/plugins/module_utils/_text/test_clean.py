# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
import unicodedata

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._text.clean import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain text", "plain text", id="plain"),
        pytest.param("Grüße, 患者\ttab\nline", "Grüße, 患者\ttab\nline", id="every script"),
        pytest.param("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07", id="a terminal's commands"),
        pytest.param("\x9b2J", "\\x9b2J", id="those in one character"),
        pytest.param("fine\rforged", "fine\\x0dforged", id="back to the line's begin"),
        pytest.param("exe\u202etxt.\u2066", "exe\\u202etxt.\\u2066", id="reading direction"),
        pytest.param("a\u200bb\ufeff\u00ad", "a\\u200bb\\ufeff\\xad", id="not seen at all"),
        pytest.param("x\U000e0041", "x\\U000e0041", id="tags"),
        pytest.param(b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9", id="a byte that is no UTF-8"),
        pytest.param("\ud800", "\\ud800", id="half of a pair"),
        pytest.param("a\u2028b", "a\\u2028b", id="a line's end for some"),
        pytest.param("nul\0", "nul\\x00", id="nul"),
    ],
)
def test_what_is_not_seen_or_is_obeyed_is_named(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert clean(shown) == shown
    assert clean(text).encode("utf-8")


def test_no_character_that_a_terminal_obeys_gets_through() -> None:
    kept = set(clean("".join(map(chr, range(sys.maxunicode + 1))))) - {"\n", "\t"}
    categories = {unicodedata.category(character) for character in kept}
    directions = {unicodedata.bidirectional(character) for character in kept}
    assert categories & {"Cc", "Cs", "Zl", "Zp"} == set()
    assert directions & {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI", "BN"} == set()
    assert {"Ll", "Lo", "Nd", "So", "Zs"} <= categories
