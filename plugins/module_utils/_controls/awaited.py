# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls that need a package, on a host where it is installed, or where this same run is about to.

A run is planned before its first change, so that check mode tells the truth. What an awaited package brings (its files,
its units) is not there to be read then; such a control is planned as one that has to be made true, and made true after
the package has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .._change.steps import Group
from .._change.subjects.packages import Packages, present
from .._errors import ClinicalError
from .._host.door import Host
from .context import SurveyContext
from .model import Control


def required(control: Control) -> tuple[str, ...]:
    """Return the names of the packages that a control needs."""
    return tuple(control.applies.get("requires_package", ()))


def installs(group: Group) -> bool:
    """Return whether a group installs or removes packages."""
    return any(isinstance(step.subject, Packages) for step in group.steps)


class RequiredPackages:
    """The packages that controls require, as the host will have them once the planned groups are carried out.

    ``awaited`` gathers the ids of the controls that need a package which those groups install.
    """

    def __init__(self, host: Host, controls: Sequence[Control], context: SurveyContext, ahead: bool = True) -> None:
        """``ahead`` says that what is planned will be carried out; a survey of what came of it is not."""
        self._ahead = ahead
        names = {name for control in controls for name in required(control)}
        # Of those that controls are about is asked as well: they are asked for next, and one question is enough.
        names |= {str(control.settings["name"]) for control in controls if control.kind == "package"}
        self._problem: str | None = None
        self._installed: set[str] = set()
        try:
            self._installed = present(host, sorted(names), context.packages)
        except ClinicalError as error:
            self._problem = str(error)
        self._coming: set[str] = set()
        self.awaited: set[str] = set()

    def follow(self, groups: Sequence[Group]) -> None:
        """Take note of what these groups install and remove."""
        for group in groups:
            for step in group.steps:
                if isinstance(step.subject, Packages) and step.wanted is not None:
                    self._note(step.wanted["packages"])

    def _note(self, versions: Mapping[str, str | None]) -> None:
        """Take note of the versions that packages will have; None for what goes."""
        for name, version in versions.items():
            if version is None:
                self._installed.discard(name)
            elif name not in self._installed:
                self._coming.add(name)

    def why_unknown(self, control: Control) -> str | None:
        """Return why nobody can tell whether the control concerns this host, None where somebody can."""
        if required(control):
            return self._problem
        return None

    def why_missing(self, control: Control) -> str | None:
        """Return why the control does not concern this host, None where every package that it needs is there."""
        if self._problem:
            return None
        missing = [name for name in required(control) if name not in self._installed | self._coming]
        if missing:
            return f"the package {missing[0]} is not installed"
        return None

    def awaiting(self, control: Control) -> Control:
        """Return the control, marked where packages come before it."""
        if not self._coming:
            return control
        packages = [name for name in required(control) if name in self._coming]
        if packages:
            self.awaited.add(control.id)
        return replace(control, coming=self._ahead, awaits=next(iter(packages), ""))
