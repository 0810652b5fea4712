import { isActive, type Run, type TimedSample } from "pulsetrain";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { token } from "../../charts/line.ts";
import { useTheme } from "../../app/theme.ts";
import { bytes, clock, counted, percent } from "../../format.ts";
import type { OpenRun } from "./open.ts";

interface Gauge {
  id: string;
  name: string;
  text: (value: number | null) => string;
  value: (sample: TimedSample) => number | null;
  /** Top of the scale; the highest value seen where there is none. */
  top?: number;
}

const CPU: Gauge = {
  id: "cpu",
  name: "CPU",
  text: (value) => percent(value),
  value: (sample) => sample.cpu_percent,
};
const MEMORY: Gauge = { id: "memory", name: "Memory", text: bytes, value: (sample) => sample.memory_bytes };

function gaugesOf(samples: readonly TimedSample[]): Gauge[] {
  const gpus = samples.at(-1)?.gpu ?? [];
  return [
    CPU,
    MEMORY,
    ...gpus.flatMap(({ index, name }): Gauge[] => [
      {
        id: `gpu${index}`,
        name: `${name || "GPU"} ${index}`,
        text: (value) => percent(value),
        value: (sample) => sample.gpu.find((gpu) => gpu.index === index)?.utilization_percent ?? null,
        top: 100,
      },
      {
        id: `gpu${index}-memory`,
        name: `GPU ${index} memory`,
        text: bytes,
        value: (sample) => sample.gpu.find((gpu) => gpu.index === index)?.memory_bytes ?? null,
      },
    ]),
  ];
}

/** CPU, memory and GPU of the run's process tree, as far back as the log goes. */
export function Machine({ open, run }: { open: OpenRun; run: Run }): ReactNode {
  const { samples } = open.machine;
  const [moment, setMoment] = useState<number | null>(null);
  useEffect(() => open.board.onMoment((next) => setMoment(next?.time ?? null)), [open]);
  const latest = samples.at(-1);
  if (!latest) {
    if (!isActive(run.state)) return null;
    return (
      <section className="panel machine" aria-label="Machine">
        <header>
          <h2>Machine</h2>
        </header>
        <p className="body faint">The first sample comes within seconds.</p>
      </section>
    );
  }
  const pointed = moment === null ? null : nearest(samples, moment);
  const shown = pointed ?? latest;
  return (
    <section className="panel machine" aria-label="Machine" data-testid="machine">
      <header>
        <h2>Machine</h2>
        <span className="faint grow">
          {pointed ? `at ${clock(pointed.time)}` : [counted(shown.processes ?? 0, "process", "processes"), counted(shown.threads ?? 0, "thread")].join(", ")}
        </span>
      </header>
      <div className="body gauges">
        {gaugesOf(samples).map((gauge) => (
          <div key={gauge.id} data-testid={`gauge-${gauge.id}`}>
            <span className="row">
              <span className="muted grow cut">{gauge.name}</span>
              <b className="mono">{gauge.text(gauge.value(shown))}</b>
            </span>
            <Spark samples={samples} gauge={gauge} length={samples.length} moment={pointed?.time ?? null} />
          </div>
        ))}
      </div>
    </section>
  );
}

function nearest(samples: readonly TimedSample[], time: number): TimedSample | null {
  let best: TimedSample | null = null;
  for (const sample of samples) if (best === null || Math.abs(sample.time - time) < Math.abs(best.time - time)) best = sample;
  return best;
}

const HEIGHT = 34;

function Spark({ samples, gauge, length, moment }: { samples: readonly TimedSample[]; gauge: Gauge; length: number; moment: number | null }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme((state) => state.theme);
  useEffect(() => {
    if (canvas.current) drawSpark(canvas.current, samples, gauge, moment);
  }, [samples, gauge, length, moment, theme]);
  return <canvas ref={canvas} className="spark" height={HEIGHT} aria-hidden />;
}

function drawSpark(canvas: HTMLCanvasElement, samples: readonly TimedSample[], gauge: Gauge, moment: number | null): void {
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  const context = canvas.getContext("2d");
  const [first, last] = [samples[0], samples.at(-1)];
  if (!context || !first || !last) return;
  context.scale(scale, scale);
  const span = last.time - first.time || 1;
  const x = (time: number) => ((time - first.time) / span) * width;
  // At most one point per pixel, the highest of its samples: a peak must not get lost.
  const peaks = new Map<number, number>();
  for (const sample of samples) {
    const value = gauge.value(sample);
    const pixel = Math.round(x(sample.time));
    if (value !== null) peaks.set(pixel, Math.max(value, peaks.get(pixel) ?? 0));
  }
  const top = (gauge.top ?? Math.max(1e-9, ...peaks.values())) * 1.05;
  const points = [...peaks].map(([pixel, value]) => [pixel, HEIGHT - 1 - (value / top) * (HEIGHT - 3)] as const);
  const color = token("--series-3");
  context.beginPath();
  points.forEach(([px, py]) => context.lineTo(px, py));
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.stroke();
  context.lineTo(points.at(-1)?.[0] ?? 0, HEIGHT);
  context.lineTo(points[0]?.[0] ?? 0, HEIGHT);
  context.globalAlpha = 0.16;
  context.fillStyle = color;
  context.fill();
  if (moment !== null) {
    context.globalAlpha = 1;
    context.fillStyle = token("--text");
    context.fillRect(x(moment), 0, 1, HEIGHT);
  }
}
