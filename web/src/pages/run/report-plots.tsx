import { useState, type ReactNode } from "react";
import { measured, share } from "../../format.ts";
import type { ReportColumn } from "./report.tsx";

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
  const edge = (value: number) => (column.kind === "datetime" ? new Date(value * 1000).toLocaleDateString("en-GB") : measured(value, 3));
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

export function HeatMap({ columns, real, synthetic, difference }: HeatMapProps): ReactNode {
  const [at, setAt] = useState<readonly [number, number] | null>(null);
  const size = Math.max(10, Math.min(30, 620 / columns.length));
  const label = 120;
  const side = size * columns.length;
  const cell = (i: number, j: number, value: number | null) => (
    <rect
      key={`${i}-${j}`}
      x={label + j * size + 0.5}
      y={i * size + 0.5}
      width={size - 1}
      height={size - 1}
      rx={2}
      style={value === null ? { fill: "var(--sunken)" } : { fill: "rgb(var(--heat-high))", fillOpacity: 0.06 + 0.94 * Math.min(1, value / 0.6) }}
      onPointerEnter={() => setAt([i, j])}
    />
  );
  const pair = at && `${columns[at[0]]} and ${columns[at[1]]}: real ${measured(real[at[0]]?.[at[1]], 2)}, synthetic ${measured(synthetic[at[0]]?.[at[1]], 2)}`;
  return (
    <div className="heat">
      <div className="scroll">
        <svg width={label + side} height={side} onPointerLeave={() => setAt(null)} role="img" aria-label="Differences of the correlations of all pairs of columns">
          {columns.map((name, i) => (
            <text key={name} x={label - 8} y={i * size + size / 2} dominantBaseline="central" textAnchor="end">
              {name.length > 17 ? `${name.slice(0, 16)}…` : name}
            </text>
          ))}
          {difference.map((row, i) => row.map((value, j) => (i === j ? null : cell(i, j, value))))}
        </svg>
      </div>
      <p className="row heat-foot">
        <span className="grow" role="status">
          {pair ?? " "}
        </span>
        <span className="faint">same</span>
        <i className="scale" aria-hidden />
        <span className="faint">0.6 off</span>
      </p>
    </div>
  );
}
