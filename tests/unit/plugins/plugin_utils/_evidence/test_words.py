# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one spelling of evidence: canonical bytes, plain data, and names that may name a file."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, words
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.bundles import sample_record


def test_the_same_result_makes_the_same_bytes() -> None:
    one = words.canonical(sample_record())
    shuffled = dict(reversed(list(samples.result().items())))
    assert words.canonical(record.clean_result(shuffled, "a")) == one
    assert one.endswith(b"}\n")
    assert one.count(b"\n") == 1
    assert b'": ' not in one[:200]


def test_canonical_json_keeps_text_and_bytes_that_were_no_text() -> None:
    value = {"b": "Müller", "a": b"caf\xe9".decode("utf-8", "surrogateescape")}
    assert words.canonical(value) == '{"a":"caf\\udce9","b":"Müller"}\n'.encode()
    assert json.loads(words.canonical(value)) == value


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ClinicalError, match="not JSON compliant"):
        words.canonical({"a": float("nan")})


class Tagged(str):
    """Stands in for the text subclasses that Ansible hands to plugins."""

    def __str__(self) -> str:
        return "wrong"


def test_subclasses_become_plain() -> None:
    made = words.plain({Tagged("key"): [Tagged("text"), (True, 1, None, 1.5)]})
    assert made == {"key": ["text", [True, 1, None, 1.5]]}
    assert not isinstance(next(iter(made)), Tagged)
    assert not isinstance(made["key"][0], Tagged)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": object()}, id="object"),
        pytest.param({1: "a"}, id="key"),
        pytest.param({"a": b"x"}, id="bytes"),
    ],
)
def test_what_is_not_plain_is_refused(value: t.Any) -> None:
    with pytest.raises(ClinicalError, match="Recording result"):
        words.plain(value)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a\nb", "a\0b", " a", "x" * 201],
    ids=["empty", "dot", "dots", "up", "slash", "backslash", "hidden", "newline", "nul", "blank", "long"],
)
def test_host_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(ClinicalError, match="the host name"):
        words.check_host_name(name)
    assert "the host name" in evidence.bundle(samples.RUN_ID, {}, [name])["unreadable"][name]


@pytest.mark.parametrize("name", ["portal-01", "fe80::1%eth0", "10.0.0.1", "röntgen", "a b", "host:2222", "<script>"])
def test_ordinary_host_names_are_fine(name: str) -> None:
    assert words.check_host_name(name) == name


@pytest.mark.parametrize("run_id", ["", ".", "..", "a/b", "latest", "-x", "a b", "x" * 81, "a\n"])
def test_run_ids_that_lead_elsewhere_are_refused(run_id: str) -> None:
    with pytest.raises(ClinicalError, match="the run id"):
        words.check_run_id(run_id)
