# Recipes for people and CI; run them with ./dev RECIPE (it makes the virtual
# environment first). The line above a recipe is its help; `./dev` alone lists
# them. Programs that take options tell them with --help.

set positional-arguments := true

# list the recipes
default:
    @just --list --unsorted

# the service with an embedded simulator
[group('run')]
demo *args:
    @exec ibactors demo "$@"

# the service, for the gateway in the environment
[group('run')]
serve *args:
    @exec ibactors serve "$@"

# a bus, a session with a simulator, and two edges
[group('run')]
cluster:
    @exec sh tests/cluster/run.sh

# the TWS server alone, for any TWS API client
[group('run')]
simulate *args:
    @exec ibactors simulate "$@"

# Two seconds, where `test` takes twenty to begin: no workers, no summary.
# one file or one test: PATH[::NAME]
[group('test')]
t *args:
    @exec python -m pytest -n 0 -q "$@"

# What fails beside others and passes alone is told as FLAKY, here and in the recipes below.
# the suite, without the slow tests
[group('test')]
test *args:
    python -m tests.twice -n 4 --dist worksteal -m "not slow and not ibc and not cluster" "$@"

# openapi.json and asyncapi.json as they are now, for a change of the contract that is meant: see the diff
golden:
    python -m tests.golden

# Properties that are marked thorough, with many more examples, too.
# the tests that take longer
[group('test')]
slow *args:
    THOROUGH=1 python -m tests.twice -n 2 --dist worksteal -m "(slow or thorough) and not alone" "$@"
    python -m tests.twice -n 0 -m alone "$@"

# Installs Debian's nats-server, if there is none and this is root.
# edges over a real bus, and its faults
[group('test')]
cluster-test *args:
    sh tests/cluster/install.sh
    timeout 180 python -m tests.twice -n 2 --dist worksteal -m cluster tests/cluster "$@"

# tests of the service that run the same beside a second gateway, which has nothing to do
[group('test')]
gateways *args:
    TEST_GATEWAYS=2 python -m pytest -n 2 -q tests/service/test_rest.py tests/service/test_stream_account.py tests/service/test_portfolio.py "$@"

# the suite with branch coverage
[group('test')]
coverage *args:
    coverage run -m pytest "$@"
    coverage report --skip-covered

# Without: 114 and 128, which know only functions that call started() themselves;
# 124, as handlers are async by contract; 9xx, opt-in checks for libraries.
# Reading a file takes it half a second, and half of them have nothing for it.
# ruff, flake8-async, and who may import whom
[group('check')]
lint:
    ruff check .
    ruff format --check .
    git grep -lzE 'async|trio' -- '*.py' | xargs -0 -n 40 -P 2 flake8-async --disable=ASYNC114,ASYNC124,ASYNC128,ASYNC900,ASYNC910,ASYNC911,ASYNC912,ASYNC913
    lint-imports --no-cache --no-logo

# mypy --strict, code and tests
[group('check')]
type:
    mypy

# the package as other systems see it
[group('check')]
platforms:
    mypy --platform darwin --cache-dir .mypy_cache/darwin -p ibactors -p ibactors_client
    mypy --platform win32 --cache-dir .mypy_cache/win32 -p ibactors -p ibactors_client

# format in place
[group('check')]
format:
    ruff check --fix-only --quiet .
    ruff format .

# known holes in dependencies, and secrets
[group('check')]
audit:
    sh tests/environment.sh .audit tests/audit/requirements.txt
    python tests/audit/run.py

# sdist, wheel, bill of materials, checksums in dist/, built twice and tried out: [--rehearse]
[group('check')]
release *args:
    sh tests/environment.sh .release tests/release/requirements.txt
    python tests/release/run.py "$@"

# lock the dependencies, with hashes, without hosts
[group('check')]
lock:
    sh lock.sh

# Side by side, as nothing in them has a time to keep, and half of it waits for registries.
# what CI checks without the service under load
[group('check')]
[parallel]
checks: lint type platforms documents site audit (release "--rehearse")

# everything CI runs
[group('check')]
ci: checks test gateways slow cluster-test browser (chaos "--minutes" "5" "--seed" "1") (chaos "--orders" "1000" "--minutes" "30" "--seed" "1") interop interop-ibc fuzz (contract "--minutes" "1.5" "--seed" "1") image-test

# From their registries, into .interop the first time.
# unchanged TWS API clients and the simulator
[group('outside')]
interop *args:
    python tests/interop/run.py "$@"

# Installs Java, Xvfb and IBC the first time: [--wrong 20]
# the real IBC and our stand-in for IB Gateway
[group('outside')]
interop-ibc *args:
    python tests/ibc/install.py -n 2 "$@"

# Installs Debian's Chromium, Playwright and axe-core the first time.
# the live page in a real browser
[group('outside')]
browser *args:
    python tests/browser/run.py test "$@"

