"""From what a client asks for to the one contract that it means: each reading of its symbol in turn, until IB knows one."""

import math
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.bridge import codes
from ibactors.bridge.contracts import find_contracts
from ibactors.errors import ContractAmbiguous, ContractNotFound, Doubtful, GatewayRefused, IbactorsError
from ibactors.model.instruments import ContractInfo, Instrument, SecType
from ibactors.model.symbols import readings

_HOURS = frozenset({"trading_hours", "liquid_hours", "time_zone"})
CONTRACT_LIFE = 12 * 3600.0
"""Seconds for which a contract is not looked up again; IB tells its hours for six days, and a continuous future becomes another one."""
MOST_FOUND = 1000
"""Instruments whose contracts are remembered."""
MOST_CANDIDATES = 50
"""Of an ambiguous symbol, that are told."""


Found: TypeAlias = tuple[Instrument, ContractInfo]
"""A contract, and the reading by which it was found."""


async def find(connection: ConnectionRef, asked: Instrument, known: Found | None = None, *, caller: str = "") -> Found:
    """What is meant; if IB has nothing now, what was *known* before: the answer to the request for its data tells whether it still has it.

    Raises ContractNotFound, whose hint tells the readings, ContractAmbiguous with the candidates, and what the connection raises.
    """
    try:
        return await _find(connection, asked, caller)
    except (ContractNotFound, ContractAmbiguous, Doubtful, GatewayRefused):
        if known is None:
            raise
        return known


class _Search:
    """One that is under way."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.error: IbactorsError | None = None


class Lookups:
    """What instruments were found to mean, remembered for as long as that holds; who asks meanwhile shares the question."""

    def __init__(self, connection: ConnectionRef) -> None:
        self._connection = connection
        self._found: dict[Instrument, tuple[float, Found]] = {}
        self._searches: dict[Instrument, _Search] = {}

    async def find(self, asked: Instrument, *, caller: str) -> Found:
        """Raises what the function of that name raises."""
        while True:
            found_at, found = self._found.get(asked, (-math.inf, None))
            if found is not None and trio.current_time() - found_at <= CONTRACT_LIFE:
                return found
            search = self._searches.get(asked)
            if search is None:
                return await self._search(asked, found, caller)
            await search.over.wait()  # what has neither found nor failed was given up
            if search.error is not None:
                raise search.error.with_traceback(None)

    async def _search(self, asked: Instrument, known: Found | None, caller: str) -> Found:
        search = self._searches[asked] = _Search()
        try:
            found = await find(self._connection, asked, known, caller=caller)
            if len(self._found) >= MOST_FOUND:
                self._found.clear()
            self._found[asked] = trio.current_time(), found
        except IbactorsError as exc:
            search.error = exc
            raise
        finally:
            del self._searches[asked]
            search.over.set()
        return found


async def _find(connection: ConnectionRef, asked: Instrument, caller: str) -> Found:
    if asked.legs:
        return asked, _combination(asked)
    tried = readings(asked, datetime.now(UTC).year)
    unknown: ContractNotFound | None = None
    for reading in tried:
        try:
            found = _distinct(reading, await connection.request(find_contracts(reading, caller=caller)))
        except ContractNotFound as exc:
            unknown = unknown or exc
            continue
        if len(found) == 1:
            return reading, found[0]
        if found:
            candidates = [_candidate(contract) for contract in found[:MOST_CANDIDATES]]
            raise ContractAmbiguous(f"{len(found)} contracts fit {reading.name}.", extra={"candidates": candidates})
    error = not_found(asked, tried, unknown)
    session = connection.sessions.value
    raise error if session.sound else codes.doubted(error, session.reason or session.phase)


def _candidate(contract: ContractInfo) -> dict[str, object]:
    """Without the texts of its hours, which are long and help nobody to choose."""
    return {name: value for name, value in msgspec.to_builtins(contract).items() if name not in _HOURS}


def not_found(asked: Instrument, tried: tuple[Instrument, ...], unknown: ContractNotFound | None) -> ContractNotFound:
    """That no reading is known, with what has been tried; *unknown* is what IB said first, if anything."""
    detail = str(unknown) if unknown else f"The gateway knows no contract for {asked.name}."
    return ContractNotFound(detail, ib_code=unknown.ib_code if unknown else None, extra={"hint": _hint(tried)})


def _distinct(reading: Instrument, rows: tuple[ContractInfo, ...]) -> tuple[ContractInfo, ...]:
    """One row a contract: that of SMART, or else the first one, as IB tells the main exchange first."""
    found: dict[int, ContractInfo] = {}
    for row in rows:
        if reading.sec_type is SecType.ETF and row.stock_type != "ETF":
            continue
        if row.con_id not in found or (row.exchange == "SMART" and found[row.con_id].exchange != "SMART"):
            found[row.con_id] = row
    return tuple(found.values())


def _hint(tried: tuple[Instrument, ...]) -> str:
    words = "; ".join(_words(reading) for reading in tried)
    terms = "A future needs sec_type=FUT and an expiry; an option expiry, strike and right."
    return f"Tried: {words}. Check symbol, exchange, currency and sec_type, or look with GET /contracts/search?q=. {terms}"


def _words(reading: Instrument) -> str:
    """A reading as a client would write it."""
    if reading.sec_type is None:
        return f"con_id {reading.con_id}"
    what = reading.symbol or reading.local_symbol or f"{reading.sec_id_type} {reading.sec_id}"
    terms = [reading.expiry, f"{reading.strike:g}" if reading.strike else "", reading.right, reading.exchange, reading.currency]
    return " ".join([reading.sec_type.value, what, *filter(None, terms)])


def _combination(asked: Instrument) -> ContractInfo:
    """IB describes no combinations; all that there is to know of one is what its client says."""
    return ContractInfo(
        con_id=0,
        symbol=asked.symbol,
        sec_type=SecType.BAG.value,
        exchange=asked.exchange,
        primary_exchange="",
        currency=asked.currency,
        local_symbol="",
        trading_class="",
        expiry="",
        strike=0.0,
        right="",
        multiplier="",
        min_tick=0.0,
        long_name="",
    )
