# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a configuration stands is said with all of its keys."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import KEYS, standing


def test_all_keys_are_there_and_what_is_known_counts() -> None:
    stands = standing("gateway", changed=True)
    assert tuple(stands) == KEYS
    assert (stands["name"], stands["changed"], stands["drift"]) == ("gateway", True, [])
