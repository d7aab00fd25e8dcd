# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference for people: what the catalogue's data says, as pages of Markdown.

``pages`` is pure and gives the same text for the same data, so that a test can tell whether the pages that are kept in
docs/reference/ are fresh.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._text.lines import split_lines
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import TIERS
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import left_out as left_out_
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load, waivers
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import platforms as platforms_
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import profiles as known_profiles
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.frameworks import Framework
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.judges import judge_of
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.tunables import Tunable
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import Problems

# REUSE-IgnoreStart
_HEAD = """<!--
SPDX-FileCopyrightText: healthops.clinical contributors
SPDX-License-Identifier: GPL-3.0-or-later
Made from roles/hardening/catalogue by `nox -s reference`; change the data, not this page.
-->
"""
# REUSE-IgnoreEnd
_STATUS = {
    "law": "**In force.** The text is law.",
    "proposed": "**Proposed. It is not law** and may never become it; nothing here is owed because of it.",
    "guidance": "**Guidance.** Nobody is bound by it unless a contract or an authority says so.",
    "benchmark": "**A benchmark**, named by its numbers only: its words belong to its publisher.",
}
_STRENGTH = {
    "supports": "it helps; the reference asks for more, or for other things as well",
    "partial": "it does a part of what the reference asks of one server",
    "full": "it does all that the reference asks of one server",
}
_HAZARDS = {
    "none": "nothing is interrupted",
    "lockout": "could refuse somebody's next login or keep them from becoming root; done last, under the guard",
    "restart": "a small system service is restarted or reloaded",
    "reboot": "takes effect with a reboot, which is never done by itself",
    "app_break": "a program that relies on the old behaviour may stop working",
    "availability": "traffic or a service may be affected",
}


@dataclass(frozen=True)
class Data:
    """All that the pages are made from."""

    catalogue: load.Catalogue
    profiles: tuple[known_profiles.Profile, ...]
    platforms: tuple[platforms_.Platform, ...]
    left_out: tuple[left_out_.LeftOut, ...] = ()

    def subjects(self) -> dict[str, list[load.Control]]:
        """The controls by the name of their file."""
        subjects: dict[str, list[load.Control]] = {}
        for control in self.catalogue.controls:
            subjects.setdefault(control.file.stem, []).append(control)
        return dict(sorted(subjects.items()))

    def concerned(self, control: load.Control) -> list[platforms_.Platform]:
        """The platforms that a control is for."""
        variant = platforms_.Variant(control.kind, control.settings, control.applies)
        return [p for p in self.platforms if p.has(variant.on(control.differs, p.distribution).applies)]


def read(directory: Path) -> Data:
    """The data of one catalogue directory. Raises ClinicalError."""
    catalogue, problems = load.load([directory]), Problems()
    profiles = known_profiles.load(catalogue, [directory], problems)
    platforms = platforms_.load(directory / "platforms.yml", problems)
    problems.raise_if_any("Reading", f"the catalogue {directory}", "Correct the data.")
    return Data(catalogue, tuple(profiles.values()), platforms, left_out_.load(directory))


def pages(data: Data) -> dict[str, str]:
    """Every page by its path below docs/reference/."""
    pages = {
        "README.md": _index(data),
        "profiles.md": _profiles_page(data),
        "tunables.md": _tunables_page(data),
        "waivers.md": _waivers_page(data),
    }
    pages.update({f"controls/{name}.md": _subject(name, controls, data) for name, controls in data.subjects().items()})
    pages.update({f"frameworks/{item.id}.md": _framework(item, data) for item in data.catalogue.frameworks})
    pages.update({f"left_out/{item.framework}.md": _left_out_page(item) for item in data.left_out})
    return {path: f"{_HEAD}{text}" for path, text in sorted(pages.items())}


# --- Markdown ---


