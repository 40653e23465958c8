#!/bin/sh
# A bus, one session with the demo's simulator and two edges of it, on loopback, until Ctrl-C.
set -eu
sh "$(dirname "$0")/install.sh"
PATH="$PATH:/usr/sbin"
export IBACTORS_BUS=nats://127.0.0.1:4222
running=
start() {
    "$@" &
    running="$running $!"
}
stop() {
    trap - INT TERM
    kill $running
    wait
    exit 0
}
trap stop INT TERM
start nats-server -a 127.0.0.1 -p 4222
start env IBACTORS_ROLE=session ibactors demo --port 8000
start env IBACTORS_ROLE=edge ibactors serve --port 8001
start env IBACTORS_ROLE=edge ibactors serve --port 8002
echo "session http://127.0.0.1:8000, edges http://127.0.0.1:8001 and http://127.0.0.1:8002; stop with Ctrl-C"
wait
