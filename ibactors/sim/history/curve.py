"""The path that a price takes, at every second of every year, as a pure function of a name and the time.

A day is one stroke: where it opens, how high and how low it gets, where it closes. A stroke is drawn as shorter strokes (hours,
five minutes, minutes, five seconds, seconds) that open where the one before closed, stay within it, and of which one reaches its
top and one its bottom. So the bar of any time is exactly what its parts add up to, whatever parts it is cut into, and a year of
days costs no more than a day of minutes.

Values are what the logarithm of a price strays from its usual level, for an instrument of usual volatility.
"""

import functools
import itertools
import math
import random
import zlib
from typing import NamedTuple

_DAY = 86_400
_SIZES = (_DAY, 3600, 300, 60, 5, 1)
# What moves the price from day to day, in days; a day's own range is drawn on top.
_SCALES = (400, 90, 20, 5, 1)
# How far a price strays on the scale of one day; grows with the root of the time.
_DAILY = 0.009
_DAY_RANGE = 0.006
# The share of a stroke's height that its parts stray from the straight line.
_STRAY = 0.5
# Trades: three a second on average, one to five at times, so that no second is without.
_TRADE_RATE = 3
_TRADE_SCALE_S = 600
_TRADE_WAVE = 400


class Stroke(NamedTuple):
    """A path between two moments."""

    open: float
    high: float
    low: float
    close: float


def stroke(name: str, begin: int, end: int) -> Stroke:
    """The path of `name` from one second since 1970 to another."""
    whole = None
    while begin < end:
        level = next(n for n, size in enumerate(_SIZES) if begin % size == 0 and begin + size <= end)
        part = _piece(name, level, begin // _SIZES[level])
        whole = part if whole is None else Stroke(whole.open, max(whole.high, part.high), min(whole.low, part.low), part.close)
        begin += _SIZES[level]
    if whole is None:
        raise ValueError("a path has to last a second or more")
    return whole


def trades_until(name: str, second: int) -> int:
    """How many trades there have been, counted from a beginning in the distant past; grows in every second."""
    position = second / _TRADE_SCALE_S
    index = math.floor(position)
    left, right = _wave(name, index), _wave(name, index + 1)
    return math.floor(second * _TRADE_RATE + left + (right - left) * (position - index))


@functools.lru_cache(maxsize=4096)
def _wave(name: str, index: int) -> float:
    return _TRADE_WAVE * (2 * _unit(f"{name}:trades", index) - 1)


def _piece(name: str, level: int, index: int) -> Stroke:
    if level == 0:
        return _day(name, index)
    count = _SIZES[level - 1] // _SIZES[level]
    return _parts(name, level, index // count)[index % count]


@functools.lru_cache(maxsize=4096)
def _day(name: str, index: int) -> Stroke:
    opened, closed = _level(name, index), _level(name, index + 1)
    up, down = _unit(f"{name}:up", index), _unit(f"{name}:down", index)
    return Stroke(opened, max(opened, closed) + up * _DAY_RANGE, min(opened, closed) - down * _DAY_RANGE, closed)


@functools.lru_cache(maxsize=4096)
def _parts(name: str, level: int, index: int) -> tuple[Stroke, ...]:
    """What the stroke `index` of the level above consists of."""
    whole = _piece(name, level - 1, index)
    count = _SIZES[level - 1] // _SIZES[level]
    rolls = random.Random(zlib.crc32(f"{name}:{level}:{index}".encode()))
    roll = rolls.random
    height, rise = whole.high - whole.low, (whole.close - whole.open) / count
    marks = [whole.open]
    for n in range(1, count):
        strayed = whole.open + rise * n + (roll() - 0.5) * height * _STRAY
        marks.append(min(whole.high, max(whole.low, strayed)))
    marks.append(whole.close)
    summit, valley = int(roll() * count), int(roll() * count)
    reach = height / count
    parts = []
    for n, (opened, closed) in enumerate(itertools.pairwise(marks)):
        top, bottom = (opened, closed) if opened > closed else (closed, opened)
        high = whole.high if n == summit else min(whole.high, top + roll() * reach)
        low = whole.low if n == valley else max(whole.low, bottom - roll() * reach)
        parts.append(Stroke(opened, high, low, closed))
    return tuple(parts)


def _level(name: str, day: int) -> float:
    """Where the path is at the beginning of a day."""
    return sum(_noise(name, scale, day) for scale in _SCALES)


def _noise(name: str, scale: int, day: int) -> float:
    index, rest = divmod(day, scale)
    share = rest / scale
    share = share * share * (3 - 2 * share)
    left, right = (2 * _unit(f"{name}:{scale}", n) - 1 for n in (index, index + 1))
    return (left + (right - left) * share) * _DAILY * math.sqrt(min(scale, 90))


def _unit(name: str, index: int) -> float:
    return zlib.crc32(f"{name}:{index}".encode()) / 2**32
