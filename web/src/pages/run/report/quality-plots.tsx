import { useState, type ReactNode } from "react";
import { measured, share } from "../../../format.ts";
import type { ReportColumn } from "./quality.tsx";

const DAY = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
const DAY_AND_TIME = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

const W = 240;
const H = 84;

/** Two histograms over each other: the real one filled, the synthetic one as a line. */
export function Outline({ column }: { column: ReportColumn }): ReactNode {
  const { real, synthetic } = column;
  if (!("edges" in real) || !("edges" in synthetic)) return null;
  // Bins may differ in width, so what is drawn is the density.
  const density = (edges: number[], parts: number[]) => parts.map((part, index) => part / (edges[index + 1]! - edges[index]! || 1));
  const [a, b] = [density(real.edges, real.share), density(synthetic.edges, synthetic.share)];
  const most = Math.max(1e-12, ...a, ...b);
  const [from, to] = [Math.min(real.edges[0]!, synthetic.edges[0]!), Math.max(real.edges.at(-1)!, synthetic.edges.at(-1)!)];
  const x = (value: number) => ((value - from) / (to - from || 1)) * W;
  const outline = (edges: number[], heights: number[]) => {
    const tops = heights.map((height, index) => {
      const y = (H - (height / most) * (H - 4)).toFixed(1);
      return `L${x(edges[index]!).toFixed(1)} ${y}L${x(edges[index + 1]!).toFixed(1)} ${y}`;
    });
    return `M${x(edges[0]!).toFixed(1)} ${H}${tops.join("")}L${x(edges.at(-1)!).toFixed(1)} ${H}`;
  };
  // Hours tell the ends of a day apart, and nothing else does.
  const short = real.edges[real.edges.length - 1]! - real.edges[0]! < 3 * 86_400;
  const moment = (value: number) => (short ? DAY_AND_TIME : DAY).format(new Date(value * 1000));
  const edge = (value: number) => (column.kind === "datetime" ? moment(value) : measured(value, 3));
  return (
    <>
      <svg className="outline" viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-label={`Distribution of ${column.name}: ${share(column.similarity)} alike`}>
        <path className="real" d={outline(real.edges, a)} />
        <path className="synthetic" d={outline(synthetic.edges, b)} />
      </svg>
      <p className="row ends faint">
        <span className="grow">{edge(from)}</span>
        <span>{edge(to)}</span>
      </p>
    </>
  );
}

const MOST_BARS = 6;

/** Pairs of bars, commonest value first. */
export function Bars({ column }: { column: ReportColumn }): ReactNode {
  const { real, synthetic } = column;
  if ("edges" in real || "edges" in synthetic) return null;
  const shares = new Map<string, [number, number]>();
  real.values.forEach((value, index) => shares.set(String(value), [real.share[index] ?? 0, 0]));
  synthetic.values.forEach((value, index) => {
    const pair = shares.get(String(value)) ?? [0, 0];
    shares.set(String(value), [pair[0], synthetic.share[index] ?? 0]);
  });
  const all = [...shares].sort(([, a], [, b]) => Math.max(...b) - Math.max(...a));
  const most = Math.max(1e-12, ...all.flatMap(([, pair]) => pair));
  return (
    <ul className="pairs-of-bars">
      {all.slice(0, MOST_BARS).map(([value, [a, b]]) => (
        <li key={value} title={`${value}: real ${share(a, 1)}, synthetic ${share(b, 1)}`}>
          <span className="cut">{value}</span>
          <span className="both">
            <i className="real" style={{ width: `${(100 * a) / most}%` }} />
            <i className="synthetic" style={{ width: `${(100 * b) / most}%` }} />
          </span>
          <span className="faint">{share(a)}</span>
        </li>
      ))}
      {all.length > MOST_BARS && <li className="faint more">and {all.length - MOST_BARS} more values</li>}
    </ul>
  );
}

interface HeatMapProps {
  columns: string[];
  real: (number | null)[][];
  synthetic: (number | null)[][];
  difference: (number | null)[][];
}

type Pair = readonly [number, number];

/** The relations of all pairs of columns: as in the real rows, as in the synthetic ones, and how far they differ. */
export function HeatMap({ columns, real, synthetic, difference }: HeatMapProps): ReactNode {
  const [at, setAt] = useState<Pair | null>(null);
  const pair =
    at &&
    `${columns[at[0]]} and ${columns[at[1]]}: real ${measured(real[at[0]]?.[at[1]], 2)}, synthetic ${measured(synthetic[at[0]]?.[at[1]], 2)}`;
  const relation = (value: number) => ({ fill: `rgb(var(--heat-${value < 0 ? "low" : "high"}))`, fillOpacity: 0.05 + 0.95 * Math.min(1, Math.abs(value)) });
  const off = (value: number) => ({ fill: "var(--series-2)", fillOpacity: 0.05 + 0.95 * Math.min(1, value / 0.6) });
  return (
    <div className="heat">
      <div className="maps scroll">
        <Squares title="Real" columns={columns} values={real} look={relation} at={at} onAt={setAt} names />
        <Squares title="Synthetic" columns={columns} values={synthetic} look={relation} at={at} onAt={setAt} />
        <Squares title="Difference" columns={columns} values={difference} look={off} at={at} onAt={setAt} />
      </div>
      <div className="heat-foot">
        <p role="status">{pair ?? ""}</p>
        <p className="faint">
          opposite <i className="scale relation" aria-hidden /> together
        </p>
        <p className="faint">
          same <i className="scale off" aria-hidden /> 0.6 off
        </p>
      </div>
    </div>
  );
}

interface SquaresProps {
  title: string;
  columns: string[];
  values: (number | null)[][];
  look: (value: number) => { fill: string; fillOpacity: number };
  at: Pair | null;
  onAt: (pair: Pair | null) => void;
  names?: boolean;
}

function Squares({ title, columns, values, look, at, onAt, names = false }: SquaresProps): ReactNode {
  const size = Math.max(7, Math.min(36, 252 / columns.length));
  const margin = names ? 116 : 0;
  const side = size * columns.length;
  const shown = names && size >= 10;
  return (
    <figure>
      <figcaption style={{ paddingLeft: margin }}>{title}</figcaption>
      <svg width={margin + side} height={side} onPointerLeave={() => onAt(null)} role="img" aria-label={`${title}: relations of all pairs of columns`}>
        {shown &&
          columns.map((name, i) => (
            <text key={name} x={margin - 8} y={i * size + size / 2} dominantBaseline="central" textAnchor="end">
              {name.length > 17 ? `${name.slice(0, 16)}…` : name}
            </text>
          ))}
        {values.map((row, i) =>
          row.map((value, j) =>
            i === j ? null : (
              <rect
                key={`${i}-${j}`}
                x={margin + j * size + 0.5}
                y={i * size + 0.5}
                width={size - 1}
                height={size - 1}
                rx={1.5}
                style={value === null ? { fill: "var(--sunken)" } : look(value)}
                data-at={(at?.[0] === i && at[1] === j) || undefined}
                onPointerEnter={() => onAt([i, j])}
              />
            ),
          ),
        )}
      </svg>
    </figure>
  );
}
