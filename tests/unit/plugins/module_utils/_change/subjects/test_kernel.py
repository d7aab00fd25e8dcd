# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the running kernel, and what the kernel takes along with them."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.kernel import (
    KernelValue,
    LoadedModule,
    kernel_path,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost

FORWARD, REDIRECTS = "net.ipv4.ip_forward", "net.ipv4.conf.all.accept_redirects"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("kernel.kptr_restrict", "/proc/sys/kernel/kptr_restrict"),
        ("net/ipv4/conf/eth0.10/rp_filter", "/proc/sys/net/ipv4/conf/eth0.10/rp_filter"),
    ],
)
def test_dots_are_slashes_unless_it_is_written_with_slashes(key: str, path: str) -> None:
    assert kernel_path(key) == path


def test_a_value_is_set_and_put_back() -> None:
    host = FakeHost()
    host.kernel["kernel.printk"] = "4\t4\t1\t7"
    value = KernelValue("kernel.printk")
    before = value.capture(host)
    assert before == {"value": "4 4 1 7"}
    value.put(host, {"value": "3 4 1 3"})
    assert host.kernel["kernel.printk"] == "3 4 1 3"
    value.put(host, before)
    assert value.capture(host) == before


def test_a_key_that_the_kernel_has_not_is_left_alone() -> None:
    host = FakeHost()
    value = KernelValue("kernel.nosuch")
    assert value.capture(host) == {"value": None}
    value.put(host, {"value": None})
    assert host.operations == []


@pytest.mark.parametrize("redirects", ["0", "1"])
def test_what_the_kernel_takes_along_keeps_its_value_both_ways(redirects: str) -> None:
    host = FakeHost()
    host.kernel.update({FORWARD: "1", REDIRECTS: redirects})
    value = KernelValue(FORWARD)
    before = value.capture(host)
    assert before == {"value": "1", "along": {REDIRECTS: redirects}}
    value.put(host, {"value": "0"})
    assert (host.kernel[FORWARD], host.kernel[REDIRECTS]) == ("0", redirects)
    value.put(host, before)
    assert (host.kernel[FORWARD], host.kernel[REDIRECTS]) == ("1", redirects)


def test_a_module_is_unloaded_and_comes_back() -> None:
    host = FakeHost()
    host.modules["usb_storage"] = 0
    module = LoadedModule("usb_storage")
    before = module.capture(host)
    module.put(host, {"loaded": False})
    assert host.modules == {}
    module.put(host, {"loaded": False})
    module.put(host, before)
    assert [argv[1] for argv in host.runs] == ["-r", "--ignore-install"]
    assert module.capture(host) == before == {"loaded": True}


def test_a_module_in_use_is_told() -> None:
    host = FakeHost()
    host.modules["usb_storage"] = 2
    with pytest.raises(ClinicalError, match="Unloading usb_storage: modprobe: FATAL: Module usb_storage is in use"):
        LoadedModule("usb_storage").put(host, {"loaded": False})
