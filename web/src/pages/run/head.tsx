import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { call, isActive, type Run } from "pulsetrain";
import { RotateCw, Square, StepForward } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { useStale } from "../../app/connection.tsx";
import { useKeys } from "../../app/keys.ts";
import { server } from "../../app/server.ts";
import { clock, count, duration, measured, ms } from "../../format.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Problem } from "../../parts/problem.tsx";
import { shownState, StateBadge, type ShownState } from "../../parts/state.tsx";

const GRACE_SECONDS = 10;
const ASK_AFTER_MS = 10 * 60_000;
/** Silence of a running run that is worth a word. */
const STALLED_AFTER_SECONDS = 30;

/** The run's name, how it stands, and what can be done with it. */
export function Head({ run, workedAt }: { run: Run; workedAt: string | null }): ReactNode {
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
      <Actions run={run} now={now} />
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
  if (run.state === "queued") out.push("waits for a free place");
  if (stalledFor !== null) out.push(`stalled for ${duration(stalledFor)}`);
  else if (!run.responsive && isActive(run.state)) out.push(`unresponsive since ${run.last_seen === null ? "a while" : clock(run.last_seen)}`);
  else if (isActive(run.state) && progress?.eta_seconds != null) {
    const left = progress.eta_seconds - (now - ms(progress.time!)) / 1000;
    out.push(left < 1 ? "nearly done" : `about ${duration(left)} left`);
  }
  return out;
}

function Actions({ run, now }: { run: Run; now: number }): ReactNode {
  const stale = useStale();
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const stop = useMutation({
    mutationFn: () => call(server, "POST", `/api/runs/${run.id}/stop`, { body: { grace_seconds: GRACE_SECONDS } }),
    onSettled: () => setAsking(false),
  });
  const again = useMutation({
    mutationFn: (resume: boolean) =>
      call<{ run: Run }>(server, "POST", "/api/runs", {
        body: {
          trainer: run.trainer,
          ...(run.dataset === null ? {} : { dataset: run.dataset }),
          parameters: run.parameters,
          tags: run.tags,
          ...(resume ? { resume_from: run.id } : {}),
        },
      }),
    onSuccess: ({ run: next }) => void navigate({ to: "/runs/$id", params: { id: next.id } }),
  });
  const active = isActive(run.state);
  const pending = run.commands.find((command) => command.command === "stop");
  const ask = () => {
    if (!active || pending || stale || stop.isPending) return;
    if (run.started_at !== null && now - ms(run.started_at) > ASK_AFTER_MS) setAsking(true);
    else stop.mutate();
  };
  useKeys({ "Shift-S": ask });
  const checkpoint = run.artifacts.some((artifact) => artifact.kind === "checkpoint");
  const error = stop.error ?? again.error;
  return (
    <div className="run-actions">
      {!active && run.trainer !== null && (
        <>
          {checkpoint && run.state !== "succeeded" && (
            <button className="button primary" onClick={() => again.mutate(true)} disabled={again.isPending || stale} data-testid="continue-training">
              <StepForward className="icon" aria-hidden />
              Continue training
            </button>
          )}
          <button className="button" onClick={() => again.mutate(false)} disabled={again.isPending || stale} data-testid="start-again">
            <RotateCw className="icon" aria-hidden />
            Start again
          </button>
        </>
      )}
      {active && (
        <button
          className="button danger"
          onClick={ask}
          disabled={pending !== undefined || stop.isPending || stale}
          title={stale ? "The server cannot be reached" : "Stop the run (Shift-S)"}
          data-testid="stop-run"
        >
          <Square className="icon" fill="currentColor" aria-hidden />
          {pending ? grace(pending, now) : stop.isPending ? "Stopping…" : "Stop"}
        </button>
      )}
      {error !== null && <Problem error={error} testid="action-error" />}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`Stop ${run.name}?`}
        text={`It has been running for ${duration((now - ms(run.started_at ?? run.created_at)) / 1000)}. It stops at its next safe point; a trainer that can, saves a checkpoint to continue from.`}
        action="Stop the run"
        onConfirm={() => stop.mutate()}
      />
    </div>
  );
}

function grace(command: Run["commands"][number], now: number): string {
  const given = Number(command.arguments["grace_seconds"] ?? GRACE_SECONDS);
  const left = Math.min(given, Math.ceil(given - (now - ms(command.requested_at)) / 1000));
  return left > 0 ? `Stopping… ${left} s` : "Stopping… by force";
}
