# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records and bundles that several tests of evidence begin with."""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from unit_tests.plugin_utils._evidence import samples


def sample_record(host: int = 0, mode: str = "harden") -> t.Dict[str, t.Any]:
    return record.clean_result(samples.result(host, mode=mode), samples.host_name(host))


def sample_fleet(hosts: int = 3, mode: str = "harden") -> t.Dict[str, t.Dict[str, t.Any]]:
    return {samples.host_name(number): sample_record(number, mode) for number in range(hosts)}
