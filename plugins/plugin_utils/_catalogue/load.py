# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: load its data strictly, and select what one host is to be judged by.

``load`` reads one or more catalogue directories (``controls/*.yml``, ``frameworks/*.yml``) and refuses anything
doubtful, because a misread control would be enforced on a whole fleet. ``select`` takes a tier, the site's tunables and
what the site skips, and gives the controls ready to send to hosts, with the metadata that stays on the controller. Both
collect all problems they find and raise them as one ClinicalError, before any host is touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._text.lines import split_lines
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import HAZARDS, SEVERITIES, TIERS
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import frameworks, platforms
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import tunables as tunables_
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.frameworks import References
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.selection import Selection
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problem,
    Problems,
    check,
    nearest,
    show,
)

_ID = r"[a-z][a-z0-9_]{2,63}"
_ONE_LINE = r"\S[^\n]*"
_CONTROL = {
    "id": Field("str", True, pattern=_ID),
    "title": Field("str", True, pattern=_ONE_LINE),
    "rationale": Field("str", True),
    "severity": Field("str", True, choices=SEVERITIES),
    "hazard": Field("str", True, choices=HAZARDS),
    "tier": Field("str", True, choices=TIERS),
    "kind": Field("str", True),
    "settings": Field("map", True),
    "applies": Field("map"),
    "differs": Field("map"),
    "tunables": Field("map"),
    "max_waiver_days": Field("int", pattern=r"[1-9]\d{0,2}"),
    "caution": Field("str"),
}
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SETTING = re.compile(r"settings\.([a-z_]+)")


class KindLike(Protocol):
    """What the catalogue needs to know of a resource kind; the kinds live beside the code that applies them."""

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        """All that is wrong with the settings, one sentence each, naming the key as ``settings.KEY``."""

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The single settings of a host that these settings decide."""


@dataclass(frozen=True)
class Control:
    """One control as it stands in the data; ``settings`` and ``differs`` may still hold ``{"tunable": name}``.

    ``max_waiver_days`` is 0 where its severity decides. ``caution`` is a sentence for the people on a host on
    which it is enforced; most have none.
    """

    id: str
    title: str
    rationale: str
    severity: str
    hazard: str
    tier: str
    kind: str
    settings: strict_yaml.YamlMapping
    applies: dict[str, Any]
    differs: dict[str, strict_yaml.YamlMapping]
    max_waiver_days: int
    caution: str
    file: Path
    line: int

    def place(self, where: str = "settings") -> Place:
        """Return where a problem of the control stands: its file, its id, and the mapping ``where`` in it."""
        return Place(self.file, f"control {self.id}", f"{where}.")

    def uses(self) -> set[str]:
        """The tunables that decide something of it, here or elsewhere."""
        return tunables_.uses(self.settings).union(
            *(tunables_.uses(difference) for difference in self.differs.values())
        )


@dataclass(frozen=True)
class Resolved:
    """A control with a value for each tunable."""

    control: Control
    settings: dict[str, Any]
    differs: dict[str, dict[str, Any]]

    def on(self, name: str) -> platforms.Variant:
        """Return what it is on a family or distribution."""
        base = platforms.Variant(self.control.kind, self.settings, self.control.applies)
        return base.on(self.differs, name)


@dataclass(frozen=True)
class Catalogue:
    """Everything of all directories, checked. ``references`` maps a control id to its framework references."""

    controls: tuple[Control, ...]
    tunables: dict[str, tunables_.Tunable]
    frameworks: tuple[frameworks.Framework, ...]
    references: dict[str, References]
    kinds: Mapping[str, KindLike] = field(repr=False, default_factory=dict)


def load(paths: Sequence[Path], kinds: Mapping[str, KindLike] | None = None) -> Catalogue:
    """Read catalogue directories, ours first. Raises one ClinicalError with the problems of all files."""
    known: Mapping[str, KindLike] = KINDS if kinds is None else kinds
    problems = Problems()
    controls: dict[str, Control] = {}
    tunables: dict[str, tunables_.Tunable] = {}
    for path in paths:
        for item, file in _control_items(Path(path), problems):
            control = _control(item, file, known, problems)
            tunables_.collect(item, file, tunables, problems)
            if control:
                _add_unique(control, controls, problems)
    _check_settings(controls.values(), tunables, known, problems)
    _check_unused(controls.values(), tunables, problems)
    texts = frameworks.load([Path(path) / "frameworks" for path in paths], set(controls), problems)
    subject = "the catalogue " + ", ".join(str(path) for path in paths)
    problems.raise_if_any("Loading", subject, "No host was touched. Correct the data and run again.")
    return Catalogue(tuple(controls.values()), tunables, texts, frameworks.by_control(texts), known)


def select(
    catalogue: Catalogue,
    tier: str,
    tunables: Mapping[str, Any] | None = None,
    skip: Mapping[str, Any] | None = None,
    preset: Mapping[str, Any] = _NOTHING,
    exceptions: Mapping[str, str] = _NOTHING,
) -> Selection:
    """The controls of a tier and the tiers below it, with the site's values put in and the skipped ones left out.

    ``tunables``: name -> value. ``skip``: control id -> reason. ``preset`` and ``exceptions`` are the same of the
    profiles, which were checked already. Raises one ClinicalError with all problems of the site's.
    """
    problems = Problems()
    if tier not in TIERS:
        problems.add(
            Problem(
                "hardening_tier",
                0,
                "",
                "",
                f"saw {show(tier)}{nearest(str(tier), TIERS)}",
                "one of " + ", ".join(TIERS),
            )
        )
    own_reasons = _skip_reasons(skip or {}, catalogue, problems)
    reasons = {**exceptions, **own_reasons}
    values = tunables_.site_values(tunables or {}, catalogue.tunables, problems)
    values.update({name: value for name, value in preset.items() if name not in (tunables or {})})
    _raise_site_problems(problems)
    in_tier = [control for control in catalogue.controls if TIERS.index(control.tier) <= TIERS.index(tier)]
    chosen = [control for control in in_tier if control.id not in reasons]
    resolved = [_resolve(control, values) for control in chosen]
    _check_site_settings(resolved, catalogue.kinds, {*(tunables or {}), *preset}, problems)
    check_conflicts(resolved, catalogue.kinds, problems)
    _raise_site_problems(problems)
    skipped = {control.id: reasons[control.id] for control in in_tier if control.id in reasons}
    warnings = _warnings(resolved, set(tunables or {}), set(own_reasons) - set(skipped), tier)
    return _selection(tier, resolved, [c for c in in_tier if c.id in reasons], catalogue, skipped, warnings)


def _raise_site_problems(problems: Problems) -> None:
    problems.raise_if_any("Selecting", "the controls", "No host was touched. Correct the variables and run again.")


def _selection(
    tier: str,
    resolved: Sequence[Resolved],
    left_out: Sequence[Control],
    catalogue: Catalogue,
    skipped: dict[str, str],
    warnings: list[str],
) -> Selection:
    controls = [
        {
            "id": item.control.id,
            "kind": item.control.kind,
            "settings": item.settings,
            "applies": item.control.applies,
            "differs": item.differs,
            "hazard": item.control.hazard,
        }
        for item in resolved
    ]
    everyone = [item.control for item in resolved] + list(left_out)
    metadata = {control.id: _metadata(control, catalogue) for control in everyone}
    judged = {"tier": tier, "controls": controls, "metadata": metadata, "skipped": skipped}
    about = frameworks.describe(catalogue.frameworks)
    return Selection(
        tier=tier,
        controls=controls,
        metadata=metadata,
        skipped=skipped,
        warnings=warnings,
        digest=digest(judged),
        frameworks=about,
        cautions={control.id: control.caution for control in everyone if control.caution},
    )


def digest(value: Any) -> str:
    """The text "sha256:" and the hash of a value's canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()


def _metadata(control: Control, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "title": control.title,
        "rationale": control.rationale,
        "severity": control.severity,
        "hazard": control.hazard,
        "tier": control.tier,
        "kind": control.kind,
        "references": catalogue.references.get(control.id, {}),
    }


# Loading


def _control_items(directory: Path, problems: Problems) -> Iterable[tuple[strict_yaml.YamlMapping, Path]]:
    """Every item of every file of a catalogue directory's controls/, in a fixed order."""
    folder = directory / "controls"
    files = list(strict_yaml.files(folder)) if folder.is_dir() else []
    if not files:
        fault = "it holds no control file" if folder.is_dir() else "no such directory"
        problems.add(Problem(str(folder), 0, "", "", fault, "a catalogue directory with controls/*.yml"))
    for file in files:
        try:
            items = strict_yaml.read(file)
        except strict_yaml.BadYaml as error:
            problems.add(Problem(str(file), error.line, _near_control(file, error.line), error.key, error.fault))
            continue
        yield from _mappings(items, file, problems)


def _mappings(items: Any, file: Path, problems: Problems) -> Iterable[tuple[strict_yaml.YamlMapping, Path]]:
    if not isinstance(items, list) or not items:
        problems.add(Problem(str(file), 1, "", "", f"saw {show(items)}", "a list of controls"))
        return
    for number, item in enumerate(items, 1):
        if isinstance(item, strict_yaml.YamlMapping):
            yield item, file
        else:
            problems.add(Problem(str(file), 0, f"item {number}", "", f"saw {show(item)}", "a control (a mapping)"))


def _near_control(file: Path, line: int) -> str:
    """The control that a broken line belongs to, read from the text: the parser cannot say it any more."""
    try:
        lines = split_lines(file.read_text(encoding="utf-8"))[:line]
    except (OSError, UnicodeDecodeError):
        return ""
    for text in reversed(lines):
        key = text.strip().lstrip("- ")
        if key.startswith("id:"):
            return f"control {key[3:].split('#')[0].strip()}"
    return ""


def _control(
    item: strict_yaml.YamlMapping, file: Path, kinds: Mapping[str, KindLike], problems: Problems
) -> Control | None:
    """One control, or None where its own keys are wrong."""
    place = Place(file, f"control {item.get('id', '(without id)')}")
    fine = check(item, _CONTROL, place, problems)
    fine &= platforms.check_applies(item.get("applies"), place, problems)
    fine &= platforms.check_differs(item, kinds, place, problems)
    kind = item.get("kind")
    if isinstance(kind, str) and kind not in kinds:
        fault = f"unknown resource kind {kind!r}{nearest(kind, kinds)}"
        problems.add(place.problem(item, "kind", fault, ", ".join(sorted(kinds))))
        fine = False
    if not fine:
        return None
    values: dict[str, Any] = {key: item[key] for key in ("id", "severity", "hazard", "tier", "kind", "settings")}
    values.update({key: " ".join(item[key].split()) for key in ("title", "rationale")})
    values["applies"] = plain(item.get("applies", {}))
    values["differs"] = item.get("differs", {})
    values["max_waiver_days"] = item.get("max_waiver_days", 0)
    values["caution"] = " ".join(item.get("caution", "").split())
    return Control(**values, file=file, line=item.line)


def _add_unique(control: Control, controls: dict[str, Control], problems: Problems) -> None:
    first = controls.setdefault(control.id, control)
    if first is not control:
        fault = f"duplicate id; {first.file}:{first.line} has it too"
        problems.add(Problem(str(control.file), control.line, f"control {control.id}", "id", fault))


def _check_settings(
    controls: Iterable[Control],
    tunables: Mapping[str, tunables_.Tunable],
    kinds: Mapping[str, KindLike],
    problems: Problems,
) -> None:
    """Each control's settings against its kind, also where they differ, with the tunables at their defaults."""
    defaults = {name: tunable.default for name, tunable in tunables.items()}
    for control in controls:
        fine = tunables_.check_uses(control.settings, control.place(), tunables, problems)
        for name, difference in control.differs.items():
            fine &= tunables_.check_uses(difference, control.place(f"differs.{name}"), tunables, problems)
        if fine:
            _check_against_kinds(_resolve(control, defaults), kinds, problems)


def _resolve(control: Control, values: Mapping[str, Any]) -> Resolved:
    differs = {name: tunables_.resolve(difference, values) for name, difference in control.differs.items()}
    return Resolved(control, tunables_.resolve(control.settings, values), differs)


def _check_against_kinds(resolved: Resolved, kinds: Mapping[str, KindLike], problems: Problems) -> None:
    control = resolved.control
    _check_against_kind(control, "", resolved.settings, kinds[control.kind], problems)
    for name in resolved.differs:
        variant = resolved.on(name)
        _check_against_kind(control, f"differs.{name}", variant.settings, kinds[variant.kind], problems)


def _check_against_kind(
    control: Control, where: str, settings: Mapping[str, Any], kind: KindLike, problems: Problems
) -> None:
    data = control.differs[where.split(".")[1]] if where else control.settings
    for fault in kind.validate(settings):
        key = _SETTING.search(fault)
        line = data.line_of(key.group(1) if key else "")
        problems.add(Problem(str(control.file), line, f"control {control.id}", where, fault))


def _check_unused(controls: Iterable[Control], tunables: Mapping[str, tunables_.Tunable], problems: Problems) -> None:
    used: set[str] = set()
    for control in controls:
        used |= control.uses()
    for tunable in tunables.values():
        if tunable.name not in used:
            fault = f"no control uses the tunable; put {{tunable: {tunable.name}}} into its settings, or remove it"
            problems.add(Problem(str(tunable.file), tunable.line, tunable.owner, f"tunables.{tunable.name}", fault))


# Selecting


def _skip_reasons(skip: Any, catalogue: Catalogue, problems: Problems) -> dict[str, str]:
    if not isinstance(skip, Mapping):
        problems.add(Problem("hardening_skip", 0, "", "", f"saw {show(skip)}", "a mapping of control id to reason"))
        return {}
    known = {control.id for control in catalogue.controls}
    reasons: dict[str, str] = {}
    for name, reason in skip.items():
        if name not in known:
            fault = f"unknown control id{nearest(str(name), known)}"
            problems.add(Problem("hardening_skip", 0, f"control {name}", "", fault))
        elif not isinstance(reason, str) or not reason.strip():
            problems.add(
                Problem(
                    "hardening_skip", 0, f"control {name}", "", "skipped without a reason", "a sentence that says why"
                )
            )
        else:
            reasons[str(name)] = str(reason)
    return reasons


def _check_site_settings(
    resolved: Sequence[Resolved],
    kinds: Mapping[str, KindLike],
    given: set[str],
    problems: Problems,
) -> None:
    """A site's value can be in its tunable's range and still not suit the setting; the defaults were checked."""
    for item in resolved:
        if item.control.uses() & given:
            _check_against_kinds(item, kinds, problems)


def check_conflicts(resolved: Sequence[Resolved], kinds: Mapping[str, KindLike], problems: Problems) -> None:
    """Note selected controls that own one setting: they would undo each other, wherever that is.

    A skipped control does not fight: skipping ours is how a site puts its own in its place.
    """
    reported: set[tuple[str, str, str]] = set()
    for platform in dict.fromkeys([*platforms.FAMILIES, *(name for item in resolved for name in item.differs)]):
        for control, rival, claim in _conflicts_on(platform, resolved, kinds):
            if (control.id, rival.id, claim) not in reported:
                reported.add((control.id, rival.id, claim))
                problems.add(_conflict(control, rival, claim))


def _conflicts_on(
    platform: str, resolved: Sequence[Resolved], kinds: Mapping[str, KindLike]
) -> Iterator[tuple[Control, Control, str]]:
    """Yield (control, the one that has the setting already, the setting) of one family or distribution."""
    owners = _Owners()
    for item in resolved:
        variant = item.on(platform)
        if not variant.concerns(platform):
            continue
        for claim in kinds[variant.kind].claims(variant.settings):
            for rival in owners.add(claim, item.control, variant):
                yield item.control, rival, claim


def _conflict(control: Control, rival: Control, claim: str) -> Problem:
    fault = f"fights over {claim} with control {rival.id} ({rival.file}:{rival.line})"
    return control.place().problem(control.settings, "", fault, "one control for one setting; skip one of them")


class _Owners:
    """Who decides which setting. A file control may claim a pattern, which owns all that it matches."""

    def __init__(self) -> None:
        self._owners: dict[str, list[tuple[Control, platforms.Variant]]] = {}
        self._files: list[str] = []
        self._patterns: list[str] = []

    def add(self, claim: str, control: Control, variant: platforms.Variant) -> list[Control]:
        """Note one more owner; gives those that have the setting already and can be on one host with it."""
        known = [owner for name in (claim, *self._alike(claim)) for owner in self._owners.get(name, ())]
        self._note(claim, control, variant)
        return [c for c, rival in known if c is not control and _can_meet(variant.applies, rival.applies)]

    def _alike(self, claim: str) -> list[str]:
        if not claim.startswith("file "):
            return []
        candidates = self._files if _is_pattern(claim) else self._patterns
        return [o for o in candidates if o != claim and (fnmatchcase(claim, o) or fnmatchcase(o, claim))]

    def _note(self, claim: str, control: Control, variant: platforms.Variant) -> None:
        if claim not in self._owners and claim.startswith("file "):
            self._files.append(claim)
            if _is_pattern(claim):
                self._patterns.append(claim)
        self._owners.setdefault(claim, []).append((control, variant))


def _is_pattern(claim: str) -> bool:
    return any(sign in claim for sign in "*?[")


def _can_meet(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return True if one host can have both controls."""
    if "families" in first and "families" in second and not set(first["families"]) & set(second["families"]):
        return False
    if "container" in first and "container" in second and first["container"] != second["container"]:
        return False
    if "distributions" in first and "distributions" in second:
        first_versions, second_versions = first["distributions"], second["distributions"]
        return any(
            set(first_versions[name]) & set(second_versions[name])
            for name in set(first_versions) & set(second_versions)
        )
    return True


def _warnings(resolved: Sequence[Resolved], given: set[str], skipped_in_vain: set[str], tier: str) -> list[str]:
    used: set[str] = set()
    for item in resolved:
        used |= item.control.uses()
    idle = [
        f"hardening_tunables: {name} has no effect: no control selected at tier {tier} uses it."
        for name in sorted(given - used)
    ]
    vain = [
        f"hardening_skip: {name} has no effect: tier {tier} does not contain it." for name in sorted(skipped_in_vain)
    ]
    return idle + vain


def plain(value: Any) -> Any:
    """The same value without line numbers."""
    return tunables_.plain(value)
