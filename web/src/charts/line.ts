/** One chart: some metrics of a run as lines, drawn by uPlot outside of React. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "../app/theme.ts";
import { duration, measured, steady } from "../format.ts";
import type { Board, Drawable } from "./board.ts";
import { align, decimate, linearTicks, logTicks, lowerBound, padded, Smoothed, tooNarrow, xOf, type Decimated, type Mark, type XAxis } from "./derive.ts";
import { gathered, MarkLayer, markX } from "./marks.ts";

export interface LineSpec {
  readonly key: string;
  readonly label: string;
  /** Name of the colour's token. */
  readonly color: string;
  readonly dash: number[];
}

const HEIGHT = 208;

const tokens = new Map<string, string>();
useTheme.subscribe(() => tokens.clear());

/** The value of a colour's token in the theme that is shown. */
export function token(name: string): string {
  let value = tokens.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    tokens.set(name, value);
  }
  return value;
}

function faded(color: string): string {
  return `${color}55`;
}

const AXIS_VALUES: Record<XAxis, (values: number[]) => string[]> = {
  step: (values) => values.map((value) => (Number.isInteger(value) ? value.toLocaleString("en-US") : "")),
  epoch: (values) => values.map((value) => (Number.isInteger(value) ? value.toLocaleString("en-US") : "")),
  relative: (values) => values.map((value) => (value === 0 ? "0 s" : duration(value))),
  wall: (values) => values.map((value) => new Date(value * 1000).toLocaleTimeString("en-GB")),
};

export interface Readout {
  /** Value of each line at the crosshair, or the newest; with the x it is at, null for the newest; and how many points
   * all lines have. */
  (values: (string | null)[], x: string | null, points: number, marks: number): void;
}

export class LineChart implements Drawable {
  visible = false;

  readonly #board: Board;
  readonly #lines: readonly LineSpec[];
  readonly #readout: Readout;
  readonly #smoothed: Smoothed[];
  readonly #plot: uPlot;
  readonly #layer: MarkLayer;
  readonly #ends: (() => void)[] = [];
  #axis: XAxis;
  #log: boolean;
  #marks: Mark[][] = [];
  #extent: [number, number] = [0, 1];

  constructor(host: HTMLElement, board: Board, lines: readonly LineSpec[], readout: Readout) {
    this.#board = board;
    this.#lines = lines;
    this.#readout = readout;
    this.#smoothed = lines.map(() => new Smoothed());
    this.#axis = board.view.axis;
    this.#log = board.view.log;
    this.#plot = new uPlot(this.#options(host.clientWidth || 400), [[], ...lines.flatMap(() => [[], []])] as uPlot.AlignedData, host);
    this.#layer = new MarkLayer(this.#plot.over);
    this.#watch(host);
    this.#ends.push(board.add(this));
  }

