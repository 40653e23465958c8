"""ib_async's decoder, bent to a service's needs: one frame's fields in, calls of the packet listener out.

What nobody here listens to, or waits for, is not decoded. A message that cannot be decoded costs one log line, and the request that it
answers, if it does.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import structlog
from ib_async.decoder import Decoder

from ibactors.bridge.answers import ANSWERS, Answer
from ibactors.bridge.decoding import Once, number_of, numbers_of
from ibactors.bridge.listener import Calls, PacketListener
from ibactors.bridge.texts import LONGEST_NAME, clean, shown, unescaped

log = structlog.get_logger(__name__)

_HEARD = (4, 7, 54, 61, 62, 63, 64, 91, 92)
"""Messages that the inbox listens to, besides ticks and answers to requests: errors, portfolio and its end, positions, account summary, and
where IB sends a request."""

FEEDS = {"12": 2, "13": 2, "17": 1, "20": 2, "50": 2, "84": 1, "90": 1, "94": 1, "95": 1, "99": 1}
"""Messages that feed subscriptions, and where each has the id of its request: rows of books, bars and their updates, scans, five-second
bars, headlines, profits, ticks one by one. Some of them answer requests as well."""
UNNUMBERED = ("14",)
"""Messages that feed subscriptions and name no request: bulletins."""
_LONG_TEXTS = frozenset({"16", "19", "83"})
"""Answers that are documents, with lines: adviser's data, scanner parameters, articles."""
_LONGEST_ANSWER = 4_000_000
"""Characters, and fields, of any other: it is read in one step. A frame may have sixteen million."""
_MOST_FOUND = 1000
"""Rows of a search; IB sends 16. Each costs as much as all that follow it."""
_OF_NAMES = frozenset({"71", "75"})
"""Answers of which no field is longer than a name: positions of a model, classes of options."""
ORDER_FRAMES = frozenset({"3", "5", "11", "59", "101"})
"""What tells of orders: orderStatus, openOrder, execDetails, commissionReport, completedOrder."""
_UNSET = "1.7976931348623157E308"
"""What IB writes for a number that is missing."""
_NO_QUANTITY = 2.0**63
"""The largest long, as others that are larger, is what IB writes for a quantity that is missing."""
_LEDGER = "$LEDGER-"
"""With which some gateways begin the tags that come once for each currency, as recorded on a paper account; others do not."""
_DETAILS = frozenset({"10", "18"})
_LOTS = 14
"""Where message 10 has the size of a lot."""
_EXECUTED = 15
"""Where message 11 has the time of the trade."""
_BARE_TIME = re.compile(r"\d{8}[ -]+\d\d:\d\d:\d\d")
_TIME_ZONE = 25
"""Where it has the zone of the hours, from version 164 on."""
_CLEAR_SIZES = 163
"""The server version from which on sizes of stocks are no longer in lots."""
_NO_VERSIONS = 164
"""The server version from which on messages 10 and 18 have no version, and no size of lots."""
_KINDS_OF_DATA = frozenset({1.0, 2.0, 3.0, 4.0})
_LAST_CON_ID = 2**31 - 1
NO_KIND = 0
"""What stands for a kind of data that is none."""
_CALCULATED = "53"
"""The tick type of an answer to calculateOptionPrice or calculateImpliedVolatility."""


class _NoZone:
    """In place of the zone that TWS was set to, which nothing tells us."""

    @property
    def TimezoneTWS(self) -> str:  # noqa: N802  # what ib_async's decoder looks for
        raise ValueError("a time without its zone")


class _Noted:
    """In place of EWrapper: notes what the decoder calls."""

    defaultTimezone = UTC  # noqa: N815  # what ib_async's decoder looks for
    ib = _NoZone()

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, method: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append((method, arguments))


