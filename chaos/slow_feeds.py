"""What changes seldom: profit and loss, portfolios, scans, headlines, bulletins."""

from chaos.feeds import Feed, Json
from chaos.record import Record
from chaos.truth import FUTURE_MS, RECOVERY_MS

_BULLETIN_MS = 20_000.0
"""After that time a bulletin that was sent in a calm is there."""


class Profits(Feed):
    """Profit and loss of one position: what it is worth tells at which price, and so when."""

    def value(self, message: Json) -> float:
        return self._judge(message["position"], message["value"]) or self._truth.now

    def _judge(self, position: float | None, value: float | None) -> float:
        if not position or value is None:
            return 0.0
        return self.check_price("value", 0, value / position, max(self.void(), self.told and self._void_told()))

    def _void_told(self) -> float:
        """After `stale` nothing of before the break that it tells of may follow, however long ago that is."""
        return max((b.begun for b in self._truth.breaks if b.session and not b.frozen and b.begun <= self.told), default=0.0)


class Portfolios(Profits):
    """A whole portfolio: one of its positions has such a price."""

    def value(self, message: Json) -> float:
        self.check_time(message)
        for held in message["positions"]:
            if self.symbol and held["conId"] == self.symbol.con_id:
                if held["marketPrice"] is not None:
                    self.check_price("market price", 0, held["marketPrice"], self.void())
                if held["pnl"]:
                    self._judge(held["position"], held["pnl"]["value"])
        return self._truth.now


class Scans(Feed):
    """A scan: its places are counted, nothing is in two of them, and it is of this session."""

    steady = False

    def value(self, message: Json) -> float:
        ranks, contracts = ([row[name] for row in message["rows"]] for name in ("rank", "con_id"))
        if ranks != list(range(len(ranks))) or len(set(contracts)) != len(contracts):
            self.blame("not a scan", f"{ranks} {contracts}")
        return self.check_time(message)


class Headlines(Feed):
    """Headlines about one instrument; IB says the newest again to each new request."""

    numbered, steady, held = True, False, False

    def value(self, message: Json) -> float:
        if f"${message['con_id']:x}-" not in message["article_id"]:
            self.blame("invented", f"{message['article_id']} is about another instrument")
        return self._truth.now


class Bulletins(Feed):
    """Each bulletin once; one that was sent in a calm is there soon."""

    numbered, steady, held = True, False, False

    def begin(self) -> None:
        super().begin()
        self._seen = set[str]()

    def value(self, message: Json) -> float:
        if message["text"] in self._seen:
            self.blame("a bulletin is double", message["text"])
        self._seen.add(message["text"])
        return self._truth.now

    def compare(self, record: Record) -> None:
        truth = self._truth
        for text, at in record.bulletins.items():
            due = max(at, self.since) + _BULLETIN_MS + truth.machine.allowance(at) + truth.machine.paused_ms(at)
            if text not in self._seen and truth.now > due and not truth.excuses(None, at - RECOVERY_MS, at + FUTURE_MS):
                self._seen.add(text)
                self.blame("a bulletin is missing", text)
