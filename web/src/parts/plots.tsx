/** Small plots of a table's columns, as plain SVG. */
import type { ReactNode } from "react";
import { count, measured, share } from "../format.ts";
import "./plots.css";

/** Bars of a histogram, as wide as their bins. */
export function Histogram({ edges, counts, name }: { edges: number[]; counts: number[]; name: string }): ReactNode {
  const most = Math.max(1, ...counts);
  const [from, to] = [edges[0] ?? 0, edges.at(-1) ?? 1];
  const scale = 120 / (to - from || 1);
  return (
    <svg className="histogram" viewBox="0 0 120 32" preserveAspectRatio="none" role="img" aria-label={name}>
      {counts.map((n, index) => {
        const x = (edges[index]! - from) * scale;
        const width = (edges[index + 1]! - edges[index]!) * scale;
        const height = n === 0 ? 0 : Math.max(1, (n / most) * 31);
        return (
          <rect key={index} x={x + 0.4} y={32 - height} width={Math.max(0.6, width - 0.8)} height={height}>
            <title>{`${measured(edges[index])} to ${measured(edges[index + 1])}: ${count(n)}`}</title>
          </rect>
        );
      })}
    </svg>
  );
}

/** The commonest values and their share. */
export function TopValues({ top, rows }: { top: { value: unknown; count: number }[]; rows: number }): ReactNode {
  return (
    <ul className="top-values">
      {top.slice(0, 3).map(({ value, count: n }) => (
        <li key={String(value)} title={`${String(value)}: ${count(n)}`}>
          <i style={{ width: `${(100 * n) / Math.max(1, rows)}%` }} />
          <span className="cut">{String(value)}</span>
          <span className="faint">{share(n / Math.max(1, rows))}</span>
        </li>
      ))}
    </ul>
  );
}

const W = 640;
const H = 220;

/** One line; missing values are gaps. */
export function SeriesPlot({ values, name }: { values: (number | string | null)[]; name: string }): ReactNode {
  const finite = values.filter((value): value is number => typeof value === "number");
  if (finite.length === 0) return <p className="faint">No values.</p>;
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const span = high - low || 1;
  const x = (index: number) => (index / Math.max(1, values.length - 1)) * W;
  const y = (value: number) => H - 8 - ((value - low) / span) * (H - 16);
  let path = "";
  let pen = false;
  values.forEach((value, index) => {
    if (typeof value !== "number") pen = false;
    else {
      path += `${pen ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = true;
    }
  });
  return (
    <figure className="series-plot">
      <div className="axis faint" aria-hidden>
        <span>{measured(high)}</span>
        <span>{measured((high + low) / 2)}</span>
        <span>{measured(low)}</span>
      </div>
      <svg viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-label={name}>
        {[8, H / 2, H - 8].map((at) => (
          <line key={at} x1={0} x2={W} y1={at} y2={at} />
        ))}
        <path d={path} />
      </svg>
    </figure>
  );
}
