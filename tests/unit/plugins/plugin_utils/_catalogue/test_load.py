# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and selecting a catalogue: what good data gives, and the one clear error that each kind of bad data gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, List

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue
from unit_tests.plugin_utils._catalogue.catalogues import DMESG, TRIES, edit, good, ids, make, message_of, refusal


@pytest.mark.parametrize(
    ("tier", "chosen"),
    [
        pytest.param("essential", ["sshd_tries"], id="the lowest tier alone"),
        pytest.param("standard", ["kernel_log", "sshd_tries"], id="a tier holds those below"),
        pytest.param("strict", ["kernel_log", "sshd_tries"], id="a tier may add nothing"),
    ],
)
def test_a_tier_holds_those_below_it(tmp_path: Path, tier: str, chosen: List[str]) -> None:
    assert ids(catalogue.select(good(tmp_path), tier)) == chosen


def test_values_without_effect_are_warned_of(tmp_path: Path) -> None:
    loaded = good(tmp_path)
    low = catalogue.select(loaded, "essential", skip={"kernel_log": "why"})
    assert low.warnings == ["hardening_skip: kernel_log has no effect: tier essential does not contain it."]
    idle = catalogue.select(loaded, "standard", {"tries": 3}, {"sshd_tries": "why"})
    assert idle.warnings == ["hardening_tunables: tries has no effect: no control selected at tier standard uses it."]


def test_a_site_replaces_a_control_by_skipping_ours(tmp_path: Path) -> None:
    loaded = catalogue.load([make(tmp_path, {"a.yml": DMESG, "b.yml": DMESG.replace("kernel_log", "site_log")})])
    assert "site_log" in refusal(loaded)
    assert ids(catalogue.select(loaded, "standard", skip={"kernel_log": "ours is stricter"})) == ["site_log"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param("{families: [Debian]}", "{families: [RedHat]}", id="other families"),
        pytest.param("{container: true}", "{container: false}", id="container or not"),
        pytest.param('{distributions: {Debian: ["12"]}}', '{distributions: {Debian: ["13"]}}', id="other versions"),
    ],
)
def test_controls_that_never_meet_do_not_fight(tmp_path: Path, one: str, two: str) -> None:
    applies = "{families: [Debian], container: false}"
    texts = {"a.yml": DMESG.replace(applies, one), "b.yml": DMESG.replace("kernel_log", "other").replace(applies, two)}
    assert ids(catalogue.select(catalogue.load([make(tmp_path, texts)]), "standard")) == ["kernel_log", "other"]