  destroy(): void {
    for (const end of this.#ends) end();
    this.#plot.destroy();
  }

  draw(): void {
    const { view } = this.#board;
    this.#log = view.log;
    this.#axis = view.axis;
    const raw: Decimated[] = [];
    const smooth: Decimated[] = [];
    const pixels = Math.max(50, this.#plot.bbox.width / devicePixelRatio || 300);
    let [low, high] = [Infinity, -Infinity];
    this.#lines.forEach(({ key }, index) => {
      const column = this.#board.columns.get(key);
      const length = column?.length ?? 0;
      const xs = column ? xOf(column, view.axis, this.#board.start, this.#board.columns.get("epoch")) : new Float64Array();
      const options = { pixels, range: view.zoom, log: view.log };
      raw.push(decimate(xs, column?.value ?? [], length, options));
      const averaged = column && view.smooth > 0 ? this.#smoothed[index]!.update(column, view.smooth) : null;
      smooth.push(averaged ? decimate(xs, averaged, length, options) : { x: [], y: [], marks: [] });
      if (length > 0) [low, high] = [Math.min(low, xs[0]!), Math.max(high, xs[length - 1]!)];
    });
    this.#marks = raw.map((line) => line.marks);
    this.#extent = Number.isFinite(low) ? [low, high] : [0, 1];
    const { x, ys } = align([...raw, ...smooth]);
    const data = [x, ...this.#lines.flatMap((_, index) => [ys[index]!, ys[this.#lines.length + index]!])];
    this.#plot.setData(data as uPlot.AlignedData, true);
    this.#placeMarks();
    this.#read();
  }

  /** What happened to the run, where it happened. */
  #placeMarks(): void {
    const { marks, columns, view, start } = this.#board;
    const column = this.#lines.map(({ key }) => columns.get(key)).find((each) => each && each.length > 0);
    const width = this.#plot.over.clientWidth;
    const places = marks.flatMap((mark) => {
      const x = column ? markX(mark, column, view.axis, start, columns.get("epoch")) : null;
      const pixel = x === null ? -1 : this.#plot.valToPos(x, "x");
      return pixel >= 0 && pixel <= width ? [{ pixel, mark }] : [];
    });
    this.#layer.show(gathered(places));
  }

  #watch(host: HTMLElement): void {
    const resize = new ResizeObserver(() => {
      if (host.clientWidth > 0 && host.clientWidth !== this.#plot.width) {
        this.#plot.setSize({ width: host.clientWidth, height: HEIGHT });
        this.#board.redraw();
      }
    });
    resize.observe(host);
    const seen = new IntersectionObserver(
      ([entry]) => {
        this.visible = entry?.isIntersecting ?? false;
        if (this.visible) this.draw();
      },
      { rootMargin: "100px" },
    );
    seen.observe(host);
    this.#ends.push(
      () => resize.disconnect(),
      () => seen.disconnect(),
    );
  }

  #options(width: number): uPlot.Options {
    const axis = {
      stroke: () => token("--faint"),
      grid: { stroke: () => token("--grid"), width: 1 },
      ticks: { show: false },
      font: "11px Inter, system-ui, sans-serif",
    };
    return {
      width,
      height: HEIGHT,
      padding: [10, 20, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "run", scales: ["x", null] },
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false },
        focus: { prox: -1 },
      },
      scales: {
        x: { time: false, range: () => this.#xRange() },
        y: { range: (_, min, max) => this.#yRange(min, max) },
      },
      axes: [
        { ...axis, size: 26, gap: 6, space: 78, values: (_, values) => AXIS_VALUES[this.#axis](values) },
        {
          ...axis,
          size: 52,
          gap: 8,
          space: 34,
          splits: (_, __, min, max, step) => (this.#log ? logTicks(min, max) : linearTicks(min, max, step)),
          values: (_, values) => values.map((value) => this.#tick(value)),
        },
      ],
      series: [{}, ...this.#lines.flatMap((line) => this.#series(line))],
      hooks: {
        draw: [() => this.#drawMarks()],
        setCursor: [() => this.#read()],
        setSelect: [() => this.#zoom()],
        ready: [
          (plot) => {
            plot.over.addEventListener("dblclick", () => this.#board.onZoom(null));
            plot.over.addEventListener("mouseleave", () => this.#board.point(null));
          },
        ],
      },
    };
  }

  #tick(value: number): string {
    return measured(this.#log ? 10 ** value : value, 3);
  }

  /** The faint line as measured, and the full one, smoothed. Without smoothing the first is the full one. */
  #series(line: LineSpec): uPlot.Series[] {
    const color = () => token(line.color);
    const smooth = () => this.#board.view.smooth > 0;
    const point = { show: (_: uPlot, __: number, i0: number, i1: number) => i1 - i0 < 3, size: 5 };
    return [
      {
        stroke: () => (smooth() ? faded(color()) : color()),
        width: 1.5,
        dash: line.dash,
        value: (_, value: number) => value,
        points: { ...point, fill: color, stroke: color },
      },
      { stroke: color, width: 2, dash: line.dash, points: { show: false } },
    ];
  }

  #xRange(): [number, number] {
    const { zoom, axis } = this.#board.view;
    if (zoom) return [zoom[0], zoom[1]];
    const [low, high] = this.#extent;
    if (!tooNarrow(low, high)) return [low, high];
    return axis === "wall" ? [low - 1, high + 1] : [Math.max(0, low - 1), high + 1];
  }

  #yRange(min: number | null, max: number | null): [number, number] {
    if (min === null || max === null) return [0, 1];
    return padded(min, max);
  }

  #zoom(): void {
    const { left, width } = this.#plot.select;
    if (width < 4) return;
    const range: [number, number] = [this.#plot.posToVal(left, "x"), this.#plot.posToVal(left + width, "x")];
    this.#plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.#board.onZoom(range);
  }

  /** NaN and infinities where they are: a cross at the bottom, arrows at the edge they left by. */
  #drawMarks(): void {
    const { ctx, bbox } = this.#plot;
    const size = 4 * devicePixelRatio;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.strokeStyle = ctx.fillStyle = token("--danger");
    for (const { x: at, kind } of this.#marks.flat()) {
      const x = this.#plot.valToPos(at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const up = kind === "+∞";
      const y = up ? bbox.top + size : bbox.top + bbox.height - size;
      ctx.beginPath();
      if (kind === "NaN") {
        ctx.moveTo(x - size, y - size);
        ctx.lineTo(x + size, y + size);
        ctx.moveTo(x + size, y - size);
        ctx.lineTo(x - size, y + size);
        ctx.stroke();
      } else {
        const tip = up ? -size : size;
        ctx.moveTo(x, y + tip);
        ctx.lineTo(x - size, y - tip);
        ctx.lineTo(x + size, y - tip);
        ctx.fill();
      }
    }
    ctx.restore();
  }

  /** Tell the panel's head the values under the crosshair, or the newest. */
  #read(): void {
    const { columns, view, start } = this.#board;
    const { left } = this.#plot.cursor;
    const inside = left !== undefined && left !== null && left >= 0;
    const x = inside ? this.#plot.posToVal(left, "x") : null;
    let [points, bad] = [0, 0];
    let time: number | null = null;
    const values = this.#lines.map(({ key }) => {
      const column = columns.get(key);
      if (!column || column.length === 0) return null;
      points += column.length;
      const xs = x === null ? null : xOf(column, view.axis, start, columns.get("epoch"));
      const index = xs ? nearest(xs, column.length, x!) : column.length - 1;
      if (xs) time ??= column.time[index]!;
      return steady(column.value[index]!);
    });
    for (const marks of this.#marks) bad += marks.length;
    this.#readout(values, x === null ? null : AXIS_VALUES[view.axis]([view.axis === "step" ? Math.round(x) : x])[0]!, points, bad);
    if (time !== null && this.#plot.cursor.event) this.#board.point({ time });
  }
}

function nearest(xs: ArrayLike<number>, length: number, x: number): number {
  const after = lowerBound(xs, length, x);
  if (after >= length) return length - 1;
  return after > 0 && x - xs[after - 1]! < xs[after]! - x ? after - 1 : after;
}
