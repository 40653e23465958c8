"""What a call raises. A `Problem` is the service's answer; the others say that there was none, and what that means."""

from typing import Any

import msgspec

from ibactors_client.orders import Order


class ClientError(Exception):
    """Whatever this client raises."""


class Problem(ClientError):
    """The service said no: `code` is stable, `hint` says what helps, `members` has the rest of the document."""

    def __init__(self, members: dict[str, Any], status: int, retry_after: float | None = None) -> None:
        self.members = members
        self.status = status
        self.code = str(members.get("code", f"http_{status}"))
        self.detail = str(members.get("detail") or members.get("title") or f"The answer has the status {status}.")
        self.hint: str | None = members.get("hint")
        self.field: str | None = members.get("field")
        self.retry_after = retry_after if retry_after is not None else members.get("retry_after")
        super().__init__(f"{self.code}: {self.detail}" + (f" {self.hint}" if self.hint else ""))


class Unreachable(ClientError):
    """No answer to a read, or no connection for an order: nothing was changed."""


class NotTheService(ClientError):
    """Something answered that is not ibactors, such as a proxy, or an ibactors that this client does not know."""


class OutcomeUnknown(ClientError):
    """Nobody knows yet what became of an order, a change or a cancel. It is **not** a failure: the order may be working, or filled.

    Ask again with the same `request_id` (the `client_order_id` or `change_id`), which can do nothing twice, and never place another
    order in its stead before an answer has `new_client_order_id_allowed`. `order` is the newest that the service told of it.
    """

    def __init__(self, request_id: str, order: Order | None, why: str) -> None:
        self.request_id = request_id
        self.order = order
        super().__init__(f"It is not known what became of {request_id!r}: {why} Ask again with the same id; do not place another order.")


def problem(content: bytes, status: int, retry_after: float | None) -> Problem:
    """The problem of an answer whose content type says that it is one."""
    try:
        members = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError:
        members = {}
    return Problem(members, status, retry_after)
