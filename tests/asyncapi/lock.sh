#!/bin/sh
# Locks the AsyncAPI parser again, naming no host: sh tests/asyncapi/lock.sh
set -eu
cd "$(dirname "$0")"
npm install --package-lock-only --omit-lockfile-registry-resolved=true --no-audit --no-fund
node -e '
const fs = require("fs");
const lock = JSON.parse(fs.readFileSync("package-lock.json"));
for (const entry of Object.values(lock.packages)) delete entry.funding;
fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n");
'
