#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as root in a test host: makes the host wrong, one file a subject. A script and not a command: mounting over /tmp would
# take the file away from which a module runs.
set -euo pipefail
exec run-parts --regex='[.]sh$' --exit-on-error /srv/mess.d
