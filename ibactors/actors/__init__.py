"""The actors: connection, account, market and one per symbol, and the kernel that runs them."""
