# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of text a framework is that controls refer to."""

from __future__ import annotations

#: Only the first binds anybody.
STATUSES = ("law", "proposed", "guidance", "benchmark")
