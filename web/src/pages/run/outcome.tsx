import { isFinal, type Run } from "pulsetrain";
import { CircleCheck, CirclePause, CircleX, Download, Square, TriangleAlert } from "lucide-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { clock, duration, ms } from "../../format.ts";
import { artifactUrl } from "./files.tsx";
import type { OpenRun } from "./open.ts";

/** How the run ended, and what is left of it; or what it waits for while it stops. */
export function Outcome({ run, open }: { run: Run; open: OpenRun }): ReactNode {
  const pending = run.commands.find((command) => command.command === "stop");
  if (pending) return <Stopping run={run} requestedAt={pending.requested_at} grace={Number(pending.arguments["grace_seconds"] ?? 10)} />;
  if (run.state === "failed") return <Failed run={run} open={open} />;
  if (run.state === "stopped") return <Stopped run={run} />;
  if (run.state === "succeeded") return <Succeeded run={run} />;
  if (run.state === "paused" && run.responsive) return <Paused run={run} open={open} />;
  if (run.state === "lost" || (!run.responsive && !isFinal(run.state))) return <Silent run={run} />;
  return null;
}

/** A pause is told with how it came about: whether there is a checkpoint of this moment. */
function Paused({ run, open }: { run: Run; open: OpenRun }): ReactNode {
  const now = useNow();
  const pause = open.timeline.events.findLast(({ type, data }) => type === "command.applied" && data["command"] === "pause");
  const since = open.timeline.events.findLast(({ type, data }) => type === "run.status" && data["state"] === "paused");
  const { how, details } = (pause?.data ?? {}) as { how?: string; details?: { checkpoint?: boolean } };
  const saved = details?.checkpoint ? " It saved a checkpoint first." : "";
  return (
    <div className="notice warn" role="status" data-testid="paused">
      <CirclePause className="icon" aria-hidden />
      <div className="grow">
        <p>
          <b>Paused{since ? ` for ${duration((now - ms(since.time)) / 1000)}` : ""}.</b> {how === "SIGSTOP" ? "It was halted where it was." : how === "safe point" ? `It was halted at a safe point.${saved}` : ""}
        </p>
        <p>{run.trainer === null ? "It takes no processor time until it is resumed." : "It takes no processor time, keeps its memory, and gives its slot to others until it is resumed."}</p>
      </div>
    </div>
  );
}

function Stopping({ run, requestedAt, grace }: { run: Run; requestedAt: string; grace: number }): ReactNode {
  const now = useNow(250);
  const left = Math.min(grace, grace - (now - ms(requestedAt)) / 1000);
  return (
    <div className="notice warn" role="status" data-testid="stopping">
      <Square className="icon" aria-hidden />
      <div className="grow">
        <p>
          Stopping… {left > 0 ? `The run has ${Math.ceil(left)} s to reach a safe point${run.trainer ? " and save its checkpoint" : ""}.` : "The grace is over: its processes are being ended."}
        </p>
        <p>Nothing is shown as stopped before its supervisor says so.</p>
      </div>
    </div>
  );
}

const ENDED_BY: Readonly<Record<string, string>> = {
  itself: "It ended by itself.",
  "safe point": "It reached a safe point and ended in order.",
  SIGTERM: "It was ended by SIGTERM, within the grace.",
  SIGKILL: "It did not end within the grace, so it was killed.",
  "supervisor lost": "Its supervisor was lost.",
};

function proof(run: Run): string {
  const how = run.ended_by === null ? "" : (ENDED_BY[run.ended_by] ?? run.ended_by);
  if (run.processes_left === null) return how;
  const left = run.processes_left === 0 ? "No process of it is left." : `${run.processes_left} of its processes are left!`;
  return `${how} ${left}`.trim();
}

function Stopped({ run }: { run: Run }): ReactNode {
  return (
    <div className="notice" role="status" data-testid="outcome">
      <Square className="icon" aria-hidden />
      <div className="grow">
        <p>
          <b>Stopped.</b> <span data-testid="stop-proof">{proof(run)}</span>
        </p>
        {run.message && <p>{run.message}</p>}
      </div>
    </div>
  );
}

function Failed({ run, open }: { run: Run; open: OpenRun }): ReactNode {
  const code = run.signal ? `ended by ${run.signal}` : run.return_code === null ? "" : `exit code ${run.return_code}`;
  const lines = open.log.lines.slice(-12);
  return (
    <div className="notice danger failure" role="alert" data-testid="outcome">
      <CircleX className="icon" aria-hidden />
      <div className="grow">
        <p>
          <b>Failed{code ? `, ${code}` : ""}.</b> {run.message ?? run.last_error ?? ""}
        </p>
        <p>{proof(run)}</p>
        {lines.length > 0 && (
          <>
            <h3>Last lines</h3>
            <pre data-testid="last-lines">{lines.map((line) => line.text).join("\n")}</pre>
          </>
        )}
      </div>
    </div>
  );
}

function Succeeded({ run }: { run: Run }): ReactNode {
  const data = run.artifacts.find((artifact) => artifact.kind === "data");
  const model = run.artifacts.find((artifact) => artifact.kind === "model");
  const report = run.artifacts.some((artifact) => artifact.name === "report.json");
  const took = run.started_at && run.ended_at ? ` in ${duration((ms(run.ended_at) - ms(run.started_at)) / 1000)}` : "";
  return (
    <div className="notice ok outcome-ok" role="status" data-testid="outcome">
      <CircleCheck className="icon" aria-hidden />
      <div className="grow">
        <p>
          <b>Done{took}.</b> {run.message ?? (data ? (run.trainer === "tabular-gan" ? "The new rows are ready." : `${data.name} is ready.`) : "")}
        </p>
      </div>
      <div className="row outcome-actions">
        {data && (
          <a className="button primary small" href={artifactUrl(run.id, data.name)} download data-testid="download-data">
            <Download className="icon" aria-hidden />
            {data.name}
          </a>
        )}
        {model && (
          <a className="button small" href={artifactUrl(run.id, model.name)} download data-testid="download-model">
            <Download className="icon" aria-hidden />
            Model
          </a>
        )}
        {report && (
          <Link from="/runs/$id" to="." search={(old) => ({ ...old, tab: "report" as const })} className="button small" resetScroll={false}>
            How good is it?
          </Link>
        )}
      </div>
    </div>
  );
}

function Silent({ run }: { run: Run }): ReactNode {
  const now = useNow();
  const since = run.last_seen;
  return (
    <div className="notice warn" role="alert" data-testid="outcome">
      <TriangleAlert className="icon" aria-hidden />
      <div className="grow">
        <p>
          <b>{run.state === "lost" ? "Lost." : "Unresponsive."}</b>{" "}
          {since === null ? "" : `Nothing was heard of it since ${clock(since)}, ${duration(now / 1000 - since)} ago.`}
        </p>
        <p>Its machine may be off or cut off. It heals by itself when data returns; nothing that it logs is lost.</p>
      </div>
    </div>
  );
}
