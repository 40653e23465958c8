"""What time removes: orders that are long over from memory, where the journal has them; old entries from the journal itself."""

import time
from typing import NoReturn

import structlog
import trio

from ibactors.actors.order_keeper import Keeper
from ibactors.orders.keeping import prune
from ibactors.orders.transaction import Transaction

log = structlog.get_logger(__name__)

EVERY = 3_600.0
REMEMBERED = 86_400.0
"""Seconds for which an order is kept in memory after the last thing that happened to it: limits count a day."""
BETWEEN = 1.0
"""Seconds between two commits that prune: what trades goes first."""
MOST_ROUNDS = 1_000
"""Of pruning in an hour; what is left has the next one."""


async def keep_small(keeper: Keeper) -> NoReturn:
    """Every hour, for as long as the task lives."""
    while True:
        await trio.sleep(EVERY)
        await tidy(keeper, time.time())


async def tidy(keeper: Keeper, at: float) -> None:
    """Forget and prune once. A disk that fails at it halts trading, as any failing write does."""
    await keeper.forget(at - REMEMBERED)
    removed: list[int] = []

    def remove(tx: Transaction) -> None:
        removed.append(prune(tx, at))

    for _ in range(MOST_ROUNDS):
        if not await keeper.write(remove) or not removed[-1]:
            break
        await trio.sleep(BETWEEN)
    if sum(removed):
        log.info("journal_pruned", entries=sum(removed))
