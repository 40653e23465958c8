#!/bin/sh
# Puts nats-server where tests/cluster finds it: Debian's package, without its service.
set -eu
PATH="$PATH:/usr/sbin"
command -v nats-server >/dev/null && exit 0
[ "$(id -u)" = 0 ] || { echo "nats-server is missing; as root: apt-get install nats-server" >&2; exit 1; }
apt-get update -qq
apt-get install -qq -y --no-install-recommends nats-server
