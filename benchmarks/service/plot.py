"""Draws the figures of a run as bars with their spread: plot.py FIGURES.json PICTURE.png, in the environment of locks/plot.txt."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

COLOURS = ("#0b7285", "#868e96", "#495057", "#adb5bd", "#ced4da")
COLUMNS = 2

found = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
panels = found["panels"]
rows = -(-len(panels) // COLUMNS)
figure, axes = plt.subplots(rows, COLUMNS, figsize=(12, 1.9 * rows), squeeze=False)
for axis in axes.flat[len(panels) :]:
    axis.axis("off")
for axis, panel in zip(axes.flat, panels, strict=False):
    shown = [
        (title, spread, colour) for (_, title), spread, colour in zip(found["servers"], panel["values"], COLOURS, strict=False) if spread
    ]
    for place, (_, (middle, low, high), colour) in enumerate(shown):
        axis.barh(place, middle, color=colour, xerr=[[middle - low], [high - middle]], ecolor="#212529", capsize=3)
        axis.annotate(f" {middle:,.4g}", (high, place), va="center", fontsize=8)
    axis.set_yticks(range(len(shown)), [title for title, _, _ in shown], fontsize=8)
    axis.invert_yaxis()
    axis.margins(x=0.15)
    axis.set_title(f"{panel['title']}\n{panel['unit']}, {panel['better']}", fontsize=9, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
figure.savefig(sys.argv[2], dpi=110)
