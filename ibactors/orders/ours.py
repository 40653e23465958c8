"""Whether a frame is about this very order. A number of IB's alone proves nothing."""

from ibactors.orders.draft import Draft, Want
from ibactors.orders.evidence import FromIb
from ibactors.orders.terms import Side


def is_about(draft: Draft, seen: FromIb) -> bool:
    """True when the frame is about this order; otherwise says, by a want, what it is instead."""
    order = draft.order
    if seen.token is not None:
        if seen.token != order.token:
            draft.want(Want.NOT_OURS)
            return False
        ours = seen.order_id in {None, order.ib_order_id} and seen.client_id in {None, order.client_id}
        if not ours and seen.perm_id not in {each.perm_id for each in order.incarnations if each.perm_id}:
            draft.want(Want.FOREIGN_COPY)
            return False
        return True
    known = {each.perm_id for each in order.incarnations if each.perm_id}
    if seen.perm_id and known and seen.perm_id not in known:
        # The same number with another permanent id and no token: an order of before the ids rolled back, or of another program.
        draft.want(Want.RECONCILE)
        return False
    return True


def fits(draft: Draft, con_id: int, side: Side) -> bool:
    """False, with an alarm, when contract or side are another order's. A combination's legs are checked by nobody: they differ."""
    terms = draft.order.terms
    if terms.is_combination or (con_id in {0, terms.con_id} and side is terms.side):
        return True
    draft.want(Want.NOT_OURS, Want.RECONCILE)
    return False
