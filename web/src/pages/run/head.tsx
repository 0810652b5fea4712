import { isActive, type Run } from "pulsetrain";
import type { ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { clock, count, duration, measured, ms } from "../../format.ts";
import { shownState, StateBadge, type ShownState } from "../../parts/state.tsx";
import { Actions } from "./actions.tsx";
import type { TimelinePart } from "./timeline.ts";

/** Silence of a running run that is worth a word. */
const STALLED_AFTER_SECONDS = 30;

/** The run's name, how it stands, and what can be done with it. */
export function Head({ run, workedAt, timeline }: { run: Run; workedAt: string | null; timeline: TimelinePart }): ReactNode {
  const now = useNow(run.commands.length > 0 ? 250 : 1000);
  const quiet = run.state === "running" && workedAt !== null ? (now - ms(workedAt)) / 1000 : 0;
  const stalled = quiet > STALLED_AFTER_SECONDS && run.responsive;
  const state: ShownState = stalled && shownState(run) === "running" ? "stalled" : shownState(run);
  return (
    <header className="run-head">
      <h1 className="cut" title={run.name} data-testid="run-name">
        {run.name}
      </h1>
      <StateBadge state={state} testid="run-state" />
      <p className="facts-line grow" data-testid="run-facts">
        {facts(run, now, stalled ? quiet : null).map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
      </p>
      <Actions run={run} timeline={timeline} now={now} />
    </header>
  );
}

function facts(run: Run, now: number, stalledFor: number | null): string[] {
  const { progress } = run;
  const out: string[] = [];
  if (progress?.epoch != null) out.push(`epoch ${count(progress.epoch)}${progress.epochs === null ? "" : ` / ${count(progress.epochs)}`}`);
  if (progress?.step != null) out.push(`step ${count(progress.step)}${progress.steps === null ? "" : ` / ${count(progress.steps)}`}`);
  if (isActive(run.state) && progress?.rate != null) out.push(`${measured(progress.rate, 3)} ${progress.unit ?? "steps"}/s`);
  if (run.started_at !== null) {
    const seconds = ((run.ended_at ? ms(run.ended_at) : now) - ms(run.started_at)) / 1000;
    out.push(run.ended_at ? `took ${duration(seconds)}` : `${duration(seconds)} elapsed`);
  }
  if (run.state === "queued") out.push(...waiting(run, now));
  if (stalledFor !== null) out.push(`stalled for ${duration(stalledFor)}`);
  else if (!run.responsive && isActive(run.state)) out.push(`unresponsive since ${run.last_seen === null ? "a while" : clock(run.last_seen)}`);
  else if (run.state === "running" && progress?.eta_seconds != null) {
    const left = progress.eta_seconds - (now - ms(progress.time!)) / 1000;
    out.push(left < 1 ? "nearly done" : `about ${duration(left)} left`);
  }
  return out;
}

/** Where a run stands in the queue, and about when it starts, as far as the scheduler can tell. */
function waiting({ progress }: Run, now: number): string[] {
  const place = progress?.queue_position;
  const out = [place == null ? "waits for a free place" : place === 1 ? "next in the queue" : `place ${count(place)} in the queue`];
  if (progress?.start_seconds != null) {
    const left = progress.start_seconds - (now - ms(progress.time!)) / 1000;
    out.push(left < 1 ? "starts soon" : `starts in about ${duration(left)}`);
  }
  return out;
}
