"""One-cancels-all groups: the orders of one request, and which name a caller's group has at IB.

IB's names are everybody's and for ever, and a group that had a fill cancels newcomers. So a name is made of account, key, the caller's name
and a generation, which ends when all members are done.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import asdict

from ibactors.actors.order_judging import Judge
from ibactors.actors.order_keeper import Keeper
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.orders.order import Order
from ibactors.orders.placing import Group
from ibactors.orders.request import GroupBody, OcaBody, PlaceBody
from ibactors.orders.terms import Oca, OcaType
from ibactors.orders.tokens import group_name

MOST = 10_000
"""Names whose generation is remembered: more than can be between a look at the disk and the order that follows from it."""
MOST_MEMBERS = 10


def parts_of(body: PlaceBody | GroupBody) -> tuple[PlaceBody, ...]:
    """The orders that a request asks for, each as it would be asked for alone. Raises InvalidRequest."""
    if isinstance(body, PlaceBody):
        return (body,)
    if not 2 <= len(body.orders) <= MOST_MEMBERS:  # noqa: PLR2004
        raise InvalidRequest(f"A group has 2 to {MOST_MEMBERS} orders.", field="orders")
    return tuple(PlaceBody(**asdict(each), account=body.account) for each in body.orders)


def oca_of(body: PlaceBody | GroupBody, client_order_id: str) -> OcaBody | None:
    """The group that the orders of a request join, by its caller's name."""
    return body.oca or (OcaBody(group=client_order_id) if isinstance(body, GroupBody) else None)


@contextmanager
def naming(body: PlaceBody | GroupBody, position: int) -> Iterator[None]:
    """Have what is raised within say which order of a group it is about."""
    try:
        yield
    except IbactorsError as error:
        if isinstance(body, GroupBody):
            error.extra["member"] = position
            if isinstance(error, InvalidRequest) and error.field is not None:
                error.extra["field"] = error.field = f"orders.{position}.{error.field}"
        raise


class Groups:
    """The generations of one incarnation."""

    def __init__(self, keeper: Keeper, judge: Judge) -> None:
        self._keeper = keeper
        self._judge = judge
        self._given: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        """By account, key and name: those that were given here last, on disk or on their way to it."""

    async def generation(self, oca: OcaBody | None, account: str, key: str) -> int:
        """The last generation that is on disk; 0 where there is none."""
        if oca is None:
            return 0
        return await self._keeper.read(self._keeper.reader.generation, account, key, oca.group)

    def name(self, oca: OcaBody, account: str, key: str, on_disk: int) -> Group:
        """The group to join now. Raises InvalidRequest when its members have another type (IB's error 10224)."""
        kind = oca.type or OcaType.CANCEL_WITH_BLOCK
        generation = max(on_disk, self._given.get((account, key, oca.group), 0))
        members = self._members(group_name(account, key, oca.group, generation))
        if not members:
            generation += 1
        if any(each.terms.oca is not None and each.terms.oca.type is not kind for each in members):
            raise InvalidRequest("The orders of a group have one type.", field="oca.type", remedy="Say what the first of them said.")
        self._given[account, key, oca.group] = generation
        self._given.move_to_end((account, key, oca.group))
        if len(self._given) > MOST:
            self._given.popitem(last=False)
        sent = Oca(group=group_name(account, key, oca.group, generation), type=kind)
        return Group(account=account, key=key, name=oca.group, generation=generation, sent=sent)

    def _members(self, sent: str) -> list[Order]:
        every = (*self._keeper.book.open, *self._judge.reserved.values())
        return [each for each in every if each.terms.oca is not None and each.terms.oca.group == sent]
