"""The actors of one gateway: each with its address and messages. The kernel runs them; `site.py` starts them."""
