import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { call, type Run } from "pulsetrain";
import { Database, Download, Play, Trash2, TriangleAlert, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { Crumbs } from "../../app/crumbs.tsx";
import { house, runList, useRoom } from "../../app/live.ts";
import { FORMATS, queries, useDatasets, usePreview, type Dataset } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { ago, bytes, count, counted, dateTime } from "../../format.ts";
import type { DataSearch } from "../../router.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Problem } from "../../parts/problem.tsx";
import { shownState, StateBadge } from "../../parts/state.tsx";
import { titleOf } from "../start/cards.tsx";
import { Look, missing, type View } from "../start/preview.tsx";
import { Upload } from "../start/upload.tsx";
import { Examples } from "./examples.tsx";
import { PAGE, pathOf } from "./queries.ts";
import { Versions } from "./versions.tsx";
import "../start/start.css";
import "./data.css";

type Tab = NonNullable<DataSearch["tab"]>;

export function DatasetPage(): ReactNode {
  useRoom(house, 500);
  const { id } = useParams({ from: "/data/$id" });
  const datasets = useDatasets();
  const dataset = datasets.data?.datasets.find((one) => one.id === id);
  return (
    <div className="page data">
      <Crumbs title={dataset ? titleOf(dataset)[0] : id}>
        <Link to="/data">Data</Link>
        <span className="cut">{id}</span>
      </Crumbs>
      {datasets.isError && <Problem error={datasets.error} />}
      {datasets.isPending && <div className="skeleton" style={{ height: 320 }} />}
      {datasets.isSuccess && !dataset && (
        <div className="panel empty">
          <Database className="icon" aria-hidden />
          <h2>There is no data set {id}</h2>
          <p>It was deleted, or its file was moved.</p>
          <Link to="/data" className="button">
            All data sets
          </Link>
        </div>
      )}
      {dataset && <Whole key={id} dataset={dataset} />}
    </div>
  );
}

function Whole({ dataset }: { dataset: Dataset }): ReactNode {
  const search = useSearch({ from: "/data/$id" });
  const navigate = useNavigate({ from: "/data/$id" });
  const runs = runList.runs.filter((run) => run.dataset === dataset.id);
  const tabs: [Tab, string][] = [
    ...(dataset.task === "nlu" ? ([["examples", "Examples"]] as [Tab, string][]) : []),
    ["columns", "Columns"],
    ["rows", "First rows"],
    ["plot", "Plot"],
    ["versions", `Versions (${dataset.version})`],
    ...(dataset.problems_total > 0 ? ([["problems", `Problems (${count(dataset.problems_total)})`]] as [Tab, string][]) : []),
    ["runs", `Runs (${runs.length})`],
  ];
  const tab = tabs.find(([key]) => key === search.tab)?.[0] ?? tabs[0]![0];
  const show = (next: DataSearch) => void navigate({ search: next, replace: true, resetScroll: false });
  return (
    <>
      <Head dataset={dataset} />
      {dataset.problem && (
        <div className="notice warn" data-testid="dataset-problem">
          <TriangleAlert className="icon" aria-hidden />
          <p>{dataset.problem}</p>
        </div>
      )}
      <section className="panel look">
        <header className="look-head">
          <div className="segments" role="tablist" aria-label="About the data set">
            {tabs.map(([key, name]) => (
              <button key={key} role="tab" aria-selected={tab === key} onClick={() => show({ tab: key })} data-testid={`data-tab-${key}`}>
                {name}
              </button>
            ))}
          </div>
          {search.version !== undefined && search.version !== dataset.version && (
            <p className="row old-version">
              <span className="tag">Version {search.version}</span>
              <button className="button small" onClick={() => show({ tab })}>
                Show the newest
              </button>
            </p>
          )}
        </header>
        {tab === "examples" && <Examples dataset={dataset} />}
        {tab === "versions" && <Versions dataset={dataset} onShow={(version) => show({ tab: "rows", version })} />}
        {tab === "problems" && <Problems dataset={dataset} />}
        {tab === "runs" && <Runs dataset={dataset} runs={runs} />}
        {(tab === "columns" || tab === "rows" || tab === "plot") && <Table dataset={dataset} view={tab} version={search.version} />}
      </section>
    </>
  );
}

function Head({ dataset }: { dataset: Dataset }): ReactNode {
  const now = useNow(30_000);
  const [head, about] = titleOf(dataset);
  const { id, name, rows, columns, size, format, task, version, external, source, licence } = dataset;
  const [problem, setProblem] = useState<unknown>(null);
  const changed = dataset.updated_at ?? dataset.created_at;
  return (
    <>
      <header className="head">
        <div className="grow">
          <h1>{head}</h1>
          <p className="muted">{about || name}</p>
          <p className="faint facts-line">
            <span className="tag">{task === "nlu" ? `Examples · ${FORMATS[format]}` : FORMATS[format]}</span>
            <span>{task === "nlu" ? counted(rows ?? 0, "example") : `${count(rows)} rows × ${count(columns)} columns`}</span>
            <span>{bytes(size)}</span>
            <span>version {version}</span>
            <time dateTime={changed} title={dateTime(changed)}>
              changed {ago(changed, now)}
            </time>
            {external && <span>lies outside the data folder</span>}
          </p>
          {(source ?? licence) && <p className="faint">{[licence, source].filter(Boolean).join(" · ")}</p>}
        </div>
        <div className="row doings">
          <Link to="/" search={{ data: id }} className="button primary" data-testid="train-on-it">
            <Play className="icon" fill="currentColor" aria-hidden />
            Train on it
          </Link>
          <a className="button" href={`${pathOf(id)}/file`} download data-testid="download-dataset">
            <Download className="icon" aria-hidden />
            Download
          </a>
          <Remove dataset={dataset} />
        </div>
      </header>
      {!external && (
        <div className="upload wide">
          <Upload replace={id} title="Upload its next version" onDone={() => undefined} onProblem={setProblem} />
        </div>
      )}
      {problem !== null && (
        <Problem error={problem} testid="upload-error">
          <button className="button quiet small icon-only" onClick={() => setProblem(null)} aria-label="Dismiss">
            <X className="icon" />
          </button>
        </Problem>
      )}
    </>
  );
}

function Remove({ dataset }: { dataset: Dataset }): ReactNode {
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => call(server, "DELETE", pathOf(dataset.id)),
    onSuccess: async () => {
      await navigate({ to: "/data" });
      await queries.invalidateQueries({ queryKey: ["datasets"] });
    },
  });
  return (
    <>
      <button className="button danger icon-only" onClick={() => setOpen(true)} aria-label={`Delete ${dataset.name}`} title="Delete" data-testid="delete-dataset">
        <Trash2 className="icon" />
      </button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Delete ${dataset.name}?`}
        text={
          dataset.external
            ? "The server forgets the file and leaves it where it is. Runs that used it keep their results."
            : "The file and all its versions are removed from the server. Runs that used it keep their results."
        }
        action="Delete"
        onConfirm={() => remove.mutate()}
      >
        {remove.isError && <Problem error={remove.error} />}
      </Confirm>
    </>
  );
}

function Table({ dataset, view, version }: { dataset: Dataset; view: View; version: number | undefined }): ReactNode {
  const preview = usePreview(dataset.id, version === dataset.version ? undefined : version);
  const table = preview.data?.table;
  return (
    <div data-testid="data-table">
      {preview.isError && (
        <div className="body-pad">
          <Problem error={preview.error} testid="preview-error" />
        </div>
      )}
      {preview.isPending && <div className="skeleton" style={{ height: 340, margin: 14 }} />}
      {table && (
        <>
          <Look table={table} view={view} />
          <p className="faint body-pad">{`${count(table.rows)} rows × ${count(table.columns.length)} columns${missing(table)}`}</p>
        </>
      )}
    </div>
  );
}

function Problems({ dataset }: { dataset: Dataset }): ReactNode {
  const { problems, problems_total: total, task } = dataset;
  return (
    <div className="scroll look-body" data-testid="problems">
      <p className="body-pad muted">
        Rows that cannot be read are left out of every run; all others are used as they are.
        {total > problems.length && ` The first ${problems.length} of ${count(total)}:`}
      </p>
      <table className="grid problems">
        <thead>
          <tr>
            <th scope="col" className="num">
              Row
            </th>
            <th scope="col">What is wrong</th>
            <th scope="col" className="num">
              <span className="sr">Mend it</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {problems.map(({ row, message }) => (
            <tr key={`${row} ${message}`}>
              <td className="num mono">{count(row)}</td>
              <td>{message}</td>
              <td className="num">
                {task === "nlu" && (
                  <Link from="/data/$id" search={{ tab: "examples", from: Math.floor((row - 1) / PAGE) * PAGE || undefined }}>
                    Mend it
                  </Link>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Runs({ dataset, runs }: { dataset: Dataset; runs: Run[] }): ReactNode {
  const now = useNow(30_000);
  if (runs.length === 0) return <p className="empty">No run has learnt from it yet.</p>;
  return (
    <div className="scroll look-body">
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">State</th>
            <th scope="col">Trainer</th>
            <th scope="col">Data</th>
            <th scope="col" className="num">
              Created
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <td>
                <Link to="/runs/$id" params={{ id: run.id }}>
                  {run.name}
                </Link>
              </td>
              <td>
                <StateBadge state={shownState(run)} />
              </td>
              <td>{run.trainer}</td>
              <td className="faint">{run.dataset_digest == null ? "–" : run.dataset_digest === dataset.digest ? "this version" : "an older version"}</td>
              <td className="num faint">
                <time dateTime={run.created_at} title={dateTime(run.created_at)}>
                  {ago(run.created_at, now)}
                </time>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
