# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of runs about packages that several tests of evidence begin with."""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from unit_tests.plugin_utils._evidence import patch_samples


def patch_record(result: patch_samples.Json) -> patch_samples.Json:
    return record.clean_result(result, "portal-01")


def patch_run(hosts: t.Optional[t.Dict[str, patch_samples.Json]] = None, *missing: str) -> patch_samples.Json:
    told = hosts if hosts is not None else patch_samples.fleet()
    records = {name: record.clean_result(result, name) for name, result in told.items()}
    return bundle(patch_samples.RUN_ID, records, [*records, *missing])
