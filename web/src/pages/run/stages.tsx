import { isActive, type Run, type Stage } from "pulsetrain";
import { Check, Circle, CircleDot, Square, X } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { duration, ms, percent, UNKNOWN } from "../../format.ts";
import { Bar } from "../../parts/bar.tsx";

const ICONS = { pending: Circle, running: CircleDot, done: Check, failed: X, stopped: Square, lost: X } as const;
const TONES = { pending: "still", running: "", done: "ok", failed: "danger", stopped: "still", lost: "danger" } as const;

/** The parts of the run with their times, and how much of the whole is done. */
export function Stages({ run }: { run: Run }): ReactNode {
  const now = useNow();
  if (run.stages.length === 0 && run.progress === null) return null;
  const done = run.state === "succeeded" ? 100 : (run.progress?.percent ?? null);
  const tone = run.state === "succeeded" ? "ok" : run.state === "failed" ? "danger" : isActive(run.state) ? "" : "still";
  return (
    <section className="stages" aria-label="Progress" data-many={run.stages.length > 5}>
      <div className="stage overall">
        <span className="row">
          <b className="grow">Progress</b>
          <span data-testid="progress-percent">{percent(done)}</span>
        </span>
        <Bar percent={done} tone={tone} name="Progress of the whole run" />
      </div>
      {run.stages.map((stage) => (
        <StageCard key={stage.name} stage={stage} now={now} part={partOf(run, stage)} />
      ))}
    </section>
  );
}

/** How much of a stage is done, 0–1; null while it runs and nobody knows. */
function partOf(run: Run, stage: Stage): number | null {
  if (stage.state === "pending") return 0;
  if (stage.state === "done") return 1;
  const { epoch, epochs } = run.progress ?? { epoch: null, epochs: null };
  if (epoch !== null && epochs !== null && epoch < epochs) return epoch / epochs;
  return stage.state === "running" ? null : 1;
}

function StageCard({ stage, now, part }: { stage: Stage; now: number; part: number | null }): ReactNode {
  const { name, state, started_at: from, ended_at: to } = stage;
  const Icon = ICONS[state];
  const seconds = from === null ? null : ((to === null ? now : ms(to)) - ms(from)) / 1000;
  return (
    <div className="stage" data-state={state} data-testid={`stage-${name}`}>
      <span className="row">
        <Icon className="icon" aria-label={state} role="img" />
        <b className="grow cut">{name}</b>
        <span className="faint">{seconds === null ? UNKNOWN : duration(seconds)}</span>
      </span>
      <div className={`bar ${TONES[state]} ${part === null ? "unknown" : ""}`} aria-hidden>
        <i style={{ transform: `scaleX(${part ?? 1})` }} />
      </div>
    </div>
  );
}
