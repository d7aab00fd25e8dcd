#!/bin/sh
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs version 1 of a small package, and has version 2 in a repository of this host that is labelled as Debian's for security.
set -eu
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mkdir -p /srv/security
cd /srv/security
for version in 1 2; do
  mkdir -p "build/DEBIAN" build/usr/share/clinic-tool
  echo "$version" > build/usr/share/clinic-tool/version
  printf 'Package: clinic-tool\nVersion: %s\nArchitecture: all\nMaintainer: Clinic <c@clinic.example>\nDescription: a tool\n' \
    "$version" > build/DEBIAN/control
  dpkg-deb -Znone --build build "clinic-tool_$version.deb"
done
{
  cat build/DEBIAN/control
  printf 'Filename: ./clinic-tool_2.deb\nSize: %s\nSHA256: %s\n' \
    "$(stat -c %s clinic-tool_2.deb)" "$(sha256sum clinic-tool_2.deb | cut -d ' ' -f 1)"
} > Packages
{
  printf 'Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nCodename: %s-security\nDate: %s\nSHA256:\n' \
    "$codename" "$(LC_ALL=C date -Ru)"
  printf ' %s %s Packages\n' "$(sha256sum Packages | cut -d ' ' -f 1)" "$(stat -c %s Packages)"
} > Release
dpkg --install clinic-tool_1.deb
echo 'deb [trusted=yes] file:/srv/security ./' > /etc/apt/sources.list.d/clinic-security.list
