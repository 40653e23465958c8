"""Accounts: summary, positions and balances, from the account actor's memory."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import msgspec

from ibactors.bridge.accounts import AccountHalf
from ibactors.errors import (
    AccountAmbiguous,
    ActorDown,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    MailboxFull,
    UnknownAccount,
)
from ibactors.keys import Scope
from ibactors.model.accounts import AccountBook, Figure, Position
from ibactors.web.contract.codec import encode
from ibactors.web.contract.queries import AccountName
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.system import System

_PROBLEMS = (UnknownAccount, AccountAmbiguous, ActorDown, GatewayDisconnected, GatewayRefused, MailboxFull, GatewayTimeout)


class AccountQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which account."""

    account: AccountName | None = None


class Summary(msgspec.Struct, frozen=True):
    """The figures of an account by IB's tag, in its base currency; values are IB's text."""

    account_summary: dict[str, Figure]
    """By IB's tag, such as NetLiquidation."""
    timestamp: str
    """When the newest of them arrived from the gateway."""


class Positions(msgspec.Struct, frozen=True):
    """All holdings; of all accounts unless one is named."""

    positions: tuple[Position, ...]
    """What is held now."""
    timestamp: str
    """When the newest of them arrived from the gateway; market figures have a time of their own."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Money figures as numbers, by currency and IB's tag; `BASE` is the sum in the base currency."""

    account: str
    base_currency: str | None
    """Of the account; null while IB has not told it."""
    balance: dict[str, dict[str, Decimal]]
    """By currency, then by IB's tag."""
    timestamp: str
    """When the newest of the figures arrived from the gateway."""


class Accounts(msgspec.Struct, frozen=True):
    """The accounts of this session."""

    accounts: tuple[str, ...]
    """Their numbers at IB."""


async def get_summary(call: Call[AccountQuery, Nothing]) -> Summary:
    return _summary(await book_of(call.system, call.query.account, needs="summary"))


def newest_summary(call: Call[AccountQuery, Nothing]) -> bytes | None:
    return _from_memory(call, _summary, needs="summary")


async def get_positions(call: Call[AccountQuery, Nothing]) -> Positions:
    return _positions(await book_of(call.system, call.query.account, needs="positions"))


def newest_positions(call: Call[AccountQuery, Nothing]) -> bytes | None:
    return _from_memory(call, _positions, needs="positions")


async def get_balance(call: Call[AccountQuery, Nothing]) -> Balance:
    return _balance(await book_of(call.system, call.query.account, needs="summary"))


def newest_balance(call: Call[AccountQuery, Nothing]) -> bytes | None:
    return _from_memory(call, _balance, needs="summary")


def _from_memory(call: Call[AccountQuery, Nothing], make: Callable[[AccountBook], object], *, needs: AccountHalf) -> bytes | None:
    """What *make* makes of the account's figures, where they need not be waited for; made and encoded once between two changes."""
    system, account = call.system, call.query.account
    told = None if system.several and account is None else system.holding(account).account.newest(account, needs=needs)
    if told is None:
        return None
    text = told.made.get(make)
    if text is None:
        text = told.made[make] = encode(make(told.book))
    return text


async def book_of(system: System, account: str | None, *, needs: AccountHalf) -> AccountBook:
    """What is known of an account, or of all, by the gateways that have them; raises what `AccountRef.book` does."""
    if account is not None or not system.several:
        return await system.holding(account).account.book(account, needs=needs)
    system.all_told()
    if needs == "summary" and len(system.accounts) > 1:
        raise AccountAmbiguous(system.accounts)
    books = {site.name: await site.account.book(None, needs=needs) for site in system.sites if site.session.accounts}
    if not books:
        raise GatewayDisconnected("No gateway is logged in.")
    system.all_told()  # one that broke meanwhile has taken back what it told
    return msgspec.structs.replace(
        next(iter(books.values())),
        positions=tuple(
            position for name, book in books.items() for position in book.positions if system.holding(position.account).name == name
        ),
        positions_timestamp=max(book.positions_timestamp for book in books.values()),
    )


def _summary(book: AccountBook) -> Summary:
    return Summary(book.summary, book.summary_timestamp)


def _positions(book: AccountBook) -> Positions:
    return Positions(book.positions, book.positions_timestamp)


def _balance(book: AccountBook) -> Balance:
    balance: dict[str, dict[str, Decimal]] = {}
    for (tag, currency), figure in sorted(book.figures.items()):
        amount = amount_of(figure.value)
        if currency and amount is not None:
            balance.setdefault(currency, {})[tag] = amount
    return Balance(account=book.account, base_currency=book.base_currency, balance=balance, timestamp=book.summary_timestamp)


async def get_accounts(call: Call[Nothing, Nothing]) -> Accounts:
    session = call.site.session
    if not session.up:
        raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
    return Accounts(call.system.accounts)


_NO_AMOUNT = Decimal("1.7e308")
"""IB writes DBL_MAX for "no value"; what is beyond it is no number to who reads JSON."""
_MOST_PLACES = 310
"""Of a number: one with more, such as 1E-999999999, cannot be written out."""


def amount_of(text: str) -> Decimal | None:
    """A figure as a number; None for a text, and for what stands for a number that is missing."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < _NO_AMOUNT and abs(amount.adjusted()) < _MOST_PLACES else None


OPERATIONS = (
    Operation(
        method="GET",
        path="/account/summary",
        handle=get_summary,
        at_once=newest_summary,
        summary="Account summary",
        tag="Account",
        scope=Scope.READ,
        query=AccountQuery,
        body=Nothing,
        returns=Summary,
        rows=Rows(of=Figure, member="account_summary", key="tag"),
        problems=_PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/account/positions",
        handle=get_positions,
        at_once=newest_positions,
        summary="Positions, with market values where the gateway streams them",
        tag="Account",
        scope=Scope.READ,
        query=AccountQuery,
        body=Nothing,
        returns=Positions,
        rows=Rows(of=Position, member="positions"),
        problems=_PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/account/balance",
        handle=get_balance,
        at_once=newest_balance,
        summary="Money figures as numbers, by currency",
        tag="Account",
        scope=Scope.READ,
        query=AccountQuery,
        body=Nothing,
        returns=Balance,
        problems=_PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/accounts",
        handle=get_accounts,
        summary="The accounts of this session",
        tag="Account",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=Accounts,
        problems=(GatewayDisconnected,),
    ),
)
