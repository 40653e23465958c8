"""Sends what has an id of its own until the answer is definite: the service does it at most once, however often it is sent.

Invariant: once a request may have arrived without an answer, no later refusal is taken for what became of it.
"""

import time
from collections.abc import Callable

from ibactors.calling import Answer, Lost, NotDone, Refused, Remote

PAUSE = 1.0
"""Seconds between two tries, where the service does not say."""
_SETTLED = frozenset({"order_rejected", "order_not_received", "order_not_sent", "change_rejected", "change_not_sent"})
"""Codes that are what became of an order or a change, however often it was sent: where they come with the `order`.

Without it nothing was written down, and a try from before may still be on its way.
"""


class Unknown(NotDone):
    """Nobody knows yet what became of it; it is no failure."""

    status = 3


def surely(ask: Callable[[], Answer], again: str, patience: float, *, over: frozenset[int] = frozenset({200, 201})) -> Answer:
    """The definite answer; `again` says to a person how it can be asked for once more.

    Raises Refused and Lost where nothing was done, and Unknown where that cannot be said.
    """
    deadline = time.monotonic() + patience
    maybe_sent = False
    while True:
        pause = PAUSE
        trouble: NotDone
        try:
            answer = ask()
        except Lost as exc:
            maybe_sent |= exc.sent
            trouble = _unknown(again, str(exc)) if maybe_sent else exc
        except Refused as exc:
            pause = max(pause, exc.retry_after or 0)
            maybe_sent |= _says_nothing(exc)
            trouble = _of(exc, again, maybe_sent=maybe_sent)
        except KeyboardInterrupt:
            raise _unknown(again, "it was interrupted.") from None
        else:
            if answer.status in over:
                return answer
            maybe_sent = True
            trouble = _unknown(again, f"its status is {answer.members.get('status')}.")
        if time.monotonic() + pause > deadline:
            raise trouble
        time.sleep(pause)


def _of(refused: Refused, again: str, *, maybe_sent: bool) -> NotDone:
    """What to raise if this was the last try. Raises it where it is definite."""
    if (refused.code in _SETTLED and "order" in refused.members) or refused.members.get("new_client_order_id_allowed") is True:
        raise refused
    if _says_nothing(refused) or refused.http_status == 429:  # noqa: PLR2004  # too many requests
        return _unknown(again, str(refused)) if maybe_sent else refused
    raise _unknown(again, f"a repetition was refused ({refused})") if maybe_sent else refused


def _says_nothing(refused: Refused) -> bool:
    return refused.http_status >= 500 or refused.http_status == 408 or not refused.code  # noqa: PLR2004  # 5xx, or a proxy's


def _unknown(again: str, why: str) -> Unknown:
    return Unknown(
        f"NOT KNOWN what became of it: {why} It may have been done. {again}, which does nothing twice; do nothing else in its stead."
    )


def sent(remote: Remote, method: str, path: str, body: bytes | None = None) -> Callable[[], Answer]:
    """The same request, each time."""
    return lambda: remote.ask(method, path, body=body)
