"""What a gateway sends is bounded where it enters: texts, names, numbers, and how much of it is kept."""

import json
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async.contract import ContractDetails

from ibactors.bridge.connectivity import Connectivity, farm_of
from ibactors.bridge.contracts import contract_info, find_contracts
from ibactors.bridge.tally import MOST_CODES, NOTICES, OTHER, GatewayTally
from ibactors.bridge.texts import LONGEST, clean, shown, unescaped
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.model.accounts import Figure, PortfolioItem, Position
from ibactors.model.instruments import ContractInfo, Instrument, SecType
from tests.unit.test_requests import asking, line

FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(st.characters(codec=None), max_size=600))
def test_shown_text_is_bounded_and_holds_nothing_that_drives_a_terminal_or_cannot_be_encoded(text: str) -> None:
    result = shown(text)
    assert len(result) <= LONGEST
    assert not {unicodedata.category(character) for character in result} & FORBIDDEN
    json.loads(json.dumps(result).encode())
    result.encode()
    assert shown(result) == result


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=100))
def test_text_without_controls_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_hours_of_a_contract_are_kept_once_for_all_that_say_the_same_and_not_at_all_where_they_are_too_long() -> None:
    hours = "20261127:0400-20261127:2000;" * 6
    one, other = (contract_info(ContractDetails(tradingHours="".join(list(hours)), liquidHours=text)) for text in (hours, "x" * 20_000))
    assert one.trading_hours is one.liquid_hours is other.trading_hours
    assert (one.trading_hours, other.liquid_hours) == (hours, "")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (r"SOCI\u00c9T\u00c9 G\u00c9N\u00c9RALE", "SOCIÉTÉ GÉNÉRALE"),
        ("SOCIÉTÉ GÉNÉRALE", "SOCIÉTÉ GÉNÉRALE"),
        (r"caf\xe9", "café"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud800 half", "\ufffd half"),
        (r"back\slash \N{nope} \u12", r"back\slash \N{nope} \u12"),
    ],
)
def test_name_is_decoded_for_what_it_is(sent: str, name: str) -> None:
    assert unescaped(sent) == name


@pytest.mark.parametrize(
    ("text", "farm"),
    [
        ("Market data farm connection is OK:usfarm.nj", "usfarm.nj"),
        ("HMDS data farm connection is inactive but should be available upon demand.ushmds", "ushmds"),
        ("Market data farm connection is broken: cashfarm ", "cashfarm"),
        ("no farm at all", "no farm at all"),
        ("", ""),
    ],
)
def test_farm_is_what_a_notice_names_at_its_end(text: str, farm: str) -> None:
    assert farm_of(text) == farm


@pytest.mark.parametrize("unit", [".", ". ", ": ", ":a", "a.", "-"])
def test_no_notice_makes_the_search_for_its_farm_slow(unit: str) -> None:
    began = time.process_time()
    assert len(farm_of(unit * 200_000 + "!")) <= LONGEST
    assert time.process_time() - began < 0.5


def test_any_number_of_broken_farms_is_told_in_short() -> None:
    state = Connectivity()
    for number in range(3000):
        state.notice(2103, f"Market data farm connection is broken:farm{number}")
    assert len(state.degraded or "") < 1000
    assert "farm0" in (state.degraded or "")
    for number in range(3000):
        state.notice(2104, f"Market data farm connection is OK:farm{number}")
    assert state.degraded is None


def test_codes_beyond_measure_are_counted_together() -> None:
    tally = GatewayTally()
    for code in range(1, 5001):
        tally.noticed(code, "text")
    assert len(tally.errors) == MOST_CODES + 1
    assert sum(tally.errors.values()) == 5000
    assert tally.errors[OTHER] == 5000 - MOST_CODES
    assert len(tally.notices) == NOTICES


