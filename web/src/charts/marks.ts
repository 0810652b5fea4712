/** Marks on a chart: where something happened to the run. A button each, so that pointer and keyboard both reach what it says. */
import { lowerBound, type XAxis } from "./derive.ts";
import type { Column } from "pulsetrain";

export interface RunMark {
  readonly id: number;
  /** Unix seconds. */
  readonly time: number;
  /** The last step before it, where that is known. */
  readonly step: number | null;
  readonly kind: string;
  readonly tone: string;
  readonly text: string;
}

export interface PlacedMark {
  readonly pixel: number;
  /** More than one where marks would lie over each other. */
  readonly marks: readonly RunMark[];
}

/** Marks that are nearer than so many pixels are shown as one. */
const APART = 9;

/** Where `mark` is on the x axis: by its step, or by its time where it has none or the axis is one of time. */
export function markX(mark: RunMark, column: Column, axis: XAxis, start: number, epoch: Column | undefined): number | null {
  if (axis === "wall") return mark.time;
  if (axis === "relative") return mark.time - start;
  const step = mark.step ?? stepAt(column, mark);
  if (step === null || axis === "step") return step;
  if (!epoch) return null;
  const at = lowerBound(epoch.step, epoch.length, step);
  const held = epoch.step[at] === step && at < epoch.length ? at : at - 1;
  return held < 0 ? null : epoch.value[held]!;
}

/** The last step that `column` had at the time of `mark`; null before its first, and for what it did not live to see. */
function stepAt(column: Column, { time, kind }: RunMark): number | null {
  const after = lowerBound(column.time, column.length, time);
  const over = after === column.length && (kind === "stage" || kind === "file");
  return after === 0 || over ? null : column.step[after - 1]!;
}

/** Marks by their places from left to right, those that would lie over each other together. */
export function gathered(places: readonly { readonly pixel: number; readonly mark: RunMark }[]): PlacedMark[] {
  const out: { pixel: number; marks: RunMark[] }[] = [];
  for (const { pixel, mark } of [...places].sort((a, b) => a.pixel - b.pixel || a.mark.id - b.mark.id)) {
    const last = out.at(-1);
    if (last && pixel - last.pixel < APART) last.marks.push(mark);
    else out.push({ pixel, marks: [mark] });
  }
  return out;
}

/** The marks of one chart, laid over its plot. */
export class MarkLayer {
  readonly #root = document.createElement("div");
  readonly #tip = document.createElement("div");
  #flags: HTMLButtonElement[] = [];
  #shown: readonly PlacedMark[] = [];
  #told = "";

  constructor(over: HTMLElement) {
    this.#root.className = "marks";
    this.#root.setAttribute("role", "group");
    this.#root.setAttribute("aria-label", "What happened");
    this.#tip.className = "mark-tip";
    this.#tip.hidden = true;
    this.#tip.setAttribute("role", "status");
    this.#root.append(this.#tip);
    over.append(this.#root);
  }

  /** Show `placed`. The elements are kept while the same marks are together: what has the focus keeps it. */
  show(placed: readonly PlacedMark[]): void {
    const told = placed.map(({ marks }) => marks.map((mark) => mark.id).join("+")).join(" ");
    if (told !== this.#told) {
      this.#told = told;
      const focused = this.#flags.indexOf(document.activeElement as HTMLButtonElement);
      for (const flag of this.#flags) flag.remove();
      this.#flags = placed.map((mark, index) => this.#flag(mark, index));
      this.#root.append(...this.#flags);
      if (focused >= 0) this.#flags[Math.min(focused, this.#flags.length - 1)]?.focus({ preventScroll: true });
      else this.#tip.hidden = true;
    }
    this.#shown = placed;
    placed.forEach(({ pixel }, index) => (this.#flags[index]!.style.transform = `translateX(${pixel.toFixed(1)}px)`));
  }

  #flag({ marks }: PlacedMark, index: number): HTMLButtonElement {
    const loudest = marks.find((mark) => mark.kind === "alert") ?? marks.find((mark) => mark.kind !== "stage") ?? marks[0]!;
    const flag = document.createElement("button");
    flag.type = "button";
    flag.className = "mark";
    flag.dataset["kind"] = loudest.kind;
    flag.dataset["tone"] = loudest.tone;
    flag.dataset["testid"] = "chart-mark";
    // One stop for the tab key; the arrow keys walk from mark to mark.
    flag.tabIndex = index === 0 ? 0 : -1;
    if (marks.length > 1) flag.dataset["many"] = String(marks.length);
    flag.setAttribute("aria-label", marks.map((mark) => mark.text).join("; "));
    flag.append(document.createElement("i"));
    flag.addEventListener("pointerenter", () => this.#say(index));
    flag.addEventListener("focus", () => this.#say(index));
    for (const end of ["pointerleave", "blur"]) flag.addEventListener(end, () => (this.#tip.hidden = true));
    // A press on a mark is not the beginning of a zoom.
    flag.addEventListener("mousedown", (event) => event.stopPropagation());
    flag.addEventListener("keydown", (event) => this.#walk(event, index));
    return flag;
  }

  #walk(event: KeyboardEvent, index: number): void {
    const next = this.#flags[index + ({ ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0)];
    if (!next || next === this.#flags[index]) return;
    event.preventDefault();
    for (const flag of this.#flags) flag.tabIndex = flag === next ? 0 : -1;
    next.focus({ preventScroll: true });
  }

  #say(index: number): void {
    const { pixel, marks } = this.#shown[index]!;
    this.#tip.replaceChildren(
      ...marks.map((mark) => {
        const line = document.createElement("p");
        line.textContent = mark.text;
        return line;
      }),
    );
    this.#tip.hidden = false;
    const width = this.#root.clientWidth;
    this.#tip.style.left = `${Math.max(0, Math.min(pixel + 8, width - this.#tip.offsetWidth))}px`;
  }
}
