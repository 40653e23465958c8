"""Market data as it happens: lines, depth of the book, ticks by tick."""
