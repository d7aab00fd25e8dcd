# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of modules whose code the action plugin sends along, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """Declares the option ``core``."""

    DOCUMENTATION = r"""
options:
  core:
    description:
      - The code that runs on the host. The action plugin of the same name sets it, and nobody else. What is given here
        in a playbook is ignored.
    type: str
    default: ""
"""
