#!/usr/bin/env bash
# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# pki.sh DIRECTORY NAME=ADDRESS...: an authority with a certificate for each archive (NAME=ADDRESS), for a sender and for the probe, one
# of each that nobody should trust (rogue), and one that has ended (expired).
set -euo pipefail
cd "$1"
shift

authority() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 30 -subj "/CN=$1" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2> /dev/null
}

# leaf NAME AUTHORITY SAN DAYS
leaf() {
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2> /dev/null
  printf '%s\n' "subjectAltName=$3" basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
    extendedKeyUsage=serverAuth,clientAuth subjectKeyIdentifier=hash authorityKeyIdentifier=keyid > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$4" -extfile "$1.ext" -out "$1.pem" 2> /dev/null
  rm "$1.csr" "$1.ext"
}

authority ca
authority rogue-ca
for archive; do
  leaf "${archive%=*}" ca "DNS:${archive%=*},IP:${archive#*=}" 20
done
leaf sender ca DNS:sender 20
leaf probe ca DNS:probe 20
leaf expired ca DNS:expired -1
leaf rogue rogue-ca DNS:sender 20
