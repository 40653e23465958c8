"""Whatever stands in an answer of the gateway: what is told of it is bounded, or the request fails with a reason."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from ib_async.contract import Contract
from ib_async.contract import ContractDetails as IbDetails
from trio.testing import MockClock

from ibactors.actors.contracts_actor import Cache
from ibactors.bridge import history, news, reference, scans
from ibactors.bridge.advisers import find_model_figures, find_model_positions
from ibactors.bridge.contracts import contract_info
from ibactors.bridge.evidence_log import MOST_OCTETS
from ibactors.bridge.requests import RequestSpec
from ibactors.model.bars import TickKind, What
from ibactors.model.news import Article
from ibactors.orders.evidence import StatusSeen, UndecodedSeen
from ibactors.orders.placing import FIRST_REQUEST_ID
from tests.unit.test_gateway_texts import FORBIDDEN
from tests.unit.test_requests import Call, asking, line
from tests.unit.test_udf import contract as detailed

INFO = contract_info(IbDetails(contract=Contract(conId=7, symbol="Q", secType="STK", exchange="SMART", currency="USD")))
DETAILS = detailed()
TERMS = scans.ScanTerms(instrument="STK", location="STK.US", code="TOP_PERC_GAIN")
NUMBERS = ("nan", "inf", "-inf", "1.7976931348623157E308", "-1e301", "9" * 400, "9" * 5000, "x", "\u00b2")
TEXTS = ("\x1b[2Jx", "a\nb", r"\ud800", "\u202e", "x" * 100_000)
MOST = 1.7e308


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer: a good frame of it, and which of its fields are numbers and which texts."""

    spec: RequestSpec[Any]
    frame: str
    numbers: Sequence[int] = ()
    texts: Sequence[int] = ()
    end: str = ""
    read: Callable[[Any], Any] = lambda row: row


def _bars(row: Any) -> Any:
    return list(history.read_bars(history.bar_fields(row)))


def _ticks(kind: TickKind) -> RequestSpec[Any]:
    return history.past_ticks(INFO, start="", end="", count=1, kind=kind, rth=True)


ANSWERS = {
    "bars": Told(
        spec=history.past_bars(INFO, text="1 day", end="", duration="1 D", what=What.TRADES, rth=True),
        frame="17|{id}|||1|1783949400|1|2|0.5|1.5|10|1.2|3",
        numbers=range(5, 13),
        read=_bars,
    ),
    "trades": Told(
        spec=_ticks(TickKind.TRADES),
        frame="98|{id}|1|1681133400|0|11.6|5|ISLAND|O X|1",
        numbers=range(3, 7),
        texts=(7, 8),
        read=history.read_ticks,
    ),
    "quotes": Told(spec=_ticks(TickKind.BID_ASK), frame="97|{id}|1|1681133400|0|1|2|3|4|1", numbers=range(3, 9), read=history.read_ticks),
    "midpoints": Told(spec=_ticks(TickKind.MIDPOINT), frame="96|{id}|1|1681133400|0|1.5|0|1", numbers=(3, 5), read=history.read_ticks),
    "first moment": Told(spec=history.first_moment(INFO, what=What.TRADES, rth=True), frame="88|{id}|345479400", numbers=(2,)),
    "histogram": Told(spec=history.histogram(INFO, period="3 days", rth=True), frame="89|{id}|1|1.5|7", numbers=(3,)),
    "scan": Told(
        spec=scans.one_scan(TERMS),
        frame="20|3|{id}|1|0|7|Q|STK||0||SMART|USD|Q|NMS|NMS||||",
        numbers=(4, 5, 9),
        texts=(6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18),
    ),
    "option classes": Told(
        spec=reference.option_classes(DETAILS),
        frame="75|{id}|SMART|7|Q|100|1|20261218|1|95.5",
        numbers=(9,),
        texts=(2, 4, 5, 7),
        end="76|{id}",
    ),
    "market rule": Told(spec=reference.increments(26), frame="93|26|1|0|0.01", numbers=(3, 4)),
    "positions of a model": Told(
        spec=find_model_positions("DU1", "m"),
        frame="71|1|{id}|DU1|7|Q|STK||0|||SMART|USD|Q|NMS|5|1.5|m",
        numbers=(4, 8, 15, 16),
        texts=(3, 5, 6, 7, 9, 10, 11, 12, 13, 14),
        end="72|1|{id}",
    ),
    "figures of a model": Told(spec=find_model_figures("DU1", "m"), frame="73|1|{id}|DU1|m|Cash|5|USD", texts=(5, 6, 7), end="74|1|{id}"),
    "headlines": Told(
        spec=news.past_headlines(7, providers="A", start="", end="", most=1),
        frame="86|{id}|2024-12-23 19:45:00.0|A|A$1|Text",
        texts=(3, 4, 5),
        end="87|{id}|0",
    ),
    "article": Told(spec=news.article("A", "A$1"), frame="83|{id}|0|Text", texts=(3,)),
    "search": Told(
        spec=reference.search("Q"), frame="79|{id}|1|7|Q|STK|NASDAQ|USD|1|OPT|QQ|I1", numbers=(3,), texts=(4, 5, 6, 7, 9, 10, 11)
    ),
}


