# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: says everything, hides nothing, loads nothing, runs nothing."""

from __future__ import annotations

import functools
import re
import typing as t
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import WORST_FIRST
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, run_modes
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.chain import Seal
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html import page
from unit_tests.plugin_utils._evidence import samples

ROOT = Path(__file__).resolve().parents[6]


TEMPLATE = (ROOT / "roles" / "evidence" / "templates" / "report.html.j2").read_text(encoding="utf-8")


VOID = {"meta", "input", "br", "rect", "circle", "path"}


class Reader(HTMLParser):
    """Reads a page as a browser would: text, tags with attributes, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: t.List[t.Tuple[str, t.Dict[str, str]]] = []
        self.words: t.List[str] = []
        self.open: t.List[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @functools.cached_property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


SEAL = Seal("main-campus", 12, "20261121T150000Z-0001", "SHA256:" + "k" * 43)


def bundle(
    hosts: int = 3, controls: int = 84, mode: str = "harden", expected: t.Sequence[str] = ()
) -> t.Dict[str, t.Any]:
    results = samples.fleet(hosts, controls, mode)
    return evidence.bundle(
        samples.RUN_ID, {name: record.clean_result(each, name) for name, each in results.items()}, expected
    )


def render(run: t.Dict[str, t.Any]) -> t.Tuple[str, Reader]:
    html = page.render(run, TEMPLATE, "f00d" * 16, SEAL)
    return html, Reader(html)


def guarded(*states: str) -> t.Dict[str, t.Any]:
    """A run with one host for each of these states of a guard, named by it."""
    results = {state: samples.guarded(state, number, 30) for number, state in enumerate(states)}
    return evidence.bundle(samples.RUN_ID, {name: record.clean_result(each, name) for name, each in results.items()})


RUNS = {
    "harden": bundle,
    "audit": lambda: bundle(mode="audit"),
    "missing": lambda: bundle(2, 20, expected=["down-1", "down-2"]),
    "all-missing": lambda: bundle(0, 0, expected=["down-1"]),
    "many": lambda: bundle(30, 12),
    "large": lambda: bundle(3, 84),
    "guarded": lambda: guarded(*samples.GUARDS),
    "rollback": lambda: evidence.bundle(
        "r2", {"a": record.clean_result(samples.reverted(run_id="r2"), "a", "r2")}, ["a", "b"]
    ),
}


@pytest.fixture(scope="module", params=sorted(RUNS))
def shown(request: pytest.FixtureRequest) -> t.Iterator[t.Tuple[t.Dict[str, t.Any], str, Reader]]:
    run = RUNS[request.param]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "LARGE", 200 if request.param == "large" else page.LARGE)
        yield (run, *render(run))


def test_nothing_runs_and_nothing_is_loaded(shown: t.Tuple[t.Dict[str, t.Any], str, Reader]) -> None:
    _run, html, seen = shown
    assert not [
        tag for tag, _attributes in seen.tags if tag in ("script", "link", "img", "iframe", "object", "form", "base")
    ]
    assert not [name for _tag, attributes in seen.tags for name in attributes if name.startswith("on") or name == "src"]
    assert all(attributes["href"].startswith("#") for _tag, attributes in seen.tags if "href" in attributes)
    assert not re.search(r"https?:|//[a-z]|@import|javascript:", html)
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= {f"#p-{word}" for word in [*WORST_FIRST, "noresult"]}
    policy = [attributes["content"] for tag, attributes in seen.tags if tag == "meta" and "http-equiv" in attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_every_link_leads_to_something_and_ids_are_unique(shown: t.Tuple[t.Dict[str, t.Any], str, Reader]) -> None:
    ids = [attributes["id"] for _tag, attributes in shown[2].tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for tag, attributes in shown[2].tags if tag == "a"}
    targets |= {attributes["for"] for tag, attributes in shown[2].tags if tag == "label"}
    assert targets <= set(ids)
    assert targets


def test_every_picture_has_words(shown: t.Tuple[t.Dict[str, t.Any], str, Reader]) -> None:
    pictures = [attributes for tag, attributes in shown[2].tags if tag == "svg"]
    assert all(each.get("aria-label") or each.get("aria-hidden") == "true" for each in pictures)


def test_the_headline_comes_first(shown: t.Tuple[t.Dict[str, t.Any], str, Reader]) -> None:
    run, html, _seen = shown
    assert html.index(run_modes.headline(run)) < html.index("<main>")


def test_hosts_without_result_are_loud(shown: t.Tuple[t.Dict[str, t.Any], str, Reader]) -> None:
    run, html, seen = shown
    for name in run["missing"]:
        assert name in html[html.index('<div class="alarm"') : html.index('<div class="fleet')]
    assert ("gave no result" in seen.text) == bool(run["missing"])


def test_the_report_names_the_bytes_it_was_made_from(shown: t.Tuple[t.Dict[str, t.Any], str, Reader]) -> None:
    assert "f00d" * 16 in shown[2].text


def test_the_report_tells_its_place_in_the_chain_and_who_signed() -> None:
    _html, seen = render(bundle(1, 3))
    assert "Fleet main-campus" in seen.text
    assert "12, after run 20261121T150000Z-0001" in seen.text
    assert SEAL.signer in seen.text
    unsigned = Reader(page.render(bundle(1, 3), TEMPLATE, "", Seal("main-campus", 1, "", "")))
    assert "1, the first" in unsigned.text
    assert "no key: the chain shows changes" in unsigned.text


def test_every_finding_is_on_the_page() -> None:
    run = bundle()
    _html, seen = render(run)
    for result in run["hosts"].values():
        for finding in result["findings"]:
            assert finding["title"] in seen.text
            assert finding["rationale"] in seen.text
            assert finding["reason"] in seen.text
    rows = [
        tag for tag, attributes in seen.tags if tag in ("li", "details") and attributes.get("class") in ("r", "row")
    ]
    assert len(rows) == 252
    for text in ("NIST SP 800-53 Rev. 5", "Running now", "On disk", "Survives a reboot", run["catalogue"]["digest"]):
        assert text in seen.text


def test_a_controls_text_is_there_once() -> None:
    html, _seen = render(bundle())
    assert html.count(samples.TOPICS[0][2]) == len(
        {number for number in range(84) if number % len(samples.TOPICS) == 0}
    )


def test_a_proposed_rule_is_never_shown_as_law() -> None:
    _html, seen = render(bundle(1, 1))
    assert "HIPAA Security Rule NPRM (proposed): 164.312(c)" in seen.text


def test_problems_come_first_worst_first() -> None:
    told = [problem.outcome for problem in page.build(bundle())["problems"]]
    assert told == sorted(told, key=WORST_FIRST.index)
    assert set(told) == {"error", "fail", "deferred"}
    for host in page.build(bundle())["hosts"]:
        order = [group.outcome for group in host.groups]
        assert order == sorted(order, key=WORST_FIRST.index)


def test_the_pictures_are_whole_and_hold_what_is_unknown() -> None:
    built = page.build(bundle(2, 20, expected=["down"]))
    assert sum(piece.size for piece in built["ring"]) == pytest.approx(page.RING, abs=0.1)
    assert [piece.count for piece in built["ring"] if piece.outcome == "noresult"] == [20]
    down = next(host for host in built["hosts"] if host.name == "down")
    assert [piece.outcome for piece in down.segments] == ["noresult"]
    assert down.open


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>{{ 7*7 }}"


def test_what_comes_from_hosts_is_text_and_never_markup() -> None:
    result = samples.result(0, 20)
    for finding in result["findings"]:
        for key in ("title", "rationale", "reason", "subject", "wanted", "before", "after"):
            finding[key] = HOSTILE
        finding["verdicts"]["running"]["saw"] = HOSTILE
        finding["references"][0].update(title=HOSTILE, reference=HOSTILE, status=HOSTILE)
    for change in result["changes"]:
        change.update(subject=HOSTILE, before=HOSTILE, after=f"{HOSTILE}\n{HOSTILE}", why=HOSTILE, controls=[HOSTILE])
    result["host"] = dict.fromkeys(("distribution", "version", "kernel", HOSTILE), HOSTILE)
    result["warnings"] = [HOSTILE]
    result["catalogue"]["digest"] = HOSTILE
    result["failed"], result["msg"] = True, HOSTILE
    result["guard"] = {**samples.guard("reverted"), "why": HOSTILE}
    name = "<script>&\"'"
    run = evidence.bundle(samples.RUN_ID, {name: record.clean_result(result, name)}, ["<b>down"], {"<i>": HOSTILE})
    html, seen = render(run)
    assert not [tag for tag, _attributes in seen.tags if tag in ("script", "img", "i")]
    assert "<script" not in html
    assert "49" not in re.sub(r"[0-9a-f]{64}", "", seen.text)
    assert HOSTILE in "".join(seen.words)


def test_a_change_is_told_with_its_reason_in_the_words_of_the_field() -> None:
    result = samples.result(0, 6)
    change = {"subject": "awaited file /etc/a", "before": "1", "after": "2", "controls": [], "why": "sshd reads it."}
    result["changes"] = [change]
    _text, reader = render(evidence.bundle(samples.RUN_ID, {"a": record.clean_result(result, "a")}))
    words = " ".join(" ".join(reader.words).split())
    assert "file /etc/a Why: sshd reads it. 1 → 2" in words
    assert "awaited" not in words


def test_the_way_back_is_told() -> None:
    _html, seen = render(bundle(1, 6))
    assert f"healthops.clinical.rollback \\ -e hardening_revert_run={samples.RUN_ID}" in seen.text
    _html, seen = render(bundle(1, 6, "audit"))
    assert "healthops.clinical.rollback" not in seen.text
    assert "nothing to undo" in seen.text


def test_a_rollback_shows_what_came_back() -> None:
    _html, seen = render(RUNS["rollback"]())
    assert f"run {samples.RUN_ID}" in seen.text
    assert "24 items restored" in seen.text
    assert "PermitRootLogin no" in seen.text


def test_sizes_stay_in_bounds() -> None:
    assert len(render(bundle(3, 80))[0]) < 1_000_000
    per_finding = len(page.render(bundle(20, 220), TEMPLATE)) / 4400
    assert per_finding < 700  # bytes; 100 hosts with 220 controls stay under 16 MB


@pytest.mark.parametrize(
    ("state", "line"),
    [
        pytest.param("none", "", id="none"),
        pytest.param(
            "confirmed", "Guarded change confirmed at 22 November 2026, 15:00:06 UTC: a fresh login worked.", id="ok"
        ),
        pytest.param(
            "reverted",
            "Guarded change taken back at 22 November 2026, 15:02:05 UTC: nobody confirmed it within 120 s.",
            id="taken-back",
        ),
        pytest.param(
            "unknown",
            "Guarded change not confirmed. The host takes it back at 22 November 2026, 15:02:04 UTC; no answer yet.",
            id="silent",
        ),
        pytest.param(
            "armed",
            "Guarded change not confirmed yet. Unless it is, the host takes it back at 22 November 2026, 15:02:04 UTC.",
            id="armed",
        ),
        pytest.param("skipped", "Not guarded: the connection is local (local), so no login is at stake.", id="local"),
        pytest.param("off", "Not guarded: confirm_within is 0.", id="off"),
    ],
)
def test_what_became_of_a_guarded_change_is_one_line(state: str, line: str) -> None:
    run = guarded(state)
    assert page.build(run)["hosts"][0].guard == line
    _html, seen = render(run)
    assert line in seen.text
    assert ("Guarded change" in seen.text) == line.startswith("Guarded change")


def test_a_record_of_before_there_were_guards_says_nothing_of_one() -> None:
    assert [host.guard for host in page.build(bundle())["hosts"]] == ["", "", ""]


def test_a_host_that_took_its_change_back_is_loud() -> None:
    html, seen = render(guarded("confirmed", "reverted", "unknown"))
    alarm = html[html.index('<div class="alarm"') : html.index('<div class="fleet')]
    assert "interface-engine" not in alarm
    for name in ("reverted", "unknown"):
        assert f"<strong>{name}</strong>" in alarm
    assert "The change was not confirmed on 2 hosts" in alarm
    assert alarm.count(samples.TRIED) == 2
    host = next(each for each in page.build(guarded("reverted"))["hosts"])
    assert host.open
    assert samples.TRIED in host.trouble
    assert "The run failed on this host." in seen.text


def test_what_befell_the_whole_run_is_not_repeated_with_each_finding() -> None:
    html, seen = render(guarded("reverted"))
    assert html.count(samples.TRIED) == 2
    assert "It was taken back." in seen.text


def test_a_run_that_was_taken_back_is_not_said_to_have_had_nothing_to_do() -> None:
    _html, seen = render(guarded("reverted"))
    assert "Nothing had to be changed" not in seen.text
    assert "is as it was before the run" in seen.text


def test_a_kept_template_makes_the_same_page(tmp_path: Path) -> None:
    run = bundle()
    folder = tmp_path / "own" / "report"
    pages = [page.render(run, TEMPLATE), page.render(run, TEMPLATE, cache=folder)]
    assert len(list(folder.iterdir())) == 1
    page._compiled.cache_clear()
    pages.append(page.render(run, TEMPLATE, cache=folder))
    assert len(set(pages)) == 1
    assert "<body>Another" in page.render(run, TEMPLATE.replace("<body>", "<body>Another"), cache=folder)


def test_a_template_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("a file in the way")
    assert page.render(bundle(), TEMPLATE, cache=tmp_path / "own" / "report") == page.render(bundle(), TEMPLATE)
