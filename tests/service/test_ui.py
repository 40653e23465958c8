"""The files of the live page, as a browser gets them; what they do is tested in tests/browser."""

import re

import pytest

from tests.conftest import Service

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (BROWSER, "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("", "application/json"),
        (None, "application/json"),
    ],
)
async def test_root_is_the_page_for_browsers_only(service: Service, accept: str | None, content_type: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    request = service.http.build_request("GET", "/", headers=headers)
    if accept is None:
        del request.headers["Accept"]
    response = await service.http.send(request)
    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert response.headers["vary"] == "Accept"


async def test_every_file_that_the_page_names_is_there_and_is_cached_by_its_content(service: Service) -> None:
    page = await service.http.get("/ui")
    unread = {f"/{link}" for link in re.findall(r'(?:src|href)="(ui/[^"]+)"', page.text)}
    links: set[str] = set()
    while unread:
        link = unread.pop()
        links.add(link)
        imports = re.findall(r'from "\./([^"]+)"', (await service.http.get(link)).text)
        unread |= {f"/ui/{name}" for name in imports} - links
    assert len(links) > 10
    links |= {f"/ui/{name}" for name in re.findall(r'import\("\./([^"]+)"\)', (await service.http.get("/ui/plot.js")).text)}
    assert any(link.endswith(".mjs") for link in links)
    scripts = [await service.http.get(link) for link in links if link.endswith("js")]
    assert sum(len(script.content) for script in scripts) < 400_000
    kinds = {
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "mjs": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    }
    for link in links:
        response = await service.http.get(link)
        assert response.status_code == 200
        assert response.headers["content-type"] == kinds[link.rsplit(".")[-1]]
        assert response.headers["x-content-type-options"] == "nosniff"
        again = await service.http.get(link, headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_page_may_run_no_script_but_its_own_files(service: Service) -> None:
    page = await service.http.get("/ui")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", page.text)


async def test_files_of_the_package_cannot_be_read(service: Service) -> None:
    for path in ("/ui/../ui.py", "/ui/..%2fui.py", "/ui/%2e%2e/ui.py", "/ui/nothing.js", "/ui/a/b.js"):
        assert (await service.http.get(path)).status_code == 404


async def test_last_notices_of_ib_are_told_with_the_lines(service: Service) -> None:
    await service.http.get("/market/quote/NOSUB")
    report = await service.get("/debug/actors")
    assert report["lines"] <= report["max_lines"] == 100
    assert {354} <= {notice["code"] for notice in report["notices"]}
    assert all(notice["text"] and notice["timestamp"].endswith("Z") for notice in report["notices"])
