"""README and the pages of docs/: links and anchors lead somewhere, no page is an island, and figures told are those that were measured."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("client/*.md")])
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without what stands in fences."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as they are made where it is shown."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """What a page links to within the repository: as written, the file, the anchor."""
    for written in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page))):
        if "://" not in written:
            file, _, anchor = written.partition("#")
            yield written, (page.parent / file).resolve() if file else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    lost = [written for written, file, anchor in links(page) if not file.exists() or (anchor and anchor not in anchors(file))]
    assert lost == []


def test_every_page_is_found_from_readme() -> None:
    found, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page.is_dir():
            found |= set(page.glob("*.md"))
        elif page.suffix == ".md" and page not in found:
            found.add(page)
            ahead += [file for _, file, _ in links(page)]
    assert [str(page.relative_to(ROOT)) for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in found] == []


def test_figures_of_readme_were_measured() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("<!-- figures:")[2].partition("<!-- end of figures -->")[0]
    told = re.findall(r"\| ([\d.,]+) (?=\|)", table)
    measured = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("performance.md", "reliability.md"))
    assert told
    assert [figure for figure in told if not re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d,]|\.\d)", measured)] == []


def test_recipes_of_the_documents_are_there() -> None:
    recipes = set(re.findall(r"^([\w-]+)(?: .*)?:", (ROOT / "justfile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(page.name, name) for page in PAGES for name in re.findall(r"\./dev ([a-z][\w-]*)", page.read_text(encoding="utf-8"))}
    assert named
    assert [(page, name) for page, name in sorted(named) if name not in recipes] == []
