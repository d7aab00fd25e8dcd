# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters: what runs, what the files say, what the next boot brings."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.sysctl import (
    DROP_IN,
    effective,
    normal,
    parse,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost
from look import look, plan, states, subjects

KEY = "net.ipv4.conf.all.send_redirects"
WISH = {"key": KEY, "value": 0}


def host(running: str = "1", **files: str) -> FakeHost:
    made = FakeHost()
    made.kernel[KEY] = running
    made.add_dir("/etc/sysctl.d")
    for name, text in files.items():
        made.add_file(f"/etc/sysctl.d/{name.replace('_', '-')}.conf", text)
    return made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("# a = 1\n; b = 2\n\n", {}, id="comments"),
        pytest.param("kernel.sem =  1\t2  3 4 \n", {"kernel.sem": "1 2 3 4"}, id="several numbers"),
        pytest.param("-kernel.sysrq=0\n", {"kernel.sysrq": "0"}, id="may fail"),
        pytest.param("net/ipv4/ip_forward = 1\n", {"net.ipv4.ip_forward": "1"}, id="slashes"),
        pytest.param("a = 1\na = 2\n", {"a": "2"}, id="the last one counts"),
        pytest.param("kernel.core_pattern = |/bin/x %p=%s\n", {"kernel.core_pattern": "|/bin/x %p=%s"}, id="equals"),
        pytest.param("no assignment\n", {}, id="noise"),
    ],
)
def test_parse(text: str, found: dict[str, str]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("kernel.sysrq", "kernel.sysrq"),
        ("kernel/sysrq", "kernel.sysrq"),
        ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net.ipv4.conf.eth0/100.forwarding"),
    ],
)
def test_keys_in_both_spellings(written: str, key: str) -> None:
    assert normal(written) == key


def test_exact_names_beat_patterns_and_later_files_beat_earlier() -> None:
    files = [("/a", "net.ipv4.conf.all.rp_filter = 1"), ("/b", "net.ipv4.conf.*.rp_filter = 2")]
    assert effective(files, "net.ipv4.conf.all.rp_filter") == ("1", "/a")
    assert effective(files, "net.ipv4.conf.eth0.rp_filter") == ("2", "/b")
    assert effective([*files, ("/c", "net/ipv4/conf/all/rp_filter=0")], "net.ipv4.conf.all.rp_filter") == ("0", "/c")
    assert effective(files, "vm.swappiness") is None


@pytest.mark.parametrize(
    ("made", "wanted", "before"),
    [
        pytest.param(
            host("0", a="# none\n"), ("ok", "deviates", "deviates"), "0 (not set at the next boot)", id="runs only"
        ),
        pytest.param(host("1", a=f"{KEY} = 0\n"), ("deviates", "ok", "ok"), "1", id="on disk only"),
        pytest.param(host("0", a=f"{KEY} = 0\n"), ("ok", "ok", "ok"), "0", id="all three"),
        pytest.param(
            host("0", a=f"{KEY} = 0\n", z=f"{KEY} = 1\n"),
            ("ok", "ok", "deviates"),
            "0 (1 at the next boot)",
            id="a later file overrides",
        ),
        pytest.param(host("1"), ("deviates", "deviates", "deviates"), "1 (not set at the next boot)", id="nowhere"),
    ],
)
def test_three_verdicts(made: FakeHost, wanted: tuple[str, str, str], before: str) -> None:
    seen = look(made, "sysctl", WISH)
    assert (states(seen), seen.before, seen.after) == (wanted, before, "0")


def test_a_file_that_comes_after_ours_is_named() -> None:
    made = host("0", zz_last=f"{KEY} = 1\n")
    seen = look(made, "sysctl", WISH)
    assert seen.result == "fail"
    assert seen.reason == "/etc/sysctl.d/zz-last.conf sets it to 1 after our drop-in; remove it there"
    assert seen.verdicts.survives_reboot.observed == "1 in /etc/sysctl.d/zz-last.conf"


def test_a_file_of_the_same_name_in_etc_hides_the_distributions() -> None:
    made = host("0", **{"50_x": f"{KEY} = 0\n"})
    made.add_file("/usr/lib/sysctl.d/50-x.conf", f"{KEY} = 1\n")
    assert states(look(made, "sysctl", WISH)) == ("ok", "ok", "ok")


def test_a_link_to_the_old_place_is_read() -> None:
    made = host("0")
    made.add_file("/etc/sysctl.conf", f"{KEY} = 1\n")
    made.add_link("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf")
    assert look(made, "sysctl", WISH).verdicts.survives_reboot.observed == "1 in /etc/sysctl.d/99-sysctl.conf"


