/** How much deployments are asked, and how fast they answer, as the log tells while the page is shown. */
import { useEffect, useReducer, useRef, type ReactNode } from "react";
import { house } from "../../app/live.ts";
import { count, measured, ms, UNKNOWN } from "../../format.ts";

export interface Sample {
  time: number;
  volume: number;
  errors: number;
  p50: number | null;
  p95: number | null;
}

/** One is told every 5 s while somebody asks: five minutes. */
const KEPT = 60;
const EVERY_MS = 5000;

export function useTraffic(): ReadonlyMap<string, readonly Sample[]> {
  const samples = useRef(new Map<string, readonly Sample[]>());
  const [, render] = useReducer((n: number) => n + 1, 0);
  useEffect(
    () =>
      house.listen({
        onEvent: ({ type, time, data }) => {
          if (type !== "deployment.metrics") return;
          const name = String(data["name"]);
          const number = (key: string) => (typeof data[key] === "number" ? data[key] : null);
          const sample = {
            time: ms(time),
            volume: number("prediction_volume") ?? 0,
            errors: number("errors") ?? 0,
            p50: number("latency_p50_seconds"),
            p95: number("latency_p95_seconds"),
          };
          samples.current.set(name, [...(samples.current.get(name) ?? []), sample].slice(-KEPT));
          render();
        },
      }),
    [],
  );
  return samples.current;
}

export function millis(seconds: number | null): string {
  return seconds === null ? UNKNOWN : `${measured(seconds * 1000, 3)} ms`;
}

const W = 320;
const H = 56;

/** Bars: predictions of each 5 s. Line: the 95th percentile of the latency. Times without a word are gaps. */
export function Traffic({ samples }: { samples: readonly Sample[] }): ReactNode {
  const last = samples.at(-1);
  if (!last) return <p className="faint traffic-none">Nobody has asked since this page was opened.</p>;
  const most = Math.max(...samples.map((sample) => sample.volume), 1);
  const slowest = Math.max(...samples.map((sample) => sample.p95 ?? 0));
  const x = (sample: Sample) => W - ((last.time - sample.time) / EVERY_MS) * (W / KEPT) - W / KEPT;
  const shown = samples.filter((sample) => x(sample) >= 0);
  const y = (seconds: number) => H - 4 - (slowest > 0 ? seconds / slowest : 0) * (H - 12);
  const points = shown.filter((sample) => sample.p95 !== null).map((sample) => `${(x(sample) + W / KEPT / 2).toFixed(1)},${y(sample.p95!).toFixed(1)}`);
  const said = `Last 5 s: ${count(last.volume)} predictions, 95 % within ${millis(last.p95)}`;
  return (
    <figure className="traffic" data-testid="traffic">
      <svg viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-label={said}>
        {shown.map((sample) => (
          <rect key={sample.time} x={x(sample) + 0.5} width={W / KEPT - 1} y={H - (sample.volume / most) * (H - 4)} height={(sample.volume / most) * (H - 4)}>
            <title>{`${count(sample.volume)} predictions, ${millis(sample.p95)}`}</title>
          </rect>
        ))}
        <polyline points={points.join(" ")} vectorEffect="non-scaling-stroke" />
        {points.length === 1 && <circle cx={points[0]!.split(",")[0]} cy={points[0]!.split(",")[1]} r={2} />}
      </svg>
      <figcaption className="faint">
        <span>
          <i className="volume" aria-hidden /> up to {count(most)} in 5 s
        </span>
        <span>
          <i className="latency" aria-hidden /> 95 % up to {millis(slowest)}
        </span>
      </figcaption>
    </figure>
  );
}
