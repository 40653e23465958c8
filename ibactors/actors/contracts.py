"""Reference data of one gateway: its address and messages; the actor itself is in `contracts_actor.py`.

What is asked here is the same for everybody and hardly changes, so that it is asked once and kept: details and the options of an expiry for
a day, searches and option classes for an hour. What IB does not know is kept for a few seconds, so that clients who insist do not hammer
it.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from ibactors.actors.lookup import not_found
from ibactors.bridge import reference
from ibactors.bridge.requests import RequestSpec
from ibactors.errors import ContractNotFound
from ibactors.kernel.ref import Ask, Ref
from ibactors.model.contracts import ContractDetails, FoundContract, OptionClass, PriceIncrement
from ibactors.model.instruments import ContractInfo, Instrument, SecType
from ibactors.model.symbols import readings

T = TypeVar("T")

HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that has one answer for everybody."""

    key: Hashable
    """Equal ones are one question."""
    specs: tuple[RequestSpec[Any], ...]
    """What the gateway is asked, one after the other; the rows of the last one are the answer."""
    lifetime: float
    """Seconds for which the answer holds."""
    in_turn: bool = False
    """Whether it is a search, of which IB takes one a second."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look(Ask[tuple[Any, ...]]):
    """Somebody wants to know something."""

    question: Question
    caller: str


class ContractsRef(Ref[Look, None]):
    """Where others ask for reference data, on behalf of a *caller*: callers take turns.

    All methods raise what IB answered, GatewayDisconnected, GatewayTimeout or an ActorError.
    """

    def __init__(self) -> None:
        super().__init__("contracts")
        self.kept = 0
        """Rows in memory; set by the actor."""

    async def details(self, asked: Instrument, *, caller: str, include_expired: bool = False) -> tuple[ContractDetails, ...]:
        """All contracts that fit the first reading of what is asked for that IB knows. Raises ContractNotFound, TooManyContracts."""
        tried = readings(asked, datetime.now(UTC).year)
        unknown: ContractNotFound | None = None
        for reading in tried:
            spec = reference.describe(reading, include_expired=include_expired)
            try:
                rows = await self._look(Question(key=("details", reading, include_expired), specs=(spec,), lifetime=DAY), caller)
            except ContractNotFound as exc:
                unknown = unknown or exc
                continue
            found: dict[int, ContractDetails] = {}
            for row in rows:
                if reading.sec_type is not SecType.ETF or row.stock_type == "ETF":
                    # IB may name a contract once for each exchange, with the hours of that one; the first is where it is at home.
                    found.setdefault(row.con_id, row)
            if found:
                return tuple(found.values())
        raise not_found(asked, tried, unknown)

    async def contract(self, con_id: int, exchange: str = "", *, caller: str) -> ContractDetails:
        """The one with that number, as it is at an exchange. Raises ContractNotFound."""
        found = await self.details(Instrument.of_id(con_id, exchange), caller=caller)
        return found[0]

    async def search(self, text: str, *, caller: str) -> tuple[FoundContract, ...]:
        """What a symbol or name begins with; callers share the one search that IB takes a second. Raises MailboxFull."""
        question = Question(key=("search", text.casefold()), specs=(reference.search(text),), lifetime=HOUR, in_turn=True)
        return _only(await self._look(question, caller))

    async def increments(self, rule_id: int, contract: ContractDetails, *, caller: str) -> tuple[PriceIncrement, ...]:
        """The price steps of a market rule of *contract*."""
        # The details first: the gateway may have been restarted since we got ours, and tells only rules that it has met.
        specs = (reference.describe(Instrument.of_id(contract.con_id, contract.exchange)), reference.increments(rule_id))
        return _only(await self._look(Question(key=("rule", rule_id), specs=specs, lifetime=DAY), caller))

    async def option_classes(self, under: ContractDetails, *, caller: str) -> tuple[OptionClass, ...]:
        """The option classes on something, by class and exchange. Raises ContractNotFound."""
        question = Question(key=("classes", under.con_id, under.exchange), specs=(reference.option_classes(under),), lifetime=HOUR)
        return tuple(sorted(await self._look(question, caller), key=lambda found: (found.trading_class, found.exchange)))

    async def options(self, under: ContractDetails, found: OptionClass, expiry: str, *, caller: str) -> tuple[ContractInfo, ...]:
        """All options of a class that expire on a day. Raises ContractNotFound, TooManyContracts."""
        names = {"exchange": found.exchange, "trading_class": found.trading_class, "multiplier": found.multiplier, "expiry": expiry}
        spec = reference.options_of(under, **names)
        rows = await self._look(Question(key=("options", under.con_id, *names.values()), specs=(spec,), lifetime=DAY), caller)
        return tuple({row.con_id: row for row in rows}.values())

    async def answer(self, name: str, spec: RequestSpec[T], *, lifetime: float, caller: str) -> tuple[T, ...]:
        """The rows of what everybody gets the same answer to, by a name of the question's."""
        rows: tuple[T, ...] = await self._look(Question(key=name, specs=(spec,), lifetime=lifetime), caller)
        return rows

    async def _look(self, question: Question, caller: str) -> tuple[Any, ...]:
        msg = Look(question=question, caller=caller)
        return await self.ask(msg, msg.reply)


def _only(rows: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Of an answer that has all in one row."""
    return next(iter(rows), ())
