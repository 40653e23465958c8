"""placeOrder (3) as a client sent it: one walk from the first field to the last, for versions 157 to 178.

What the simulator acts on is typed; everything else is kept as text and goes back to the client in openOrder. A field that should be a
number and is not raises BadField, which the session answers with error 320.
"""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ibactors.sim.market.instruments import ContractSpec
from ibactors.sim.wire.frames import BadField, FieldReader

_UNSET_INTEGER = 2147483647
# Field counts after the type of a condition; the first of them is the conjunction.
_CONDITION_FIELDS = {1: 6, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5}
_LEG_FIELDS = 8
_PEGGED_TO_BENCHMARK = ("PEG BENCH", "PEGBENCH")
_PEGGED_TO_BEST = ("PEG BEST", "PEGBEST")
_PEGGED_TO_MIDPOINT = ("PEG MID", "PEGMID")
_LONG_TYPES = {"STPLMT": "STP LMT", "TRAILLIMIT": "TRAIL LIMIT", "PEGMID": "PEG MID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One order as asked for; `echo` has every plain field by its name in the API, empty when unset."""

    order_id: int
    spec: ContractSpec
    echo: Mapping[str, str]
    legs: tuple[tuple[str, ...], ...] = ()
    leg_prices: tuple[str, ...] = ()
    routing: tuple[str, ...] = ()
    delta_neutral: tuple[str, ...] = ()
    scale: tuple[str, ...] = ()
    hedged_against: tuple[str, ...] = ()
    algo: tuple[str, ...] = ()
    benchmark: tuple[str, ...] = ()
    conditions: tuple[tuple[str, ...], ...] = ()
    quantity: float
    limit: float | None
    aux: float | None
    trail_stop: float | None
    trail_percent: float | None

    def keeping(self, before: "Ticket", names: Sequence[str]) -> "Ticket":
        """Give this ticket with some fields of an earlier one, where its own are empty."""
        kept = {name: before.echo[name] for name in names if self.echo[name] in ("", "0.0")}
        return dataclasses.replace(self, echo={**self.echo, **kept})

    @property
    def parent_id(self) -> int:
        """The order that this one is attached to, 0 for none."""
        return int(self.echo["parentId"] or 0)

    @property
    def oca_type(self) -> int:
        """How its group treats the rest when one fills, 0 when the client did not say."""
        return int(self.echo["ocaType"] or 0)

    @property
    def transmit(self) -> bool:
        """Whether it goes to the market, and not only into the book."""
        return self.echo["transmit"] == "1"

    @property
    def what_if(self) -> bool:
        """Whether it only asks what it would cost."""
        return self.echo["whatIf"] == "1"

    @property
    def action(self) -> str:
        """BUY, SELL, or whatever the client wrote instead."""
        return self.echo["action"]

    @property
    def order_type(self) -> str:
        """The order type in its longer spelling."""
        return _LONG_TYPES.get(self.echo["orderType"], self.echo["orderType"])

    @property
    def tif(self) -> str:
        """The time in force, DAY unless said otherwise."""
        return self.echo["tif"] or "DAY"


def read_ticket(fields: FieldReader, version: int) -> Ticket:
    """Read a whole placeOrder request."""
    order_id = fields.identifier()
    spec = ContractSpec.read(fields)
    return _Walk(fields, version).ticket(order_id, spec)


class _Walk:
    """Reads fields by name and kind; unset numbers, in whichever spelling, become empty."""

    def __init__(self, fields: FieldReader, version: int) -> None:
        self._fields = fields
        self._version = version
        self.echo: dict[str, str] = {}
        self._values: dict[str, float | None] = {}

    def ticket(self, order_id: int, spec: ContractSpec) -> Ticket:
        self._terms()
        legs, leg_prices, routing = self._combo() if spec.sec_type == "BAG" else ((), (), ())
        self._allocation()
        delta_neutral = self._volatility()
        scale = self._scale()
        hedged_against, algo = self._hedge_and_algo()
        self._flags("whatIf")
        self._text("orderMiscOptions")
        self._flags("solicited randomizeSize randomizePrice")
        benchmark = self._benchmark()
        conditions = self._conditions()
        self._adjustment()
        self._tail(spec.exchange)
        return Ticket(
            order_id=order_id,
            spec=spec,
            echo=self.echo,
            legs=legs,
            leg_prices=leg_prices,
            routing=routing,
            delta_neutral=delta_neutral,
            scale=scale,
            hedged_against=hedged_against,
            algo=algo,
            benchmark=benchmark,
            conditions=conditions,
            quantity=self._values["totalQuantity"] or 0.0,
            limit=self._values["lmtPrice"],
            aux=self._values["auxPrice"],
            trail_stop=self._values["trailStopPrice"],
            trail_percent=self._values["trailingPercent"],
        )

    def _terms(self) -> None:
        self._text("secIdType secId action")
        self._numbers("totalQuantity")
        self._text("orderType")
        self._numbers("lmtPrice auxPrice")
        self._text("tif ocaGroup account openClose")
        self._integers("origin")
        self._text("orderRef")
        self._flags("transmit")
        self._integers("parentId")
        self._flags("blockOrder sweepToFill")
        self._integers("displaySize triggerMethod")
        self._flags("outsideRth hidden")

    def _combo(self) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...], tuple[str, ...]]:
        legs = tuple(self._leg() for _ in range(self._count()))
        prices = tuple(self._plain_number() for _ in range(self._count()))
        routing = self._texts(2 * self._count())
        return legs, prices, routing

    def _leg(self) -> tuple[str, ...]:
        con_id, ratio = self._fields.integer(), self._fields.integer()
        return (str(con_id), str(ratio), *self._texts(_LEG_FIELDS - 2))

    def _allocation(self) -> None:
        self._text("sharesAllocation")
        self._numbers("discretionaryAmt")
        self._text("goodAfterTime goodTillDate faGroup faMethod faPercentage")
        if self._version < 177:
            self._text("faProfile")
        self._text("modelCode")
        self._integers("shortSaleSlot")
        self._text("designatedLocation")
        self._integers("exemptCode ocaType")

    def _volatility(self) -> tuple[str, ...]:
        self._text("rule80A settlingFirm")
        self._flags("allOrNone")
        self._integers("minQty")
        self._numbers("percentOffset")
        self._flags("eTradeOnly firmQuoteOnly")
        self._numbers("nbboPriceCap")
        self._integers("auctionStrategy")
        self._numbers("startingPrice stockRefPrice delta stockRangeLower stockRangeUpper")
        self._flags("overridePercentageConstraints")
        self._numbers("volatility")
        self._integers("volatilityType")
        self._text("deltaNeutralOrderType")
        self._numbers("deltaNeutralAuxPrice")
        delta_neutral = self._texts(8) if self.echo["deltaNeutralOrderType"] else ()
        self._flags("continuousUpdate")
        self._integers("referencePriceType")
        return delta_neutral

    def _scale(self) -> tuple[str, ...]:
        self._numbers("trailStopPrice trailingPercent")
        self._integers("scaleInitLevelSize scaleSubsLevelSize")
        increment = self._number("scalePriceIncrement")
        return self._texts(7) if increment is not None and increment > 0 else ()

    def _hedge_and_algo(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        self._text("scaleTable activeStartTime activeStopTime hedgeType")
        self.echo["hedgeParam"] = self._fields.text() if self.echo["hedgeType"] else ""
        self._flags("optOutSmartRouting")
        self._text("clearingAccount clearingIntent")
        self._flags("notHeld")
        hedged_against = self._texts(3) if self._fields.flag() else ()
        self._text("algoStrategy")
        algo = self._texts(2 * self._count()) if self.echo["algoStrategy"] else ()
        self._text("algoId")
        return hedged_against, algo

    def _benchmark(self) -> tuple[str, ...]:
        return self._texts(5) if self.echo["orderType"] in _PEGGED_TO_BENCHMARK else ()

    def _conditions(self) -> tuple[tuple[str, ...], ...]:
        conditions = tuple(self._condition() for _ in range(self._count()))
        if conditions:
            self._flags("conditionsIgnoreRth conditionsCancelOrder")
        return conditions

    def _condition(self) -> tuple[str, ...]:
        kind = self._fields.integer()
        if kind not in _CONDITION_FIELDS:
            raise BadField(f"there is no order condition of type {kind}")
        return (str(kind), *self._texts(_CONDITION_FIELDS[kind]))

    def _adjustment(self) -> None:
        self._text("adjustedOrderType")
        self._numbers("triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount")
        self._integers("adjustableTrailingUnit")
        self._text("extOperator softDollarTierName softDollarTierValue")
        self._numbers("cashQty")
        self._text("mifid2DecisionMaker mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo")
        self._flags("dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo")

    def _tail(self, exchange: str) -> None:
        if self._version >= 158:
            self._integers("duration")
        if self._version >= 160:
            self._integers("postToAts")
        if self._version >= 162:
            self._flags("autoCancelParent")
        if self._version >= 166:
            self._text("advancedErrorOverride")
        if self._version >= 169:
            self._text("manualOrderTime")
        if self._version < 170:
            return
        if exchange == "IBKRATS":
            self._integers("minTradeQty")
        offsets = self.echo["orderType"] in _PEGGED_TO_MIDPOINT
        if self.echo["orderType"] in _PEGGED_TO_BEST:
            self._integers("minCompeteSize")
            offsets = self._number("competeAgainstBestOffset") == float("inf")
        if offsets:
            self._numbers("midOffsetAtWhole midOffsetAtHalf")

    def _text(self, names: str) -> None:
        for name in names.split():
            self.echo[name] = self._fields.text()

    def _texts(self, count: int) -> tuple[str, ...]:
        return tuple(self._fields.text() for _ in range(count))

    def _count(self) -> int:
        count = self._fields.integer()
        if not 0 <= count <= self._fields.remaining:
            raise BadField(f"a list cannot have {count} members")
        return count

    def _integers(self, names: str) -> None:
        for name in names.split():
            value = self._fields.integer(_UNSET_INTEGER)
            self.echo[name] = "" if value == _UNSET_INTEGER else str(value)

    def _number(self, name: str) -> float | None:
        value = self._fields.number(sys.float_info.max)
        unset = value == sys.float_info.max
        self.echo[name] = "" if unset else repr(value)
        self._values[name] = None if unset else value
        return self._values[name]

    def _numbers(self, names: str) -> None:
        for name in names.split():
            self._number(name)

    def _plain_number(self) -> str:
        value = self._fields.number(sys.float_info.max)
        return "" if value == sys.float_info.max else repr(value)

    def _flags(self, names: str) -> None:
        for name in names.split():
            self.echo[name] = "1" if self._fields.flag() else "0"
