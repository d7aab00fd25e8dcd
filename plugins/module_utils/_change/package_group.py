# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The group of steps in which packages come and go, with what their own scripts change beside them."""

from __future__ import annotations

from collections.abc import Mapping

from .steps import Group, Step
from .subjects.base import Image
from .subjects.packages import AUTO_MARKS, Packages
from .subjects.trees import Tree


def package_group(
    before: Image,
    after: Image,
    controls: tuple[str, ...] = (),
    stops: tuple[str, ...] = (),
    waiting: tuple[str, ...] = (),
) -> Group:
    """Return the one transaction from ``before`` to ``after``, as ``packages.simulate`` gives them.

    ``waiting`` are units that their packages must not start yet.
    """
    versions: Mapping[str, str | None] = after["packages"]
    why = "what the packages' own scripts change here is put back with them"
    transaction = Step(
        subject=Packages(" ".join(sorted(versions))),
        wanted={**after, "keep": True, **({"waiting": list(waiting)} if waiting else {})},
        before=_listed(before["packages"]),
        after=_listed(versions),
        why="one transaction of the package manager",
        controls=controls,
    )
    steps = (
        Step(subject=Tree(f"/etc:{AUTO_MARKS}"), wanted=None, before="", after="", why=why, controls=controls),
        transaction,
    )
    return Group("package", steps, stops=stops)


def _listed(versions: Mapping[str, str | None]) -> str:
    return "\n".join(f"{name} {version or 'absent'}" for name, version in versions.items())