# the pictures in docs/images, from the demo
[group('outside')]
screenshots:
    python tests/browser/run.py screenshots

# Without keys, with a key, and with logins (in .contract): [--minutes 1.5] [--seed N]
# the REST contract, with schemathesis
[group('outside')]
contract *args:
    sh tests/environment.sh .contract tests/contract/requirements.txt
    python tests/contract/run.py "$@"

# [--heads 200000] [--seed N]
# what the edge's own reader takes of heads, against h11
[group('outside')]
fuzz-heads *args:
    python -m tests.fuzz.heads "$@"

# Installs them the first time, in .documents.
# openapi.json and asyncapi.json under linters and code generators
[group('outside')]
documents:
    python tests/documents/run.py

# Coverage-guided, in an environment of its own, .fuzz: [--seconds 60]
# fuzzing of the simulator's API port, and of heads
[group('outside')]
fuzz *args: fuzz-heads
    sh tests/environment.sh .fuzz tests/fuzz/requirements.txt
    PYTHONPATH=. .fuzz/bin/python tests/fuzz/server.py "$@"

# From the package index the first time, into .site.
# README and docs as a web site, in site/
[group('outside')]
site:
    sh tests/environment.sh .site website/requirements.txt
    python website/build.py

# both images and what is deployed; as root
[group('outside')]
image-test *args:
    python tests/image/run.py "$@"

# ./build.sh stable|latest [--push] [--image NAME] [--target gateway|api]
# build an image of the Dockerfile
[group('outside')]
image *args:
    ./build.sh "$@"

# [--connections 10000] [--streams 1000] [--lorises 200] [--seconds 20]
# thousands of hostile clients beside a good one
[group('stress')]
siege *args:
    python -m tests.siege "$@"

# [--every-channel] [--orders [N]] [--client] [--gateways] [--kills N] [--minutes 5] [--seed N] [--report]
# load, and a gateway that misbehaves at random
[group('stress')]
chaos *args:
    PYTHONPATH=client/src python -m chaos "$@"

# [--hours 24] [--speed 720] [--seed N] [--report]
# days of a gateway in minutes, and what leaked
[group('stress')]
soak *args:
    PYTHONPATH=client/src python -m chaos soak "$@"

# What each does, how soon it is noticed, how soon everything is back.
# the table of faults
[group('stress')]
faults:
    python -m pytest tests/service/test_fault_table.py -q -s --show-capture=no 2>/dev/null | grep -v '^20'

# Replayed and written anew: [NAME…]
# the incidents of docs/debugging.md
[group('stress')]
incidents *args:
    python -m tests.incidents "$@"

# [--quick] [--repeats N] [--only NAME…] [--rows NAME…] [--report]
# ibactors against what users would pick instead
[group('measure')]
bench *args:
    python benchmarks/service/run.py "$@"

# In turns, with processor time: [--turns 5] [--starts 2] [--generator wrk|own] [--report]
# what is in memory, asked over REST beside the rivals
[group('measure')]
bench-requests *args:
    python benchmarks/service/asked.py "$@"

# In turns, for a machine that is not quiet:
# [--checkout FOLDER] [--turns 7] [--starts 4] [--query ?batch=1]
# versions and rivals loaded in turns
[group('measure')]
bench-pairs *args:
    python benchmarks/service/pairs.py "$@"

# [--load saturation moderate warm] [--seconds 20] [--checkout FOLDER] [--svg FOLDER]
# where the service's time goes
[group('measure')]
bench-profile *args:
    python benchmarks/service/sampling.py "$@"

# On and off in turns in one process: [--pairs 30] [--updates N] [--requests N]
# what watch, meters and a scraper cost
[group('measure')]
bench-watching *args:
    python benchmarks/service/watching.py "$@"

# Beside the afternoon's service: [--turns 8] [--orders 50] [--seconds 60] [--report]
# from POST /orders to the frame, and quotes meanwhile
[group('measure')]
bench-orders *args:
    python benchmarks/service/orders.py "$@"

# [--turns 5] [--seconds 10] [--clients 20] [--report]
# a warm quote while twenty clients ask for fifty histories each
[group('measure')]
bench-crowd *args:
    python benchmarks/service/crowd.py "$@"

# At rest for minutes, all at once: [--minutes 4] [--symbols 100] [--starts 3] [--report]
# what doing nothing costs, and one more symbol
[group('measure')]
bench-resting *args:
    python benchmarks/service/resting.py "$@"

# depth|ticks [--seconds 20] [--turns 3] [--clients N] [--rate N] [--pause N] [--rival]
# books and ticks one by one under load, against a service that sends every change
[group('measure')]
bench-streams *args:
    python benchmarks/service/streams.py "$@"

# On one core: [--clients 32] [--lines 100] [--rate 10] [--seconds 60] [--highest]
# how much the simulator delivers
[group('measure')]
bench-simulator *args:
    python benchmarks/simulator_load.py "$@"
