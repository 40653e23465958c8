#!/bin/sh
# Locks what the browser tests need besides Debian's Chromium, with hashes, naming no index or host: sh tests/browser/lock.sh
set -eu
cd "$(dirname "$0")/lock"
uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --native-tls requirements.in --output-file requirements.txt
npm install --package-lock-only --omit-lockfile-registry-resolved=true --no-audit --no-fund
