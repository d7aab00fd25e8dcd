# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's order of versions. The scenario "patching" asks the dpkg of each test host about many more pairs."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.versions import (
    DebianVersion,
    brings,
    is_later,
)
from mutations import mutations

#: Each is later than the one before it.
RISING = (
    "1.0~~-1",
    "1.0~~a-1",
    "1.0~-1",
    "1.0~rc1-1",
    "1.0~rc1-1+b1",
    "1.0",
    "1.0-0+deb12u1",
    "1.0-1~bpo12+1",
    "1.0-1",
    "1.0-1+b1",
    "1.0-1+deb12u1",
    "1.0-1+deb12u2",
    "1.0-1+deb12u10",
    "1.0-1.1",
    "1.0-2",
    "1.0a-1",
    "1.0+dfsg-1",
    "1.0.1-1",
    "1.2-1",
    "1.10-1",
    "1:0.1-1",
    "2:0.1~rc1-1",
    "2:0.1-1",
)
#: The same in pairs, though written differently.
EQUAL = (("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.01", "1.1"), ("1.0-01", "1.0-1"), ("1.a", "1.a0"), ("1", "01-"))
#: What versions are made of here; the odd signs more often than in real life.
ALPHABET = "0019abZ.+~~-"


@pytest.mark.parametrize(("lower", "higher"), list(itertools.combinations(RISING, 2)))
def test_each_is_later_than_those_before(lower: str, higher: str) -> None:
    assert is_later(higher, lower)
    assert not is_later(lower, higher)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_the_same_written_differently(one: str, other: str) -> None:
    assert DebianVersion(one) == DebianVersion(other)
    assert hash(DebianVersion(one)) == hash(DebianVersion(other))


@pytest.mark.parametrize(
    ("version", "answer"),
    [("1.0-1", False), ("1.0-1+deb12u1", True), ("1.0-2", True), ("1.0-3", False), ("0.9-1", False)],
)
def test_within_means_after_installed_and_up_to_the_candidate(version: str, answer: bool) -> None:
    assert brings(version, "1.0-1", "1.0-2") is answer


def generated(dice: random.Random) -> str:
    """A version that dpkg takes without a complaint."""
    upstream = str(dice.randrange(10)) + "".join(dice.choices(ALPHABET, k=dice.randrange(7)))
    revision = "".join(dice.choices(ALPHABET.replace("-", ""), k=dice.randrange(1, 5)))
    epoch = dice.choice(("", "", "", "0:", "1:", "12:"))
    return f"{epoch}{upstream}-{revision}" if dice.random() < 0.7 else f"{epoch}{upstream.replace('-', '')}"


def neighbour(dice: random.Random, version: str) -> str:
    """A version that differs in one place, which is where comparisons go wrong."""
    at = dice.randrange(version.find(":") + 2, len(version) + 1)
    return dice.choice((version[:at] + dice.choice(ALPHABET.replace("-", "")) + version[at:], version[:at] or version))


def doubted_by_dpkg(claims: list[tuple[str, str, str]]) -> list[str]:
    """The claims (one, lt, other) that dpkg does not share. One shell asks about all of them."""
    script = 'while read -r claim; do dpkg --compare-versions $claim || echo "$claim"; done'
    told = "".join(f"{' '.join(claim)}\n" for claim in claims)
    answer = subprocess.run(["sh", "-c", script], input=told, capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    return answer.stdout.splitlines()


def test_what_is_no_version_is_ordered_all_the_same() -> None:
    for text in mutations("1:2.36-9+deb12u13"):
        assert not (is_later(text, "1.0") and is_later("1.0", text))
    assert is_later(f"1.{'9' * 6000}", "1.9")
    assert is_later("vendor:2", "vendor:1")


def claims(pairs: int, seed: int) -> list[tuple[str, str, str]]:
    """What ours says of many pairs: half of them strangers, half of them nearly the same."""
    dice = random.Random(seed)
    first = [generated(dice) for _each in range(pairs // 2)]
    made = [*zip(first, reversed(first)), *((one, neighbour(dice, one)) for one in first)]
    legal = [(one, other) for one, other in made if not other.endswith("-")]
    return [(a, "lt" if is_later(b, a) else "gt" if is_later(a, b) else "eq", b) for a, b in legal]


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="there is no dpkg here to ask")
def test_dpkg_says_the_same_of_many_pairs() -> None:
    ours = claims(2000, 20261125)
    assert doubted_by_dpkg(ours) == []
    assert {"lt", "eq", "gt"} == {word for _one, word, _other in ours}
