"""Taking over orders of ours that IB shows and the journal does not have: it was lost, or an old copy was put back.

The token of such an order follows from its account and its client_order_id. So a repetition of the request that placed it is answered by
what was taken over, though nobody here knows the client_order_id until then. Its full terms are not known either: it is not changed.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from ibactors.orders.draft import Event, Kind, Step
from ibactors.orders.evidence import CompletedSeen, Echo, ExecutionSeen, OpenOrderSeen, Sent
from ibactors.orders.keeping import save
from ibactors.orders.matching import Row
from ibactors.orders.order import Order
from ibactors.orders.placing import Book, is_order_id, load
from ibactors.orders.request import MemberBody
from ibactors.orders.states import advance
from ibactors.orders.terms import IB_TYPES, OrderType, Terms, TimeInForce
from ibactors.orders.tokens import new_order_id
from ibactors.orders.transaction import EventBody, Transaction, encoded

_TYPES = {word: kind for kind, word in IB_TYPES.items()}


def adopted(token: str, rows: Sequence[Row], mode: str, client_id: int, at: float) -> Order:
    """The order that *rows*, one at least, are about, as far as they tell it."""
    row = min(rows, key=lambda each: (isinstance(each, ExecutionSeen), isinstance(each, CompletedSeen)))
    number = next((each.order_id for each in rows if each.order_id and is_order_id(each.order_id)), 0)
    account = next((each.account for each in rows if each.account), "")
    echo = None if isinstance(row, ExecutionSeen) else row.echo
    terms = _terms_of_executions(rows, account) if echo is None else _terms(echo, account)
    if not terms.quantity:  # what is filled has the size 0 in the list of what is completed
        terms = replace(terms, quantity=_filled(rows))
    ref = row.order_ref if isinstance(row, OpenOrderSeen) else ""
    return Order(
        order_id=new_order_id(int(at * 1000)),
        client_order_id=f"adopted:{token}",
        account=account,
        mode=mode,
        key="ibactors",
        token=token,
        label=ref.partition("~")[0],
        terms=terms,
        ib_order_id=number,
        client_id=next((each.client_id for each in rows if each.client_id), client_id),
        notional=(terms.limit_price or terms.stop_price or Decimal(0)) * (terms.quantity or 0),
        created=at,
        updated=at,
        adopted=True,
    )


def _terms(echo: Echo, account: str) -> Terms:
    kind = _TYPES.get(echo.type, OrderType.MARKET if echo.limit_price is None else OrderType.LIMIT)
    tif = (echo.time_in_force or "").lower()
    return Terms(
        account=account,
        con_id=echo.con_id,
        symbol=echo.symbol,
        sec_type=echo.sec_type,
        exchange=echo.exchange,
        currency=echo.currency,
        side=echo.side,
        quantity=echo.quantity,
        type=kind,
        limit_price=echo.limit_price if "limit" in kind else None,
        stop_price=echo.stop_price if kind in {OrderType.STOP, OrderType.STOP_LIMIT} else None,
        time_in_force=TimeInForce(tif) if tif in set(TimeInForce) else TimeInForce.DAY,
    )


def _terms_of_executions(rows: Sequence[Row], account: str) -> Terms:
    """Of an order that is in no list any more: what it has traded is all that is known of it."""
    row = next(each for each in rows if isinstance(each, ExecutionSeen))
    return Terms(
        account=account,
        con_id=row.con_id,
        symbol=row.symbol,
        sec_type=row.sec_type,
        exchange=row.exchange,
        currency=row.currency,
        side=row.side,
        quantity=None,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
    )


def unlike(terms: Terms, body: MemberBody) -> tuple[str, ...]:
    """The members in which a request is certainly not the one that placed an adopted order; of prices nothing is certain."""
    differs = {
        "side": body.side is not terms.side,
        "quantity": body.quantity is not None and body.quantity != terms.quantity,
        "instrument": bool(terms.symbol) and body.instrument.symbol is not None and body.instrument.symbol.upper() != terms.symbol,
    }
    return tuple(name for name, holds in differs.items() if holds)


def _filled(rows: Sequence[Row]) -> Decimal:
    told = [row.filled or Decimal(0) for row in rows if isinstance(row, CompletedSeen)]
    return max([sum((row.quantity for row in rows if isinstance(row, ExecutionSeen)), Decimal(0)), *told])


def adopt(tx: Transaction, order: Order, book: Book, rows: Sequence[Row]) -> Step | None:
    """Write an adopted order down as *rows* show it, with a placement that is over; None where the journal has it by now.

    One without a number, or whose number another has, gets one below 0.
    """
    if tx.row("SELECT 1 FROM orders WHERE token = ?", (order.token,)):
        return None
    number = order.ib_order_id
    taken = "SELECT 1 FROM orders WHERE login = ? AND client_id = ? AND ib_order_id = ?"
    if not number or tx.row(taken, (book.login, order.client_id, number)):
        lowest = tx.row("SELECT min(ib_order_id) FROM orders")
        number = min(int(lowest[0] or 0) if lowest else 0, 0) - 1
    order = replace(order, ib_order_id=number)
    tx.run(
        "INSERT INTO orders (order_id, account, mode, client_order_id, key, token, login, client_id, ib_order_id, parent, is_open, created,"
        " fingerprint, request, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 1, ?, '', '{}', ?)",
        (
            *(order.order_id, order.account, order.mode, order.client_order_id, order.key, order.token, book.login, order.client_id),
            *(number, order.created, encoded(order)),
        ),
    )
    tx.run(
        "INSERT INTO sends (order_id, kind, ib_order_id, client_id, epoch, at, outcome) VALUES (?, ?, ?, ?, 0, ?, 'adopted')",
        (order.order_id, Sent.PLACE, number, order.client_id, order.created),
    )
    tx.run(
        "INSERT INTO ids VALUES (?, ?, ?) ON CONFLICT (login, client_id) DO UPDATE SET highest = max(highest, excluded.highest)",
        (book.login, order.client_id, max(number, 0)),
    )
    body = EventBody(event=Event(kind=Kind.ADOPTED, at=order.created), order=order)
    tx.note(Kind.ADOPTED, order.created, body, account=order.account, order_id=order.order_id)
    step = Step(order=order)
    for row in rows:
        later = advance(step.order, row)
        save(tx, later)
        step = Step(order=later.order, events=(*step.events, *later.events), wants=step.wants | later.wants)
    return replace(step, order=load(tx, order.order_id) or step.order)