class FrameDecoder(Decoder):
    """ib_async's decoder, reduced to what somebody listens to; ticks without its detour by lists of types.

    Its own way to decode simple messages logs what it cannot read and goes on; here that is an error like any other.
    """

    wrapper: Any
    """Whom the handlers call: the inbox, or for answers what notes the calls."""

    def __init__(self, inbox: PacketListener) -> None:
        super().__init__(cast("Any", inbox), 0)
        self._inbox = inbox
        self._handlers: dict[str, Callable[[list[str]], None]] = {str(number): self.handlers[number] for number in _HEARD}
        self._handlers |= {"4": self._error, "7": self._portfolio, "61": self._position, "63": self._figure}
        self._handlers |= {str(number): partial(self._answer, answer) for number, answer in ANSWERS.items()}
        self._handlers |= {number: partial(self._order, ANSWERS.get(int(number))) for number in ORDER_FRAMES}
        self._handlers |= {"1": self._price, "2": self._size, "45": self._generic, "46": self._text, "58": self._data_type}
        self._handlers |= {number: partial(self._feed, place) for number, place in FEEDS.items()}
        self._handlers |= dict.fromkeys(UNNUMBERED, inbox.feed_all)
        self._handlers |= {"21": self._computation, "57": self._snapshot_end}

    def wrap(self, methodName: str, types: list[type], skip: int = 2) -> Callable[[list[str]], None]:  # noqa: N803  # ib_async's name
        def handler(fields: list[str]) -> None:
            values = fields[skip:]
            arguments = [
                text if kind is str else kind(text or 0) if kind is not bool else bool(int(text or 0))
                for kind, text in zip(types, values, strict=False)
            ]
            getattr(self.wrapper, methodName)(*arguments)

        return handler

    def interpret(self, fields: list[str]) -> None:
        try:
            handler = self._handlers.get(fields[0])
            if handler is not None:
                handler(fields)
            else:
                int(fields[0])
        except (ValueError, IndexError, TypeError) as exc:
            # Not the fields themselves: they may name accounts.
            message_id = shown(fields[0], LONGEST_NAME) if fields else None
            log.warning("frame_undecodable", message_id=message_id, fields=len(fields), error=shown(repr(exc)))
            self._inbox.unreadable(message_id or "")

    def _answer(self, answer: Answer, fields: list[str]) -> None:
        if fields[0] in _DETAILS and self.serverVersion < _NO_VERSIONS:
            del fields[1]  # so that the id of the request is where `answers.py` has it
        self._inbox.answered(answer, fields, self._decode)

    def _order(self, answer: Answer | None, fields: list[str]) -> None:
        """What is told of an order is evidence, whether or not it also answers a request. It is decoded once."""
        decode = Once(self._decode)
        self._inbox.order_frame(fields, decode)
        if answer is not None:
            self._inbox.answered(answer, fields, decode)

    def _decode(self, fields: list[str]) -> Calls:
        if fields[0] not in _LONG_TEXTS:
            if len(fields) + sum(map(len, fields)) > _LONGEST_ANSWER:
                raise ValueError("it is longer than any such answer is")
            fields = [shown(field, LONGEST_NAME) if fields[0] in _OF_NAMES else clean(field) for field in fields]
        noted = self.wrapper = _Noted()
        try:
            self.handlers[int(fields[0])](fields)
        finally:
            self.wrapper = self._inbox
        return noted.calls

    def parse(self, obj: Any) -> None:
        """Read numbers by their defaults, as ib_async does; but where it takes a number for whole that IB may send with decimals."""
        numbers, values = numbers_of(cast("Any", type(obj))), vars(obj)
        for name, text in values.items():
            if text.__class__ is str and (default := numbers.get(name)) is not None:
                number = number_of(text, default) if text else default
                values[name] = bool(number) if default.__class__ is bool else number

    def contractDetails(self, fields: list[str]) -> None:  # noqa: N802  # ib_async's name
        old = self.serverVersion < _NO_VERSIONS
        lots = fields[_LOTS] if self.serverVersion < _CLEAR_SIZES else ""
        super().contractDetails(_versioned(_with_name(fields, 20 if old else 19, escaped=True), old=old))
        details = self._identified()
        # ib_async takes the zone of the last trade date, which is that of the gateway; the hours are in the contract's own.
        details.timeZoneId = fields[_TIME_ZONE + old]
        if lots and details.contract.secType == "STK":
            details.mdSizeMultiplier = number_of(lots, 1)

    def bondContractDetails(self, fields: list[str]) -> None:  # noqa: N802
        old = self.serverVersion < _NO_VERSIONS
        super().bondContractDetails(_versioned(_with_name(fields, 28 if old else 27, escaped=False), old=old))
        self._identified()

    def _identified(self) -> Any:
        """The details just decoded, of a contract with an id, as all are known by it. Raises ValueError without one."""
        details = self.wrapper.calls[-1][1][1]
        con_id = details.contract.conId
        if not isinstance(con_id, int) or not 0 < con_id <= _LAST_CON_ID:
            raise ValueError("a contract without its id")
        return details

    def execDetails(self, fields: list[str]) -> None:  # noqa: N802
        if _BARE_TIME.fullmatch(fields[_EXECUTED]):
            # A time without its zone says nothing; that of its arrival is never before the trade.
            arrived = datetime.now(UTC).strftime("%Y%m%d %H:%M:%S UTC")
            fields = [*fields[:_EXECUTED], arrived, *fields[_EXECUTED + 1 :]]
        super().execDetails(fields)

    def symbolSamples(self, fields: list[str]) -> None:  # noqa: N802
        if int(fields[2]) > _MOST_FOUND:
            raise ValueError(f"{fields[2]} found")
        super().symbolSamples(fields)

    def positionMulti(self, fields: list[str]) -> None:  # noqa: N802
        if not 0 <= int(fields[4]) <= _LAST_CON_ID:
            raise ValueError(f"{fields[4]} is no contract id")
        _check_quantity(fields[15])
        super().positionMulti([*fields[:16], fields[16] or _UNSET, *fields[17:]])

    # messages that belong to no request: whatever they name is kept, and shown

    def _error(self, fields: list[str]) -> None:
        fields[4] = shown(fields[4])
        self.handlers[4](fields)

    def _portfolio(self, fields: list[str]) -> None:
        texts = [shown(field, LONGEST_NAME) for field in fields]
        self.handlers[7]([*texts[:14], *(text or _UNSET for text in texts[14:19]), *texts[19:]])

    def _position(self, fields: list[str]) -> None:
        texts = [shown(field, LONGEST_NAME) for field in fields]
        int(texts[3])
        _check_quantity(texts[14])
        self.handlers[61]([*texts[:15], texts[15] or _UNSET, *texts[16:]])

    def _figure(self, fields: list[str]) -> None:
        texts = [shown(field, LONGEST_NAME) for field in fields]
        self.handlers[63]([*texts[:4], texts[4].removeprefix(_LEDGER), *texts[5:]])

    def _feed(self, place: int, fields: list[str]) -> None:
        """Not by ib_async, for which a number that is missing is 0. What is for no subscription may be the answer to a request."""
        if not self._inbox.feed(int(fields[place]), fields) and (number := int(fields[0])) in ANSWERS:
            self._answer(ANSWERS[number], fields)

    # ticks, by far the most frequent

    def _price(self, fields: list[str]) -> None:
        """An empty field is not 0: IB sends an empty size with the price of an index."""
        size = fields[5]
        self._inbox.price_tick(int(fields[2]), int(fields[3]), _tick(fields, 4), _tick(fields, 5) if size else None)

    def _size(self, fields: list[str]) -> None:
        self._inbox.tickSize(int(fields[2]), int(fields[3]), _tick(fields, 4))

    def _generic(self, fields: list[str]) -> None:
        self._inbox.tickGeneric(int(fields[2]), int(fields[3]), _tick(fields, 4))

    def _text(self, fields: list[str]) -> None:
        self._inbox.tickString(int(fields[2]), int(fields[3]), fields[4])

    def _data_type(self, fields: list[str]) -> None:
        kind = _tick(fields, 3)
        self._inbox.marketDataType(int(fields[2]), int(kind) if kind in _KINDS_OF_DATA else NO_KIND)

    def _computation(self, fields: list[str]) -> None:
        """Of the options that are looked at, by the thousand; only a calculation's answer is one."""
        if fields[2] == _CALCULATED:
            self._answer(ANSWERS[21], fields)
        else:
            self._inbox.computation(int(fields[1]), int(fields[2]), [float(text or math.inf) for text in fields[4:12]])

    def _snapshot_end(self, fields: list[str]) -> None:
        self._inbox.tickSnapshotEnd(int(fields[2]))


def _check_quantity(text: str) -> None:
    """Raises ValueError for none: a position without a quantity is not one of 0, which would be one that is closed."""
    if not abs(float(text)) < _NO_QUANTITY:
        raise ValueError(f"no quantity: {text}")


def _tick(fields: list[str], at: int) -> float:
    """What a tick says; NaN if it says nothing or cannot be read, as what was there before is over in any case."""
    try:
        return float(fields[at] or "nan")
    except ValueError as exc:
        log.warning("frame_undecodable", message_id=fields[0], fields=len(fields), error=shown(repr(exc)))
        return math.nan


def _versioned(fields: list[str], *, old: bool) -> list[str]:
    """*fields* with a version where ib_async expects one, which it does not read."""
    return ["", *fields] if old else fields


def _with_name(fields: list[str], at: int, *, escaped: bool) -> list[str]:
    """*fields* with the name at a place as it is to be shown; *escaped* where ib_async decodes escapes, octet by octet."""
    name = shown(unescaped(fields[at]))
    return [*fields[:at], name.encode("unicode-escape").decode("ascii") if escaped else name, *fields[at + 1 :]]
