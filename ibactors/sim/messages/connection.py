"""Encoders of what concerns the connection itself: errors, ids, accounts' names, the time, bulletins."""

from collections.abc import Sequence

from ibactors.sim.wire.frames import frame

ERROR_WITH_JSON = 166


def error(version: int, request_id: int, code: int, text: str) -> bytes:
    """Encode errMsg (4); the advanced reject JSON is empty, it must be JSON or nothing."""
    if version >= ERROR_WITH_JSON:
        return frame(4, 2, request_id, code, text, "")
    return frame(4, 2, request_id, code, text)


def next_valid_id(order_id: int) -> bytes:
    """Encode nextValidId (9)."""
    return frame(9, 1, order_id)


def managed_accounts(accounts: Sequence[str]) -> bytes:
    """Encode managedAccts (15)."""
    return frame(15, 1, ",".join(accounts))


def current_time(epoch_s: int) -> bytes:
    """Encode currentTime (49)."""
    return frame(49, 1, epoch_s)


def user_info(request_id: int) -> bytes:
    """Encode userInfo (107) without a white branding id."""
    return frame(107, request_id, "")


def news_bulletin(number: int, text: str) -> bytes:
    """Encode newsBulletin (14) of the regular kind."""
    return frame(14, 1, number, 1, text, "SMART")
