#!/usr/bin/env python
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the inventory of a set of test hosts, with names and addresses that no other checkout on this machine uses.

A link to this file is an inventory script: Ansible calls it, and it reads the file of the link's own name with .yml,
beside the link. There, three words are put in:

$MARK  of the checkout, in the names of networks: healthops-$MARK-gateway
$NET   of the checkout, the second part of its addresses: 10.$NET.91.11
$LANE  where all scenarios run in lanes beside each other, each has a copy of the hosts that scenarios share

A host with drills_only is there where HEALTHOPS_DRILLS is full.

Done here and not by a template of Ansible's, because testinfra reads inventories without rendering them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: As mkimage.sh has it: what all checkouts of a user share.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "healthops-clinical"
#: What a host has that only the long form of a scenario needs.
DRILLS_ONLY = "drills_only"
#: The second part of the first checkout's addresses, and for how many checkouts there is room above it.
FIRST, CHECKOUTS = 140, 50


def mark_of(root: Path = ROOT) -> str:
    """Return the checkout's mark, six hexadecimal digits. It moves with the checkout; a copy gets one of its own."""
    kept = root / ".cache" / "test-hosts" / "checkout.json"
    known = _read(kept)
    # Moved: nothing lies at the old place. Copied: the same mark is in use there.
    if known and (
        known["root"] == str(root) or _read(Path(known["root"], *kept.parts[-3:])).get("mark") != known["mark"]
    ):
        mark = str(known["mark"])
    else:
        mark = hashlib.sha256(str(root).encode()).hexdigest()[:6]
    if known != {"mark": mark, "root": str(root)}:
        _write(kept, {"mark": mark, "root": str(root)})
    return mark


def number_of(mark: str, root: Path = ROOT, cache: Path = CACHE) -> int:
    """Return the number of the checkout on this machine: it is the first that is free, and stays its own."""
    register = cache / "checkouts.json"
    with _locked(cache / "checkouts.lock"):
        taken = _read(register)
        for number, owner in taken.items():
            if owner["mark"] == mark:
                if owner["root"] != str(root):
                    taken[number] = {"mark": mark, "root": str(root)}
                    _write(register, taken)
                return int(number)
        unused = [number for number in range(CHECKOUTS) if str(number) not in taken]
        # Hosts of a checkout that is gone may still run, so its number is taken only where there is no other.
        unused += [int(number) for number, owner in taken.items() if not Path(owner["root"]).is_dir()]
        if not unused:
            sys.exit(f"{CHECKOUTS} checkouts have test hosts here. Take those that are not needed out of {register}.")
        taken[str(unused[0])] = {"mark": mark, "root": str(root)}
        _write(register, taken)
        return unused[0]


def render(text: str, mark: str, number: int, lane: str, full: bool = True) -> dict[str, Any]:
    """Return the groups of an inventory file, as they are in this checkout and in this lane.

    Where it is not ``full``, hosts are left out that only the long form of a scenario has.
    """
    import yaml  # from Ansible's environment; the mark is told without it

    groups = dict(yaml.safe_load(Template(text).substitute(MARK=mark, NET=FIRST + number, LANE=lane)))
    return groups if full else _without_drills(groups)


def _without_drills(groups: Mapping[str, Any]) -> dict[str, Any]:
    """Return the groups, and those in them, without the hosts that only the long form has."""
    return {name: _short(group) if group else group for name, group in groups.items()}


def _short(group: Mapping[str, Any]) -> dict[str, Any]:
    hosts = {host: own for host, own in (group.get("hosts") or {}).items() if not (own or {}).get(DRILLS_ONLY)}
    return {**group, "hosts": hosts, "children": _without_drills(group.get("children") or {})}


def listed(groups: dict[str, Any]) -> dict[str, Any]:
    """Return the groups as an inventory script has to print them."""
    variables: dict[str, Any] = {}
    found: dict[str, Any] = {}

    def walk(name: str, group: dict[str, Any] | None) -> None:
        group = group or {}
        kept = found.setdefault(name, {"hosts": [], "children": [], "vars": {}})
        kept["vars"].update(group.get("vars") or {})
        for host, own in (group.get("hosts") or {}).items():
            kept["hosts"].append(host)
            variables.setdefault(host, {}).update(own or {})
        for child, content in (group.get("children") or {}).items():
            kept["children"].append(child)
            walk(child, content)

    for name, group in groups.items():
        walk(name, group)
    return {**found, "_meta": {"hostvars": variables}}


def of_file(path: Path) -> dict[str, Any]:
    """Return the groups of one inventory file, as they are in this checkout."""
    mark = mark_of()
    lane = os.environ.get("HEALTHOPS_LANE") or "1"
    full = os.environ.get("HEALTHOPS_DRILLS") == "full"
    return render(path.read_text(encoding="utf-8"), mark, number_of(mark), lane, full)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    new.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    new.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def main() -> None:
    if sys.argv[1:] == ["mark"]:
        print(mark_of())
    elif sys.argv[1:2] == ["--list"]:
        # Not resolved: it is the link that has a file beside it.
        print(json.dumps(listed(of_file(Path(f"{sys.argv[0]}.yml")))))
    else:
        sys.exit(f"usage: {sys.argv[0]} --list | mark")


if __name__ == "__main__":
    main()
