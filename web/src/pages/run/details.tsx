import type { Run } from "pulsetrain";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { count, dateTime, label, measured } from "../../format.ts";

/** Everything else that is known of the run. */
export function Details({ run }: { run: Run }): ReactNode {
  const parameters = Object.entries(run.parameters);
  return (
    <div className="details">
      <section className="panel" data-testid="parameters">
        <header>
          <h2>Parameters</h2>
        </header>
        <div className="body">
          {parameters.length === 0 && <p className="faint">All as the trainer has them by default.</p>}
          <dl className="pairs">
            {parameters.map(([key, value]) => (
              <div key={key}>
                <dt>{key}</dt>
                <dd className="mono">{typeof value === "string" ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
          </dl>
        </div>
      </section>
      <section className="panel">
        <header>
          <h2>Run</h2>
        </header>
        <dl className="pairs body">
          <Pair name="Id" value={<code>{run.id}</code>} />
          <Pair name="Trainer" value={run.trainer} />
          <Pair
            name="Data"
            value={
              run.dataset && (
                <Link to="/" search={{ data: run.dataset }}>
                  {run.dataset}
                </Link>
              )
            }
          />
          <Pair name="Command" value={run.command && <code>{run.command.join(" ")}</code>} />
          <Pair name="Project" value={run.project} />
          <Pair name="Tags" value={run.tags.join(", ") || null} />
          <Pair name="Started by" value={run.by} />
          <Pair
            name="Continues"
            value={
              run.resume_from && (
                <Link to="/runs/$id" params={{ id: run.resume_from }}>
                  {run.resume_from}
                </Link>
              )
            }
          />
          <Pair name="Created" value={dateTime(run.created_at)} />
          <Pair name="Started" value={run.started_at && dateTime(run.started_at)} />
          <Pair name="Ended" value={run.ended_at && dateTime(run.ended_at)} />
          <Pair name="Ended by" value={run.ended_by} />
          <Pair name="Exit code" value={run.return_code === null ? null : String(run.return_code)} />
          <Pair name="Signal" value={run.signal} />
          <Pair name="Processes left" value={run.processes_left === null ? null : String(run.processes_left)} />
        </dl>
      </section>
      <section className="panel wide">
        <header>
          <h2>Metrics</h2>
        </header>
        <div className="scroll body">
          <table className="grid">
            <thead>
              <tr>
                {["Metric", "Last", "Lowest", "Highest", "At step", "Points"].map((name, index) => (
                  <th key={name} scope="col" className={index === 0 ? "" : "num"}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {Object.entries(run.metrics).map(([key, metric]) => (
                <tr key={key} data-testid={`metric-${key}`}>
                  <td>{label(key)}</td>
                  <td className="num mono">{measured(metric.last)}</td>
                  <td className="num mono">{measured(metric.min)}</td>
                  <td className="num mono">{measured(metric.max)}</td>
                  <td className="num mono">{count(metric.step)}</td>
                  <td className="num mono">{count(metric.count)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  );
}

function Pair({ name, value }: { name: string; value: ReactNode }): ReactNode {
  if (value === null || value === undefined || value === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
