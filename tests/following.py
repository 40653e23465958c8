"""What a client makes of books and their changes, as `docs/websocket.md` tells it."""

from typing import Any


def applied(rows: list[dict[str, Any]], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a side after the steps of a delta."""
    after = list(rows)
    for step in steps:
        row = {"price": step.get("price"), "size": step.get("size"), "maker": step.get("maker")}
        match step["operation"]:
            case "insert":
                after.insert(step["place"], row)
            case "update":
                after[step["place"]] = row
            case "delete":
                del after[step["place"]]
    return after


class Follower:
    """One book, as one client knows it."""

    def __init__(self) -> None:
        self.book: dict[str, Any] | None = None
        self.deltas = 0

    def take(self, message: dict[str, Any]) -> None:
        """A message of the channel."""
        match message["type"]:
            case "depth":
                self.book = message
            case "delta":
                assert self.book is not None, "a whole book comes first"
                assert message["previous"] == self.book["sequence"]
                self.deltas += 1
                sides = {side: applied(self.book[side], message[side]) for side in ("bids", "asks")}
                self.book = self.book | sides | {"sequence": message["sequence"], "timestamp": message["timestamp"]}
            case "stale" | "reset":
                self.book = None
