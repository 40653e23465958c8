"""The reports of /debug for a browser: in the dress of the live page, with links from one to the next, on a phone too, without scripts."""

from html import escape
from urllib.parse import quote

from ibactors.inside import tasktree
from ibactors.inside.tasktree import TaskNode
from ibactors.web.rest.debug_reports import ActorReport, ActorsReport

_PLACES = {"Live page": "/ui", "Actors": "/debug/actors", "Tasks": "/debug/tasks", "Event loop": "/debug/loop", "Metrics": "/metrics"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>ibactors: {title}</title>
<link rel="icon" href="/ui/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/ui/style.css">
<link rel="stylesheet" href="/ui/debug.css">
</head>
<body>
<header class="top">
<p class="brand"><img src="/ui/icon.svg" alt="" width="22" height="22"> ibactors</p>
<nav aria-label="Debug">{places}</nav>
</header>
<main class="panel debug">
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def text_page(title: str, text: str) -> str:
    """A report that is text for people."""
    return _page(title, f"<pre>{escape(text)}</pre>")


def tasks_page(tree: TaskNode, heading: str) -> str:
    """The tree of tasks; each opens to its stack."""
    return _page("Tasks", f'<p class="faint">{escape(heading)}</p>\n{tasktree.render_html(tree)}')


def actors_page(report: ActorsReport) -> str:
    """All actors; each leads to its own page."""
    used = f"{report.lines} of {report.max_lines} market-data lines in use; {report.unsent} messages unsent"
    session = f"Session {report.session.phase} since {report.session.since}"
    rows = "\n".join(map(_row, report.actors))
    heads = '<th scope="col">Actor</th><th scope="col">State</th>' + "".join(
        f'<th scope="col" class="number">{name}</th>' for name in ("For", "Restarts", "Handled", "Waiting")
    )
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return _page("Actors", f'<p class="faint">{escape(session)}. {used}.</p>\n{table}')


def _row(actor: ActorReport) -> str:
    link = f'<a href="/debug/actors/{quote(actor.name)}?format=html">{escape(actor.name)}</a>'
    cells = f'<th scope="row">{link}</th><td>{actor.state}</td>' + "".join(
        f'<td class="number">{figure}</td>' for figure in (f"{actor.for_seconds:.0f} s", actor.restarts, actor.handled, actor.waiting)
    )
    error = f'\n<tr><td colspan="6" class="error">{escape(actor.last_error)}</td></tr>' if actor.last_error else ""
    return f'<tr data-state="{actor.state}">{cells}</tr>{error}'


def _page(title: str, body: str) -> str:
    places = " ".join(f'<a href="{place}"{_current(title, name)}>{name}</a>' for name, place in _PLACES.items())
    return _PAGE.format(title=escape(title), places=places, body=body)


def _current(title: str, name: str) -> str:
    return ' aria-current="page"' if title == name else ""
