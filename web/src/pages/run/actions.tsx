import { useMutation } from "@tanstack/react-query";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { call, isActive, type Run } from "pulsetrain";
import { Copy, Pause, Play, RotateCw, Square, StepForward } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useStale } from "../../app/connection.tsx";
import { useKeys } from "../../app/keys.ts";
import { server } from "../../app/server.ts";
import { duration, ms } from "../../format.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Problem } from "../../parts/problem.tsx";
import { useOrder } from "./commands.ts";
import type { TimelinePart } from "./timeline.ts";

const GRACE_SECONDS = 10;
const ASK_AFTER_MS = 10 * 60_000;

interface Props {
  run: Run;
  timeline: TimelinePart;
  now: number;
}

/** What can be done with a run as a whole: pause, resume and stop it while it goes on, start it again when it has ended. */
export function Actions({ run, timeline, now }: Props): ReactNode {
  const active = isActive(run.state);
  return (
    <div className="run-actions">
      {run.trainer !== null && <Clone run={run} />}
      {active ? <WhileActive run={run} timeline={timeline} now={now} /> : run.trainer !== null && <Again run={run} />}
    </div>
  );
}

function Clone({ run }: { run: Run }): ReactNode {
  const router = useRouter();
  const address = `/start?clone=${run.id}`;
  return (
    <a
      className="button"
      href={address}
      title="Start a run like this one, with changes"
      data-testid="clone-run"
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        router.history.push(address);
      }}
    >
      <Copy className="icon" aria-hidden />
      Clone…
    </a>
  );
}

function Again({ run }: { run: Run }): ReactNode {
  const stale = useStale();
  const navigate = useNavigate();
  const again = useMutation({
    mutationFn: (fromCheckpoint: boolean) =>
      call<{ run: Run }>(server, "POST", `/api/runs/${run.id}/retry`, { body: { from_checkpoint: fromCheckpoint } }),
    onSuccess: ({ run: next }) => void navigate({ to: "/runs/$id", params: { id: next.id } }),
  });
  const goesOn = run.state !== "succeeded" && (run.resume_from !== null || run.artifacts.some(({ kind }) => kind === "checkpoint"));
  const busy = again.isPending || stale;
  return (
    <>
      <button className="button" onClick={() => again.mutate(false)} disabled={busy} title="The same again, from its beginning" data-testid="start-again">
        <RotateCw className="icon" aria-hidden />
        {run.state === "succeeded" || goesOn ? "Start again" : "Retry"}
      </button>
      {goesOn && (
        <button className="button primary" onClick={() => again.mutate(true)} disabled={busy} title="From its last checkpoint" data-testid="continue-training">
          <StepForward className="icon" aria-hidden />
          {run.state === "stopped" ? "Continue training" : "Retry from checkpoint"}
        </button>
      )}
      {again.error && <Problem error={again.error} testid="action-error" />}
    </>
  );
}

function WhileActive({ run, timeline, now }: Props): ReactNode {
  const stale = useStale();
  const [asking, setAsking] = useState(false);
  const order = useOrder(run, timeline);
  const stop = useMutation({
    mutationFn: () => call(server, "POST", `/api/runs/${run.id}/stop`, { body: { grace_seconds: GRACE_SECONDS } }),
    onSettled: () => setAsking(false),
  });
  const stopping = run.commands.find(({ command }) => command === "stop");
  const ask = () => {
    if (stopping || stale || stop.isPending) return;
    if (run.started_at !== null && now - ms(run.started_at) > ASK_AFTER_MS) setAsking(true);
    else stop.mutate();
  };
  const turn = turnOf(run, order.waits ? (order.order?.command ?? null) : null);
  const change = () => {
    if (turn && !turn.waits && !stale && !stopping) order.give({ command: turn.command });
  };
  useKeys({ "Shift-S": ask, "Shift-P": change });
  const problem = stop.error ?? order.error;
  const Icon = turn?.command === "resume" ? Play : Pause;
  return (
    <>
      {turn && !stopping && (
        <button className={`button ${turn.command === "resume" ? "primary" : ""}`} onClick={change} disabled={turn.waits || stale} title={`${turn.title} (Shift-P)`} data-testid={`${turn.command}-run`}>
          <Icon className="icon" fill="currentColor" aria-hidden />
          {turn.text}
        </button>
      )}
      <button
        className="button danger"
        onClick={ask}
        disabled={stopping !== undefined || stop.isPending || stale}
        title={stale ? "The server cannot be reached" : run.state === "queued" ? "Take it out of the queue" : "Stop the run (Shift-S)"}
        data-testid="stop-run"
      >
        <Square className="icon" fill="currentColor" aria-hidden />
        {stopping ? grace(stopping, now) : stop.isPending ? "Stopping…" : run.state === "queued" ? "Cancel" : "Stop"}
      </button>
      {problem && <Problem error={problem} testid="action-error" />}
      {order.answer && !order.answer.applied && <p className="told bad">{`It could not ${order.order?.command}: ${order.answer.reason}`}</p>}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`Stop ${run.name}?`}
        text={`It has been running for ${duration((now - ms(run.started_at ?? run.created_at)) / 1000)}. It stops at its next safe point; a trainer that can, saves a checkpoint to continue from.`}
        action="Stop the run"
        onConfirm={() => stop.mutate()}
      />
    </>
  );
}

interface Turn {
  readonly command: "pause" | "resume";
  readonly text: string;
  readonly title: string;
  readonly waits: boolean;
}

/** Whether it can be paused or resumed now. It is shown as paused only when the run has said so. */
function turnOf(run: Run, given: string | null): Turn | null {
  const asked = given ?? run.commands.findLast(({ command }) => command === "pause" || command === "resume")?.command;
  if (asked === "pause") return { command: "pause", text: "Pausing…", title: "It pauses at its next safe point", waits: true };
  if (asked === "resume") return { command: "resume", text: "Resuming…", title: "It goes on", waits: true };
  if (run.state === "paused") return { command: "resume", text: "Resume", title: "Let it go on", waits: false };
  if (run.state === "running") return { command: "pause", text: "Pause", title: "At its next safe point; a paused run takes no processor time", waits: false };
  return null;
}

function grace(command: Run["commands"][number], now: number): string {
  const given = Number(command.arguments["grace_seconds"] ?? GRACE_SECONDS);
  const left = Math.min(given, Math.ceil(given - (now - ms(command.requested_at)) / 1000));
  return left > 0 ? `Stopping… ${left} s` : "Stopping… by force";
}