def _in_words(text: str) -> str:
    """Text that stands as it is in Markdown and in a table's cell."""
    return re.sub(r"([\\`*<|\[\]])", r"\\\1", " ".join(text.split()))


def _code(value: Any) -> str:
    """A value as code; one with a backtick or a bar in it would end the code or the cell."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split()) or '""'
    code = f"`` {text} ``" if "`" in text else f"`{text}`"
    return code.replace("|", "\\|")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _link(control: load.Control, up: str) -> str:
    return f"[{control.id}]({up}controls/{control.file.stem}.md#{control.id})"


def _links(names: Iterable[str], data: Data, up: str) -> str:
    known = {control.id: control for control in data.catalogue.controls}
    return ", ".join(_link(known[name], up) for name in names)


# --- the index ---


def _index(data: Data) -> str:
    controls = data.catalogue.controls
    counted = f"{len(controls)} controls, {len(data.profiles)} profiles, {len(data.catalogue.frameworks)} frameworks."
    return f"""# Reference

{counted} What the words mean and how to add to them stands in
[the catalogue](../../roles/hardening/catalogue/README.md).

[Profiles](profiles.md) · [Tunables](tunables.md) · [How long a waiver may last](waivers.md)

## Controls by subject

{_subjects_table(data)}
## Frameworks

{_frameworks_table(data)}
## Platforms

{_platforms_table(data)}
An untested one has its paths, units and packages in the data, and no control was run on a real system of it yet.

## What enforcing can interrupt