BAD_CONTROLS = [
    pytest.param(
        edit(DMESG, "kind: sysctl", "kind: sysctrl"),
        ["kind", "unknown resource kind 'sysctrl'", "did you mean sysctl?"],
        id="unknown kind",
    ),
    pytest.param(
        edit(DMESG, "severity:", "severty:"), ["severty", "unknown key", "did you mean severity?"], id="unknown key"
    ),
    pytest.param(
        edit(DMESG, "value: 1}", "valu: 1}"),
        ["settings.valu", "did you mean value?", "settings.value is missing"],
        id="unknown setting",
    ),
    pytest.param(edit(DMESG, "{families:", "{famly:"), ["applies.famly", "unknown key"], id="unknown key of applies"),
    pytest.param(
        edit(DMESG, "  hazard: none\n", ""), ["hazard", "missing key", "one of none, lockout"], id="missing key"
    ),
    pytest.param(edit(DMESG, "key: kernel.dmesg_restrict, ", ""), ["settings.key is missing"], id="missing setting"),
    pytest.param(
        edit(DMESG, "container: false", 'container: "no"'),
        ["applies.container", "saw 'no'", "true or false"],
        id="wrong type",
    ),
    pytest.param(
        edit(DMESG, "key: kernel.dmesg_restrict", "key: 5"), ["settings.key is 5", "str"], id="wrong type of a setting"
    ),
    pytest.param(
        edit(DMESG, "severity: low", "severity: lo"),
        ["severity", "saw 'lo'", "did you mean low?", "low, medium, high, critical"],
        id="outside the choices",
    ),
    pytest.param(
        edit(DMESG, "tier: standard", "tier: std"),
        ["tier", "saw 'std'", "essential, standard, strict"],
        id="unknown tier",
    ),
    pytest.param(
        edit(DMESG, "families: [Debian]", "families: [Debain]"),
        ["applies.families", "saw a list ['Debain']", "Debian, RedHat"],
        id="unknown family",
    ),
    pytest.param(
        edit(DMESG, "families: [Debian]", "distributions: {Debian: [12]}"),
        ["applies.distributions.Debian", "quote numbers"],
        id="version as a number",
    ),
    pytest.param(
        edit(DMESG, "families: [Debian]", "distributions: {Ubuntu: [24.04]}"),
        ["24.04", 'put it in quotes: "24.04"'],
        id="version as a fraction",
    ),
    pytest.param(
        edit(DMESG, "families: [Debian]", "requires_path: [usr/bin/x]"),
        ["applies.requires_path", "usr/bin/x"],
        id="relative path",
    ),
    pytest.param(
        edit(DMESG, "families: [Debian]", "requires_package: [-x]"),
        ["applies.requires_package", "-x"],
        id="no package name",
    ),
    pytest.param(
        edit(DMESG, "  title: Only root reads the kernel log\n", '  title: ""\n'),
        ["title", "not empty"],
        id="empty title",
    ),
    pytest.param(
        edit(DMESG, "severity: low", "severity: low\n  severity: high"),
        ["severity", "stands twice", "first on line 5"],
        id="duplicate YAML key",
    ),
    pytest.param(edit(DMESG, "severity: low", "severity: [low"), ["broken YAML"], id="broken YAML"),
    pytest.param(
        edit(DMESG, "severity: low", "severity: no"), ["severity", 'put it in quotes: "no"'], id="YAML 1.1 boolean"
    ),
    pytest.param(edit(DMESG, "value: 1}", "value: 0640}"), ["value", 'put it in quotes: "0640"'], id="octal number"),
    pytest.param(edit(DMESG, "value: 1}", "value: }"), ["value", "no value"], id="no value"),
    pytest.param(
        edit(DMESG, "value: 1}", "value: {tunable: nobody}}"),
        ["settings.value", "undefined tunable 'nobody'"],
        id="undefined tunable",
    ),
    pytest.param(
        edit(DMESG, "value: 1}", "value: {tunable: x, of: y}}"),
        ["settings.value", "nothing beside it"],
        id="tunable with more",
    ),
]


@pytest.mark.parametrize(("text", "told"), BAD_CONTROLS)
def test_a_bad_control_is_refused_with_file_line_and_key(tmp_path: Path, text: str, told: List[str]) -> None:
    make(tmp_path, {"kernel.yml": text})
    message = message_of([tmp_path])
    for part in ("control kernel_log", "No host was touched", *told):
        assert part in message
    assert re.search(rf"{re.escape(str(tmp_path))}/controls/kernel\.yml:[1-9]", message)


def test_a_duplicate_id_names_both_files(tmp_path: Path) -> None:
    make(tmp_path, {"a.yml": DMESG, "b.yml": edit(DMESG, "dmesg_restrict", "kptr_restrict")})
    message = message_of([tmp_path])
    for part in (
        f"{tmp_path}/controls/b.yml:2",
        "control kernel_log: id: duplicate id",
        f"{tmp_path}/controls/a.yml:2",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("first", "second", "over"),
    [
        pytest.param(DMESG, edit(DMESG, "kernel_log", "other_log"), "kernel.dmesg_restrict", id="one kernel key"),
        pytest.param(
            edit(
                DMESG,
                "kind: sysctl\n  settings: {key: kernel.dmesg_restrict, value: 1}",
                'kind: file\n  settings: {path: /etc/cron.*ly, mode: "0700"}',
            ),
            edit(
                edit(DMESG, "kernel_log", "other_log"),
                "kind: sysctl\n  settings: {key: kernel.dmesg_restrict, value: 1}",
                'kind: file\n  settings: {path: /etc/cron.daily, mode: "0750"}',
            ),
            "/etc/cron.daily",
            id="a path and a pattern that matches it",
        ),
    ],
)
def test_two_controls_that_fight_are_both_named(tmp_path: Path, first: str, second: str, over: str) -> None:
    message = refusal(catalogue.load([make(tmp_path, {"a.yml": first, "b.yml": second})]))
    for part in ("b.yml:10: control other_log: settings", "fights over", over, "control kernel_log", "a.yml:2"):
        assert part in message


