"""Seeing the process: logs, tracebacks, the task tree, the watch over the event loop, histograms."""
