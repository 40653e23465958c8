#!/bin/sh
# Locks the linters and generators that the documents are shown to, with hashes, naming no index or host: sh tests/documents/lock.sh
set -eu
cd "$(dirname "$0")/lock"
uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links --native-tls requirements.in --output-file requirements.txt
npm install --package-lock-only --omit-lockfile-registry-resolved=true --no-audit --no-fund
# Links to sponsors name hosts too, and npm does not need them.
node -e '
const fs = require("fs");
const lock = JSON.parse(fs.readFileSync("package-lock.json"));
for (const entry of Object.values(lock.packages)) delete entry.funding;
fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n");
'