BAD_FILES = [
    pytest.param("", "the file is empty", id="empty"),
    pytest.param("# SPDX\n---\n", "the file is empty", id="nothing but comments"),
    pytest.param("id: x\n", "a list of controls", id="no list"),
    pytest.param("[]\n", "a list of controls", id="empty list"),
    pytest.param("- just words\n", "item 1: saw 'just words'; allowed: a control", id="item is no mapping"),
    pytest.param("- [1, 2\n", "broken YAML", id="broken"),
    pytest.param("- {id: &a x, title: *a}\n- *a\n", "a control", id="alias of a word"),
    pytest.param("- &a {id: x}\n- *a\n", "an alias (*name)", id="alias of a control"),
    pytest.param("- !!python/object:os.system {}\n", "the YAML tag", id="tag"),
    pytest.param("- {<<: {id: x}}\n", "put it in quotes", id="merge key"),
    pytest.param("- {5: x}\n", "the key 5 is not text", id="number as key"),
    pytest.param("---\n- {id: x}\n---\n- {id: y}\n", "broken YAML", id="two documents"),
]


@pytest.mark.parametrize(("text", "told"), BAD_FILES)
def test_a_file_that_holds_no_controls_is_named(tmp_path: Path, text: str, told: str) -> None:
    message = message_of([make(tmp_path, {"kernel.yml": text})])
    assert f"{tmp_path}/controls/kernel.yml" in message
    assert told in message


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    make(tmp_path, {})
    (tmp_path / "controls" / "kernel.yml").write_bytes(b"- id: caf\xe9\n")
    assert f"{tmp_path}/controls/kernel.yml: it is not UTF-8 text" in message_of([tmp_path])


def test_a_directory_without_controls_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path}/nowhere/controls: no such directory" in message_of([tmp_path / "nowhere"])
    assert f"{tmp_path}/controls: it holds no control file" in message_of([make(tmp_path, {})])


def test_all_problems_of_a_load_are_told_at_once(tmp_path: Path) -> None:
    make(tmp_path, {"a.yml": edit(DMESG, "severity: low", "severity: lo"), "b.yml": "", "ssh.yml": TRIES})
    message = message_of([tmp_path])
    assert "2 problems" in message
    assert "a.yml:5: control kernel_log: severity" in message
    assert "b.yml: the file is empty" in message


def test_a_flood_of_problems_is_cut_and_counted(tmp_path: Path) -> None:
    bad = "".join(f"- {{id: control_{number}}}\n" for number in range(40))
    message = message_of([make(tmp_path, {"a.yml": bad})])
    assert "280 problems" in message
    assert "and 255 more" in message


@pytest.mark.parametrize(
    ("skip", "told"),
    [
        pytest.param(
            {"kernel_lgo": "why"},
            ["hardening_skip: control kernel_lgo", "unknown control id", "did you mean kernel_log?"],
            id="unknown",
        ),
        pytest.param(
            {"kernel_log": ""}, ["hardening_skip: control kernel_log", "skipped without a reason"], id="no reason"
        ),
        pytest.param({"kernel_log": True}, ["skipped without a reason"], id="a reason in one bit"),
        pytest.param(["kernel_log"], ["hardening_skip", "a mapping of control id to reason"], id="no mapping"),
    ],
)
def test_a_bad_skip_is_refused(tmp_path: Path, skip: Any, told: List[str]) -> None:
    message = refusal(good(tmp_path), skip=skip)
    for part in told:
        assert part in message


def test_an_unknown_tier_is_refused(tmp_path: Path) -> None:
    message = refusal(good(tmp_path), "standart")
    for part in ("hardening_tier", "saw 'standart'", "did you mean standard?", "essential, standard, strict"):
        assert part in message


def test_a_value_that_suits_the_tunable_but_not_the_setting_is_refused(tmp_path: Path) -> None:
    free = edit(TRIES, "{type: int, default: 4, min: 1, max: 6,", "{type: list, default: [x], pattern: '.+',")
    excludes = edit(free, "op: at_most", "op: excludes")
    assert ids(catalogue.select(catalogue.load([make(tmp_path / "a", {"ssh.yml": excludes})]), "strict")) == [
        "sshd_tries"
    ]
    message = message_of([make(tmp_path / "b", {"ssh.yml": free})])
    assert "ssh.yml:9: control sshd_tries: settings.value" in message
