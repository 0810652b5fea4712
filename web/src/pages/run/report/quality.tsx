import { useState, type ReactNode } from "react";
import { count, measured, share } from "../../../format.ts";
import { Notes } from "./notes.tsx";
import { Bars, HeatMap, Outline } from "./quality-plots.tsx";
import "./quality.css";

export type Distribution = { edges: number[]; share: number[] } | { values: (string | number)[]; share: number[] };

export interface ReportColumn {
  name: string;
  kind: "continuous" | "categorical" | "datetime";
  similarity: number;
  measure: string;
  real: Distribution;
  synthetic: Distribution;
}

export interface QualityReport {
  version: number;
  rows_real: number;
  rows_synthetic: number;
  overall: number;
  columns: ReportColumn[];
  correlation: { columns: string[]; real: (number | null)[][]; synthetic: (number | null)[][]; mean_absolute_difference: number | null } | null;
  detection: { auc: number; classifier: string } | null;
  utility: { target: string; task: string; metric: string; real: number; synthetic: number; shuffled: number | null } | null;
  duplicates: { share: number } | null;
  notes: string[];
}

/** How good the synthetic rows are, in plain words and plots. */
export function Quality({ report }: { report: QualityReport }): ReactNode {
  return (
    <div className="report" data-testid="quality-report">
      <Summary report={report} />
      <Distributions columns={report.columns} />
      {report.correlation && report.correlation.columns.length > 1 && <Correlation correlation={report.correlation} />}
      <Notes notes={report.notes} />
    </div>
  );
}

function Summary({ report }: { report: QualityReport }): ReactNode {
  const { detection, utility, duplicates, correlation } = report;
  return (
    <div className="scores">
      <article className="panel score main">
        <Ring value={report.overall} />
        <div>
          <h2>Overall quality</h2>
          <p className="muted">
            {count(report.rows_synthetic)} synthetic rows against {count(report.rows_real)} real ones. {verdict(report.overall)}
          </p>
        </div>
      </article>
      {detection && (
        <Score title="Can a classifier tell?" value={measured(detection.auc, 3)} unit="AUC" meter={[0.5, 1, detection.auc]} ends={["cannot tell", "always tells"]}>
          {detected(detection.auc)} ({detection.classifier})
        </Score>
      )}
      {utility && (
        <Score title="Is it useful?" value={measured(utility.synthetic, 3)} unit={utility.metric} meter={[Math.min(utility.shuffled ?? 0, 0), Math.max(utility.real, 1e-9), utility.synthetic]} ends={["useless", "like real"]}>
          A model that learnt to predict <code>{utility.target}</code> from the synthetic rows alone scores {measured(utility.synthetic, 3)} on real ones; one that learnt from real rows scores{" "}
          {measured(utility.real, 3)}
          {utility.shuffled === null ? "" : `, from shuffled columns ${measured(utility.shuffled, 3)}`}.
        </Score>
      )}
      {correlation && correlation.mean_absolute_difference !== null && (
        <Score title="Do columns go together?" value={measured(correlation.mean_absolute_difference, 3)} unit="mean difference" meter={[0, 0.5, correlation.mean_absolute_difference]} ends={["as in the real data", "far off"]}>
          How far the strength of each pair's relation differs between real and synthetic rows; 0 is the same.
        </Score>
      )}
      {duplicates && (
        <Score title="Does it copy?" value={share(duplicates.share, 1)} unit="copied rows" meter={[0, 1, duplicates.share]} ends={["none", "all"]}>
          {duplicates.share === 0 ? "No synthetic row repeats a real one." : "So many synthetic rows are exactly a row of the real data."}
        </Score>
      )}
    </div>
  );
}

function verdict(overall: number): string {
  if (overall >= 0.9) return "Very close to the real data.";
  if (overall >= 0.8) return "Close to the real data.";
  if (overall >= 0.6) return "Alike in much, off in some columns: look below. More epochs often help.";
  return "Far from the real data yet: train for more epochs, or give it more rows.";
}