async def answered(told: Told, fields: Sequence[str]) -> Call:
    async with line() as there, asking(there, told.spec) as (call,):
        request_id = (
            next(field for field in reversed(there.sent[0]) if field.isdigit() and int(field) >= FIRST_REQUEST_ID)
            if "{id}" in told.frame
            else ""
        )
        there.say(*[field.replace("{id}", request_id) for field in fields])
        if told.end:
            there.say(*told.end.replace("{id}", request_id).split("|"))
        elif call.rows is None and call.error is None:
            call.scope.cancel(reason="it has no end of its own here")
    return call


def leaves(value: object) -> Iterator[object]:
    match value:
        case dict():
            for each in value.values():
                yield from leaves(each)
        case list() | tuple():
            for each in value:
                yield from leaves(each)
        case _:
            yield value


async def check(told: Told, place: int, text: str) -> None:
    fields = told.frame.split("|")
    fields[place] = text
    call = await answered(told, fields)
    if call.rows is None:
        assert "cannot be read" in str(call.error)
        return
    try:
        read = [told.read(row) for row in call.rows]
    except (ValueError, IndexError):
        return  # what its callers answer with 502
    msgspec.json.encode(read)
    for value in leaves(msgspec.to_builtins(read)):
        if isinstance(value, str):
            assert not {unicodedata.category(character) for character in value.replace("\n", "")} & FORBIDDEN
            assert len(value) <= 5000 or told.spec.to == "send an article"
        elif isinstance(value, int | float):
            assert abs(value) < MOST


@pytest.mark.parametrize("name", ANSWERS)
async def test_answer_as_it_should_be_is_read(name: str, autojump_clock: MockClock) -> None:
    told = ANSWERS[name]
    call = await answered(told, told.frame.split("|"))
    assert call.rows, call.error
    assert told.read(call.rows[0])


@pytest.mark.parametrize("name", ANSWERS)
async def test_numbers_of_an_answer_are_numbers_or_it_fails(name: str, autojump_clock: MockClock) -> None:
    for place in ANSWERS[name].numbers:
        for text in NUMBERS:
            await check(ANSWERS[name], place, text)


@pytest.mark.parametrize("name", ANSWERS)
async def test_texts_of_an_answer_are_bounded_and_drive_no_terminal(name: str, autojump_clock: MockClock) -> None:
    for place in ANSWERS[name].texts:
        for text in TEXTS:
            await check(ANSWERS[name], place, text)


@pytest.mark.parametrize("quantity", ["", "nan", "1.7976931348623157E308", "9223372036854775807"])
async def test_position_of_a_model_without_its_quantity_is_none_of_zero(quantity: str, autojump_clock: MockClock) -> None:
    told = ANSWERS["positions of a model"]
    fields = told.frame.split("|")
    call = await answered(told, [*fields[:15], quantity, *fields[16:]])
    assert call.rows is None
    assert "cannot be read" in str(call.error)


async def test_articles_count_by_their_length(autojump_clock: MockClock) -> None:
    kept = Cache(100)
    for number in range(10):
        kept.put(number, (Article(kind="text", text="x" * 30_000),), 60.0)
    assert kept.weight <= 100
    assert kept.get(9) is not None
    assert kept.get(0) is None


@pytest.mark.parametrize("name", ["headlines", "market rule", "histogram"])
async def test_answer_that_is_longer_than_any_is_refused_before_it_is_read(name: str, autojump_clock: MockClock) -> None:
    call = await answered(ANSWERS[name], [*ANSWERS[name].frame.split("|"), "\x1b" * 5_000_000])
    assert "cannot be read" in str(call.error)


async def test_search_with_more_rows_than_any_is_refused_before_it_is_read(autojump_clock: MockClock) -> None:
    call = await answered(ANSWERS["search"], ["79", "{id}", "20000", *(["7", "Q", "STK", "", "USD", "0", "", ""] * 20_000)])
    assert "cannot be read" in str(call.error)


@pytest.mark.parametrize(("perm_id", "why_held"), [(10**30, ""), (-(2**64), ""), (7, "x" * 1_000_000)])
async def test_frame_about_an_order_that_cannot_be_kept_is_one_that_cannot_be_read(
    perm_id: int, why_held: str, autojump_clock: MockClock
) -> None:
    async with line() as there:
        for held, number in (("", 7), (why_held, perm_id)):
            there.say(3, 1, "Submitted", 0, 100, 0, number, 0, 0, 1, held, 0)
        good, bad = there.inbox.orders.peek(2)
    assert isinstance(good.evidence, StatusSeen)
    assert isinstance(bad.evidence, UndecodedSeen)
    assert len(bad.frame) <= MOST_OCTETS
    assert there.inbox.orders.undecoded