@pytest.mark.parametrize(("running", "after"), [("2", "2"), ("1", "1"), ("0", "1")])
def test_an_acceptable_value_is_kept(running: str, after: str) -> None:
    made = FakeHost()
    made.kernel["kernel.kptr_restrict"] = running
    assert look(made, "sysctl", {"key": "kernel.kptr_restrict", "value": 1, "accept": [2]}).after == after


@pytest.mark.parametrize(
    ("key", "own_users", "fixed", "reason"),
    [
        pytest.param(
            "kernel.x", False, False, "belongs to the machine that this container runs on", id="root's container"
        ),
        pytest.param("net.ipv4.x", False, False, "", id="namespaced key"),
        pytest.param("kernel.x", True, True, "does not let this container", id="user namespace"),
        pytest.param("net.ipv4.x", True, False, "", id="writable in it"),
    ],
)
def test_keys_that_a_container_cannot_set(key: str, own_users: bool, fixed: bool, reason: str) -> None:
    made = FakeHost()
    made.in_container(own_users=own_users)
    made.kernel[key] = "1"
    if fixed:
        made.fixed_keys.add(key)
    seen = look(made, "sysctl", {"key": key, "value": 0})
    assert seen.result == ("notapplicable" if reason else "fail")
    assert reason in seen.reason
    assert bool(plan(made, "sysctl", {"key": key, "value": 0}).groups) == (not reason)


@pytest.mark.parametrize("contained", [True, False])
def test_a_key_that_the_kernel_keeps_to_itself(contained: bool) -> None:
    made = FakeHost()
    if contained:
        made.in_container()

    def refuse(path: str) -> None:
        raise ClinicalError("Reading", path, "Permission denied")

    made.kernel["vm.secret"], read = "1", made.read
    made.read = lambda path: refuse(path) if path.endswith("vm/secret") else read(path)  # type: ignore[method-assign]
    if contained:
        seen = look(made, "sysctl", {"key": "vm.secret", "value": 1})
        assert (seen.result, "does not let this container read" in seen.reason) == ("notapplicable", True)
    else:  # on a machine of its own, root can read all
        with pytest.raises(ClinicalError, match="Permission denied"):
            look(made, "sysctl", {"key": "vm.secret", "value": 1})


def test_a_key_that_the_kernel_lacks() -> None:
    seen = look(FakeHost(), "sysctl", {"key": "kernel.none", "value": 1})
    assert (seen.result, seen.reason, seen.before) == ("notapplicable", "this kernel does not have the key", "absent")


def test_one_file_for_all_and_only_what_has_to_change() -> None:
    made = host("1")
    made.kernel["kernel.sysrq"] = "0"
    made.add_file(DROP_IN, "# ours\nvm.old = 1\n")
    planned = plan(made, "sysctl", WISH, {"key": "kernel.sysrq", "value": 0})
    assert subjects(planned.groups) == [f"file {DROP_IN}", f"kernel value {KEY}"]


FORWARD, REDIRECTS = "net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects"


@pytest.mark.parametrize("redirects", ["0", "1"])
@pytest.mark.parametrize("controlled", [True, False])
def test_what_the_kernel_sets_along_is_right_afterwards_and_put_back(redirects: str, controlled: bool) -> None:
    made = FakeHost()
    made.kernel.update({FORWARD: "1", REDIRECTS: redirects})
    made.add_file("/etc/sysctl.d/50-site.conf", f"{FORWARD} = 1\n{REDIRECTS} = {redirects}\n")
    before = made.state()
    keys = [REDIRECTS, FORWARD] if controlled else [FORWARD]
    controls = tuple(Control(key, "sysctl", {"key": key, "value": 0}) for key in keys)
    foretold = _baseline.audit(made, _baseline.BaselineRequest("a1", controls)).changes
    report = _baseline.enforce(made, _baseline.BaselineRequest("e1", controls))
    assert report.changes == foretold
    assert {finding["result"] for finding in report.findings} <= {"fixed", "pass"}
    assert made.kernel[FORWARD] == "0"
    assert made.kernel[REDIRECTS] == ("0" if controlled else redirects)
    assert not _baseline.audit(made, _baseline.BaselineRequest("a2", controls)).changed
    _baseline.revert(made, _baseline.BaselineRequest("r1"), "", False)
    assert made.state() == before


def test_the_next_boot_sets_first_what_takes_others_along() -> None:
    made = FakeHost()
    made.kernel.update({FORWARD: "1", REDIRECTS: "1"})
    made.add_dir("/etc/sysctl.d")
    controls = tuple(Control(key, "sysctl", {"key": key, "value": 0}) for key in (REDIRECTS, FORWARD))
    _baseline.enforce(made, _baseline.BaselineRequest("e1", controls))
    assert list(parse((made.read(DROP_IN) or b"").decode())) == [FORWARD, REDIRECTS]
