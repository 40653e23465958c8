"""The channel of accounts: summary and positions, at once and with every change."""

from contextlib import ExitStack
from functools import partial

import msgspec

from ibactors.actors.account import AccountStates
from ibactors.errors import UnknownAccount
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.accounts import AccountStale, AccountState
from ibactors.model.encoded import Encoded
from ibactors.web.contract.queries import AccountName
from ibactors.web.stream.channel import Channel, Source
from ibactors.web.system import System


class AccountParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Which account; all of them unless one is named."""

    account: AccountName | None = None


def _sources(system: System, parameters: AccountParameters) -> list[Source]:
    # One source, whatever account is named: who names another wants that in place of the first.
    return [
        Source(
            key="account",
            open=partial(_open, system, parameters.account),
            split=partial(_split, parameters.account),
            is_current=partial(_is_current, system),
        )
    ]


async def _open(system: System, account: str | None, _holder: str, _until_stopped: ExitStack) -> Topic[AccountStates]:
    session = system.site.connection.sessions.value
    if session.up and account is not None and account not in session.accounts:
        raise UnknownAccount(f"There is no account {account!r} in this session.")
    return system.site.account.states


def _split(account: str | None, states: AccountStates) -> dict[str, Encoded[AccountState] | Encoded[AccountStale]]:
    """A break takes the place of what it voids."""
    return {name: state for name, state in states.by_account.items() if account in {None, name}}


def _is_current(system: System, states: AccountStates) -> bool:
    """Of a session that has just ended the actor may not know yet; it will tell."""
    session = system.site.connection.sessions.value
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
