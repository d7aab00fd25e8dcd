# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records out of results, for several tests."""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record

Json = t.Dict[str, t.Any]


def clean(result: Json) -> Json:
    return record.clean_result(result, "portal-01")
