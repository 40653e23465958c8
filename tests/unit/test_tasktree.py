import inspect

import pytest
import trio
from trio.abc import ReceiveStream
from trio.testing import memory_stream_one_way_pair, wait_all_tasks_blocked

from ibactors.inside.tasktree import TaskNode, render, snapshot


async def wait_for(event: trio.Event) -> None:
    secret = "DU1234567"
    await event.wait()
    del secret


async def parent(event: trio.Event) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_for, event, name="child b")
        nursery.start_soon(wait_for, event, name="child a")


async def tree_of_parent() -> TaskNode:
    """The tree below a task `parent`, taken while everybody waits."""
    event = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parent, event, name="parent")
        await wait_all_tasks_blocked()
        task = next(iter(nursery.child_tasks))
        tree = snapshot(task)
        event.set()
    return tree


async def test_tree_has_names_sorted_and_our_innermost_line() -> None:
    tree = await tree_of_parent()
    line = inspect.getsourcelines(wait_for)[1] + 2
    assert tree.name == "parent"
    assert [(child.name, child.where, child.children) for child in tree.children] == [
        ("child a", f"wait_for (tests/unit/test_tasktree.py:{line})", ()),
        ("child b", f"wait_for (tests/unit/test_tasktree.py:{line})", ()),
    ]
    assert tree.where.startswith("parent (tests/unit/test_tasktree.py:")


async def test_text_has_a_line_for_each_task_indented_and_no_locals() -> None:
    text = render(await tree_of_parent())
    assert [line.split("  at ")[0] for line in text.splitlines()] == ["parent", "  child a", "  child b"]
    assert text.endswith("\n")
    assert "DU1234567" not in text


async def test_whole_tree_begins_at_the_root_and_holds_this_very_task() -> None:
    await trio.lowlevel.checkpoint()
    names = render(snapshot())
    assert names.splitlines()[0].startswith("<init>")
    assert "test_whole_tree_begins" in names


async def read(stream: ReceiveStream) -> None:
    await stream.receive_some()


async def test_line_of_a_library_is_shown_only_where_there_is_none_of_ours() -> None:
    _, stream = memory_stream_one_way_pair()
    _, other = memory_stream_one_way_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, stream, name="ours")
        nursery.start_soon(other.receive_some, name="theirs")
        await wait_all_tasks_blocked()
        places = {task.name: snapshot(task).where for task in nursery.child_tasks}
        nursery.cancel_scope.cancel(reason="the test is over")
    assert places["ours"].startswith("read (tests/unit/test_tasktree.py:")
    assert "(trio/testing/_memory_streams.py:" in places["theirs"]


def test_snapshot_outside_a_run_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"inside a trio run|must be called from async context"):
        snapshot()
