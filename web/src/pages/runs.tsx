import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { isActive, type Run } from "pulsetrain";
import { ListChecks, ListOrdered, Search } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../app/clock.ts";
import { Crumbs } from "../app/crumbs.tsx";
import { house, runList, useRoom } from "../app/live.ts";
import { useQueue } from "../app/queue.ts";
import { ago, dateTime, duration, label, measured, ms, percent } from "../format.ts";
import { Bar } from "../parts/bar.tsx";
import { shownState, StateBadge } from "../parts/state.tsx";
import "./runs.css";

export function RunsPage(): ReactNode {
  useRoom(house, 200);
  const now = useNow();
  const search = useSearch({ from: "/runs" });
  const navigate = useNavigate({ from: "/runs" });
  const runs = runList.runs.filter((run) => matches(run, search.q ?? "", search.state));
  const none = house.loaded && runList.runs.length === 0;
  return (
    <div className="page">
      <Crumbs title="Runs">
        <span>Runs</span>
      </Crumbs>
      <header>
        <h1 className="grow">Runs</h1>
        {!none && (
          <>
            <div className="segments" role="group" aria-label="Which runs">
              {([undefined, "active", "ended"] as const).map((state) => (
                <button
                  key={state ?? "all"}
                  aria-pressed={search.state === state}
                  onClick={() => void navigate({ search: { ...search, state }, replace: true })}
                >
                  {label(state ?? "all")}
                </button>
              ))}
            </div>
            <label className="search">
              <Search className="icon" aria-hidden />
              <span className="sr">Search runs</span>
              <input
                className="input"
                type="search"
                placeholder="Name, trainer, data, tag"
                value={search.q ?? ""}
                onChange={(event) => void navigate({ search: { ...search, q: event.target.value || undefined }, replace: true })}
              />
            </label>
          </>
        )}
      </header>
      <WaitingStrip />
      {none ? (
        <Empty />
      ) : (
        <section className="panel fresh runs" aria-label="List of runs" aria-busy={!house.loaded}>
          {house.loaded && runs.length === 0 && <p className="empty">No run matches. Clear the search or choose All.</p>}
          {!house.loaded && <div className="skeleton" style={{ height: 240, margin: 14 }} />}
          {runs.map((run) => (
            <Row key={run.id} run={run} now={now} />
          ))}
        </section>
      )}
      {runList.total > runList.runs.length && (
        <p className="faint">
          The newest {runList.runs.length} of {runList.total} runs.
        </p>
      )}
    </div>
  );
}

const STRIP = 3;

/** The first of those who wait, and the way to all of them. */
function WaitingStrip(): ReactNode {
  const waiting = useQueue().data?.waiting ?? [];
  if (waiting.length === 0) return null;
  return (
    <section className="panel fresh strip" aria-label="Waiting" data-testid="waiting-strip">
      <ListOrdered className="icon faint" aria-hidden />
      <span className="muted">{waiting.length === 1 ? "1 run waits" : `${waiting.length} runs wait`}</span>
      <ol className="grow row">
        {waiting.slice(0, STRIP).map(({ run, name, position, reason }) => (
          <li key={run} className="cut" title={reason}>
            {position}.{" "}
            <Link to="/runs/$id" params={{ id: run }}>
              {name}
            </Link>
          </li>
        ))}
        {waiting.length > STRIP && <li className="faint">…</li>}
      </ol>
      <Link to="/queue">See the queue</Link>
    </section>
  );
}

function matches(run: Run, q: string, state: "active" | "ended" | undefined): boolean {
  if (state !== undefined && isActive(run.state) !== (state === "active")) return false;
  const text = [run.name, run.id, run.project, run.trainer, run.dataset, run.state, ...run.tags].join(" ").toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

const KEY_METRICS = ["generator_loss", "discriminator_loss", "loss", "accuracy"];

/** The metrics worth a place in a list: the known ones first, then the others by name. */
function keyMetrics(run: Run): string[] {
  const known = KEY_METRICS.filter((key) => key in run.metrics);
  const others = Object.keys(run.metrics).filter((key) => !KEY_METRICS.includes(key));
  return [...known, ...others.sort()].slice(0, 2);
}

function Row({ run, now }: { run: Run; now: number }): ReactNode {
  const active = isActive(run.state);
  const done = run.state === "succeeded" ? 100 : (run.progress?.percent ?? null);
  const tone = run.state === "succeeded" ? "ok" : run.state === "failed" ? "danger" : active ? "" : "still";
  return (
    <Link to="/runs/$id" params={{ id: run.id }} className="run-row" data-testid={`run-row-${run.id}`} data-run={run.id}>
      <span className="what">
        <span className="row">
          <b className="cut">{run.name}</b>
          <AlertDot run={run} />
        </span>
        <span className="faint cut">{[run.trainer ?? run.command?.join(" "), run.dataset].filter(Boolean).join(" · ")}</span>
      </span>
      <span>
        <StateBadge state={shownState(run)} />
      </span>
      <span className="how">
        <span className="row">
          <span className="grow">
            <Bar percent={done} tone={tone} name={`Progress of ${run.name}`} />
          </span>
          <span className="share">{percent(done)}</span>
        </span>
        <span className="faint cut">{timing(run, now)}</span>
      </span>
      <span className="metrics">
        {keyMetrics(run).map((key) => (
          <span key={key}>
            <span className="faint cut">{label(key)}</span>
            <span className="mono">{measured(run.metrics[key]!.last)}</span>
          </span>
        ))}
      </span>
      <time className="when faint" dateTime={run.created_at} title={dateTime(run.created_at)}>
        {ago(run.created_at, now)}
      </time>
    </Link>
  );
}

/** A run with alerts that somebody should look at says so in the list, by a dot and in words. */
function AlertDot({ run }: { run: Run }): ReactNode {
  const worst = run.alerts.findLast(({ severity }) => severity === "error") ?? run.alerts.findLast(({ severity }) => severity === "warning");
  if (!worst) return null;
  return <i className="alert-dot" data-severity={worst.severity} role="img" aria-label={`${worst.severity}: ${worst.message}`} title={worst.message} data-testid="alert-dot" />;
}

function timing(run: Run, now: number): string {
  if (run.state === "queued") return waits(run);
  if (run.started_at === null) return "";
  const took = duration(((run.ended_at ? ms(run.ended_at) : now) - ms(run.started_at)) / 1000);
  if (!isActive(run.state)) return `took ${took}`;
  const { progress } = run;
  const left = progress?.eta_seconds == null ? null : progress.eta_seconds - (now - ms(progress.time!)) / 1000;
  const stage = run.stage ?? "running";
  return left === null ? `${stage} · ${took}` : left < 1 ? `${stage} · nearly done` : `${stage} · ${duration(left)} left`;
}

function waits({ progress }: Run): string {
  const place = progress?.queue_position == null ? "waits for a free place" : `place ${progress.queue_position} in the queue`;
  return progress?.start_seconds == null ? place : `${place} · in about ${duration(progress.start_seconds)}`;
}

function Empty(): ReactNode {
  return (
    <div className="panel empty">
      <ListChecks className="icon" aria-hidden />
      <h2>No runs yet</h2>
      <p>Choose a data set and press Start Training, or run any script of yours under pulsetrain: its output becomes live charts.</p>
      <Link to="/" className="button primary">
        Start a run
      </Link>
      <pre className="muted">pulsetrain run -- python train.py</pre>
    </div>
  );
}
