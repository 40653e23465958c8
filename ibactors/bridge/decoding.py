"""What decoding a frame needs besides its layout: numbers as IB writes them, and that nothing is decoded twice."""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

from ibactors.bridge.listener import Calls


class Once:
    """Decodes one frame, however often it is asked to."""

    def __init__(self, decode: Callable[[list[str]], Calls]) -> None:
        self._decode = decode
        self._calls: Calls | None = None

    def __call__(self, fields: list[str]) -> Calls:
        """The calls that the frame stands for. Raises what cannot be decoded."""
        if self._calls is None:
            self._calls = self._decode(fields)
        return self._calls


@cache
def numbers_of(kind: Any) -> dict[str, float]:
    """The defaults of what is a number in one of ib_async's classes, by name."""
    return {field.name: field.default for field in dataclasses.fields(kind) if isinstance(field.default, int | float)}


def number_of(text: str, default: float) -> float:
    """A number, an int where IB sends a whole one and *default* is one. Raises ValueError."""
    number = float(text)
    return int(text) if isinstance(default, int) and number.is_integer() and text.lstrip("-").isdigit() else number
