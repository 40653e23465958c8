"""How many examples the dear property tests try: few in the default run, many in `./dev slow`, which runs those marked `thorough` again."""

import os


def examples(few: int, many: int) -> int:
    """The number for this run."""
    return many if os.environ.get("THOROUGH") else few
