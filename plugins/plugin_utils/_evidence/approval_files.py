# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of approvals that a run was let through by, kept in its bundle under the hash that the records name.

Private to the collection, and pure.
"""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import files
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.patch_record import patch_records
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json

FOLDER = "approvals"


def approval_names(run: Json) -> set[str]:
    """Return the paths in a bundle at which the approvals that its records name are kept."""
    approvals = [result["patch"].get("approval") or {} for _host, result in patch_records(run)]
    return {_name(str(approval["sha256"])) for approval in approvals if approval.get("sha256")}


def kept_approvals(run: Json, data: bytes | None) -> dict[str, bytes]:
    """Return the file of approvals by its path in the bundle, if its content is what a record names."""
    if data is None:
        return {}
    name = _name(files.sha256(data))
    if name in approval_names(run):
        return {name: data}
    return {}


def _name(sha256: str) -> str:
    return f"{FOLDER}/{sha256}.yml"
