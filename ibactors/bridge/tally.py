"""Counts the traffic with one gateway over all its sessions, and keeps IB's latest errors and notices."""

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice

from ibactors.model.times import Value, now

REPEATED = 5
"""A notice that is among so many of the last is no news: a gateway that has lost IB says so again and again."""
NOTICES = 50
"""How many of IB's errors and notices are kept to be shown."""
MOST_CODES = 200
"""Codes that are counted apart; IB has some 300, of which a service meets a few dozen."""
OTHER = 0
"""Under which all further codes are counted."""


class Notice(Value, frozen=True, kw_only=True):
    """An error or notice of IB's (message 4), of whatever request."""

    timestamp: str
    """When it arrived from the gateway, the last time that it did."""
    code: int
    """IB's number of it."""
    text: str
    """In IB's words."""


@dataclass(slots=True)
class GatewayTally:
    """The traffic with the gateway over all sessions; the bridge adds to it."""

    received: int = 0
    """Messages from the gateway."""
    sent: int = 0
    errors: Counter[int] = field(default_factory=Counter)
    """IB's errors and notices (message 4) by code; those beyond MOST_CODES under OTHER."""
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=NOTICES))
    """The last of them, oldest first."""

    def noticed(self, code: int, text: str) -> bool:
        """IB sent an error or a notice; tells whether it is news. The last one, if it is said again, is replaced."""
        self.errors[code if code in self.errors or len(self.errors) < MOST_CODES else OTHER] += 1
        notice = Notice(timestamp=now(), code=code, text=text.strip())
        is_news = not any((known.code, known.text) == (code, notice.text) for known in islice(reversed(self.notices), REPEATED))
        if not is_news and self.notices[-1].text == notice.text:
            self.notices.pop()
        self.notices.append(notice)
        return is_news
