# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of the kernel's packet filter as it runs now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from .base import Image, WholeSubject

_MISSING = "No such file or directory"


def listing(host: Host, table: str) -> str | None:
    """Return the rules of a table, as nft lists them and without counters; None where there is no such table.

    Raises ClinicalError where the kernel does not let this host have rules.
    """
    done = host.run(["nft", "-s", "list", "table", *table.split()])
    if done.rc == 0:
        return done.out
    if _MISSING in done.err:
        return None
    raise ClinicalError("Reading the packet filter's table", table, done.err_line, "May this host have rules?")


def loaded_tables(host: Host) -> frozenset[str]:
    """Return the tables that the kernel has, by family and name: ``inet gateway``."""
    done = host.run(["nft", "list", "tables"])
    if done.rc != 0:
        raise ClinicalError("Listing the tables of", "nftables", done.err_line)
    return frozenset(line.removeprefix("table ") for line in split_lines(done.out))


@dataclass(frozen=True)
class FilterTable(WholeSubject):
    """One table with all its chains and sets, such as "inet healthops"; others are never touched."""

    table: str
    type = "packet filter table"
    STANDS_ALONE = False

    @property
    def name(self) -> str:
        return self.table

    def capture(self, host: Host) -> Image:
        """Return the table as {"rules": text} in the words of nft, None where there is no nft."""
        return {"rules": listing(host, self.table) if host.which("nft") else None}

    def put(self, host: Host, image: Image) -> None:
        """Exchange the old rules for the new ones in one step, once nft has accepted them."""
        if host.which("nft") is None and image["rules"] is None:
            return
        rules = f"table {self.table}\ndelete table {self.table}\n{image['rules'] or ''}"
        for options in (["-c"], []):
            done = host.run(["nft", *options, "-f", "-"], stdin=rules)
            if done.rc != 0:
                raise ClinicalError("Loading the rules of", self.table, done.err_line, "Nothing was loaded.")

    def matches(self, image: Image, wanted: Image) -> bool:
        return _tokens(image.get("rules")) == _tokens(wanted.get("rules"))

    def describe(self, part: str, value: Any) -> str:
        return "no table" if value is None else f"{len(split_lines(value))} lines"

    def is_partial(self, now: Image, before: Image, after: Image) -> bool:
        return any(self.matches(now, image) for image in (before, after))


def _tokens(rules: str | None) -> list[str] | None:
    """Return the rules without the line breaks, which differ between versions of nft."""
    if rules is None:
        return None
    return rules.split()
