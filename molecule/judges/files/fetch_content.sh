#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs as root in a Debian 13 test host: leaves the package with OpenSCAP's content at /srv/ssg-debian.deb, without installing it.
set -euo pipefail
cd "$(mktemp -d)"
apt-get --quiet=2 update
apt-get --quiet=2 download ssg-debian
mv ssg-debian_*.deb /srv/ssg-debian.deb
