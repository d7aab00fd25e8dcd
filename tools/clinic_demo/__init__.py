# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's parts: the story (__main__), the look from outside, and the comparison of before and after."""
