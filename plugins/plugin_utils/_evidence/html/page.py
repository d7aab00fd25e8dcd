# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a bundle to the one-file HTML report: what the page says is decided here, how it looks in the template.

Private to the collection. Pure: the same bundle and template give the same text. A control's own text is kept once for
the whole fleet; a host keeps only what it found.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import jinja2.bccache
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    VERDICTS,
    WORST_FIRST,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import (
    MOST_SEVERE_FIRST,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.chain import Seal
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.configurations import drifted
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.fleet import (
    Control,
    availability,
    by_framework,
    probed,
    waiver_line,
    waivers,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.text import (
    PROBLEMS,
    WORDS,
    label,
    moment,
    show,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.updates import updates
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import (
    guard_state,
    not_confirmed,
    only_looked,
    plural,
    unknown_hosts,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import headline, mode_of
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.shared import Wordings
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    canonical,
    count,
)

#: the order of pictures: good first, so that what is wrong stands at the end and meets the eye
PICTURE = ("pass", "fixed", "waived", "notapplicable", "notchecked", "deferred", "fail", "error", "noresult")
HAZARDS = {
    "none": "Enforcing interrupts nothing",
    "lockout": "Enforcing could cut off logins",
    "restart": "Enforcing restarts a service",
    "reboot": "Takes effect with a reboot",
    "app_break": "Enforcing can break an application",
    "availability": "Enforcing can make a service unavailable",
}
VERDICT_NAMES = {"running": "Running now", "on_disk": "On disk", "survives_reboot": "Survives a reboot"}
VERDICT_SIGNS = {"ok": "✓", "deviates": "✕", "unknown": "?", "notapplicable": "–"}
VERDICT_WORDS = {"ok": "as wanted", "deviates": "deviates", "unknown": "unknown", "notapplicable": "does not apply"}
LARGE = 4000  # findings; beyond, rows leave out what the control's own text already says, and paper gets the short form
BY_NAME = ("pass", "notchecked", "notapplicable")  # these are then told by the name of the control only
BAR = 600.0  # units of a host's bar
RING = 100.0  # units of the fleet's ring
LONG_VALUE = 60  # characters that still fit a row


@dataclasses.dataclass(frozen=True)
class Segment:
    """A piece of a bar (start and size in BAR units) or of the ring (in RING units)."""

    outcome: str
    count: int
    start: float
    size: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One finding on one host. ``rich`` rows open to tell more; others have nothing more to tell."""

    outcome: str
    control: str
    title: str
    severity: str
    subject: str
    reason: str
    wanted: str
    before: str
    after: str
    short: str
    waiver: str
    marks: str
    verdicts: list[tuple[str, str, str, str]]
    rich: bool


@dataclasses.dataclass(frozen=True)
class Group:
    """The findings of a host with one result; ``short`` are those told by name only."""

    outcome: str
    rows: list[Row]
    short: list[tuple[str, str]]

    @property
    def count(self) -> int:
        """Return how many findings it has, those that are only named included."""
        return len(self.rows) + len(self.short)


@dataclasses.dataclass(frozen=True)
class Host:
    anchor: str
    name: str
    about: str
    trouble: str
    facts: list[tuple[str, str]]
    segments: list[Segment]
    counts: list[tuple[str, int]]
    groups: list[Group]
    restored: list[tuple[str, str, str]]
    changes: list[tuple[str, str]]
    warnings: list[str]
    guard: str
    probe_counts: tuple[int, int]
    open: bool

    @property
    def filter_classes(self) -> str:
        """Class names for the filter: which result words this host has."""
        return " ".join(f"has-{outcome}" for outcome, _number in self.counts)

    @property
    def put_back(self) -> int:
        """Return how many changes were taken back on the host."""
        return len(self.restored)

    @property
    def picture(self) -> str:
        """Return what the bar shows in words, for those who cannot see it."""
        return _picture(dict(self.counts))


@dataclasses.dataclass(frozen=True)
class Case:
    """One way in which a control is a problem, with the hosts that have it in just this way."""

    outcome: str
    reason: str
    wanted: str
    before: str
    hosts: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Problem:
    control: Control
    outcome: str
    cases: list[Case]


@dataclasses.dataclass(frozen=True)
class Change:
    anchor: str
    subject: str
    before: str
    after: str
    why: str
    controls: list[tuple[str, str]]
    hosts: list[tuple[str, str]]
    long: bool


def build(run: Json, digest: str = "", seal: Seal | None = None) -> Json:
    """All that the template prints, by name. ``digest`` is the SHA-256 of run.json, ``seal`` its place in the chain."""
    results: dict[str, Json] = run["hosts"]
    unknown = unknown_hosts(run)
    names = sorted({*results, *unknown})
    anchors = {name: f"h{number}" for number, name in enumerate(names, 1)}
    large = sum(run["summary"].values()) > LARGE
    controls = _controls(results)
    changes = _changes(results, anchors, controls)
    changed: dict[str, list[tuple[str, str]]] = {}
    for change in changes:
        for _name, at in change.hosts:
            changed.setdefault(at, []).append((change.anchor, change.subject))
    hosts = [
        _host(
            name,
            anchors[name],
            results.get(name),
            unknown.get(name, ""),
            controls,
            changed.get(anchors[name], []),
            large,
        )
        for name in names
    ]
    return {
        "run": run,
        "mode": mode_of(run),
        "title": f"{mode_of(run).title} report",
        "headline": headline(run),
        "lead": _lead(run, unknown),
        "aside": _aside(run["summary"]),
        "date": moment(run["finished"]),
        "unknown": [(name, anchors[name], show(why)) for name, why in unknown.items()],
        "not_confirmed": [(name, anchors[name], show(why)) for name, why in not_confirmed(run).items()],
        "ring": _ring(run, unknown),
        "totals": _totals(run, unknown),
        "good": run["summary"]["pass"] + run["summary"]["fixed"],
        "applicable": sum(run["summary"].values()) - run["summary"]["notapplicable"],
        "problems": _problems(results, anchors, controls),
        "changes": changes,
        "hosts": hosts,
        "controls": controls.all,
        "frameworks": by_framework(run, controls.all),
        "waivers": waivers(run, controls.by_id(), anchors),
        "availability": availability(run, anchors),
        "probes": probed(run, anchors),
        "drift": drifted(run, anchors),
        "updates": updates(run, anchors),
        "facts": [*_facts(run), *_chained(seal)],
        "words": [(outcome, *WORDS[outcome]) for outcome in WORST_FIRST],
        "filters": [outcome for outcome in WORST_FIRST if run["summary"][outcome]],
        "digest": digest,
        "large": large,
        "rehearsal": only_looked(run),
        "undo": mode_of(run).undo(only_looked(run)),
        "once": _Once(),
    }


def render(run: Json, template: str, digest: str = "", seal: Seal | None = None, cache: Path | None = None) -> str:
    """The report of a bundle as one HTML text.

    ``template`` is the text of report.html.j2; ``cache`` a folder that keeps it compiled, which takes half as long as
    the rest.
    """
    return _compiled(template, cache).render(build(run, digest, seal))


class _Cache(jinja2.FileSystemBytecodeCache):
    """Where nothing can be kept, each report compiles the template again, and is made all the same."""

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(mode=0o700, parents=True, exist_ok=True)
            super().dump_bytecode(bucket)


@lru_cache(maxsize=2)
def _compiled(template: str, cache: Path | None) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"report.html": template}),
        bytecode_cache=_Cache(str(cache)) if cache else None,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update({"label": label, "plural": plural, "segments": _bar, "picture": _picture})
    environment.globals.update(
        {
            "signs": {outcome: sign for outcome, (sign, _meaning) in WORDS.items()},
            "verdict_signs": VERDICT_SIGNS,
            "verdict_words": VERDICT_WORDS,
            "bar_width": int(BAR),
        }
    )
    return environment.get_template("report.html")


class _Once:
    """Calls a macro once for the same things: by framework, a control's line and its results are told many times over.

    Things that are no plain words are the same where they are one object, so this lives as long as they: one rendering.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[Any, ...], str] = {}

    def __call__(self, macro: Any, *things: Any) -> str:
        key = (macro.name, *(thing if isinstance(thing, (str, int)) else id(thing) for thing in things))
        if key not in self._told:
            self._told[key] = macro(*things)
        return self._told[key]


def _lead(run: Json, unknown: Mapping[str, str]) -> list[str]:
    """Return the few plain sentences under the headline: what it means and what to do."""
    sentences = []
    if unknown:
        sentences.append("Nothing is known about the hosts that gave no result; they count as unknown, never as good.")
    if any(guard_state(run["hosts"][name]) == "reverted" for name in not_confirmed(run)):
        sentences.append("A host that took its change back is as it was before the run.")
    return [*sentences, *mode_of(run).lead(run)]


def _aside(summary: Mapping[str, int]) -> str:
    """Tell what became of the checks that the headline does not count."""
    counts = [(summary["waived"], "accepted by waiver"), (summary["notchecked"], "left out on purpose")]
    counts.append((summary["notapplicable"], f"that {'does' if summary['notapplicable'] == 1 else 'do'} not apply"))
    text = ", ".join(f"{number} {what}" for number, what in counts if number)
    if text:
        return f"The other checks: {text}."
    return ""


def _totals(run: Json, unknown: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """(word, count, note) for the ring's legend."""
    totals = [
        (outcome, run["summary"][outcome], "")
        for outcome in PICTURE
        if outcome != "noresult" and run["summary"][outcome]
    ]
    if unknown:
        about = len(unknown) * _checks_per_host(run)
        note = "hosts" if len(unknown) > 1 else "host"
        totals.append(("noresult", len(unknown), f"{note}, about {about:,} checks" if about else note))
    return totals


def _checks_per_host(run: Json) -> int:
    """Return how many checks a host without a result would have had: as many as the one that had most."""
    return max((len(result.get("findings", [])) for result in run["hosts"].values()), default=0)


def _ring(run: Json, unknown: Mapping[str, str]) -> list[Segment]:
    counts = dict(run["summary"])
    counts["noresult"] = len(unknown) * max(1, _checks_per_host(run))
    return _segments(counts, RING)


def _segments(counts: Mapping[str, int], length: float) -> list[Segment]:
    total = sum(counts.values())
    made: list[Segment] = []
    start = 0.0
    for outcome in PICTURE:
        number = counts.get(outcome, 0)
        if number:
            size = length * number / total
            made.append(Segment(outcome=outcome, count=number, start=round(start, 2), size=round(size, 2)))
            start += size
    return made


def _bar(counts: Mapping[str, int]) -> list[Segment]:
    return _segments(counts, BAR)


def _picture(counts: Mapping[str, int]) -> str:
    """Return what a bar shows in words, for those who cannot see it."""
    return ", ".join(f"{number} {label(outcome)}" for outcome, number in counts.items()) or "no result"


def _references(control: Json) -> list[tuple[str, str]]:
    """(framework, what of it), one line a framework. What is no law says what it is."""
    lines: dict[str, list[str]] = {}
    for item in control["references"]:
        status = str(item.get("status", ""))
        framework = show(item["title"]) + (f" ({status})" if status and status not in ("law", "guidance") else "")
        strength = str(item.get("strength", "supports"))
        text = show(item["reference"]) + ("" if strength == "supports" else f" ({show(strength)})")
        lines.setdefault(framework, []).append(text)
    return [(framework, ", ".join(texts)) for framework, texts in lines.items()]


@dataclasses.dataclass(frozen=True)
class Controls:
    """The controls of a run, told once. Hosts whose catalogues word one id differently get an entry each."""

    all: list[Control]
    of: Mapping[int, Control]  # by the identity of the finding

    def by_id(self) -> dict[str, Control]:
        return {control.data["id"]: control for control in self.all}


def _controls(results: Mapping[str, Json]) -> Controls:
    wordings, identities = Wordings(), {}
    findings: dict[tuple[str, ...], Json] = {}
    hosts_by_outcome: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for name in sorted(results):
        for finding in results[name].get("findings", []):
            description = tuple(finding[key] for key in ("title", "severity", "hazard", "tier"))
            identities[id(finding)] = identity = (finding["kind"], finding["id"], wordings.name(finding), *description)
            findings.setdefault(identity, finding)
            hosts_by_outcome.setdefault(identity, {}).setdefault(finding["result"], []).append(name)
    made = {}
    for number, identity in enumerate(sorted(findings), 1):
        data, by_word = findings[identity], hosts_by_outcome[identity]
        counts = {outcome: len(by_word[outcome]) for outcome in WORST_FIRST if outcome in by_word}
        made[identity] = Control(
            anchor=f"c{number}",
            data=data,
            hazard=HAZARDS[data["hazard"]],
            references=_references(data),
            seen=_hosts_by_outcome(by_word),
            counts=counts,
        )
    return Controls(list(made.values()), {key: made[identity] for key, identity in identities.items()})


def _hosts_by_outcome(by_word: Mapping[str, list[str]]) -> list[tuple[str, int, str]]:
    """(word, number of hosts, their names); the names of a crowd are left out, the host list has them."""
    lines = []
    for outcome in WORST_FIRST:
        names = by_word.get(outcome, [])
        if names:
            crowd = len(names) > 12 and outcome not in PROBLEMS
            lines.append((outcome, len(names), plural(len(names), "host") if crowd else ", ".join(map(show, names))))
    return lines


def _problems(results: Mapping[str, Json], anchors: Mapping[str, str], controls: Controls) -> list[Problem]:
    cases: dict[str, dict[tuple[str, str, str, str], list[tuple[str, str]]]] = {}
    for name in sorted(results):
        for finding in results[name].get("findings", []):
            if finding["result"] in PROBLEMS:
                key = (
                    finding["result"],
                    _reason(finding, results[name]),
                    show(finding["wanted"]),
                    show(finding["before"]),
                )
                control = controls.of[id(finding)]
                cases.setdefault(control.anchor, {}).setdefault(key, []).append((show(name), anchors[name]))
    made, told_once = [], {control.anchor: control for control in controls.all}
    for anchor, several in cases.items():
        case_list = [
            Case(
                outcome=outcome,
                reason=show(reason) if reason else "",
                wanted=wanted,
                before=before,
                hosts=hosts,
            )
            for (outcome, reason, wanted, before), hosts in several.items()
        ]
        case_list.sort(key=lambda case: (WORST_FIRST.index(case.outcome), -len(case.hosts)))
        made.append(Problem(told_once[anchor], case_list[0].outcome, case_list))
    made.sort(
        key=lambda problem: (
            WORST_FIRST.index(problem.outcome),
            MOST_SEVERE_FIRST.index(problem.control.data["severity"]),
            problem.control.data["id"],
        )
    )
    return made


def _changes(results: Mapping[str, Json], anchors: Mapping[str, str], controls: Controls) -> list[Change]:
    """The same change on many hosts is told once, with their names."""
    titles = {control.data["id"]: (control.anchor, show(control.data["title"])) for control in controls.all}
    hosts: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(results):
        for change in _changes_of(results[name]):
            hosts.setdefault(canonical(change).decode("utf-8"), []).append((show(name), anchors[name]))
    made = []
    for number, text in enumerate(
        sorted(hosts, key=lambda text: (-len(hosts[text]), json.loads(text)["subject"], text)), 1
    ):
        change = json.loads(text)
        before, after = show(change["before"]), show(change["after"])
        about = [titles.get(control, ("", show(control))) for control in change.get("controls", [])]
        why = show(change["why"]).rstrip(".") if change.get("why") else ""
        made.append(
            Change(
                anchor=f"x{number}",
                subject=show(change["subject"]).removeprefix("awaited "),
                before=before,
                after=after,
                why="" if why in [title for _at, title in about] else why,
                controls=about,
                hosts=hosts[text],
                long="\n" in before + after or len(before + after) > LONG_VALUE * 2,
            )
        )
    return made


def _changes_of(result: Json) -> list[Json]:
    """Return what changed on a host: by the baseline, and by the configuration of its systems."""
    systems = result.get("configurations", [])
    return [*result.get("changes", []), *(change for system in systems for change in system["changes"])]


def _host(
    name: str,
    anchor: str,
    result: Json | None,
    trouble: str,
    controls: Controls,
    changes: Sequence[tuple[str, str]],
    large: bool,
) -> Host:
    data = result or {}
    probes = data.get("probes", [])
    findings = data.get("findings", [])
    counted = count(findings)
    rows: dict[str, list[Row]] = {}
    short: dict[str, list[tuple[str, str]]] = {}
    for finding in findings:
        control = controls.of[id(finding)]
        if large and finding["result"] in BY_NAME:
            short.setdefault(finding["result"], []).append((finding["id"], control.anchor))
        else:
            row = _row(finding, _reason(finding, data), control, large)
            rows.setdefault(finding["result"], []).append(row)
    for several in rows.values():
        several.sort(key=lambda row: (MOST_SEVERE_FIRST.index(row.severity), row.title))
    if not trouble and data.get("failed"):
        trouble = str(data["msg"])
    pictured: Mapping[str, int] = counted
    if not findings:
        pictured = {} if data.get("restored") or probes else {"noresult": 1}
    return Host(
        anchor=anchor,
        name=show(name),
        about=_about(data),
        trouble=show(trouble) if trouble else "",
        facts=_host_facts(data),
        segments=_segments(pictured, BAR),
        counts=[(outcome, counted[outcome]) for outcome in WORST_FIRST if counted[outcome]],
        groups=[
            Group(outcome, rows.get(outcome, []), short.get(outcome, []))
            for outcome in WORST_FIRST
            if outcome in {*rows, *short}
        ],
        restored=[
            (show(item["subject"]), show(item["before"]), show(item["after"])) for item in data.get("restored", [])
        ],
        changes=list(changes),
        warnings=[show(text) for text in data.get("warnings", [])],
        guard=_guard(data),
        probe_counts=(sum(probe["healthy"] for probe in probes), len(probes)),
        open=bool(trouble or any(counted[outcome] for outcome in PROBLEMS)) and not large,
    )


def _about(data: Json) -> str:
    host = data.get("host", {})
    if host:
        return show(f"{host.get('distribution', '')} {host.get('version', '')}".strip())
    return ""


def _host_facts(data: Json) -> list[tuple[str, str]]:
    host = {key: value for key, value in data.get("host", {}).items() if value not in (None, "", False)}
    facts = []
    if host.get("distribution"):
        facts.append(("System", _about(data)))
    named = {"kernel": "Kernel", "container": "Container", "family": "Family"}
    for key in [*named, *sorted(set(host) - set(named))]:
        if key in host and key not in ("distribution", "version"):
            facts.append((named.get(key, show(key).replace("_", " ").capitalize()), show(host[key])))
    if data.get("tier"):
        facts.append(("Tier", data["tier"]))
    if data.get("profiles"):
        facts.append(("Profiles", ", ".join(show(profile["title"]) for profile in data["profiles"])))
    if data.get("started"):
        facts.append(("Judged", moment(data["started"])))
    if data.get("reverted_run_id"):
        runs = data.get("reverted_runs") or [data["reverted_run_id"]]
        facts.append(("Put back", ", ".join(f"run {show(run_id)}" for run_id in runs)))
    return facts


def _guard(data: Json) -> str:
    """Return in one line what became of a guarded change; empty where there was none."""
    guard, state = data.get("guard", {}), guard_state(data)
    if state == "none":
        return ""
    why = show(guard["why"]).rstrip(".")
    until, ended = moment(guard["until"]), moment(guard["ended"])
    sentences = {
        "confirmed": f"Guarded change confirmed at {ended}: {why}.",
        "reverted": f"Guarded change taken back at {ended}: {why}.",
        "armed": f"Guarded change not confirmed yet. Unless it is, the host takes it back at {until}.",
        "unknown": f"Guarded change not confirmed. The host takes it back at {until}; no answer yet.",
    }
    return sentences.get(state, f"Not guarded: {why[:1].lower()}{why[1:]}.")


def _reason(finding: Json, data: Json) -> str:
    """Return why it is not a plain pass. What befell the whole run is told once, with its host."""
    reason, message = str(finding["reason"]), str(data.get("msg", ""))
    if message and data.get("failed"):
        return reason.replace(message, "").strip()
    return reason


def _row(finding: Json, reason: str, control: Control, large: bool) -> Row:
    verdicts = []
    for name in VERDICTS:
        if name in finding["verdicts"]:
            verdict = finding["verdicts"][name]
            verdicts.append((VERDICT_NAMES[name], verdict["state"], show(verdict["saw"]), name))
    outcome, before, after = finding["result"], show(finding["before"]), show(finding["after"])
    moved = before != after and outcome not in ("pass", "notapplicable", "notchecked")
    short = before if finding["after"] is None else after
    if moved:
        short = f"{before} → {after}"
    uniform = len({state for _title, state, _observed, _name in verdicts}) <= 1 and not any(
        observed not in (before, after, "—") for _title, _state, observed, _name in verdicts
    )
    untold = ("pass", "notapplicable", "fixed") if large else ("pass", "notapplicable")
    plain = outcome in untold and uniform and len(short) <= LONG_VALUE
    if outcome in ("notapplicable", "notchecked"):
        short = ""
    subject = show(finding["subject"])
    return Row(
        outcome=outcome,
        control=control.anchor,
        title=show(finding["title"]),
        severity=finding["severity"],
        subject="" if large and plain and finding["subject"] == control.data["subject"] else subject,
        reason=show(reason) if reason else "",
        wanted=show(finding["wanted"]),
        before=before,
        after=after,
        short=short if len(short) <= LONG_VALUE else "",
        waiver=waiver_line(finding["waiver"]) if "waiver" in finding else "",
        marks="".join(VERDICT_SIGNS[state] for _title, state, _observed, _name in verdicts),
        verdicts=verdicts,
        rich=not plain,
    )


def _facts(run: Json) -> list[tuple[str, str, bool]]:
    """(name, value, is it code) of the run itself."""
    catalogue = run["catalogue"] or {}
    digests = [catalogue] if catalogue.get("digest") else catalogue.get("several", [])
    facts = [
        ("Run", run["run_id"], True),
        ("Mode", mode_of(run).label or run["mode"], False),
    ]
    if run["tier"]:
        facts.append(("Tier", run["tier"], False))
    facts += [("Started", moment(run["started"]), False), ("Finished", moment(run["finished"]), False)]
    for entry in digests:
        controls = entry.get("controls")
        facts.append(("Catalogue", plural(controls, "control") if isinstance(controls, int) else "", False))
        facts.append(("Catalogue digest", show(entry.get("digest")), True))
    return facts


def _chained(seal: Seal | None) -> list[tuple[str, str, bool]]:
    """The bundle's place in the chain of its fleet, and whether anybody signed it."""
    if seal is None:
        return []
    before = f", after run {seal.previous}" if seal.previous else ", the first"
    return [
        ("Fleet", seal.fleet, False),
        ("Number in its chain", f"{seal.number}{before}", False),
        ("Signed with", seal.signer, True)
        if seal.signer
        else (
            "Signed with",
            "no key: the chain shows changes, but anybody who can write here could make it anew",
            False,
        ),
    ]
