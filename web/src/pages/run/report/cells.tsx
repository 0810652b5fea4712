import { useState, type ReactNode } from "react";
import { count, measured, share } from "../../../format.ts";
import "./cells.css";

export interface Sheet {
  readonly columns: readonly { readonly name: string; readonly kind: "text" | "number" | "share" }[];
  readonly rows: readonly (readonly (string | number | boolean | null)[])[];
}

/** Rows that are shown at once; all come on request. */
const FIRST = 25;
/** Characters from which a text needs a column that is not narrow. */
const LONG = 24;

function text(cell: string | number | boolean | null, kind: "text" | "number" | "share"): string {
  if (kind === "share" && typeof cell === "number") return share(cell, 1);
  if (typeof cell === "number" && Number.isInteger(cell)) return count(cell);
  if (typeof cell === "number" || cell === null) return measured(cell);
  return String(cell);
}

/** A table of what was measured: numbers to the right, shares in per cent. */
export function Cells({ sheet: { columns, rows } }: { sheet: Sheet }): ReactNode {
  const [all, setAll] = useState(false);
  const right = columns.map(({ kind }, at) => kind !== "text" || (rows.length > 0 && rows.every((row) => typeof row[at] === "number")));
  const shown = all ? rows : rows.slice(0, FIRST);
  return (
    <div className="scroll cells">
      <table className="grid">
        <thead>
          <tr>
            {columns.map(({ name }, index) => (
              <th key={index} scope="col" className={right[index] ? "num" : ""}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, at) => (
            <tr key={at}>
              {columns.map(({ kind }, index) => (
                <td key={index} className={right[index] ? "num mono" : ""} data-long={String(row[index] ?? "").length > LONG}>
                  {text(row[index] ?? null, kind)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > shown.length && (
        <button className="button small quiet" onClick={() => setAll(true)}>
          Show all {count(rows.length)} rows
        </button>
      )}
    </div>
  );
}
