"""The channels of profit and loss and of portfolios: one message for each account, at once and with every change."""

from contextlib import ExitStack
from functools import partial
from typing import Any

import msgspec

from ibactors.actors.account import AccountStates
from ibactors.actors.holdings import HoldingsKey
from ibactors.actors.site import Site
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.accounts import AccountStale, PnlState, PortfolioState
from ibactors.model.encoded import Encoded
from ibactors.web.contract.queries import AccountName, ContractId, ModelName
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class PortfolioParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Which account; all of the login unless one is named."""

    account: AccountName | None = None


class PnlParameters(PortfolioParameters, frozen=True, kw_only=True):
    """Of an account, as far as a model goes if one is named, or of one of its positions."""

    model: ModelName | None = None
    con_id: ContractId = 0


def _of_profits(system: System, parameters: PnlParameters) -> list[Source]:
    key = HoldingsKey(channel="pnl", account=parameters.account or "", model=parameters.model or "", con_id=parameters.con_id)
    return [_source(system, site, key) for site in system.sites]


def _of_portfolio(system: System, parameters: PortfolioParameters) -> list[Source]:
    key = HoldingsKey(channel="portfolio", account=parameters.account or "")
    return [_source(system, site, key) for site in system.sites]


def _source(system: System, site: Site, key: HoldingsKey) -> Source:
    return Source(
        key=(key, site.name),
        open=partial(_open, system, site, key),
        split=partial(_split, system, site),
        is_current=partial(_is_current, site),
    )


def _split(system: System, site: Site, states: AccountStates) -> dict[str, Encoded[Any]]:
    return {name: state for name, state in states.by_account.items() if system.speaks_for(site, name)}


async def _open(system: System, site: Site, key: HoldingsKey, holder: str, until_stopped: ExitStack) -> Topic[AccountStates]:
    system.know(key.account or None)
    ref = await site.holdings.of(key, caller=holder)
    until_stopped.enter_context(ref.held(holder))
    return ref.states


def _is_current(site: Site, states: AccountStates) -> bool:
    """Of a session that has just ended the actor may not know yet; it will tell."""
    session = site.session
    return states.is_stale or (session.current and session.epoch == states.epoch)


PNL = Channel(
    name="pnl",
    summary="profit and loss of accounts, or of a position with con_id",
    scope=Scope.READ,
    parameters=PnlParameters,
    sources=_of_profits,
    messages={
        "pnl": (PnlState, "Profit and loss of an account or a position: at once after subscribing, and with each change."),
        "pnl_stale": (AccountStale, "The figures stopped."),
    },
)
PORTFOLIO = Channel(
    name="portfolio",
    summary="positions with their profit and loss",
    scope=Scope.READ,
    parameters=PortfolioParameters,
    sources=_of_portfolio,
    messages={
        "portfolio": (PortfolioState, "All positions of an account with their profit and loss: at once, and with each change."),
        "portfolio_stale": (AccountStale, "The figures stopped."),
    },
)
