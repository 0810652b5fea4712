import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, type ReactNode } from "react";
import { Crumbs } from "../../app/crumbs.tsx";
import { useLive, useRoom } from "../../app/live.ts";
import { percent } from "../../format.ts";
import { Problem } from "../../parts/problem.tsx";
import { Missing } from "../missing.tsx";
import { Alerts } from "./alerts.tsx";
import { Charts } from "./charts.tsx";
import { Details } from "./details.tsx";
import { Timeline } from "./events.tsx";
import { Files } from "./files.tsx";
import { Head } from "./head.tsx";
import { Log } from "./log.tsx";
import { Machine } from "./machine.tsx";
import { openRun, type OpenRun } from "./open.ts";
import { Outcome } from "./outcome.tsx";
import { Stages } from "./stages.tsx";
import { Steer } from "./steer.tsx";
import { Tables } from "./tables.tsx";
import "./run.css";

const Report = lazy(() => import("./report/page.tsx"));

const TABS = [
  [undefined, "Charts"],
  ["report", "Report"],
  ["details", "Details"],
] as const;

export function RunPage(): ReactNode {
  const { id } = useParams({ from: "/runs/$id" });
  const open = useMemo(() => openRun(id), [id]);
  return <Shown key={id} open={open} />;
}

function Shown({ open }: { open: OpenRun }): ReactNode {
  useRoom(open.room, 120);
  const connection = useLive((state) => state.connection);
  const { tab } = useSearch({ from: "/runs/$id" });
  const { run } = open.state;
  if (run === null) {
    if (connection.state === "refused") {
      return connection.error.status === 404 ? <Missing what="run" /> : <Problem error={connection.error} />;
    }
    return <Loading />;
  }
  const report = run.artifacts.find((artifact) => artifact.name === "report.json");
  const title = run.progress?.percent == null || run.ended_at ? run.name : `${percent(run.progress.percent)} ${run.name}`;
  return (
    <div className="page run fresh">
      <Crumbs title={title}>
        <Link to="/runs">Runs</Link>
        <span className="cut">{run.name}</span>
      </Crumbs>
      <Head run={run} workedAt={open.state.workedAt} timeline={open.timeline} />
      <Outcome run={run} open={open} />
      <Alerts run={run} />
      <Stages run={run} />
      <div className="run-body">
        <Steer run={run} open={open} />
        <div className="run-main">
          <Tabs tab={tab} report={report !== undefined} />
          {tab === "details" ? (
            <Details run={run} />
          ) : tab === "report" ? (
            <Suspense fallback={<div className="skeleton" style={{ height: 480 }} />}>
              <Report run={run} artifact={report} />
            </Suspense>
          ) : (
            <>
              <Charts open={open} run={run} />
              <Tables run={run} />
            </>
          )}
        </div>
        <aside className="run-side" aria-label="Log, timeline, machine and files">
          <Files run={run} />
          <Log part={open.log} board={open.board} room={open.room} total={run.log_lines} />
          <Timeline open={open} />
          <Machine open={open} run={run} />
        </aside>
      </div>
    </div>
  );
}

function Tabs({ tab, report }: { tab: "report" | "details" | undefined; report: boolean }): ReactNode {
  const navigate = useNavigate({ from: "/runs/$id" });
  return (
    <div className="tabs" role="tablist" aria-label="Views of the run">
      {TABS.filter(([key]) => key !== "report" || report).map(([key, name]) => (
        <button
          key={name}
          role="tab"
          aria-selected={tab === key}
          data-testid={`tab-${key ?? "charts"}`}
          onClick={() => void navigate({ search: (old) => ({ ...old, tab: key }), replace: true, resetScroll: false })}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

function Loading(): ReactNode {
  return (
    <div className="page run" aria-busy="true">
      <Crumbs title="Run">
        <Link to="/runs">Runs</Link>
      </Crumbs>
      <div className="skeleton" style={{ height: 36, width: 320 }} />
      <div className="skeleton" style={{ height: 56 }} />
      <div className="run-body">
        <div className="run-main">
          <div className="skeleton" style={{ height: 540 }} />
        </div>
        <div className="run-side">
          <div className="skeleton" style={{ height: 420 }} />
        </div>
      </div>
    </div>
  );
}
