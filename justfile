# Recipes for people and CI; run them with ./dev RECIPE (it makes the virtual environment first).

set positional-arguments := true

# list the recipes
default:
    @just --list --unsorted

# the service with an embedded simulator, on http://127.0.0.1:8000
demo *args:
    @exec ibactors demo "$@"

# the service, against the gateway named by the environment
serve *args:
    @exec ibactors serve "$@"

# the TWS server alone, for any TWS API client
simulate *args:
    @exec ibactors simulate "$@"

# the test suite: unit tests, then real sockets and real clients
test *args:
    python -m pytest -n 4 --dist worksteal -m "not slow and not ibc" "$@"

# openapi.json and asyncapi.json as they are now, for a change of the contract that is meant: see the diff
golden:
    python -m tests.golden

# the tests that take longer
slow *args:
    python -m pytest -m slow "$@"

# unchanged TWS API clients from their registries against the simulator (installs them into .interop the first time)
interop *args:
    python tests/interop/run.py "$@"

# the real IBC against our stand-in for IB Gateway (installs Java, Xvfb and IBC the first time): [--wrong 20]
interop-ibc *args:
    python tests/ibc/install.py -n 2 "$@"

# coverage-guided fuzzing of the simulator's API port (in an environment of its own, .fuzz): [--seconds 60]
fuzz *args:
    sh tests/environment.sh .fuzz tests/fuzz/requirements.txt
    PYTHONPATH=. .fuzz/bin/python tests/fuzz/server.py "$@"

# the live page in a real browser: Debian's Chromium, Playwright, axe-core (installs them the first time)
browser *args:
    python tests/browser/run.py test "$@"

# the pictures in docs/images, taken from the demo
screenshots:
    python tests/browser/run.py screenshots

# the REST contract: schemathesis with all its checks, without keys, with a key, and with logins (in an environment of its own, .contract): [--minutes 1.5] [--seed N]
contract *args:
    sh tests/environment.sh .contract tests/contract/requirements.txt
    python tests/contract/run.py "$@"

# known holes in dependencies and secrets in the repository (in an environment of its own, .audit)
audit:
    sh tests/environment.sh .audit tests/audit/requirements.txt
    python tests/audit/run.py

# thousands of hostile clients beside a good one, and what it notices: [--connections 10000] [--streams 1000] [--lorises 200] [--seconds 20]
siege *args:
    python -m tests.siege "$@"

# the service under load against a gateway that misbehaves at random: [--minutes 5] [--seed N] [--report]
chaos *args:
    python -m chaos "$@"

# the table of faults: what each does, how soon it is noticed, how soon everything is back
faults:
    python -m pytest tests/service/test_fault_table.py -q -s --show-capture=no 2>/dev/null | grep -v '^20'

# days of a gateway in minutes, and what has leaked: [--hours 24] [--speed 720] [--seed N] [--report]
soak *args:
    python -m chaos soak "$@"

# what the watch, the meters and a scraper cost at saturation, on and off in turns in one process: [--pairs 30] [--updates N] [--requests N]
bench-watching *args:
    python benchmarks/service/watching.py "$@"

# where the service's time goes under the benchmark's loads: [--load saturation moderate warm] [--seconds 20] [--checkout FOLDER] [--svg FOLDER]
bench-profile *args:
    python benchmarks/service/sampling.py "$@"

# versions and rivals loaded in turns, for a machine that is not quiet: [--checkout FOLDER] [--turns 7] [--starts 4] [--query ?batch=1]
bench-pairs *args:
    python benchmarks/service/pairs.py "$@"

# the incidents of docs/debugging.md, played again and written anew: [NAME…]
incidents *args:
    python -m tests.incidents "$@"

# how much market data the simulator delivers on one core: [--clients 32] [--lines 100] [--rate 10] [--seconds 60] [--highest]
bench-simulator *args:
    python benchmarks/simulator_load.py "$@"

# the images of the Dockerfile: ./build.sh stable|latest [--push] [--image NAME] [--target gateway|api]
image *args:
    ./build.sh "$@"

# both images, built and run on a real Docker engine, and the linters of all that is deployed: [lint] [--only WORD]; as root
image-test *args:
    python tests/image/run.py "$@"

# ibactors against what users would pick instead; --report writes docs/performance.md: [--quick] [--repeats N] [--only NAME…] [--rows NAME…] [--report]
bench *args:
    python benchmarks/service/run.py "$@"

# everything CI runs
ci: lint type test slow browser (chaos "--minutes" "5" "--seed" "1") interop interop-ibc fuzz (contract "--minutes" "1.5" "--seed" "1") image-test audit

# ruff and flake8-async (without: 114 and 128, which know only functions that call started() themselves; 124, as handlers are async by contract; 9xx, opt-in checks for libraries)
lint:
    ruff check .
    ruff format --check .
    git ls-files -z '*.py' | xargs -0 -n 60 -P 2 flake8-async --disable=ASYNC114,ASYNC124,ASYNC128,ASYNC900,ASYNC910,ASYNC911,ASYNC912,ASYNC913

# mypy --strict
type:
    mypy

# format in place
format:
    ruff check --fix-only --quiet .
    ruff format .

# tests with branch coverage
coverage *args:
    coverage run -m pytest "$@"
    coverage report --skip-covered

# lock the dependencies again, with hashes and without hosts
lock:
    sh lock.sh