function detected(auc: number): string {
  if (auc < 0.6) return "Hardly better than a coin at telling synthetic rows from real ones.";
  if (auc < 0.8) return "It tells some synthetic rows from real ones.";
  if (auc < 0.95) return "It tells most synthetic rows from real ones.";
  return "It tells nearly every synthetic row from a real one.";
}

interface ScoreProps {
  title: string;
  value: string;
  unit: string;
  meter: readonly [low: number, high: number, at: number];
  ends: readonly [string, string];
  children: ReactNode;
}

function Score({ title, value, unit, meter: [low, high, at], ends, children }: ScoreProps): ReactNode {
  const place = Math.min(1, Math.max(0, (at - low) / (high - low || 1)));
  return (
    <article className="panel score">
      <h2>{title}</h2>
      <p className="figure">
        <b>{value}</b> <span className="faint">{unit}</span>
      </p>
      <div className="meter" aria-hidden>
        <i style={{ left: `${100 * place}%` }} />
      </div>
      <p className="row ends faint" aria-hidden>
        <span className="grow">{ends[0]}</span>
        <span>{ends[1]}</span>
      </p>
      <p className="muted">{children}</p>
    </article>
  );
}

function Ring({ value }: { value: number }): ReactNode {
  const radius = 42;
  const around = 2 * Math.PI * radius;
  return (
    <svg className="ring" viewBox="0 0 100 100" role="img" aria-label={`Overall quality ${share(value)}`}>
      <circle cx="50" cy="50" r={radius} className="track" />
      <circle cx="50" cy="50" r={radius} className="value" strokeDasharray={`${value * around} ${around}`} transform="rotate(-90 50 50)" />
      <text x="50" y="57" textAnchor="middle" data-testid="overall-quality">
        {Math.round(value * 100)} %
      </text>
    </svg>
  );
}

type Order = "table" | "worst";

function Distributions({ columns }: { columns: ReportColumn[] }): ReactNode {
  const [order, setOrder] = useState<Order>("table");
  const shown = order === "table" ? columns : [...columns].sort((a, b) => a.similarity - b.similarity);
  return (
    <section aria-label="Columns">
      <div className="row report-head">
        <h2 className="grow">Columns, real against synthetic</h2>
        <span className="legend">
          <i className="real" /> real <i className="synthetic" /> synthetic
        </span>
        <div className="segments" role="group" aria-label="Order">
          {(["table", "worst"] as const).map((each) => (
            <button key={each} aria-pressed={order === each} onClick={() => setOrder(each)}>
              {each === "table" ? "As in the table" : "Worst first"}
            </button>
          ))}
        </div>
      </div>
      <div className="distributions">
        {shown.map((column) => (
          <article key={column.name} className="panel distribution" data-testid={`distribution-${column.name}`}>
            <header>
              <h3 className="cut grow" title={column.name}>
                {column.name}
              </h3>
              <b title={column.measure}>{share(column.similarity)}</b>
            </header>
            <div className="body">{"edges" in column.real && "edges" in column.synthetic ? <Outline column={column} /> : <Bars column={column} />}</div>
          </article>
        ))}
      </div>
    </section>
  );
}

function Correlation({ correlation }: { correlation: NonNullable<QualityReport["correlation"]> }): ReactNode {
  const { columns, real, synthetic } = correlation;
  const difference = real.map((row, i) => row.map((value, j) => (value === null || synthetic[i]?.[j] == null ? null : Math.abs(value - synthetic[i]![j]!))));
  return (
    <section className="panel" aria-label="Relations between columns">
      <header>
        <h2>How columns go together, real against synthetic</h2>
      </header>
      <div className="body">
        <p className="muted">Each square is a pair of columns. The first two maps should look the same; the third shows where they do not. Point at a square for its numbers.</p>
        <HeatMap columns={columns} real={real} synthetic={synthetic} difference={difference} />
      </div>
    </section>
  );
}
