"""Stacks and exceptions as people read them: frames of the plumbing folded, notes, causes and groups kept; never any locals.

One `Trace` is made of an exception, for the log (as text or as JSON), and for `/debug/actors/{name}`.
"""

import asyncio
import linecache
import os
import traceback
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType

import msgspec

_PLUMBING = frozenset({"asyncio", "contextlib", "hypercorn", "outcome", "quart", "quart_trio", "trio", "trio_asyncio"})
_ROOTS = (str(Path(__file__).parents[2]), str(Path(asyncio.__file__).parent.parent))
_NURSERY = "Exceptions from Trio nursery"
_MOST_FRAMES = 60
_LONGEST_TEXT = 2000


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call; `file` begins at its package, `folded` says which frames between the previous one and this one are left out."""

    file: str
    """Its path from the package on."""
    line: int | None
    """Null where Python knows none."""
    function: str
    """Name of what was called."""
    code: str = ""
    """The line of the source, where there is one."""
    folded: str = ""
    """Frames of the plumbing that are left out before this one."""

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


class Trace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An exception; frames from the outermost to the one that raised."""

    type: str
    """The exception's class."""
    message: str
    """The exception's text."""
    notes: tuple[str, ...] = ()
    """Notes that were added on its way, such as the actor and its message."""
    frames: tuple[Frame, ...] = ()
    """From the outermost call to the one that raised."""
    cause: "Trace | None" = None
    """What it was raised from, or while handling."""
    exceptions: "tuple[Trace, ...]" = ()
    """The members of a group."""


@lru_cache(maxsize=2000)
def short_path(path: str) -> str:
    """A file's path from its package on, such as `trio/_core/_run.py`."""
    _, found, inside = path.rpartition(f"{os.sep}site-packages{os.sep}")
    if found:
        return inside
    for root in _ROOTS:
        if path.startswith(root + os.sep):
            return path[len(root) + 1 :]
    return path


@lru_cache(maxsize=2000)
def plumbing(path: str) -> str:
    """The name of the package whose frames are folded; empty for a file whose frames are shown."""
    top = short_path(path).partition(os.sep)[0].removesuffix(".py")
    return top if top in _PLUMBING else ""


def frames_of(stack: Iterable[tuple[FrameType, int]], *, with_code: bool = False) -> tuple[Frame, ...]:
    """Frames, outermost first, with runs of plumbing folded; the innermost is always shown."""
    calls = [(frame.f_code.co_filename, line, frame.f_code.co_qualname) for frame, line in stack]
    shown: list[Frame] = []
    left_out: list[str] = []
    surplus = range(_MOST_FRAMES // 3, len(calls) - 2 * _MOST_FRAMES // 3)
    for index, (path, line, function) in enumerate(calls):
        package = "more" if index in surplus else plumbing(path)
        if package and index < len(calls) - 1:
            left_out.append(package)
            continue
        code = linecache.getline(path, line).strip() if with_code else ""
        shown.append(Frame(file=short_path(path), line=line, function=function, code=code, folded=_folded(left_out)))
        left_out = []
    return tuple(shown)


def _folded(packages: list[str]) -> str:
    if not packages:
        return ""
    number = f"{len(packages)} frame{'s' if len(packages) > 1 else ''}"
    return f"{number} of {', '.join(sorted(set(packages)))}"


def trace_of(exc: BaseException) -> Trace:
    """All there is to say of an exception. A nursery's group of one is shown as its one member, with the frames of both."""
    return _trace(exc, set(), [])


def _trace(exc: BaseException, seen: set[int], calls: list[tuple[FrameType, int]]) -> Trace:
    """*seen*: ids of the exceptions already rendered. *calls*: frames above *exc*, collected while groups of one are unwrapped."""
    seen.add(id(exc))
    calls += traceback.walk_tb(exc.__traceback__)
    notes = tuple(_clipped(str(note)) for note in getattr(exc, "__notes__", ()))
    source = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    cause = _trace(source, seen, []) if source is not None and id(source) not in seen else None
    members = exc.exceptions if isinstance(exc, BaseExceptionGroup) else ()
    if isinstance(exc, BaseExceptionGroup) and len(members) == 1 and exc.message == _NURSERY:
        inner = _trace(members[0], seen, calls)
        return msgspec.structs.replace(inner, notes=inner.notes + notes, cause=inner.cause or cause)
    return Trace(
        type=_type_name(exc),
        message=_clipped(_text(exc)),
        notes=notes,
        frames=frames_of(calls, with_code=True),
        cause=cause,
        exceptions=tuple(_trace(member, seen, []) for member in members),
    )


def _type_name(exc: BaseException) -> str:
    kind = type(exc)
    return kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"


def _text(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:  # noqa: BLE001  # an exception that cannot be shown must not hide the crash that it reports
        return "(its text cannot be made)"


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"


def render(trace: Trace) -> str:
    """The exception as text, the way Python prints it."""
    return "\n".join(_lines(trace)) + "\n"


def _lines(trace: Trace) -> Iterator[str]:
    if trace.cause is not None:
        yield from _lines(trace.cause)
        yield from ("", "This led to:", "")
    if trace.frames:
        yield "Traceback (most recent call last):"
    yield from frame_lines(trace.frames)
    yield f"{trace.type}: {trace.message}" if trace.message else trace.type
    for note in trace.notes:
        yield from note.splitlines()
    for number, member in enumerate(trace.exceptions, 1):
        yield f"  +---------------- {number} of {len(trace.exceptions)} ----------------"
        yield from (f"  | {line}" for line in _lines(member))


def frame_lines(frames: Iterable[Frame]) -> Iterator[str]:
    """Frames as in a traceback."""
    for frame in frames:
        if frame.folded:
            yield f"  … {frame.folded}"
        yield f'  File "{frame.file}", line {frame.line}, in {frame.function}'
        if frame.code:
            yield f"    {frame.code}"


def summary(exc: BaseException) -> str:
    """One line for an exception: the leaves of a group, each with its type."""
    if isinstance(exc, BaseExceptionGroup):
        return "; ".join(summary(leaf) for leaf in exc.exceptions)
    return f"{type(exc).__name__}: {exc}"
