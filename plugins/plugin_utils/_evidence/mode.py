# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mode of a run is: how it is recognised in records, and how a report words it. Each stands in ``modes/``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


@dataclass(frozen=True)
class Wording:
    """How the report speaks of the changes of a run."""

    changes_link: str
    changes_title: str
    changes_group: str
    after_column: str
    after: str
    problems_note: str


CHANGED = Wording(
    changes_link="What changed",
    changes_title="What changed in this run",
    changes_group="Changed",
    after_column="Found → now",
    after="Now",
    problems_note=" The reason tells what stands in the way.",
)
WOULD_CHANGE = Wording(
    changes_link="What hardening would change",
    changes_title="What hardening would change",
    changes_group="Would change",
    after_column="Found → would become",
    after="Would become",
    problems_note="",
)


@dataclass(frozen=True)
class Undo:
    """How a run is taken back: ``text``, then the playbook with its ``option`` as a command to copy.

    ``code`` and ``end`` go on with the text instead, where it names something to type.
    """

    text: str
    playbook: str = ""
    option: str = ""
    code: str = ""
    end: str = ""


REHEARSED = Undo("There is nothing to undo: a rehearsal in check mode changes nothing.")


@dataclass(frozen=True)
class Mode:
    """One mode of a run.

    ``name`` is the word in run.json and of the option ``mode``; ``place`` is its place where the modes are listed.
    ``is_told_by`` says whether records of hosts show that the run was of this mode. Where they show several, that of
    the highest ``precedence`` counts; below 0 it counts less than what the play says of the run.
    ``headline`` is the one sentence for a manager; ``lead`` the plain sentences under it.
    ``label`` is what the report's sheet says. ``figure`` is what stands at the head of the report: ring, restored,
    updates, or services where no control was judged. ``hosts_note`` is what the bars of the hosts show.
    ``done`` and ``open`` are of packages. ``undo`` is given whether the run only looked.
    """

    name: str
    place: int
    title: str
    is_told_by: Callable[[Sequence[Json]], bool]
    precedence: int
    headline: Callable[[Json], str]
    lead: Callable[[Json], list[str]]
    undo: Callable[[bool], Undo]
    label: str = ""
    figure: str = "ring"
    hosts_note: str = ""
    done: str = "installed"
    open: str = "to install"
    wording: Wording = CHANGED
