#!/bin/sh
# Locks IBC's package again, with hashes, naming no index or host: sh tests/ibc/locks/lock.sh
set -eu
cd "$(dirname "$0")"
uv pip compile --quiet --no-deps --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --native-tls ibc2.in --output-file ibc2.txt
