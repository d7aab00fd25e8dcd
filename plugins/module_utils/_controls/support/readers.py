# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads something by the group that it has, such as what collects logs for a site."""

from __future__ import annotations

from collections.abc import Collection

from ..._host.door import Host
from .account_files import read_accounts


def readers_by_group(host: Host, gids: Collection[int]) -> str:
    """Return the accounts in these groups, each with its group, in words; empty where they have none.

    Raises ClinicalError where the accounts cannot be read.
    """
    accounts = read_accounts(host)
    groups = {group.gid: group for group in accounts.groups if group.gid in gids}
    names = [f"{name} ({group.name})" for group in groups.values() for name in group.members]
    names += [f"{account.name} ({groups[account.gid].name})" for account in accounts.accounts if account.gid in groups]
    return ", ".join(dict.fromkeys(names))
