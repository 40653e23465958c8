"""Pages of bars are written once for all who ask for the same."""

import msgspec
import pytest
import trio

from ibactors.actors.history_questions import BarPage, BarsQuestion
from ibactors.history.rows import Rows
from ibactors.model.bars import BarSize
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.web.contract.bars import BarTexts, PastBar

AAPL = ContractInfo(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    expiry="",
    strike=0.0,
    right="",
    multiplier="",
    min_tick=0.01,
    long_name="APPLE INC",
)


class Stride:
    """A lock that counts the steps."""

    def __init__(self) -> None:
        self._lock = trio.Lock()
        self.steps = 0
        self.tenth = trio.Event()

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        self.steps += 1
        if self.steps == 10:
            self.tenth.set()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


@pytest.fixture
def stride() -> Stride:
    return Stride()


def page(count: int, *, close: float = 100.5, forming: int | None = None) -> BarPage:
    rows = Rows((60.0 * n, 100.0, 101.0, 99.0, close, 1000.0, 100.25, 7.0) for n in range(count))
    return BarPage(contract=AAPL, rows=rows, forming=forming, next_page_token=None)


def question(bar: str = "1m", *, descending: bool = False) -> BarsQuestion:
    return BarsQuestion(instrument=Instrument(symbol="AAPL"), bar=BarSize(bar), limit=10_000, descending=descending)


def read(text: bytes) -> list[PastBar]:
    return msgspec.json.decode(b"[" + text + b"]", type=list[PastBar])


async def test_many_who_ask_at_once_cost_one_writing(stride: Stride) -> None:
    texts, found = BarTexts(), list[bytes]()

    async def ask() -> None:
        found.append(await texts.of(question(), page(1000), stride))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
    assert len({id(text) for text in found}) == 1
    assert stride.steps == 20 + 1000 // 25
    bars = read(found[0])
    assert len(bars) == 1000
    assert (bars[1].t, bars[1].c, bars[1].n) == ("1970-01-01T00:01:00.000000Z", 100.5, 7)


async def test_whoever_leaves_leaves_the_writing_to_the_next(stride: Stride) -> None:
    texts, found = BarTexts(), list[bytes]()

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            found.append(await texts.of(question(), page(1000), stride))

    first, second = trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, first)
        nursery.start_soon(ask, second)
        await stride.tenth.wait()
        first.cancel(reason="it leaves")
    assert len(read(found[0])) == 1000
    assert len(found) == 1


@pytest.mark.parametrize(
    ("other", "asked"),
    [
        (page(50, close=100.75), question()),
        (page(50, forming=49 * 60), question()),
        (page(49), question()),
        (page(50), question(descending=True)),
        (page(50), question("1d")),
    ],
    ids=["a price", "a bar that forms", "fewer", "descending", "dated"],
)
async def test_what_differs_is_never_given_for_the_same(other: BarPage, asked: BarsQuestion, stride: Stride) -> None:
    texts = BarTexts()
    before = await texts.of(question(), page(50), stride)
    after = await texts.of(asked, other, stride)
    assert read(before) != read(after)
    assert after == await BarTexts().of(asked, other, stride)


async def test_what_is_kept_is_bounded_and_the_least_wanted_gives_way(stride: Stride) -> None:
    size = len(await BarTexts().of(question(), page(25), stride))
    texts = BarTexts(octets=2 * size + size // 2)
    first, second, third = (page(25, close=close) for close in (100.5, 101.5, 102.5))
    kept = {close: await texts.of(question(), asked, stride) for close, asked in ((1, first), (2, second))}
    assert await texts.of(question(), first, stride) is kept[1]
    await texts.of(question(), third, stride)
    assert await texts.of(question(), first, stride) is kept[1]
    assert await texts.of(question(), second, stride) is not kept[2]
