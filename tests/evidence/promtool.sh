#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Prints the path of promtool; where this machine has none, it is taken out of Debian's package, which is not installed.
#   promtool.sh DIRECTORY
set -euo pipefail
if command -v promtool; then
  exit
fi
directory=$1
if [ ! -x "$directory/usr/bin/promtool" ]; then
  mkdir -p "$directory"
  cd "$directory"
  apt-get -qq download prometheus >&2 || { apt-get -qq update >&2 && apt-get -qq download prometheus >&2; }
  dpkg-deb --extract prometheus_*.deb .
  rm prometheus_*.deb
fi
echo "$directory/usr/bin/promtool"
