"""The tree of all trio tasks: which task, under which parent, waits where.

Only public trio API, frames and no locals: locals hold account data. For `/debug/tasks` and SIGUSR1.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import trio

_CORE = ("/trio/_core/", "/trio/_sync.py", "/trio/_channel.py", "/trio/_timeouts.py")
_PLUMBING = ("/trio/", "/trio_asyncio/", "/contextlib.py", "/quart/", "/quart_trio/", "/hypercorn/")


class TaskNode(msgspec.Struct, frozen=True):
    """One task; `where` is its innermost frame that is not plumbing, as `function (file:line)`."""

    name: str
    where: str
    children: tuple["TaskNode", ...]


def snapshot(task: trio.lowlevel.Task | None = None) -> TaskNode:
    """The tree below *task*, or below the root task of this run."""
    task = task or trio.lowlevel.current_root_task()
    if task is None:
        raise RuntimeError("snapshot() is called inside a trio run")
    children = tuple(
        snapshot(child) for nursery in task.child_nurseries for child in sorted(nursery.child_tasks, key=lambda child: child.name)
    )
    return TaskNode(task.name, _where(task), children)


def render(node: TaskNode) -> str:
    """The tree as indented text, one task a line."""
    return "\n".join(_lines(node, 0)) + "\n"


def _lines(node: TaskNode, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{node.name}  at {node.where}"
    for child in node.children:
        yield from _lines(child, depth + 1)


def _where(task: trio.lowlevel.Task) -> str:
    ours = plumbing = None
    for frame, line in task.iter_await_frames():
        path = frame.f_code.co_filename
        here = f"{frame.f_code.co_qualname} ({Path(path).name}:{line})"
        if not any(part in path for part in _PLUMBING):
            ours = here
        elif not any(part in path for part in _CORE):
            plumbing = here
    return ours or plumbing or "running"
