"""The channel of accounts: summary and positions, at once and with every change."""

from contextlib import ExitStack
from functools import partial

import msgspec

from ibactors.actors.account import AccountStates
from ibactors.actors.site import Site
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.accounts import AccountStale, AccountState
from ibactors.model.encoded import Encoded
from ibactors.web.contract.queries import AccountName
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class AccountParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Which account; all of them unless one is named."""

    account: AccountName | None = None


def _sources(system: System, parameters: AccountParameters) -> list[Source]:
    # One source a gateway, whatever account is named: who names another wants that in place of the first.
    return [
        Source(
            key=("account", site.name),
            open=partial(_open, system, site, parameters.account),
            split=partial(_split, system, site, parameters.account),
            is_current=partial(_is_current, site),
        )
        for site in system.sites
    ]


async def _open(system: System, site: Site, account: str | None, _holder: str, _until_stopped: ExitStack) -> Topic[AccountStates]:
    system.know(account)
    return site.account.states


def _split(
    system: System, site: Site, account: str | None, states: AccountStates
) -> dict[str, Encoded[AccountState] | Encoded[AccountStale]]:
    """A break takes the place of what it voids."""
    return {name: state for name, state in states.by_account.items() if account in {None, name} and system.speaks_for(site, name)}


def _is_current(site: Site, states: AccountStates) -> bool:
    """Of a session that has just ended the actor may not know yet; it will tell."""
    session = site.session
    return states.is_stale or (session.up and session.epoch == states.epoch)


ACCOUNT = Channel(
    name="account",
    summary="summary and positions, in place of symbols",
    scope=Scope.READ,
    parameters=AccountParameters,
    sources=_sources,
    messages={
        "account": (AccountState, "Summary and positions of an account: at once after subscribing, and with each change."),
        "account_stale": (AccountStale, "An account's data stopped."),
    },
)
