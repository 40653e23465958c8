"""`python -m tests.twice ARGS`: pytest, and what failed once more alone, for a CI that runs beside other work.

A test that fails beside others and passes alone is told as FLAKY and lets the rest be judged. It is a fault all the same, of the test or of
the code: find it. More than `MOST` failures are never an accident.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

MOST = 3
_FAILED = 1  # pytest's exit code when tests failed, and nothing else went wrong


def run(*command: str) -> int:
    """Run pytest by *command*, again for the few tests that failed; the exit code of the last run."""
    with tempfile.TemporaryDirectory() as folder:
        kept = ("-o", f"cache_dir={folder}")
        code = subprocess.run([*command, *kept], check=False).returncode  # noqa: S603 - our own command
        names = _failed(folder) if code == _FAILED else ()
        if not 0 < len(names) <= MOST:
            return code
        sys.stdout.write(f"{len(names)} failed; once more, alone\n")
        sys.stdout.flush()
        alone = ("-n", "0") if "-n" in command else ()
        code = subprocess.run([*command, *kept, *alone, "--last-failed"], check=False).returncode  # noqa: S603
        again = names if code not in {0, _FAILED} else _failed(folder)
    for name in names:
        sys.stdout.write(f"{'FAILED twice' if name in again else 'FLAKY: it failed once, and passed alone'}: {name}\n")
    return code


def _failed(folder: str) -> Collection[str]:
    """The tests that pytest has kept as failed last."""
    kept = Path(folder, "v/cache/lastfailed")
    return json.loads(kept.read_bytes()).keys() if kept.exists() else ()


if __name__ == "__main__":
    sys.exit(run(sys.executable, "-m", "pytest", *sys.argv[1:]))
