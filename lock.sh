#!/bin/sh
# Locks runtime and development dependencies for every supported Python, with hashes, naming no index or host.
set -eu
cd "$(dirname "$0")"
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --native-tls pyproject.toml "$@"
}
compile --output-file requirements.txt
compile --extra dev --constraint requirements.txt --output-file requirements-dev.txt
