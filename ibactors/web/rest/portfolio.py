"""Profit and loss: of an account, and of each position. IB computes it, the actors of `profits` keep it current."""

from typing import Annotated

import msgspec
import trio

from ibactors.actors.holdings import instrument_of, profit_of
from ibactors.errors import (
    AccountAmbiguous,
    ActorDown,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    IbactorsError,
    MailboxFull,
    TooManyProfits,
    UnknownAccount,
)
from ibactors.keys import Scope
from ibactors.model.accounts import Position, PositionProfit, Profit, ProfitKey
from ibactors.model.times import now
from ibactors.web.contract.problems import Problem, problem_of
from ibactors.web.contract.queries import AccountName, ModelName
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.account import AccountQuery, book_of
from ibactors.web.system import System

_PROBLEMS = (UnknownAccount, ActorDown, GatewayDisconnected, GatewayRefused, MailboxFull, GatewayTimeout, TooManyProfits)


class ProfitQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose profit and loss."""

    account: AccountName | None = None
    model: Annotated[ModelName, msgspec.Meta(description="Only as far as this model of an adviser's goes.")] | None = None


class AccountProfit(msgspec.Struct, frozen=True, kw_only=True):
    """Profit and loss of an account, in its base currency; null where IB has no figure."""

    account: str
    model: str | None
    currency: str | None
    """The account's base currency; null while the summary, which tells it, is not to be had."""
    daily: float | None
    unrealized: float | None
    realized: float | None
    timestamp: str
    """When IB sent them, which it does when one changes."""


class Holding(Position, frozen=True, kw_only=True):
    """A position with its profit and loss, or the problem that stands in their place."""

    pnl: PositionProfit | None
    """Null where `problem` says why."""
    problem: Problem | None
    """Why there is no `pnl`."""


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    """All holdings with their profit and loss; of all accounts unless one is named."""

    positions: tuple[Holding, ...]
    """What is held now."""
    timestamp: str
    """When it was put together; figures have times of their own."""


async def get_profit(call: Call[ProfitQuery, Nothing]) -> AccountProfit:
    account, model = account_of(call.system, call.query.account), call.query.model
    profit = await call.system.holding(account).profits.profit(ProfitKey(account=account, model=model or ""))
    return _of_account(account, model, await _base_currency(call.system, account), profit)


def newest_profit(call: Call[ProfitQuery, Nothing]) -> AccountProfit | None:
    """The same where nothing has to be waited for."""
    account, model = call.query.account, call.query.model
    accounts = call.system.sites[0].session.accounts
    if account is None and len(accounts) == 1 and not call.system.several:
        account = accounts[0]
    site = call.system.holding(account)
    if account is None or account not in site.session.accounts:
        return None
    profit = site.profits.newest(ProfitKey(account=account, model=model or ""))
    summary = site.account.newest(account, needs="summary")
    return None if profit is None or summary is None else _of_account(account, model, summary.book.base_currency, profit)


def _of_account(account: str, model: str | None, currency: str | None, profit: Profit) -> AccountProfit:
    return AccountProfit(
        account=account,
        model=model,
        currency=currency,
        daily=profit.daily,
        unrealized=profit.unrealized,
        realized=profit.realized,
        timestamp=profit.timestamp,
    )


async def get_portfolio(call: Call[AccountQuery, Nothing]) -> Portfolio:
    system = call.system
    book = await book_of(system, call.query.account, needs="positions")
    found: dict[int, Holding] = {}
    async with trio.open_nursery() as nursery:
        for number, position in enumerate(book.positions):
            nursery.start_soon(_hold, call.system, position, number, len(book.positions), found)
    if call.query.account is None:
        system.all_told()
    for account in {call.query.account or book.account, *(position.account for position in book.positions)}:
        session = system.holding(account).session
        if not session.current:
            # What came before the break is not current, and the rest has its problem: neither makes a portfolio.
            raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
    return Portfolio(positions=tuple(found[number] for number in range(len(book.positions))), timestamp=now())


async def _hold(system: System, position: Position, number: int, among: int, found: dict[int, Holding]) -> None:
    key = ProfitKey(account=position.account, con_id=position.con_id)
    pnl, problem = None, None
    try:
        pnl = profit_of(position, await system.holding(position.account).profits.profit(key, instrument_of(position), among=among))
    except IbactorsError as exc:
        problem = problem_of(exc)
    members = {field: getattr(position, field) for field in position.__struct_fields__}
    found[number] = Holding(**members, pnl=pnl, problem=problem)


def account_of(system: System, named: str | None) -> str:
    """The account of the session that is meant. Raises GatewayDisconnected, AccountAmbiguous or UnknownAccount."""
    if named is None:
        system.all_told()
    session = (system.site if named is None else system.holding(named)).session
    if not session.current or not session.accounts:
        raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
    if named is None and len(system.accounts) > 1:
        raise AccountAmbiguous(system.accounts)
    if named is not None and named not in session.accounts:
        raise UnknownAccount(f"There is no account {named!r} in this session.")
    return named or session.accounts[0]


async def _base_currency(system: System, account: str) -> str | None:
    try:
        return (await system.holding(account).account.book(account, needs="summary")).base_currency
    except (GatewayRefused, GatewayTimeout):
        return None


OPERATIONS = (
    Operation(
        method="GET",
        path="/account/pnl",
        handle=get_profit,
        at_once=newest_profit,
        summary="Profit and loss of an account: of the day, unrealized, realized",
        tag="Account",
        scope=Scope.READ,
        query=ProfitQuery,
        body=Nothing,
        returns=AccountProfit,
        rows=Rows(of=AccountProfit),
        problems=(AccountAmbiguous, *_PROBLEMS),
        description="IB computes it, for any account of the login. The first request has IB send it; later ones are answered from memory.",
    ),
    Operation(
        method="GET",
        path="/account/portfolio",
        handle=get_portfolio,
        summary="Positions with their profit and loss, of any account",
        tag="Account",
        scope=Scope.READ,
        query=AccountQuery,
        body=Nothing,
        returns=Portfolio,
        rows=Rows(of=Holding, member="positions", without="problem", columns=(("problem", "code"),)),
        problems=_PROBLEMS,
        description=(
            "Each position has `pnl`, which IB computes for it, in the currency of its contract; or `problem`, why there is none. "
            "`pnl.value` is what it is worth. The market figures beside it are of the portfolio, which IB sends every few minutes, and of "
            "several accounts in turns: `marketTimestamp` says when."
        ),
    ),
)
