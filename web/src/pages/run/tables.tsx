import type { Run, Table } from "pulsetrain";
import { memo, type ReactNode } from "react";
import { counted } from "../../format.ts";
import { Cells, type Sheet } from "./report/cells.tsx";

/** The tables that the run shows while it works, such as a leaderboard or its worst errors; newest state. */
export function Tables({ run }: { run: Run }): ReactNode {
  return Object.entries(run.tables).map(([name, table]) => <TablePanel key={name} name={name} table={table} />);
}

const TablePanel = memo(function TablePanel({ name, table }: { name: string; table: Table }): ReactNode {
  return (
    <section className="panel run-table" aria-label={name} data-testid={`table-${name}`}>
      <header>
        <h2 className="grow">{name}</h2>
        <span className="faint">{counted(table.rows.length, "row")}</span>
      </header>
      <div className="body">
        <Cells sheet={sheetOf(table)} />
      </div>
    </section>
  );
});

/** A column is one of numbers where all of its cells are. */
function sheetOf({ columns, rows }: Table): Sheet {
  const kinds = columns.map((_, at) => (rows.every((row) => typeof row[at] === "number" || row[at] === null) && rows.some((row) => row[at] !== null) ? "number" : "text"));
  return { columns: columns.map((name, at) => ({ name, kind: kinds[at] as "number" | "text" })), rows };
}
