import { useState, type KeyboardEvent, type ReactNode } from "react";
import { count, measured, share } from "../../../format.ts";
import type { MatrixBlock } from "./form.ts";

/** From so many columns on, squares shrink and show no numbers: they are read by pointing, and in the table. */
const DENSE = 16;

type Place = readonly [row: number, column: number];

/** Squares with shades: a confusion matrix by the shares of its rows, shares, or relations from -1 to 1. */
export function MatrixPlot({ block }: { block: MatrixBlock }): ReactNode {
  const [at, setAt] = useState<Place>([0, 0]);
  const [seen, setSeen] = useState(false);
  const dense = block.columns.length > DENSE;
  const sums = block.values.map((row) => row.reduce<number>((sum, value) => sum + (value ?? 0), 0));
  const look = (place: Place) => {
    setAt(place);
    setSeen(true);
  };
  return (
    <>
      <div className="scroll matrix-scroll" onPointerLeave={() => setSeen(false)}>
        <table className="matrix" data-dense={dense} aria-label={`${block.title}: rows ${block.row_title || "names"}, columns ${block.column_title || "names"}`} onKeyDown={(event) => move(event, block, at, look)}>
          <thead>
            {(block.row_title || block.column_title) && (
              <tr>
                <td className="corner faint">{block.row_title && `${block.row_title} ↓`}</td>
                <th className="faint" colSpan={block.columns.length} scope="colgroup">
                  {block.column_title && `${block.column_title} →`}
                </th>
              </tr>
            )}
            <tr>
              <td />
              {block.columns.map((name, column) => (
                <th key={column} scope="col" data-at={seen && column === at[1]} title={name}>
                  <span>{name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {block.rows.map((name, row) => (
              <tr key={row}>
                <th scope="row" data-at={seen && row === at[0]} title={name}>
                  {name}
                </th>
                {block.columns.map((_, column) => {
                  const value = block.values[row]?.[column] ?? null;
                  const strength = shade(block, value, sums[row]!);
                  return (
                    <td
                      key={column}
                      tabIndex={row === at[0] && column === at[1] ? 0 : -1}
                      data-place={`${row} ${column}`}
                      data-strong={strength > 0.55}
                      style={{ "--shade": Math.abs(strength), "--tone": strength < 0 ? "var(--heat-low)" : block.scale === "signed" ? "var(--heat-high)" : "var(--heat-one)" } as never}
                      onPointerEnter={() => look([row, column])}
                      onFocus={() => look([row, column])}
                    >
                      {dense ? <span className="sr">{number(block, value)}</span> : number(block, value)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="matrix-foot" role="status">
        {seen ? words(block, at, sums) : <span className="faint">{hint(block)}</span>}
      </p>
    </>
  );
}

function hint({ scale }: MatrixBlock): string {
  return scale === "signed" ? "Point at a square for its names." : "Point at a square, or walk with the arrow keys, for its share of the row.";
}

function shade({ scale }: MatrixBlock, value: number | null, sum: number): number {
  if (value === null || !Number.isFinite(value)) return 0;
  if (scale === "signed") return Math.max(-1, Math.min(1, value));
  if (scale === "share") return Math.max(0, Math.min(1, value));
  return sum > 0 ? value / sum : 0;
}

function number({ scale }: MatrixBlock, value: number | null): string {
  if (value === null) return "";
  if (scale === "share") return share(value);
  return scale === "signed" ? value.toFixed(2) : Number.isInteger(value) ? count(value) : measured(value, 3);
}

function words(block: MatrixBlock, [row, column]: Place, sums: readonly number[]): ReactNode {
  const value = block.values[row]?.[column] ?? null;
  const sum = sums[row] ?? 0;
  const of = (block.scale ?? "count") === "count" && value !== null && sum > 0 ? ` (${share(value / sum, 1)} of the row's ${count(sum)})` : "";
  return (
    <>
      <span className="muted">{block.row_title || "Row"}</span> <b>{block.rows[row]}</b> <span className="muted">→ {block.column_title || "column"}</span> <b>{block.columns[column]}</b>:{" "}
      <b className="mono">{value === null ? "–" : number(block, value)}</b>
      {of}
    </>
  );
}

const STEPS: Readonly<Record<string, Place>> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function move(event: KeyboardEvent<HTMLTableElement>, block: MatrixBlock, at: Place, look: (place: Place) => void): void {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const row = Math.min(block.rows.length - 1, Math.max(0, at[0] + step[0]));
  const column = Math.min(block.columns.length - 1, Math.max(0, at[1] + step[1]));
  look([row, column]);
  event.currentTarget.querySelector<HTMLElement>(`[data-place="${row} ${column}"]`)?.focus();
}
