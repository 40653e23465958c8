"""How often the past may be asked for: counted as a gateway counts, refused while the rules are enforced."""

import json
from typing import Any

from ibactors.sim.pacing import Pacing
from tests.sim.rawclient import Bench, contract
from tests.sim.test_history import ask, history

PACING = (162, "Historical Market Data Service error message:Historical data request pacing violation")


async def violations(bench: Bench) -> Any:
    return json.loads(await bench.control("stats"))["pacing"]


def small(request_id: int, minute: int = 0, *, symbol: str = "AAPL", what: str = "TRADES") -> tuple[str | int, ...]:
    end = f"20261120-15:{minute:02}:00"
    return history(request_id, contract(symbol), size="5 secs", duration="60 S", end=end, what=what)


async def test_same_question_within_fifteen_seconds_is_refused_whoever_asks(strict: Bench) -> None:
    first, second = await strict.client(1), await strict.client(2)
    await ask(first, *small(1))
    await second.send(*small(7))
    assert await second.error(7) == PACING
    await ask(second, *small(8, 1))
    assert await violations(strict) == {"enforced": True, "requests": 3, "violations": {"same within 15 s": 1}}


async def test_sixth_request_for_a_contract_within_two_seconds_is_refused(strict: Bench) -> None:
    client = await strict.client()
    for number in range(6):
        await client.send(*small(number, number))
    assert await client.error(5) == PACING
    await client.send(*small(6, 6, what="BID"))
    await client.find("17", "6")


async def test_bid_ask_counts_twice(strict: Bench) -> None:
    client = await strict.client()
    for number in range(3):
        await client.send(*small(number, number, what="BID_ASK"))
    assert await client.error(2) == PACING


async def test_violations_are_counted_and_answered_when_the_rules_are_not_enforced(strict: Bench) -> None:
    client = await strict.client()
    assert await strict.control("pacing off") == "ok"
    await ask(client, *small(1))
    await ask(client, *small(2))
    assert (await violations(strict))["violations"] == {"same within 15 s": 1}


async def test_larger_bars_are_not_paced(strict: Bench) -> None:
    client = await strict.client()
    for number in range(10):
        await ask(client, *history(number, size="1 min", duration="60 S", end="20261120-15:00:00"))
    assert (await violations(strict))["requests"] == 0


def test_sixty_in_ten_minutes() -> None:
    pacing = Pacing()
    taken = [n for n in range(130) if not pacing.breaks(n * 5.0, question=n, subject="AAPL")]
    # The first falls out of the ten minutes with the request at 600 s, and so on.
    assert taken == [*range(60), *range(120, 130)]
    assert pacing.violations == {"60 within 10 min": 60}


async def test_fifty_requests_may_be_open(strict: Bench) -> None:
    client = await strict.client()
    await strict.control("limit rate 1000")
    for number in range(50):
        await client.send(*history(number, duration="1 D", keep=1))
        await client.find("17", str(number))
    await client.send(*history(50, duration="1 D"))
    assert await client.error(50) == (
        322,
        "Error processing request.-'bQ' : cause - Only 50 simultaneous API historical data requests allowed.",
    )
    await client.send(25, 1, 0)
    await client.error(0)
    await ask(client, *history(51, duration="1 D"))


async def test_time_without_a_zone_is_taken_with_a_warning(strict: Bench) -> None:
    client = await strict.client()
    await client.send(*history(1, end="20261120 16:00:00"))
    code, text = await client.error(1)
    assert code == 2174
    assert "without explicit time zone" in text
    assert (await client.find("17", "1"))[3] == "20261120 16:00:00 US/Eastern"


async def test_bars_and_head_are_refused_while_another_session_has_the_data(strict: Bench) -> None:
    client = await strict.client()
    await strict.control("competing on")
    text = "Historical Market Data Service error message:Trading TWS session is connected from a different IP address"
    await client.send(*history(1))
    assert await client.error(1) == (162, text)
    await client.send(87, 2, *contract("AAPL"), 0, 1, "TRADES", 1)
    assert await client.error(2) == (162, text)