class Accounts:
    """Hears of the accounts."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def figure_seen(self, tag: str, figure: Figure, arrived: float) -> None:  # noqa: ARG002  # texts are looked at
        self.heard.append((tag, figure))

    def position_seen(self, position: Position, arrived: float) -> None:  # noqa: ARG002  # as above
        self.heard.append(position)

    def portfolio_seen(self, item: PortfolioItem) -> None:
        self.heard.append(item)

    def complete(self, what: str, arrived: float) -> None:  # noqa: ARG002  # as above
        self.heard.append(what)

    def refused(self, what: str, error: IbactorsError) -> None:
        self.heard.append((what, error))

    def unreadable(self, what: str) -> None:
        self.heard.append(f"unreadable {what}")


UNREADABLE_QUANTITIES = ("", "five", "0x10", "nan", "inf", "-1e400", "1.7976931348623157E308", "9223372036854775807", str(2**127 - 1))


def position(quantity: str, *, average_cost: str = "1", symbol: str = "AAPL", con_id: str = "1") -> list[object]:
    return [61, 3, "DU1", con_id, symbol, "STK", "", "0.0", "", "", "", "USD", symbol, "NMS", quantity, average_cost]


async def test_what_belongs_to_accounts_is_bounded_and_a_row_that_cannot_be_read_is_told() -> None:
    async with line() as there:
        accounts = there.inbox.accounts.listener = Accounts()
        there.say(63, 1, 1, "DU1", "Tag\x1b[2J" + "x" * 5000, "1" * 5000, "USD")
        there.say(*position("5", symbol="A\nB"))
        there.say(*position("5", average_cost=""))
        for quantity in UNREADABLE_QUANTITIES:
            there.say(*position(quantity))
        there.say(*position("5", con_id="1.5"))
        there.say(7, 8, 1, "AAPL", "STK", "", "0", "", "", "NASDAQ", "USD", "AAPL", "NMS", "5", "", "", "150.0", "1", "", "DU1")
        there.say(63, 1, 1)
    (tag, figure), first, second, *rest = accounts.heard
    assert len(tag) + len(figure.value) < 200
    assert tag.startswith("Tag [2J")
    assert first.symbol == "A B"
    assert (first.avg_cost, second.avg_cost) == (1.0, None)
    rows = len(UNREADABLE_QUANTITIES) + 1
    assert rest[:rows] == ["unreadable positions"] * rows
    portfolio, last = rest[rows:]
    assert (portfolio.market_price, portfolio.unrealized_pnl, portfolio.realized_pnl) == (None, 1.0, None)
    assert last == "unreadable summary"


async def test_prefix_that_some_gateways_give_to_the_tags_of_currencies_is_taken_off() -> None:
    async with line() as there:
        accounts = there.inbox.accounts.listener = Accounts()
        for tag in ("$LEDGER-StockMarketValue", "StockMarketValue", "NetLiquidation"):
            there.say(63, 1, 9001, "DU9000002", tag, "0.00", "BASE")
    assert [tag for tag, _ in accounts.heard] == ["StockMarketValue", "StockMarketValue", "NetLiquidation"]


def details(*, version: int, request_id: str, magnifier: str = "1", sec_type: str = "STK", lot: str = "100") -> list[str]:
    old = version < 164
    row = ["10", *(["8"] if old else []), request_id, "Q", sec_type, "", "0", "", "SMART", "USD", "Q", "Q", "Q", "7", "0.01"]
    row += [lot] if old else []
    row += [
        "",
        "LMT",
        "SMART",
        magnifier,
        "0",
        r"N\u00e4me",
        "NYSE",
        "",
        "",
        "",
        "",
        "UTC",
        "",
        "",
        "",
        "0",
        "0",
        "1",
        "",
        "",
        "26",
        "",
        "COMMON",
    ]
    row += ["1"] if version == 163 else []
    return row + ([] if old else ["0.0001", "0.0001", "100"])


async def described(version: int, **more: str) -> ContractInfo:
    async with line() as there:
        there.client._serverVersion = there.client.decoder.serverVersion = version  # noqa: SLF001  # what a handshake would set
        async with asking(there, find_contracts(Instrument(symbol="Q"))) as (call,):
            request_id = there.sent[0][2]
            there.say(*details(version=version, request_id=request_id, **more))
            there.say(52, 1, request_id)
    assert call.rows is not None, call.error
    (row,) = call.rows
    assert isinstance(row, ContractInfo)
    return row


@pytest.mark.parametrize("version", [157, 160, 162, 163, 164, 178])
async def test_details_are_read_from_gateways_of_every_version(version: int) -> None:
    contract = await described(version)
    assert (contract.con_id, contract.long_name) == (7, "Näme")
    assert contract.size_multiplier == (100 if version < 163 else 1)


async def test_sizes_of_what_is_no_stock_are_in_lots_nowhere() -> None:
    assert (await described(160, sec_type="OPT")).size_multiplier == 1


@pytest.mark.parametrize("con_id", ["0", "-5", "1.0", "x", ""])
async def test_contract_without_an_id_is_an_answer_that_cannot_be_read(con_id: str) -> None:
    async with line() as there, asking(there, find_contracts(Instrument(symbol="Q"))) as (call,):
        request_id = there.sent[0][2]
        row = details(version=178, request_id=request_id)
        there.client.decoder.serverVersion = 178
        there.say(*[con_id if field == "7" else field for field in row])
        there.say(52, 1, request_id)
    assert call.rows is None
    assert "cannot be read" in str(call.error)


@pytest.mark.parametrize("magnifier", ["100", "1000", "0.01", "1E2"])
async def test_price_magnifier_is_read_as_a_decimal(magnifier: str) -> None:
    assert (await described(178, magnifier=magnifier)).price_magnifier == float(magnifier)


def bond(version: int, request_id: str, coupon: str) -> list[str]:
    old = version < 164
    row = ["18", *(["6"] if old else []), request_id, "US-T", "BOND", "912810TM0", coupon, "20530815", "20230815", "", "", "FIXED"]
    row += ["0", "0", "0", r"T 4 \u00bd", "SMART", "USD", "US-T", "US-T", "111111", "0.001", *(["1000"] if old else [])]
    row += ["LMT", "SMART", "", "", "0", "", r"TR\u00c9SOR", "", "0", "0", "", ""]
    return row + ([] if old else ["1", "1", "1000"])


@pytest.mark.parametrize("version", [157, 163, 164, 178])
@pytest.mark.parametrize("coupon", ["4.125", "4", "", "0.00001"])
async def test_bond_with_any_coupon_is_found(version: int, coupon: str) -> None:
    async with line() as there:
        there.client._serverVersion = there.client.decoder.serverVersion = version  # noqa: SLF001
        async with asking(there, find_contracts(Instrument(symbol="US-T", sec_type=SecType.BOND))) as (call,):
            request_id = there.sent[0][2]
            there.say(*bond(version, request_id, coupon))
            there.say(52, 1, request_id)
    assert call.rows is not None, call.error
    assert (call.rows[0].con_id, call.rows[0].long_name, call.rows[0].expiry) == (111111, "TRÉSOR", "20530815")


@pytest.mark.parametrize("fields", [(1, float("inf")), (1, float("-inf")), (1, float("nan")), ("a\0b",)])
async def test_what_the_gateway_could_not_read_is_never_sent(fields: tuple[object, ...]) -> None:
    async with line() as there:
        with pytest.raises(InvalidRequest):
            there.client.send(*fields)
        assert not len(there.client.outbox)


async def test_contract_with_an_infinite_strike_is_never_sent() -> None:
    strange = Instrument(symbol="AAPL", sec_type=SecType.OPT, strike=float("inf"))
    async with line() as there, asking(there, find_contracts(strange)) as (call,):
        assert not there.sent
    assert isinstance(call.error, InvalidRequest)
