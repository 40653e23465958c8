"""The tree of all trio tasks: which task, under which parent, waits where, for how long, within which cancel scopes.

Frames and no locals: locals hold account data. For `/debug/tasks`, `ibactors tasks` and SIGUSR1.
"""

from collections.abc import Callable, Iterator
from html import escape
from types import FrameType

import msgspec
import trio

from ibactors.inside.tracebacks import Frame, frames_of, plumbing, short_path

WaitingFor = Callable[[trio.lowlevel.Task], float | None]
"""How many seconds a task has been waiting, if that is known."""


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cancel scope that a task is in and its parent is not."""

    deadline_in: float | None = None
    """Seconds until it cancels; None without a deadline."""
    shielded: bool = False
    cancelled: bool = False

    def __str__(self) -> str:
        words = [
            *(["cancelled"] if self.cancelled else []),
            *(["shielded"] if self.shielded else []),
            *([f"deadline in {self.deadline_in:.3g} s"] if self.deadline_in is not None else []),
        ]
        return ", ".join(words)


class TaskNode(msgspec.Struct, frozen=True):
    """One task; `where` is its innermost frame outside the plumbing, `function (file:line)`; the file begins at its package."""

    name: str
    where: str
    waiting: float | None
    """Seconds since it last ran; None when nobody knows."""
    scopes: tuple[Scope, ...]
    """The outermost first."""
    stack: tuple[Frame, ...]
    """The outermost call first."""
    children: tuple["TaskNode", ...]


def snapshot(task: trio.lowlevel.Task | None = None, *, waiting_for: WaitingFor = lambda _task: None) -> TaskNode:
    """The tree below *task*, or below the root task of this run."""
    task = task or trio.lowlevel.current_root_task()
    if task is None:
        raise RuntimeError("snapshot() is called inside a trio run")
    waiting = waiting_for(task)
    return TaskNode(
        name=task.name,
        where=_where(task),
        waiting=None if waiting is None else round(waiting, 3),
        scopes=tuple(_scopes(task)),
        stack=frames_of(_calls(task)),
        children=tuple(
            snapshot(child, waiting_for=waiting_for)
            for nursery in task.child_nurseries
            for child in sorted(nursery.child_tasks, key=lambda child: child.name)
        ),
    )


def _calls(task: trio.lowlevel.Task) -> list[tuple[FrameType, int]]:
    """The outermost call first, down to what the task waits for; of the plumbing at the end only the first call is kept."""
    calls = list(task.iter_await_frames())
    while len(calls) > 1 and all(plumbing(frame.f_code.co_filename) for frame, _ in calls[-2:]):
        calls.pop()
    return calls


def _where(task: trio.lowlevel.Task) -> str:
    """The innermost line that is nobody's plumbing, or else the innermost outside trio's core."""
    ours = plumbings = None
    for frame, line in task.iter_await_frames():
        path = frame.f_code.co_filename
        here = f"{frame.f_code.co_qualname} ({short_path(path)}:{line})"
        if not plumbing(path):
            ours = here
        elif not any(part in path for part in _CORE):
            plumbings = here
    return ours or plumbings or "running"


_CORE = ("/trio/_core/", "/trio/_sync.py", "/trio/_channel.py", "/trio/_timeouts.py")


def _scopes(task: trio.lowlevel.Task) -> list[Scope]:
    """The scopes between a task and its parent's nursery. Trio has no public way to ask; tests/test_platform.py holds what is used."""
    status: trio._core._run.CancelStatus | None = task._cancel_status  # noqa: SLF001
    outside = task.parent_nursery._cancel_status if task.parent_nursery else None  # noqa: SLF001
    scopes = []
    while status is not None and status is not outside:
        scope = status._scope  # noqa: SLF001
        deadline_in = max(scope.deadline - trio.current_time(), 0.0)
        scopes.append(
            Scope(
                deadline_in=round(deadline_in, 3) if deadline_in < float("inf") else None,
                shielded=scope.shield,
                cancelled=scope.cancel_called,
            )
        )
        status = status._parent  # noqa: SLF001
    return scopes[::-1]


def about(node: TaskNode) -> str:
    """How long a task has waited, and its cancel scopes with a deadline, a shield or a cancellation; empty when there is nothing to say."""
    waited = [f"for {node.waiting:.1f} s"] if node.waiting is not None else []
    return "  ".join([*waited, *(f"[{scope}]" for scope in node.scopes if str(scope))])


def render(node: TaskNode) -> str:
    """The tree as indented text, one task per line."""
    return "\n".join(_lines(node, 0)) + "\n"


def _lines(node: TaskNode, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{node.name}  at {node.where}  {about(node)}".rstrip()
    for child in node.children:
        yield from _lines(child, depth + 1)


def render_html(node: TaskNode) -> str:
    """The tree as a list of HTML, without scripts or styles; each task opens to its stack."""
    return "\n".join(["<ul>", *_html_lines(node), "</ul>"])


def _html_lines(node: TaskNode) -> Iterator[str]:
    yield f"<li><details><summary><b>{escape(node.name)}</b> at <code>{escape(node.where)}</code> {escape(about(node))}</summary>"
    yield "<ol>"
    for frame in node.stack:
        if frame.folded:
            yield f"<li><i>{escape(frame.folded)}</i></li>"
        yield f"<li><code>{escape(frame.function)}</code> {escape(frame.file)}:{frame.line}</li>"
    yield "</ol></details>"
    if node.children:
        yield "<ul>"
        for child in node.children:
            yield from _html_lines(child)
        yield "</ul>"
    yield "</li>"
