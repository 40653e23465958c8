"""Handlers of the requests about contracts, accounts, orders, news, scanners and the session itself."""
