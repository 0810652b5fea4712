import { Link } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import { useState, type ReactNode } from "react";
import { usePreview, type Column, type Dataset, type Table } from "../../app/queries.ts";
import { bytes, count, counted, measured, share } from "../../format.ts";
import { Histogram, SeriesPlot, TopValues } from "../../parts/plots.tsx";
import { Problem } from "../../parts/problem.tsx";
import { titleOf } from "./cards.tsx";

export type View = "columns" | "rows" | "plot";

const VIEWS: readonly (readonly [View, string])[] = [
  ["columns", "Columns"],
  ["rows", "First rows"],
  ["plot", "Plot"],
];

export function Preview({ dataset, view, onView }: { dataset: Dataset; view: View; onView: (view: View) => void }): ReactNode {
  const preview = usePreview(dataset.id);
  const table = preview.data?.table;
  return (
    <div data-testid="preview">
      <header className="look-head">
        <div className="grow">
          <h2>{titleOf(dataset)[0]}</h2>
          <p className="faint">
            {dataset.name}
            {table ? ` · ${count(table.rows)} rows × ${count(table.columns.length)} columns · ${bytes(dataset.size)}${missing(table)}` : ""}
          </p>
        </div>
        <div className="segments" role="tablist" aria-label="Preview">
          {VIEWS.map(([key, name]) => (
            <button key={key} role="tab" aria-selected={view === key} onClick={() => onView(key)} data-testid={`preview-${key}`}>
              {name}
            </button>
          ))}
        </div>
      </header>
      {preview.isError && (
        <div className="body-pad">
          <Problem error={preview.error} testid="preview-error" />
        </div>
      )}
      {preview.isPending && <div className="skeleton" style={{ height: 340, margin: 14 }} />}
      {table && <Look table={table} view={view} />}
      {dataset.problems_total > 0 && (
        <p className="body-pad faint">
          {counted(dataset.problems_total, "row has", "rows have")} something wrong.{" "}
          <Link to="/data/$id" params={{ id: dataset.id }} search={{ tab: "problems" }}>
            See which
          </Link>
        </p>
      )}
    </div>
  );
}

/** What was doubtful, and one view of the table. */
export function Look({ table, view }: { table: Table; view: View }): ReactNode {
  return (
    <>
      {table.warnings.length > 0 && (
        <div className="body-pad">
          <div className="notice warn">
            <TriangleAlert className="icon" aria-hidden />
            <ul>
              {table.warnings.map((warning) => (
                <li key={warning}>{warning}</li>
              ))}
            </ul>
          </div>
        </div>
      )}
      {view === "columns" && <Columns table={table} />}
      {view === "rows" && <Rows table={table} />}
      {view === "plot" && <Plot table={table} />}
    </>
  );
}

export function missing(table: Table): string {
  const cells = table.columns.reduce((sum, column) => sum + column.missing, 0);
  if (cells === 0) return " · nothing missing";
  return ` · ${count(cells)} cells missing (${share(cells / Math.max(1, table.rows * table.columns.length), 1)})`;
}

function Columns({ table }: { table: Table }): ReactNode {
  return (
    <div className="scroll look-body">
      <table className="grid columns">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Values</th>
            <th scope="col" className="num">
              Min
            </th>
            <th scope="col" className="num">
              Mean
            </th>
            <th scope="col" className="num">
              Max
            </th>
            <th scope="col" className="num">
              Distinct
            </th>
            <th scope="col" className="num">
              Missing
            </th>
          </tr>
        </thead>
        <tbody>
          {table.columns.map((column) => (
            <ColumnRow key={column.name} column={column} rows={table.rows} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ColumnRow({ column, rows }: { column: Column; rows: number }): ReactNode {
  const { name, kind, missing: none, unique, min, max, mean, std, top, histogram } = column;
  return (
    <tr>
      <th scope="row" className="name">
        <span className="cut" title={name}>
          {name}
        </span>
        <span className={`tag kind-${kind}`}>{kind}</span>
      </th>
      <td className="shape">
        {histogram ? (
          <Histogram edges={histogram.edges} counts={histogram.counts} name={`Distribution of ${name}`} />
        ) : top && top.length > 0 ? (
          <TopValues top={top} rows={rows} />
        ) : (
          <span className="faint">{kind === "empty" ? "no values" : "all different"}</span>
        )}
      </td>
      <td className="num">{cell(min)}</td>
      <td className="num">
        {mean === null ? "" : measured(mean)}
        {std !== null && <span className="faint block">± {measured(std, 3)}</span>}
      </td>
      <td className="num">{cell(max)}</td>
      <td className="num">{count(unique)}</td>
      <td className={none > 0 ? "num some" : "num faint"}>{none === 0 ? "0" : `${count(none)} (${share(none / rows, 1)})`}</td>
    </tr>
  );
}

function cell(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value === "number") return measured(value);
  // A day is a day: midnight adds nothing, nor do fractions of a second to a range of days.
  return String(value)
    .replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z?$/, "$1 $2")
    .replace(/ 00:00:00$/, "");
}

function Rows({ table }: { table: Table }): ReactNode {
  return (
    <div className="scroll look-body">
      <table className="grid rows">
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column.name} scope="col" className={isNumber(column) ? "num" : ""}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.first_rows.map((row, index) => (
            <tr key={index}>
              {row.map((value, at) => (
                <td key={at} className={table.columns[at] && isNumber(table.columns[at]) ? "num mono" : "mono"}>
                  {value === null ? <span className="faint">missing</span> : String(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function isNumber({ kind }: Column): boolean {
  return kind === "integer" || kind === "number";
}

function Plot({ table }: { table: Table }): ReactNode {
  const names = Object.keys(table.series);
  const [chosen, setChosen] = useState<string | null>(null);
  const name = chosen !== null && names.includes(chosen) ? chosen : names[0];
  if (name === undefined) return <p className="empty">There is no column of numbers to plot.</p>;
  return (
    <div className="body-pad plot">
      <label className="row">
        <span>Column</span>
        <select className="input" style={{ width: 220 }} value={name} onChange={(event) => setChosen(event.target.value)}>
          {names.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <span className="faint">the last {table.series[name]!.length} rows</span>
      </label>
      <SeriesPlot values={table.series[name]!} name={`Last rows of ${name}`} />
    </div>
  );
}