{_hazards_table(controls)}"""


def _subjects_table(data: Data) -> str:
    rows = []
    for name, controls in data.subjects().items():
        tiers = Counter(control.tier for control in controls)
        counts = [str(tiers[tier]) if tiers[tier] else "" for tier in TIERS]
        rows.append([f"[{name}](controls/{name}.md)", _about(controls[0].file), str(len(controls)), *counts])
    totals = Counter(control.tier for control in data.catalogue.controls)
    rows.append(["all", "", str(len(data.catalogue.controls)), *(str(totals[tier]) for tier in TIERS)])
    return _table(["Subject", "About", "Controls", *TIERS], rows)


def _frameworks_table(data: Data) -> str:
    rows = []
    for item in data.catalogue.frameworks:
        linked = {name for reference in item.references for name in reference.controls}
        count = str(len({reference.id for reference in item.references}))
        title = f"[{_in_words(item.title)}](frameworks/{item.id}.md)"
        rows.append([title, _in_words(item.version), item.status, item.as_of, count, str(len(linked))])
    return _table(["Framework", "Version", "Status", "As of", "References", "Controls"], rows)


def _platforms_table(data: Data) -> str:
    counts = Counter(platform for control in data.catalogue.controls for platform in data.concerned(control))
    rows = [[_in_words(p.title), _tested(p), str(counts[p])] for p in data.platforms]
    return _table(["Platform", "", "Controls"], rows)


def _tested(platform: platforms_.Platform) -> str:
    return "tested" if platform.tested else "untested"


def _hazards_table(controls: Sequence[load.Control]) -> str:
    counts = Counter(control.hazard for control in controls)
    return _table(["Hazard", "Meaning", "Controls"], [[name, _HAZARDS[name], str(counts[name])] for name in _HAZARDS])


def _about(file: Path) -> str:
    """Return what the comment on top of a file of controls says."""
    text = file.read_text(encoding="utf-8").split("\n---", 1)[0]
    lines = [line[2:] for line in split_lines(text) if line.startswith("# ") and "SPDX-" not in line]
    return _in_words(" ".join(lines))


# --- controls ---


def _subject(name: str, controls: Sequence[load.Control], data: Data) -> str:
    sections = "\n".join(_control(control, data) for control in controls)
    return f"# Controls: {name}\n\n{_about(controls[0].file)}\n\n{sections}"


def _control(control: load.Control, data: Data) -> str:
    hazard = f"**{control.hazard}** ({_HAZARDS[control.hazard]})"
    facts = [
        f"Severity **{control.severity}**, hazard {hazard}, tier **{control.tier}**",
        f"Sets {_settings(control.kind, control.settings)}",
        f"Judged by {judge_of(control.kind, control.settings).describe()}",
        *_differs(control),
        *_tunables(control, data),
        f"For {_platforms(control, data)}{_where(control.applies)}",
        *_left_out(control, data),
        *([f"Every run that enforces it warns: {_in_words(control.caution).rstrip('.')}"] if control.caution else []),
        f"A waiver may last {waivers.most_days(control)} days",
        f"References: {_references(control, data)}",
    ]
    lines = "".join(f"- {fact}.\n" for fact in facts)
    return f"## {control.id}\n\n**{_in_words(control.title)}.** {_in_words(control.rationale)}\n\n{lines}"


def _settings(kind: str, settings: Mapping[str, Any]) -> str:
    return f"`{kind}`: " + ", ".join(f"{key} {_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, dict) and "tunable" in value:
        return f"of the tunable `{value['tunable']}`"
    return _code(value)


def _differs(control: load.Control) -> list[str]:
    lines = []
    for name, difference in control.differs.items():
        settings = {key: value for key, value in difference.items() if key not in ("kind", "applies")}
        text = _settings(difference.get("kind", control.kind), settings) if settings else ""
        where = _where(difference.get("applies", {})).removeprefix(", ")
        lines.append(f"On {_NAMES.get(name, name)} it is {'; '.join(part for part in (text, where) if part)}")
    return lines


_NAMES = {"RedHat": "Enterprise Linux"}


def _tunables(control: load.Control, data: Data) -> list[str]:
    lines = []
    for name in sorted(control.uses()):
        tunable = data.catalogue.tunables[name]
        lines.append(
            f"Tunable `{name}`: {_range(tunable)}; by default {_code(tunable.default)}. {_sentence(tunable.about)}"
        )
    return lines


def _range(tunable: Tunable) -> str:
    if tunable.field.pattern:
        return f"of the form {_code(tunable.field.pattern)}"
    return _in_words(tunable.range())


def _sentence(text: str) -> str:
    return _in_words(text).rstrip(".")


def _platforms(control: load.Control, data: Data) -> str:
    concerned = data.concerned(control)
    tested = [platform.title for platform in concerned if platform.tested]
    untested = [platform.title for platform in concerned if not platform.tested]
    parts = [", ".join(tested), f"untested: {', '.join(untested)}" if untested else ""]
    return "; ".join(part for part in parts if part) or "no platform of this reference"


def _where(applies: Mapping[str, Any]) -> str:
    """Return where it applies beside families and distributions, which the platforms say."""
    parts = []
    if "container" in applies:
        parts.append("in containers only" if applies["container"] else "not in containers")
    if applies.get("unless_container_engine"):
        parts.append("not where containers are run")
    for key, names in (
        ("requires_package", "where the package {} is, or comes in the same run"),
        ("requires_path", "where {} is"),
        ("unless_path", "not where {} is"),
    ):
        if key in applies:
            parts.append(names.format(" and ".join(_code(path) for path in applies[key])))
    return "".join(f", {part}" for part in parts)


def _left_out(control: load.Control, data: Data) -> list[str]:
    lines = []
    for profile in data.profiles:
        if control.id in profile.exceptions:
            link = f"[{profile.id}](../profiles.md#{profile.id})"
            lines.append(f"The profile {link} leaves it out: {_sentence(profile.exceptions[control.id])}")
    return lines


def _references(control: load.Control, data: Data) -> str:
    titles = {item.id: item.title for item in data.catalogue.frameworks}
    lines = [
        f"[{_in_words(titles[name])}](../frameworks/{name}.md) "
        + _in_words(", ".join(f"{reference} ({strength})" for reference, strength in references.items()))
        for name, references in data.catalogue.references.get(control.id, {}).items()
    ]
    return "; ".join(lines) or "none"


# --- the other pages ---


def _framework(item: Framework, data: Data) -> str:
    rows = []
    for name in dict.fromkeys(reference.id for reference in item.references):
        for reference in item.references:
            if reference.id == name:
                rows.append([_in_words(name), reference.strength, _links(reference.controls, data, "../")])
    strengths = "".join(f"- {name}: {meaning}.\n" for name, meaning in _STRENGTH.items())
    return f"""# {_in_words(item.title)}

