# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In the short form each test of a scenario is of one host, in turns; in the long one, of all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

HOSTS = Path(__file__).resolve().parents[3] / "tests" / "hosts"
CONFTEST = f"""
import sys, pytest
sys.path.insert(0, {str(HOSTS)!r})
from sharing import pytest_collection_modifyitems

@pytest.fixture(params=["debian-12", "debian-13"])
def host(request):
    return request.param

@pytest.fixture
def fresh(host):
    return host
"""
TESTS = """
import pytest

def test_first(fresh): pass
def test_second(host): pass
def test_alone(): pass
@pytest.mark.parametrize("kill", ["a", "b"])
def test_third(fresh, kill): pass
"""


@pytest.mark.parametrize(("form", "passed"), [("", 5), ("full", 9)])
def test_each_is_of_one_host_or_of_all(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, form: str, passed: int
) -> None:
    monkeypatch.setenv("HEALTHOPS_DRILLS", form)
    monkeypatch.setattr(sys, "path", list(sys.path))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_inprocess("-v", "-p", "no:xdist")
    done.assert_outcomes(passed=passed, deselected=9 - passed)
    if not form:
        text = done.stdout.str()
        assert "test_first[debian-12] PASSED" in text
        assert "test_second[debian-13] PASSED" in text
        assert [
            name
            for name in ("a", "b")
            if f"test_third[debian-13-{name}]" in text or f"test_third[debian-12-{name}]" in text
        ] == ["a", "b"]
