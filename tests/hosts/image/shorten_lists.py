# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leave in apt's lists what is installed, what a file names, and all that these need: shorten_lists.py FILE

apt reads its lists at every call. With all of Debian's 60,000 packages that takes a second of a processor, and
scenarios call it some hundred times. A later ``apt-get update`` keeps the short lists while the archive is the same.
"""

from __future__ import annotations

import glob
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

LISTS = "/var/lib/apt/lists/*_Packages"
NEEDED = ("Depends", "Pre-Depends", "Recommends")
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


def names_in(text: str) -> Iterator[str]:
    """The packages in a field such as ``a (>= 1) | b:any, c``."""
    for choice in re.split("[,|]", text):
        found = NAME.match(choice.strip())
        if found:
            yield found[0]


def closure(wanted: Iterable[str], stanzas: list[dict[str, str]]) -> set[str]:
    """Return the names with those of everything that they need or that provides it, in any version."""
    by_name: dict[str, list[dict[str, str]]] = {}
    for stanza in stanzas:
        for name in (stanza["Package"], *names_in(stanza.get("Provides", ""))):
            by_name.setdefault(name, []).append(stanza)
    reached: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            for stanza in by_name.get(name, []):
                waiting.append(stanza["Package"])
                waiting += [needed for field in NEEDED for needed in names_in(stanza.get(field, ""))]
    return reached


def fields_of(stanza: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+): (.*)$", stanza, re.MULTILINE))


def main() -> None:
    installed = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package}\n"], check=True, capture_output=True, text=True
    ).stdout.split()
    with open(sys.argv[1], encoding="utf-8") as stream:
        named = [line.strip() for line in stream if line.strip() and not line.startswith("#")]
    texts = {}
    for path in glob.glob(LISTS):
        with open(path, encoding="utf-8") as stream:
            texts[path] = [stanza for stanza in stream.read().split("\n\n") if stanza.strip()]
    stanzas = {path: [fields_of(stanza) for stanza in texts[path]] for path in texts}
    wanted = closure([*installed, *named], [stanza for found in stanzas.values() for stanza in found])
    for path, found in stanzas.items():
        short = [text for text, stanza in zip(texts[path], found) if stanza["Package"] in wanted]
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("".join(f"{text.strip()}\n\n" for text in short))


if __name__ == "__main__":
    main()
