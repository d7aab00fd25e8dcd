#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Packages that the parts before this one install put right again what the first one made wrong.
set -euo pipefail
chmod 0755 /etc/ssl/private
