"""Draws the figures of a run as bars with their spread: plot.py FIGURES.json PICTURE.png, in the environment of locks/plot.txt."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

COLOURS = ("#0b7285", "#868e96", "#495057", "#adb5bd", "#ced4da")
COLUMNS = 3
BAR_INCHES, FRAME_INCHES = 0.2, 0.75

found = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
panels = found["panels"]
rows = [panels[first : first + COLUMNS] for first in range(0, len(panels), COLUMNS)]
bars = [max(sum(map(bool, panel["values"])) for panel in row) for row in rows]
heights = [FRAME_INCHES + BAR_INCHES * number for number in bars]
figure, axes = plt.subplots(len(rows), COLUMNS, figsize=(15, sum(heights)), height_ratios=heights, squeeze=False)
for axis in axes.flat[len(panels) :]:
    axis.axis("off")
for number, (axis, panel) in enumerate(zip(axes.flat, panels, strict=False)):
    shown = [(*bar, spread) for *bar, spread in zip(found["servers"], COLOURS, panel["values"], strict=False) if spread]
    for place, (_, colour, (middle, low, high)) in enumerate(shown):
        axis.barh(place, middle, color=colour, xerr=[[middle - low], [high - middle]], ecolor="#212529", capsize=3)
        axis.annotate(f"  {middle:,.0f}" if middle >= 100 else f"  {middle:.3g}", (high, place), va="center", fontsize=8)
    axis.set_yticks(range(len(shown)), [title for title, *_ in shown], fontsize=8)
    axis.set_ylim(bars[number // COLUMNS] - 0.4, -0.6)
    axis.set_xlim(0, max(high for *_, (_, _, high) in shown) * 1.2 or 1)
    axis.tick_params(axis="x", labelsize=7)
    axis.set_title(f"{panel['title']}\n{panel['unit']}", fontsize=8, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
figure.savefig(sys.argv[2], dpi=80, bbox_inches="tight")
