"""Live streams besides the lines: tick by tick, depth of the book, and the lists that clients ask for."""

import pytest

from ibactors.sim import Simulator
from tests.sim.rawclient import Bench, contract

STOCK, PAIR, INDEX = contract("AAPL"), contract("EUR", "CASH", "IDEALPRO"), contract("SPX", "IND", "CBOE")


def ticks(request_id: int, block: tuple[str | int, ...], kind: str, before: int = 0) -> tuple[str | int, ...]:
    return (97, request_id, *block, kind, before, 0)


def book(request_id: int, block: tuple[str | int, ...], rows: int = 5, *, smart: bool = False) -> tuple[str | int, ...]:
    return (10, 5, request_id, *block, rows, int(smart), "")


@pytest.mark.parametrize(("kind", "number", "length"), [("Last", "1", 9), ("AllLast", "2", 9), ("BidAsk", "3", 9), ("MidPoint", "4", 5)])
async def test_ticks_come_one_by_one_until_cancelled(bench: Bench, kind: str, number: str, length: int) -> None:
    client = await bench.client()
    await client.send(*ticks(1, STOCK, kind))
    for _ in range(3):
        frame = await client.find("99", "1", number)
        assert len(frame) == length
    await client.send(98, 1)
    await client.synchronise()
    await bench.control("rate 500")
    assert not await client.synchronise()


async def test_ticks_before_the_first_are_given_when_asked_for(bench: Bench) -> None:
    client = await bench.client()
    await client.send(*ticks(1, STOCK, "Last", 5))
    first = (await client.until("99", "1"))[0]
    assert first[0] == "98"
    assert int(first[2]) >= 5


async def test_quotes_of_ticks_are_those_of_the_line(bench: Bench) -> None:
    client = await bench.client()
    await client.send(*ticks(1, STOCK, "BidAsk"))
    await client.synchronise()
    await bench.control("set AAPL 200.00 200.03 200.01")
    assert (await client.find("99", "1", "3"))[4:6] == ["200.00", "200.03"]


class Rows:
    """The rows of a book as a client keeps them."""

    def __init__(self, width: int) -> None:
        self.sides: dict[str, list[list[str]]] = {"0": [], "1": []}
        self._width = width

    def take(self, frame: list[str]) -> None:
        position, operation, side = int(frame[3]), frame[-4 - self._width], frame[-3 - self._width]
        rows = self.sides[side]
        value = frame[-2 - self._width : len(frame) - self._width]
        if operation == "0":
            assert position == len(rows)
            rows.insert(position, value)
        elif operation == "1":
            rows[position] = value
        else:
            assert position == len(rows) - 1
            del rows[position]

    def check(self, count: int) -> None:
        bids, asks = ([float(p) for p, _ in self.sides[s]] for s in ("1", "0"))
        assert len(bids) == len(asks) == count
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]


@pytest.mark.parametrize(
    ("block", "smart", "message", "width"),
    [(PAIR, False, "12", 0), (STOCK, True, "13", 1), (contract("AAPL", exchange="NASDAQ"), False, "13", 1)],
)
async def test_book_stays_a_book_through_all_changes(
    bench: Bench, block: tuple[str | int, ...], smart: bool, message: str, width: int
) -> None:
    client = await bench.client()
    await client.send(*book(1, block, smart=smart))
    rows = Rows(width)
    frames = await client.synchronise()
    await bench.control("rate 200")
    for _ in range(20):
        for frame in frames:
            if frame[0] != "4":  # 2152, which tells the exchanges
                assert frame[0] == message
                rows.take(frame)
        # Frames enough for several changes of the market.
        frames = [await client.frame() for _ in range(10)]
    await bench.control("farm-down usfarm")
    await bench.control("farm-down cashfarm")
    # Between two changes of the market the rows are whole.
    for frame in [*frames, *await client.synchronise()]:
        if frame[0] == message:
            rows.take(frame)
    rows.check(5)


async def test_fourth_book_and_sixth_tick_stream_are_too_many(bench: Bench) -> None:
    client = await bench.client()
    for number in range(4):
        await client.send(*book(number, STOCK, smart=True))
    assert await client.error(3) == (309, "Max number (3) of market depth requests has been reached")
    await client.send(11, 1, 0, 1)
    await client.send(*book(5, STOCK, smart=True))
    await client.find("13", "1", "5")
    for number in range(10, 16):
        await client.send(*ticks(number, STOCK, "Last"))
    assert (await client.error(15))[0] == 10190


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (ticks(1, PAIR, "Last"), 10189),
        (ticks(1, INDEX, "BidAsk"), 10189),
        (ticks(1, STOCK, "Rumours"), 10189),
        (ticks(1, contract("NOSUB"), "Last"), 10189),
        (ticks(1, contract("NOSUCH"), "Last"), 200),
        (book(1, INDEX), 10092),
        (book(1, STOCK), 10092),
        (book(1, contract("NOSUB"), smart=True), 10186),
        (book(1, STOCK, 0, smart=True), 321),
        ((11, 1, 1, 0), 310),
        ((98, 1), 300),
        ((83, 1, "nonsense"), 321),
    ],
)
async def test_what_cannot_be_had_is_an_error(bench: Bench, fields: tuple[str | int, ...], code: int) -> None:
    client = await bench.client()
    await client.send(*fields)
    assert (await client.error(1))[0] == code


async def test_streams_end_with_their_client(bench: Bench, simulator: Simulator) -> None:
    client = await bench.client()
    await client.send(*ticks(1, STOCK, "Last"))
    await client.send(*book(2, STOCK, smart=True))
    await client.send(50, 3, 3, *STOCK, 5, "TRADES", 0, "")
    await client.synchronise()
    watchers = simulator.gateway.market._watchers  # noqa: SLF001 - nothing outside shows who still watches
    assert len(watchers[265598]) == 3  # with the tape of ticks, which goes on for good; five-second bars follow the clock
    await client.stream.aclose()
    await bench.until(lambda _: len(watchers[265598]) == 1)


async def test_real_time_bar_is_of_five_seconds(bench: Bench) -> None:
    client = await bench.client()
    await client.send(50, 3, 3, *STOCK, 5, "TRADES", 0, "")
    bar = await client.find("50", "3", "3")
    assert len(bar) == 11
    assert int(bar[3]) % 5 == 0
    opened, high, low, close = (float(p) for p in bar[4:8])
    assert low <= min(opened, close)
    assert max(opened, close) <= high
    assert int(bar[8]) > 0


async def test_lists_have_as_many_rows_as_they_say(bench: Bench) -> None:
    client = await bench.client()
    await client.send(82)
    exchanges = await client.find("80")
    assert len(exchanges) == 2 + 5 * int(exchanges[1])
    await client.send(83, 1, "9c0001")
    components = await client.find("82", "1")
    assert len(components) == 3 + 3 * int(components[2])
    await client.send(80, 1)
    assert await client.find("78") == ["78", "1", "*", ""]
