"""How callers say how much of a book they want: the same for REST and streams."""

from typing import Annotated

import msgspec

MOST_ROWS = 20
RowCount = Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS, description=f"Rows of each side of a book: 1 to {MOST_ROWS}.")]
Smart = Annotated[
    bool,
    msgspec.Meta(
        description="True for the book that is put together from all exchanges, which only stocks have, and which is theirs if nothing is "
        "said; false for that of one exchange, the main one unless another is named."
    ),
]
