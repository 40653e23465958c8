"""The client while everything around it breaks, for a bounded time; `./dev chaos --client` does it for as long as one likes."""

import random
from pathlib import Path

import pytest

from chaos.client import chaos_of_the_client
from chaos.order_run import Wanted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SECONDS = 15.0
"""A round of faults."""


async def test_client_tells_the_truth_while_everything_breaks(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print("seed", seed)  # noqa: T201  # shown when it fails
    run = await chaos_of_the_client(Wanted(seed=seed, minutes=SECONDS / 60, logs=tmp_path))
    assert run.found == []
    # How many there are says how fast the machine is; that there are some, that the test has tested something.
    tested = ("quotes followed", "quotes read", "orders placed", "orders followed", "answers cut", "breaks of the stream")
    assert [kind for kind in tested if not run.counts[kind]] == []
    assert run.kills
