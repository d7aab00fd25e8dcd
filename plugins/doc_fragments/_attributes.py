# SPDX-FileCopyrightText: healthops.clinical contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module promises about check mode, diff mode and running twice, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """Declares the attributes; each module that extends it states its own `support`."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row with the same arguments, the second run changes nothing.
      - This assumes that nothing else changed the host in between.
"""

    # For the members of the action group in meta/runtime.yml, beside the fragment above.
    ACTIONGROUP_CLINICAL = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/healthops.clinical.clinical) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - healthops.clinical.clinical
"""

    # For modules that only look and never change a host.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not change the host.
  diff_mode:
    support: N/A
    details:
      - This module does not change the host.
  idempotent:
    support: full
    details:
      - This module does not change the host.
"""
