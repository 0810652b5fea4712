/** Lines, points and histograms of a report. */
import { useState, type ReactNode } from "react";
import { padded } from "../../../charts/derive.ts";
import { count, measured } from "../../../format.ts";
import type { HistogramBlock, LinesBlock, ScatterBlock } from "./form.ts";
import { colour, DASHES, extent, Frame, Legend, type Plotted } from "./frame.tsx";

type Line = LinesBlock["series"][number];

export function LinesPlot({ block }: { block: LinesBlock }): ReactNode {
  const [at, setAt] = useState<number | null>(null);
  if (block.series.every((line) => line.y.every((value) => value === null))) return <p className="faint">There are no points to draw.</p>;
  const x = extent(block.series.flatMap((line) => line.x));
  const y = padded(...extent(block.series.flatMap((line) => line.y)));
  const name = `${block.title}: ${block.series.map((line) => line.name).join(", ")}`;
  const dash = (line: Line, index: number) => (line.dashed ? "5 4" : index < 1 ? "" : DASHES[index % DASHES.length]!);
  return (
    <>
      <Frame name={name} x={x} y={y} xTitle={block.x_title} yTitle={block.y_title} onPoint={(point) => setAt(point && point.plot.x.back(point.x))}>
        {(plot) => (
          <>
            {at !== null && at >= x[0] && at <= x[1] && <line className="crosshair" x1={plot.x(at)} x2={plot.x(at)} y1={plot.y(y[1])} y2={plot.y(y[0])} />}
            {block.series.flatMap((line, index) => alone(line).map((each) => <circle key={`${index} ${each}`} cx={plot.x(line.x[each]!)} cy={plot.y(line.y[each]!)} r={3} fill={colour(index)} />))}
            {block.series.map((line, index) => (
              <path key={index} className={line.dashed ? "line reference" : "line"} d={path(line, plot)} stroke={colour(index)} strokeDasharray={dash(line, index)} />
            ))}
          </>
        )}
      </Frame>
      <Legend
        lines
        entries={block.series.map((line, index) => ({ name: line.name, dash: dash(line, index), ...(at === null ? {} : { value: measured(nearest(line, at), 3) }) }))}
        at={at === null ? "" : `at ${measured(at, 3)}`}
      />
    </>
  );
}

/** Broken where a value is missing. */
function path(line: Line, { x, y }: Plotted): string {
  let drawn = "";
  let pen = "M";
  line.x.forEach((at, index) => {
    const value = line.y[index];
    if (typeof value !== "number") pen = "M";
    else {
      drawn += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    }
  });
  return drawn;
}

/** Points with no neighbour to draw a line to. */
function alone({ x, y }: Line): number[] {
  const there = (index: number) => typeof y[index] === "number";
  return x.flatMap((_, index) => (there(index) && !there(index - 1) && !there(index + 1) ? [index] : []));
}

function nearest(line: Line, at: number): number | null {
  let best = -1;
  line.x.forEach((x, index) => {
    if (best < 0 || Math.abs(x - at) < Math.abs(line.x[best]! - at)) best = index;
  });
  return line.y[best] ?? null;
}

export function ScatterPlot({ block }: { block: ScatterBlock }): ReactNode {
  const [near, setNear] = useState<number | null>(null);
  let [x, y] = [padded(...extent(block.x)), padded(...extent(block.y))];
  // Where x should be y, both have one scale, so that the diagonal is what it looks like.
  if (block.diagonal) x = y = [Math.min(x[0], y[0]), Math.max(x[1], y[1])];
  const point = (place: { x: number; y: number; plot: Plotted } | null) => setNear(place && closest(block, place));
  return (
    <>
      <Frame name={`${block.title}: ${count(block.x.length)} points`} x={x} y={y} xTitle={block.x_title} yTitle={block.y_title} height={300} onPoint={point}>
        {(plot) => (
          <>
            {block.diagonal && <line className="diagonal" x1={plot.x(x[0])} y1={plot.y(x[0])} x2={plot.x(x[1])} y2={plot.y(x[1])} />}
            {block.x.map((each, index) => (
              <circle key={index} className="dot" data-near={index === near} cx={plot.x(each)} cy={plot.y(block.y[index]!)} r={index === near ? 5 : 2.6} />
            ))}
          </>
        )}
      </Frame>
      <p className="plot-legend" role="status">
        {near === null ? (
          <span className="faint">{count(block.x.length)} points{block.diagonal ? "; on the dashed line the two are the same" : ""}</span>
        ) : (
          <span>
            {block.x_title || "x"} <b className="mono">{measured(block.x[near])}</b> · {block.y_title || "y"} <b className="mono">{measured(block.y[near])}</b>
          </span>
        )}
      </p>
    </>
  );
}

function closest(block: ScatterBlock, { x, y, plot }: { x: number; y: number; plot: Plotted }): number | null {
  let [best, least] = [-1, 24 ** 2];
  block.x.forEach((each, index) => {
    const far = (plot.x(each) - x) ** 2 + (plot.y(block.y[index]!) - y) ** 2;
    if (far < least) [best, least] = [index, far];
  });
  return best < 0 ? null : best;
}

export function HistogramPlot({ block }: { block: HistogramBlock }): ReactNode {
  const [bin, setBin] = useState<number | null>(null);
  const { edges, series } = block;
  const x = extent(edges);
  const [, most] = extent([0, ...series.flatMap(({ counts }) => counts)]);
  const point = (place: { x: number; plot: Plotted } | null) => {
    const value = place && place.plot.x.back(place.x);
    const found = value === null ? -1 : edges.findIndex((edge, at) => value >= edge && value < (edges[at + 1] ?? -Infinity));
    setBin(found < 0 ? null : found);
  };
  return (
    <>
      <Frame name={`${block.title}: ${series.map(({ name }) => name).join(", ")}`} x={x} y={[0, most * 1.06 || 1]} xTitle={block.x_title} onPoint={point}>
        {(plot) =>
          series.map(({ counts }, index) => (
            <path key={index} className={index === 0 ? "area" : "outline-of"} style={index === 0 ? { fill: colour(0), stroke: colour(0) } : { stroke: colour(index) }} d={steps(edges, counts, plot)} />
          ))
        }
      </Frame>
      <Legend
        entries={series.map(({ name, counts }) => ({ name, ...(bin === null ? {} : { value: count(counts[bin] ?? null) }) }))}
        at={bin === null ? "" : `${measured(edges[bin]!, 3)} – ${measured(edges[bin + 1]!, 3)}`}
      />
    </>
  );
}

function steps(edges: readonly number[], counts: readonly number[], { x, y }: Plotted): string {
  const tops = counts.map((each, at) => `L${x(edges[at]!).toFixed(1)} ${y(each).toFixed(1)}L${x(edges[at + 1]!).toFixed(1)} ${y(each).toFixed(1)}`);
  return `M${x(edges[0]!).toFixed(1)} ${y(0)}${tops.join("")}L${x(edges.at(-1)!).toFixed(1)} ${y(0)}`;
}
