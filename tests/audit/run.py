"""Known holes in dependencies (pip-audit), and secrets in the repository (detect-secrets), from an environment of their own, .audit.

Where the vulnerability data cannot be reached, that is said in so many words. It is a failure only with --complete, as of a release.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

BIN = Path(".audit/bin")
LOCKS = ("requirements.txt", "requirements-dev.txt")
# What looks like a secret and is none: hashes of locked files, passwords of demos and tests.
NO_SECRETS = (
    r"ibactors/web/(rest|page)/vendored/.*|requirements.*\.txt|.*/locks/.*|.*\.lock|package-lock\.json|"
    r"tests/.*|chaos/.*|docs/.*|README\.md|deploy/.*|benchmarks/.*"
)
OURS = re.compile(r"\bibk_[A-Za-z0-9_-]{43}\b")


def main() -> int:
    parser = argparse.ArgumentParser(description="Known holes in dependencies, and secrets.")
    parser.add_argument("--complete", action="store_true", help="what could not be audited is a finding")
    failed = [*holes(complete=parser.parse_args().complete), *secrets()]
    for finding in failed:
        say(f"audit: {finding}")
    say(f"audit: {'1 failed' if failed else '0 failed'}, {len(failed)} findings")
    return 1 if failed else 0


def holes(*, complete: bool) -> list[str]:
    """Packages of the lock files with known vulnerabilities; when it has to be *complete*, those without data too."""
    found = []
    for lock in LOCKS:
        result = run("pip-audit", "--requirement", lock, "--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off")
        if not result.stdout.startswith("{"):
            why = (result.stderr.splitlines() or ["no answer"])[-1]
            say(f"audit: {lock} was NOT audited: {why}")
            found += [f"{lock} was not audited"] * complete
            continue
        packages = json.loads(result.stdout)["dependencies"]
        skipped = [package["name"] for package in packages if "skip_reason" in package]
        say(
            f"audit: {lock}: {len(packages) - len(skipped)} of {len(packages)} packages audited" + " (no data for the rest)" * bool(skipped)
        )
        found += [f"{name} of {lock} was not audited" for name in skipped] * complete
        found += [f"{package['name']} {package['version']}: {hole['id']}" for package in packages for hole in package.get("vulns", ())]
    return found


def secrets() -> list[str]:
    """Files with what looks like a secret."""
    files = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")  # noqa: S607
    result = run("detect-secrets", "scan", "--no-verify", "--disable-plugin", "KeywordDetector", "--exclude-files", NO_SECRETS)
    suspects = json.loads(result.stdout)["results"]
    found = [f"{path}:{entry['line_number']}: {entry['type']}" for path, entries in suspects.items() for entry in entries]
    texts = ((path, Path(path).read_text(encoding="utf-8", errors="replace")) for path in files if Path(path).is_file())
    return [*found, *(f"{path}: an API key" for path, text in texts if OURS.search(text))]


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / program, *arguments], check=False, capture_output=True, text=True, timeout=300)  # noqa: S603  # our own


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
