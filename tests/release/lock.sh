#!/bin/sh
# Locks what builds and checks a release, with hashes, naming no index or host: sh tests/release/lock.sh
set -eu
cd "$(dirname "$0")"
uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --native-tls requirements.in --output-file requirements.txt
