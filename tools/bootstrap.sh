#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make .venv with the pinned nox in it; everything else is installed by the sessions, each into its own environment.
# What the operating system lacks comes from apt-get where this is allowed; otherwise the message names it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A Python that the supported ansible-core versions run on, if there is one with all that it needs. Prints its path. That of the
# distribution comes first: it is built with every optimization, and takes two thirds of the time of one that somebody built quickly.
find_python() {
  local candidate needs
  for needs in 'sys, ensurepip, venv' sys; do
    for candidate in /usr/bin/python3 python3.11 python3.12 python3.13 python3; do
      if "$candidate" -c "import $needs; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" 2>/dev/null; then
        "$candidate" -c 'import sys; print(sys.executable)'
        return
      fi
    done
  done
  return 1
}

# Debian packages that are missing, one a line.
missing_packages() {
  local python
  if python=$(find_python); then
    # Debian splits ensurepip off into python3-venv; other builds of Python have it.
    "$python" -c 'import ensurepip, venv' 2>/dev/null \
      || "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
  else
    echo python3
    echo python3-venv
  fi
  command -v git >/dev/null || echo git
  command -v ssh-keygen >/dev/null || echo openssh-client
}

install_missing() {
  local packages
  mapfile -t packages < <(missing_packages)
  [ "${#packages[@]}" -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "This machine lacks: ${packages[*]} (Debian package names)." >&2
    echo "Install them, or run this once as root on a machine with apt-get, and try again." >&2
    return 1
  fi
  echo "Installing ${packages[*]} with apt-get ..."
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=120 update -qq
  apt-get -o DPkg::Lock::Timeout=120 install -qq --yes --no-install-recommends "${packages[@]}" >/dev/null
}

make_venv() {
  local python
  python=$(find_python)
  echo "Making .venv with $("$python" --version) and nox ..."
  "$python" -m venv --clear .venv
  .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements/nox.txt
}

install_missing
# A lock that was renewed, or a .venv whose Python has gone, starts afresh.
if ! .venv/bin/nox --version >/dev/null 2>&1 || ! cmp -s requirements/nox.txt .venv/nox.txt; then
  make_venv
  cp requirements/nox.txt .venv/nox.txt
fi
touch .venv/bin/nox
