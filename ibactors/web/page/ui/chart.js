// A small chart of the prices that this page has received, as SVG: time from left to right, a gap where data stopped.

import { clock, number } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 72;
const EDGE = 6;
const NARROWEST_MS = 30_000; // what the chart spans at least; it shows all points that there are
const LABEL_MS = 5000;

function shape(name, className) {
  const node = document.createElementNS(SVG, name);
  node.setAttribute("class", className);
  return node;
}

export class Chart {
  #svg = shape("svg", "");
  #area = shape("path", "chart-area");
  #line = shape("path", "chart-line");
  #close = shape("line", "chart-close");
  #labelled = 0;

  constructor(parent) {
    this.#svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.#svg.setAttribute("preserveAspectRatio", "none");
    this.#svg.setAttribute("role", "img");
    this.#svg.append(this.#area, this.#close, this.#line);
    parent.append(this.#svg);
  }

  draw(symbol, points, close, digits) {
    const prices = points.filter(([, price]) => price !== null).map(([, price]) => price);
    this.#label(symbol, points, prices, digits);
    if (prices.length === 0) {
      for (const path of [this.#line, this.#area]) path.setAttribute("d", "");
      return;
    }
    const scale = scaleOf(prices, points[0][0], points.at(-1)[0]);
    const runs = split(points).map((run) => run.map(([time, price]) => [scale.x(time), scale.y(price)]));
    this.#line.setAttribute("d", runs.map(path).join(""));
    this.#area.setAttribute("d", runs.map((run) => `${path(run)}V${HEIGHT}H${run[0][0].toFixed(1)}Z`).join(""));
    const y = close === null ? -EDGE : scale.y(close);
    for (const [name, value] of [["x1", 0], ["x2", WIDTH], ["y1", y], ["y2", y]]) this.#close.setAttribute(name, value.toFixed(1));
  }

  #label(symbol, points, prices, digits) {
    if (Date.now() - this.#labelled < LABEL_MS) return;
    if (prices.length) this.#labelled = Date.now();
    const range = prices.length && `from ${number(Math.min(...prices), digits)} to ${number(Math.max(...prices), digits)}`;
    const text = prices.length ? `${symbol} since ${clock(points[0][0])}: ${range}` : `${symbol}: no prices received yet`;
    this.#svg.setAttribute("aria-label", text);
  }
}

function scaleOf(prices, oldest, newest) {
  const low = Math.min(...prices);
  const high = Math.max(...prices);
  // At least a ten-thousandth of the price from top to bottom: a single tick must not look like a crash.
  const range = Math.max(high - low, high * 0.0004);
  const middle = (high + low) / 2;
  const span = Math.max(newest - oldest, NARROWEST_MS);
  return {
    x: (time) => WIDTH - ((newest - time) / span) * WIDTH,
    y: (price) => HEIGHT / 2 - ((price - middle) / range) * (HEIGHT - 2 * EDGE),
  };
}

function split(points) {
  const runs = [[]];
  for (const point of points) {
    if (point[1] === null) runs.push([]);
    else runs.at(-1).push(point);
  }
  return runs.filter((run) => run.length > 0);
}

// Horizontal, then vertical: a price holds until the next one comes.
function path([[x, y], ...rest]) {
  return `M${x.toFixed(1)} ${y.toFixed(1)}${rest.map(([x, y]) => `H${x.toFixed(1)}V${y.toFixed(1)}`).join("")}h0.1`;
}
