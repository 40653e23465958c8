"""What advisers have besides accounts: groups, aliases and models."""

import msgspec

from ibactors.bridge.advisers import find_aliases, find_groups, find_model_figures, find_model_positions, is_adviser
from ibactors.errors import AccountAmbiguous, ActorDown, GatewayDisconnected, GatewayRefused, GatewayTimeout, MailboxFull, UnknownAccount
from ibactors.keys import Scope
from ibactors.model.accounts import AccountAlias, AccountGroup, ModelFigure, Position
from ibactors.model.times import now
from ibactors.web.contract.queries import AccountName, ModelName
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.portfolio import account_of

_PROBLEMS = (ActorDown, GatewayDisconnected, GatewayRefused, MailboxFull, GatewayTimeout)


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """Groups and aliases of an adviser's accounts; everybody else has none."""

    adviser: bool
    """Whether the login is an adviser's."""
    groups: tuple[AccountGroup, ...]
    """In the order in which IB tells them."""
    aliases: tuple[AccountAlias, ...]
    """Names of accounts."""
    timestamp: str
    """When the answer was made."""


class ModelQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model, in which account."""

    model: ModelName
    account: AccountName | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What a model holds in an account, and the account's values as far as the model goes; values are IB's text."""

    account: str
    model: str
    figures: tuple[ModelFigure, ...]
    """IB's values, by tag."""
    positions: tuple[Position, ...]
    """What the model holds."""
    timestamp: str
    """When the answer was made."""


async def get_groups(call: Call[Nothing, Nothing]) -> Groups:
    session = call.site.connection.sessions.value
    if not session.current:
        raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
    if not is_adviser(session.accounts):
        return Groups(adviser=False, groups=(), aliases=(), timestamp=now())
    connection = call.site.connection
    groups = await connection.request_one(find_groups())
    aliases = await connection.request_one(find_aliases())
    return Groups(adviser=True, groups=groups, aliases=aliases, timestamp=now())


async def get_model(call: Call[ModelQuery, Nothing]) -> Model:
    account, model = account_of(call.system, call.query.account), call.query.model
    connection = call.site.connection
    figures = await connection.request(find_model_figures(account, model, caller=call.along.holder))
    positions = await connection.request(find_model_positions(account, model, caller=call.along.holder))
    return Model(
        account=account,
        model=model,
        figures=figures,
        positions=tuple(position for position in positions if position.position),
        timestamp=now(),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/account/groups",
        handle=get_groups,
        summary="Groups and aliases of an adviser's accounts",
        tag="Account",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=Groups,
        problems=_PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/account/models/{model}",
        handle=get_model,
        summary="What a model of an adviser's holds in an account",
        tag="Account",
        scope=Scope.READ,
        query=ModelQuery,
        body=Nothing,
        returns=Model,
        problems=(*_PROBLEMS, AccountAmbiguous, UnknownAccount),
    ),
)
