#!/bin/sh
# sh tests/environment.sh FOLDER LOCK: a virtual environment in FOLDER with exactly what LOCK lists, unless it is there.
set -eu
folder=$1 lock=$2
wanted="$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])') $(cksum < "$lock")"
[ "$(cat "$folder/installed" 2>/dev/null)" != "$wanted" ] || exit 0
rm -rf "$folder/bin" "$folder/lib" "$folder/installed"
# A pip of its own would take longer than most of what is installed.
python -m venv --without-pip "$folder"
python -m pip --python "$folder/bin/python" install -qq --disable-pip-version-check --require-hashes --no-deps -r "$lock"
echo "$wanted" > "$folder/installed"
