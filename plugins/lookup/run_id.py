# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""run_id: a new name for a run, and a word about variables that have new names."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_id
short_description: Names a run of a fleet
version_added: 1.0.0
author:
  - HealthOps contributors (@healthops)
description:
  - Makes the id that all hosts of a run share, like V(20261122T150000Z-1f3a).
  - Ids sort by the second in which they were made.
  - Where variables are set that have new names, a deprecation warning says so.
  - The playbooks of the collection use it in C(open_run.yml); every call makes another id, so keep it with
    M(ansible.builtin.set_fact) and C(run_once).
options: {}
"""

EXAMPLES = r"""
- name: Name the run
  ansible.builtin.set_fact:
    run_id: "{{ lookup('healthops.clinical.run_id') }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: The id, as the only item.
  type: list
  elements: str
  sample: [20261122T150000Z-1f3a]
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import RENAMED, new_run_id


class LookupModule(LookupBase):
    def run(self, terms: Sequence[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return one new run id; each old name among the variables is warned of, by Ansible only once."""
        self.set_options(var_options=variables, direct=kwargs)
        for old, new in RENAMED.items():
            if old in (variables or {}):
                message = f"The variable {old} is now {new}; it is for any run, not only for hardening."
                Display().deprecated(message, version="2.0.0", collection_name="healthops.clinical")
        return [str(new_run_id())]
