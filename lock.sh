#!/bin/sh
# Locks what the project installs for every supported Python, with hashes, naming no index or host: the service and its tests, and what
# builds and checks the images.
set -eu
cd "$(dirname "$0")"
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links --native-tls "$@"
}
compile pyproject.toml --output-file requirements.txt
compile pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt
compile image/build.in --output-file image/build.txt
compile --no-deps image/ibc.in --output-file image/ibc.txt
compile tests/image/requirements.in --output-file tests/image/requirements.txt
compile website/requirements.in --output-file website/requirements.txt
