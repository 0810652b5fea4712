import { Link, useNavigate } from "@tanstack/react-router";
import type { Run } from "pulsetrain";
import { Database, TriangleAlert, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { Crumbs } from "../../app/crumbs.tsx";
import { house, runList, useRoom } from "../../app/live.ts";
import { FORMATS, useDatasets, type Dataset } from "../../app/queries.ts";
import { ago, bytes, count, counted, dateTime } from "../../format.ts";
import { Problem } from "../../parts/problem.tsx";
import { titleOf } from "../start/cards.tsx";
import { Upload } from "../start/upload.tsx";
import "../start/start.css";
import "./data.css";

export function DataPage(): ReactNode {
  useRoom(house, 500);
  const datasets = useDatasets();
  const navigate = useNavigate();
  const [problem, setProblem] = useState<unknown>(null);
  const known = datasets.data?.datasets;
  const preparing = datasets.data?.preparing ?? true;
  return (
    <div className="page data">
      <Crumbs title="Data">
        <span>Data</span>
      </Crumbs>
      <header>
        <div className="grow">
          <h1>Data</h1>
          <p className="muted">Every table and every set of examples, its versions, and which runs learnt from it.</p>
        </div>
        <div className="upload">
          <Upload onDone={(id) => void navigate({ to: "/data/$id", params: { id } })} onProblem={setProblem} />
        </div>
      </header>
      {problem !== null && (
        <Problem error={problem} testid="upload-error">
          <button className="button quiet small icon-only" onClick={() => setProblem(null)} aria-label="Dismiss">
            <X className="icon" />
          </button>
        </Problem>
      )}
      {datasets.isError && <Problem error={datasets.error} />}
      {known?.length === 0 && !preparing ? (
        <div className="panel empty">
          <Database className="icon" aria-hidden />
          <h2>No data yet</h2>
          <p>Drop a CSV, JSONL or Parquet file anywhere on this page, or put one into the data sets folder of the server.</p>
        </div>
      ) : (
        <section className="panel fresh" aria-label="List of data sets" aria-busy={known === undefined}>
          {(known?.length ?? 0) > 0 && (
            <div className="data-row head" aria-hidden>
              <span>Data set</span>
              <span>Format</span>
              <span className="num">Rows</span>
              <span className="num">Size</span>
              <span className="num">Version</span>
              <span>Used by</span>
              <span className="num">Changed</span>
            </div>
          )}
          {known?.map((dataset) => (
            <Row key={dataset.id} dataset={dataset} runs={runList.runs.filter((run) => run.dataset === dataset.id)} />
          ))}
          {(known === undefined || preparing) && <div className="skeleton" style={{ height: 60, margin: 14 }} />}
        </section>
      )}
    </div>
  );
}

function Row({ dataset, runs }: { dataset: Dataset; runs: Run[] }): ReactNode {
  const now = useNow(30_000);
  const { id, name, rows, columns, size, version, format, task, sample, external } = dataset;
  const changed = dataset.updated_at ?? dataset.created_at;
  return (
    <Link to="/data/$id" params={{ id }} className="data-row" data-testid={`data-row-${id}`}>
      <span className="what">
        <b className="cut">{titleOf(dataset)[0]}</b>
        <span className="faint cut">{[name, sample ? "sample" : "", external ? "where it lies" : ""].filter(Boolean).join(" · ")}</span>
        <Wrong dataset={dataset} />
      </span>
      <span>
        <span className="tag">{task === "nlu" ? "Examples" : FORMATS[format]}</span>
      </span>
      <span className="num" data-name={task === "nlu" ? "examples" : "rows"}>
        {count(rows)}
        {task !== "nlu" && columns !== null && <span className="faint"> × {count(columns)}</span>}
      </span>
      <span className="num">{bytes(size)}</span>
      <span className="num" data-name="version">
        {version}
      </span>
      <span className="faint cut">{runs.length === 0 ? "no run" : counted(runs.length, "run")}</span>
      <time className="num faint" dateTime={changed} title={dateTime(changed)}>
        {ago(changed, now)}
      </time>
    </Link>
  );
}

function Wrong({ dataset }: { dataset: Dataset }): ReactNode {
  const { problem, problems_total: total } = dataset;
  if (problem === null && total === 0) return null;
  return (
    <span className="wrong cut" title={problem ?? undefined}>
      <TriangleAlert className="icon" aria-hidden />
      {problem ?? counted(total, "row has something wrong", "rows have something wrong")}
    </span>
  );
}
