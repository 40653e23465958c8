"""One-cancels-all groups: which name a caller's group has at IB.

IB's names are everybody's and for ever, and a group that had a fill cancels newcomers. So a name is made of account, key, the caller's name
and a generation, which ends when all members are done.
"""

from ibactors.actors.order_judging import Judge
from ibactors.actors.order_keeper import Keeper
from ibactors.errors import InvalidRequest
from ibactors.orders.order import Order
from ibactors.orders.placing import Group
from ibactors.orders.request import OcaBody
from ibactors.orders.terms import Oca, OcaType
from ibactors.orders.tokens import group_name


class Groups:
    """The generations of one incarnation."""

    def __init__(self, keeper: Keeper, judge: Judge) -> None:
        self._keeper = keeper
        self._judge = judge
        self._given: dict[tuple[str, str, str], int] = {}
        """By account, key and name: those that were given here, on disk or on their way to it."""

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
        sent = Oca(group=group_name(account, key, oca.group, generation), type=kind)
        return Group(account=account, key=key, name=oca.group, generation=generation, sent=sent)

    def _members(self, sent: str) -> list[Order]:
        every = (*self._keeper.book.open, *self._judge.reserved.values())
        return [each for each in every if each.terms.oca is not None and each.terms.oca.group == sent]
