#!/bin/sh
# certs.sh DIRECTORY: makes the keys and certificates of the TLS tests there.
#
#   ca.pem            an authority;  other-ca.pem: one that nobody trusts
#   server.pem/.key   for localhost, 127.0.0.1 and ::1
#   example.pem/.key  for example.test and *.wild.test
#   expired.pem/.key  for localhost, no longer valid
#   self.pem/.key     for localhost, signed by itself
#   client.pem/.key   of a client;  stranger.pem/.key: one of other-ca
set -eu
mkdir -p "$1"
cd "$1"
exec 2>log

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

# authority NAME
authority() {
    key "$1.key"
    openssl req -x509 -new -key "$1.key" -out "$1.pem" -days 30 \
        -subj "/CN=bide test $1" -addext "basicConstraints=critical,CA:TRUE" \
        -addext "keyUsage=critical,keyCertSign,cRLSign"
}

# issue NAME AUTHORITY DAYS ALTERNATIVE-NAMES
issue() {
    key "$1.key"
    openssl req -new -key "$1.key" -out "$1.csr" -subj "/O=bide/CN=$1"
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$4" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" \
        -set_serial "$(date +%s)${#1}" -days "$3" -extfile "$1.ext" -out "$1.pem"
}

authority ca
authority other-ca
issue server ca 30 "DNS:localhost,IP:127.0.0.1,IP:::1"
issue example ca 30 "DNS:example.test,DNS:*.wild.test"
issue expired ca -1 "DNS:localhost,IP:127.0.0.1"
issue client ca 30 "email:client@example.test"
issue stranger other-ca 30 "email:stranger@example.test"
key self.key
openssl req -x509 -new -key self.key -out self.pem -days 30 -subj /CN=self \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1"
