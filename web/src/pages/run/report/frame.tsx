/** What all plots of a report stand on: a measured width, scales, axes with their titles, and a legend. */
import { useEffect, useRef, useState, type ReactNode, type RefObject } from "react";
import { linearTicks, padded, tooNarrow } from "../../../charts/derive.ts";
import { measured } from "../../../format.ts";

export const HEIGHT = 240;
const ROOM = { top: 10, right: 14, bottom: 40, left: 54 };

export interface Scale {
  (value: number): number;
  readonly ticks: readonly number[];
  /** The value at a place. */
  back(pixel: number): number;
}

/** Values from `low` to `high` on pixels from `from` to `to`, with about one tick every `every` pixels. */
export function scale(low: number, high: number, from: number, to: number, every: number): Scale {
  if (tooNarrow(low, high)) [low, high] = padded(low, high);
  const place = (value: number) => from + ((value - low) / (high - low)) * (to - from);
  const rough = (high - low) / Math.max(1, Math.abs(to - from) / every);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  const back = (pixel: number) => low + ((pixel - from) / (to - from)) * (high - low);
  return Object.assign(place, { ticks: linearTicks(low, high, step), back });
}

export function extent(values: Iterable<number | null>): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

/** The width that the element has now. */
export function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(host.current!);
    return () => observer.disconnect();
  }, []);
  return [host, width];
}

export interface Plotted {
  readonly x: Scale;
  readonly y: Scale;
  readonly width: number;
}

interface FrameProps {
  readonly name: string;
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly xTitle?: string | undefined;
  readonly yTitle?: string | undefined;
  readonly height?: number;
  /** Told of the pointer's place; null when it has left. */
  readonly onPoint?: (at: { readonly x: number; readonly y: number; readonly plot: Plotted } | null) => void;
  readonly children: (plot: Plotted) => ReactNode;
}

/** Axes with ticks, and what `children` draw between them. */
export function Frame({ name, x: [x0, x1], y: [y0, y1], xTitle, yTitle, height = HEIGHT, onPoint, children }: FrameProps): ReactNode {
  const [host, width] = useWidth();
  const x = scale(x0, x1, ROOM.left, width - ROOM.right, 80);
  const y = scale(y0, y1, height - ROOM.bottom, ROOM.top, 40);
  const plot = { x, y, width };
  return (
    <div ref={host} className="frame" style={{ minHeight: height }}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={name}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            onPoint?.({ x: event.clientX - box.left, y: event.clientY - box.top, plot });
          }}
          onPointerLeave={() => onPoint?.(null)}
        >
          {y.ticks.map((tick) => (
            <g key={tick} className="tick">
              <line x1={ROOM.left} x2={width - ROOM.right} y1={y(tick)} y2={y(tick)} />
              <text x={ROOM.left - 8} y={y(tick)} dy="0.32em" textAnchor="end">
                {measured(tick, 3)}
              </text>
            </g>
          ))}
          {x.ticks.map((tick) => (
            <g key={tick} className="tick">
              <line x1={x(tick)} x2={x(tick)} y1={ROOM.top} y2={height - ROOM.bottom} />
              <text x={x(tick)} y={height - ROOM.bottom + 15} textAnchor="middle">
                {measured(tick, 3)}
              </text>
            </g>
          ))}
          {xTitle && (
            <text className="axis-title" x={(ROOM.left + width - ROOM.right) / 2} y={height - 4} textAnchor="middle">
              {xTitle}
            </text>
          )}
          {yTitle && (
            <text className="axis-title" transform={`translate(11 ${(ROOM.top + height - ROOM.bottom) / 2}) rotate(-90)`} textAnchor="middle">
              {yTitle}
            </text>
          )}
          {children(plot)}
        </svg>
      )}
    </div>
  );
}

/** The look of line or bar `index`: six colours that are told apart by the colour-blind, then the same again. */
export function colour(index: number): string {
  return `var(--series-${(index % 6) + 1})`;
}

export const DASHES = ["", "6 4", "2 3", "10 4", "6 3 2 3", "3 6"];

export interface Entry {
  readonly name: string;
  readonly value?: string;
  readonly dash?: string;
}

/** Names and marks of what is drawn, with the values under the pointer. */
export function Legend({ entries, lines = false, at = "" }: { entries: readonly Entry[]; lines?: boolean; at?: string }): ReactNode {
  return (
    <p className="plot-legend">
      {entries.map(({ name, value, dash }, index) => (
        <span key={index}>
          <svg width="18" height="10" aria-hidden>
            {lines ? (
              <line x1="0" x2="18" y1="5" y2="5" stroke={colour(index)} strokeWidth="2.5" strokeDasharray={dash} />
            ) : (
              <rect width="14" height="10" rx="2" fill={colour(index)} />
            )}
          </svg>
          {name}
          {value !== undefined && <b className="mono">{value}</b>}
        </span>
      ))}
      {at && <span className="faint at">{at}</span>}
    </p>
  );
}
