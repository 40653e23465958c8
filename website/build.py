"""README and the pages of docs/ as a web site in site/: `./dev site`, with Zensical in .site.

The pages are copied as they stand in the repository, so that their links are right here and there.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".site"
BUILT = ROOT / "site"
LIMIT_S = 120
_ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"'>\s]+""")


def main() -> int:
    shutil.rmtree(CACHE / "pages", ignore_errors=True)
    shutil.rmtree(BUILT, ignore_errors=True)
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/**/*.png"), *ROOT.glob("client/*.md")):
        copy = CACHE / "pages" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    shutil.copyfile(ROOT / "website" / "zensical.toml", CACHE / "zensical.toml")
    command = [CACHE / "bin" / "zensical", "build", "--clean", "--strict"]
    if status := subprocess.run(command, cwd=CACHE, timeout=LIMIT_S, check=False).returncode:  # noqa: S603
        return status
    (CACHE / "built").rename(BUILT)
    pages = sorted(BUILT.rglob("*.html"))
    faults = [f"{page.relative_to(ROOT)}: {found[0]}" for page in pages for found in _ELSEWHERE.finditer(page.read_text(encoding="utf-8"))]
    print("\n".join(faults) or f"{len(pages)} pages in {BUILT.relative_to(ROOT)}/; they load nothing from elsewhere")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
