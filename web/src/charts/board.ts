/** All charts of a run: one view for all, one redraw per frame, and only of charts that can be seen. */
import type { Column } from "pulsetrain";
import type { XAxis } from "./derive.ts";
import type { RunMark } from "./marks.ts";

export interface View {
  readonly axis: XAxis;
  /** Weight of the past, 0–0.99. */
  readonly smooth: number;
  readonly log: boolean;
  readonly zoom: readonly [number, number] | null;
}

export interface Drawable {
  visible: boolean;
  draw(): void;
}

export interface Moment {
  /** Unix seconds under the crosshair. */
  readonly time: number;
}

/** Live data moves charts 20 times a second at most; what people do moves them at once. */
const MIN_INTERVAL_MS = 50;

export class Board {
  view: View = { axis: "step", smooth: 0.6, log: false, zoom: null };
  /** Unix seconds that relative time counts from. */
  start = 0;
  paused = false;
  /** What happened to the run: marked on every chart. */
  marks: readonly RunMark[] = [];
  onZoom: (zoom: readonly [number, number] | null) => void = () => undefined;

  readonly #charts = new Set<Drawable>();
  readonly #moments = new Set<(moment: Moment | null) => void>();
  #frame = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #drawnAt = 0;
  #tookMs = 0;

  constructor(readonly columns: ReadonlyMap<string, Column>) {}

  add(chart: Drawable): () => void {
    this.#charts.add(chart);
    this.redraw();
    return () => this.#charts.delete(chart);
  }

  setView(view: View): void {
    this.view = view;
    this.redraw();
  }

  /** New points came in: redraw soon, but leave most of the time to everything else, however slow the machine. */
  changed(): void {
    if (this.paused || this.#frame !== 0 || this.#soon !== undefined) return;
    const wait = this.#drawnAt + Math.max(MIN_INTERVAL_MS, 4 * this.#tookMs) - performance.now();
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.redraw();
    }, Math.max(0, wait));
  }

  redraw(): void {
    // Hidden tabs get no frames, so they draw nothing.
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const from = performance.now();
      for (const chart of this.#charts) if (chart.visible) chart.draw();
      this.#drawnAt = performance.now();
      this.#tookMs = this.#drawnAt - from;
    });
  }

  /** The crosshair is at `moment`: tell the log and the machine's samples. */
  point(moment: Moment | null): void {
    for (const listener of this.#moments) listener(moment);
  }

  onMoment(listener: (moment: Moment | null) => void): () => void {
    this.#moments.add(listener);
    return () => this.#moments.delete(listener);
  }
}
