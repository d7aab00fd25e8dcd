# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules: not loaded, and not loadable by name."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.kernel_module import (
    DROP_IN,
    parse_modules,
    parse_showconfig,
)
from fake_host import FakeHost, fixture
from look import look, plan, states, subjects

REFUSED = "install usb_storage /bin/false\n"


def host(users: int | None = None, rules: str = "") -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/modprobe.d/site.conf", rules)
    if users is not None:
        made.modules["usb_storage"] = users
    return made


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_debian_refuses_none(system: str) -> None:
    assert parse_showconfig(fixture("modprobe", system)) == frozenset()


def test_a_hardened_host_refuses_some() -> None:
    assert {"cramfs", "hfs", "dccp"} <= parse_showconfig(fixture("modprobe", "debian-12-hardened"))


def test_a_command_that_loads_it_after_all_is_no_refusal() -> None:
    text = "install a /bin/true\ninstall b-c /usr/bin/false\ninstall d /sbin/modprobe --ignore-install d\nblacklist e\n"
    assert parse_showconfig(text) == {"a", "b_c"}


def test_modules_and_their_users() -> None:
    assert parse_modules("ext4 123 2 - Live 0x0\nusb-storage 1 0 - Live 0x0\nbad\n") == {"ext4": 2, "usb_storage": 0}


@pytest.mark.parametrize(
    ("made", "wanted", "touched"),
    [
        pytest.param(host(None, REFUSED), ("ok", "ok", "ok"), [], id="refused"),
        pytest.param(host(), ("ok", "deviates", "deviates"), [f"file {DROP_IN}"], id="loadable"),
        pytest.param(host(0, REFUSED), ("deviates", "ok", "ok"), ["kernel module usb_storage"], id="loaded, unused"),
        pytest.param(host(2, REFUSED), ("deviates", "ok", "ok"), [], id="in use"),
        pytest.param(
            host(0), ("deviates", "deviates", "deviates"), [f"file {DROP_IN}", "kernel module usb_storage"], id="both"
        ),
    ],
)
@pytest.mark.parametrize("name", ["usb_storage", "usb-storage"])
def test_verdicts(made: FakeHost, wanted: tuple[str, str, str], touched: list[str], name: str) -> None:
    planned = plan(made, "kernel_module", {"module": name})
    assert states(planned.assessments[0]) == wanted
    assert subjects(planned.groups) == touched


def test_in_use_it_goes_at_the_next_boot() -> None:
    seen = look(host(2, REFUSED), "kernel_module", {"module": "usb_storage"})
    assert seen.reason == "it is loaded and has 2 users; it goes at the next boot"


def test_in_a_container_only_the_rule_counts() -> None:
    made = host(0)
    made.in_container()
    planned = plan(made, "kernel_module", {"module": "usb_storage"})
    assert states(planned.assessments[0]) == ("notapplicable", "deviates", "deviates")
    assert subjects(planned.groups) == [f"file {DROP_IN}"]


def test_no_modprobe() -> None:
    made = host()
    made.programs.discard("modprobe")
    assert look(made, "kernel_module", {"module": "cramfs"}).result == "notapplicable"
