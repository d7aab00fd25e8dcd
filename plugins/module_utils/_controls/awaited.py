# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls that need a package, on a host where it is installed, or where this same run is about to. Private.

A run is planned before its first change, so that check mode tells the truth. What an awaited package brings (its files,
its units) is not there to be read then; such a control is planned as one that has to be made true, and made true after
the package has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .._change.steps import Group
from .._change.subjects.packages import Packages, present
from .._host.door import Host
from .model import Control


def required(control: Control) -> tuple[str, ...]:
    return tuple(control.applies.get("requires_package", ()))


def installs(group: Group) -> bool:
    return any(isinstance(step.subject, Packages) for step in group.steps)


class PackagesThere:
    """The packages that controls require, as the host will have them once the planned groups are carried out."""

    def __init__(self, host: Host, controls: Sequence[Control], ahead: bool = True) -> None:
        """``ahead`` says that what is planned will be carried out; a look at what came of it is not."""
        self._ahead = ahead
        self.there = present(host, sorted({name for control in controls for name in required(control)}))
        self.coming: set[str] = set()
        self.awaited: set[str] = set()

    def follow(self, groups: Sequence[Group]) -> None:
        """Take note of what these groups install and remove."""
        steps = [step for group in groups for step in group.steps if isinstance(step.subject, Packages)]
        for name, version in [pair for step in steps for pair in (step.wanted or {"packages": {}})["packages"].items()]:
            if version is None:
                self.there.discard(name)
            elif name not in self.there:
                self.coming.add(name)

    def lacking(self, control: Control) -> str:
        """Why the control does not concern this host, or nothing where it does."""
        missing = [name for name in required(control) if name not in self.there | self.coming]
        return f"the package {missing[0]} is not installed" if missing else ""

    def awaiting(self, control: Control) -> Control:
        """The control, marked where packages come before it; ``awaited`` gathers the ids of those that need one."""
        if not self.coming:
            return control
        packages = [name for name in required(control) if name in self.coming]
        if packages:
            self.awaited.add(control.id)
        return replace(control, coming=self._ahead, awaits=packages[0] if packages else "")