{_STATUS[item.status]}

- Version: {_in_words(item.version)}
- Read as of {item.as_of}
- Source: {_in_words(item.source)}

Strength is what a control does for the reference on one server:

{strengths}
{_table(["Reference", "Strength", "Controls"], rows)}"""


def _left_out_page(item: left_out_.LeftOut) -> str:
    rows = [(", ".join(numbers), _in_words(why)) for why, numbers in item.grouped()]
    supported = len(item.numbers) - len(item.reasons)
    return (
        f"# What is left out of `{item.framework}`, and why\n\n"
        f"It has {len(item.numbers)} numbers. {supported} of them have controls; "
        f"these {len(item.reasons)} have none.\n\n"
        f"{_table(('Numbers', 'Why'), rows)}"
    )


def _profiles_page(data: Data) -> str:
    listed = "".join(f"- [{profile.id}](#{profile.id}): {_in_words(profile.title)}\n" for profile in data.profiles)
    sections = "\n".join(_profile(profile, data) for profile in data.profiles)
    return f"""# Profiles

What is special about each kind of system, chosen with `hardening_profiles` in the variables of a group. What a site
sets in `hardening_tunables` beats it.

{listed}
{sections}"""


def _profile(profile: known_profiles.Profile, data: Data) -> str:
    parts = [f"## {profile.id}", f"**{_in_words(profile.title)}.** {_in_words(profile.about)}"]
    if profile.purposes:
        parts.append(f"The host is there as {', '.join(_code(purpose) for purpose in profile.purposes)}.")
    if profile.values:
        rows = [[f"`{name}`", _code(value), _in_words(why)] for name, (value, why) in profile.values.items()]
        parts.append(_table(["Tunable", "Value", "Why"], rows).rstrip("\n"))
    if profile.exceptions:
        rows = [[_links([name], data, ""), _in_words(why)] for name, why in profile.exceptions.items()]
        parts.append(_table(["Not enforced", "Why"], rows).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def _tunables_page(data: Data) -> str:
    users: dict[str, list[str]] = {}
    for control in data.catalogue.controls:
        for name in control.uses():
            users.setdefault(name, []).append(control.id)
    rows = [
        [f"`{name}`", _code(tunable.default), _range(tunable), _in_words(tunable.about), _links(users[name], data, "")]
        for name, tunable in sorted(data.catalogue.tunables.items())
    ]
    return f"""# Tunables

The values that a site may choose, in `hardening_tunables`.

{_table(["Tunable", "Default", "Range", "About", "Controls"], rows)}"""


def _waivers_page(data: Data) -> str:
    controls = data.catalogue.controls
    counts = Counter(control.severity for control in controls if not control.max_waiver_days)
    rows = [[name, f"{days} days", str(counts[name])] for name, days in reversed(waivers.MOST_DAYS.items())]
    exceptional = [control for control in controls if control.max_waiver_days]
    text = f"""# How long a waiver may last

Counted from the day of the run. [Waivers](../waivers.md) says how to grant, review and renew one.

{_table(["Severity", "At most", "Controls"], rows)}"""
    if exceptional:
        limits = [[_link(control, ""), control.severity, f"{control.max_waiver_days} days"] for control in exceptional]
        text += f"\nThese have a limit of their own:\n\n{_table(['Control', 'Severity', 'At most'], limits)}"
    return text
