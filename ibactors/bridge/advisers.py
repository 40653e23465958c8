"""What a financial adviser has set up: groups of accounts, their aliases, and what a model holds in an account.

The gateway tells groups and aliases as XML (TWS messages 18 and 16), which is read here, and refuses everybody else with error 321 that
belongs to no request: ask `is_adviser` first.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from typing import TypeVar

from ib_async.contract import Contract

from ibactors.bridge.answers import adviser_data
from ibactors.bridge.contracts import position_of
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.wire import GatewayClient
from ibactors.model.accounts import AccountAlias, AccountGroup, ModelFigure, Position

T = TypeVar("T")

_GROUPS, _ALIASES = 1, 3
_LONGEST_XML = 1_000_000
_MOST = 1000
"""Groups, accounts of a group, or aliases; IB's own window ends long before."""


def is_adviser(accounts: Iterable[str]) -> bool:
    """Whether a login with these accounts is an adviser's: the first of their own accounts begins with F, or DF on paper."""
    return any(account.startswith(("F", "DF")) for account in accounts)


def find_groups() -> RequestSpec[tuple[AccountGroup, ...]]:
    """The groups; one row has all of them."""
    return _adviser_data(_GROUPS, "list the groups of accounts", _groups)


def find_aliases() -> RequestSpec[tuple[AccountAlias, ...]]:
    """The names that the adviser has given to accounts; one row has all of them."""
    return _adviser_data(_ALIASES, "list the aliases of accounts", _aliases)


def find_model_positions(account: str, model: str, *, caller: str = "") -> RequestSpec[Position]:
    """What a model holds in an account (messages 74, 71, 72)."""

    def row(_request_id: int, owner: str, _model: str, contract: Contract, position: float, average_cost: float) -> Position:
        return position_of(owner, contract, position, average_cost)

    return RequestSpec(
        to="list the positions of a model",
        kind="accounts",
        caller=caller,
        send=lambda client, request_id: client.reqPositionsMulti(request_id, account, model),
        cancel=lambda client, request_id: client.cancelPositionsMulti(request_id),
        rows={"positionMulti": row},
        goes_on=True,
    )


def find_model_figures(account: str, model: str, *, caller: str = "") -> RequestSpec[ModelFigure]:
    """The values of an account as far as a model goes (messages 76, 73, 74)."""

    def row(_request_id: int, _owner: str, _model: str, tag: str, value: str, currency: str) -> ModelFigure:
        return ModelFigure(tag=shown(tag, LONGEST_NAME), value=shown(value), currency=shown(currency, LONGEST_NAME))

    return RequestSpec(
        to="tell the values of a model",
        kind="accounts",
        caller=caller,
        send=lambda client, request_id: client.reqAccountUpdatesMulti(request_id, account, model, False),  # noqa: FBT003
        cancel=lambda client, request_id: client.cancelAccountUpdatesMulti(request_id),
        rows={"accountUpdateMulti": row},
        goes_on=True,
    )


def _adviser_data(kind: int, to: str, read: Callable[[ET.Element], T]) -> RequestSpec[T]:
    def send(client: GatewayClient, _request_id: int) -> None:
        client.requestFA(kind)

    return RequestSpec(
        to=to, kind="accounts", send=send, rows={"receiveFA": lambda _kind, text: read(_root(text))}, name=adviser_data(kind)
    )


def _root(text: str) -> ET.Element:
    """Raises ValueError. Entities and the like are for attacks only; the size bounds the rest."""
    if "<!" in text or len(text) > _LONGEST_XML:
        raise ValueError("the adviser's data are too long or have a declaration")
    try:
        return ET.fromstring(text)  # noqa: S314  # without declarations, and bounded
    except ET.ParseError as exc:
        raise ValueError(f"the adviser's data are no XML: {exc}") from None


def _groups(root: ET.Element) -> tuple[AccountGroup, ...]:
    return tuple(
        AccountGroup(
            name=_text(group, "name"),
            method=_text(group, "defaultMethod"),
            # Gateways before version 983 have the accounts bare, later ones wrap each with its share.
            accounts=tuple(_accounts(group)),
        )
        for group in list(root.iter("Group"))[:_MOST]
    )


def _accounts(group: ET.Element) -> list[str]:
    bare = [shown(account.text or "", LONGEST_NAME) for account in group.iter("String")]
    return ([_text(account, "acct") for account in group.iter("Account")] or bare)[:_MOST]


def _aliases(root: ET.Element) -> tuple[AccountAlias, ...]:
    return tuple(
        AccountAlias(account=_text(alias, "account"), alias=_text(alias, "alias")) for alias in list(root.iter("AccountAlias"))[:_MOST]
    )


def _text(element: ET.Element, name: str) -> str:
    return shown((element.findtext(name) or "").strip(), LONGEST_NAME)
