"""How many connections there may be at once: in all, and from one address."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ibactors.web.contract.addresses import is_loopback, network_of

if sys.platform != "win32":
    import resource

RESERVED = 100
"""Files that the process needs for other things than its clients."""
ADMIN_SEATS = 32
"""Places of the admin port, some of those files: whoever takes all others leaves these."""


def places(most: int) -> int:
    """How many connections there may be when *most* are wanted: one takes a file."""
    if sys.platform != "win32":  # where sockets are no files
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return most if files == resource.RLIM_INFINITY else min(most, files - RESERVED)
    return most


class Seats:
    """Places for connections, never more than the process may have files open; loopback clients are not counted by address."""

    def __init__(self, *, most: int, most_per_address: int) -> None:
        self._most = places(most)
        self._most_per_address = most_per_address
        self._by_address: Counter[str] = Counter()
        self._taken = 0

    @contextmanager
    def taken(self, address: str) -> Iterator[bool]:
        """Take a place for a connection from *address* while the block lasts; yields whether there is one."""
        counted = "" if is_loopback(address) else network_of(address)
        if self._taken >= self._most or (counted and self._by_address[counted] >= self._most_per_address):
            yield False
            return
        self._taken += 1
        self._by_address[counted] += 1
        try:
            yield True
        finally:
            self._taken -= 1
            self._by_address[counted] -= 1
            if not self._by_address[counted]:
                del self._by_address[counted]
