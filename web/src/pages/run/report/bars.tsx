import type { ReactNode } from "react";
import { padded } from "../../../charts/derive.ts";
import { withUnit, type BarsBlock } from "./form.ts";
import { colour, extent, Legend, scale, useWidth } from "./frame.tsx";

const BAR = 11;
const ROW_GAP = 9;

/** Bars lie, so that long names can be read; whiskers say how far a value varies. */
export function BarsPlot({ block }: { block: BarsBlock }): ReactNode {
  const [host, width] = useWidth();
  const { labels, series, unit } = block;
  const ends = series.flatMap(({ values, errors }) => values.flatMap((value, at) => (value === null ? [] : [value - (errors?.[at] ?? 0), value + (errors?.[at] ?? 0)])));
  const [low, high] = extent([0, ...ends]);
  const names = Math.min(190, Math.max(70, width * 0.3), 14 + 6.4 * Math.max(1, ...labels.map((label) => label.length)));
  const room = 62;
  const top = high === low ? padded(low, high)[1] : high;
  const x = scale(low, top, names, Math.max(names + 20, width - room), 80);
  const row = series.length * BAR + (series.length - 1) * 2 + ROW_GAP;
  const height = labels.length * row + 4;
  return (
    <div ref={host} className="bars-host">
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={`${block.title}: bars of ${labels.length} names`}>
          <line className="zero" x1={x(0)} x2={x(0)} y1={0} y2={height} />
          {labels.map((label, at) => (
            <g key={at} transform={`translate(0 ${at * row + ROW_GAP / 2})`}>
              <title>{`${label}: ${series.map(({ name, values }) => `${series.length > 1 ? `${name} ` : ""}${withUnit(values[at], unit)}`).join(", ")}`}</title>
              <text className="bar-name" x={names - 8} y={(row - ROW_GAP) / 2} dy="0.34em" textAnchor="end">
                {short(label, names)}
              </text>
              {series.map(({ values, errors }, index) => (
                <Bar key={index} value={values[at] ?? null} error={errors?.[at] ?? null} x={x} y={index * (BAR + 2)} index={index} unit={unit} />
              ))}
            </g>
          ))}
        </svg>
      )}
      {(series.length > 1 || block.x_title) && <Legend entries={series.map(({ name }) => ({ name }))} at={block.x_title ?? ""} />}
    </div>
  );
}

interface BarProps {
  value: number | null;
  error: number | null;
  x: (value: number) => number;
  y: number;
  index: number;
  unit: string | null | undefined;
}

function Bar({ value, error, x, y, index, unit }: BarProps): ReactNode {
  if (value === null || !Number.isFinite(value)) {
    return (
      <text className="bar-value" x={x(0) + 6} y={y + BAR / 2} dy="0.34em">
        –
      </text>
    );
  }
  const [from, to] = value < 0 ? [x(value), x(0)] : [x(0), x(value)];
  const middle = y + BAR / 2;
  return (
    <>
      <rect x={from} y={y} width={Math.max(1, to - from)} height={BAR} rx={2} fill={colour(index)} />
      {error !== null && error > 0 && (
        <path className="whisker" d={`M${x(value - error)} ${middle}H${x(value + error)}M${x(value - error)} ${middle - 3}v6M${x(value + error)} ${middle - 3}v6`} />
      )}
      <text className="bar-value" x={Math.max(to, error ? x(value + error) : to) + 6} y={middle} dy="0.34em">
        {withUnit(value, unit)}
      </text>
    </>
  );
}

function short(label: string, room: number): string {
  const fits = Math.floor((room - 8) / 6.2);
  return label.length <= fits ? label : `${label.slice(0, Math.max(1, fits - 1))}…`;
}
