/** One block of a report: its plot, and the same numbers as a table for who cannot or will not read a plot. */
import { Component, useState, type ReactNode } from "react";
import { measured } from "../../../format.ts";
import { BarsPlot } from "./bars.tsx";
import { Cells, type Sheet } from "./cells.tsx";
import type { Block, TextsBlock } from "./form.ts";
import { HistogramPlot, LinesPlot, ScatterPlot } from "./plots.tsx";
import { MatrixPlot } from "./matrix.tsx";

export function BlockPanel({ block, wide }: { block: Block; wide: boolean }): ReactNode {
  return (
    <section className="panel block" data-wide={wide} data-testid={`block-${block.kind}`} aria-label={block.title}>
      <header>
        <h3>{block.title}</h3>
      </header>
      <div className="body">
        {block.help && <p className="faint">{block.help}</p>}
        <Unreadable what={block.kind}>
          <Plot block={block} />
        </Unreadable>
        <AsTable block={block} />
      </div>
    </section>
  );
}

const PLOTS: ReadonlySet<string> = new Set(["bars", "lines", "matrix", "scatter", "histogram"]);

/** The table is made when somebody opens it: a matrix of 50 classes has 2,500 cells. */
function AsTable({ block }: { block: Block }): ReactNode {
  const [open, setOpen] = useState(false);
  const sheet = open ? sheetOf(block) : null;
  if (!PLOTS.has(block.kind)) return null;
  return (
    <details className="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {sheet && <Cells sheet={sheet} />}
    </details>
  );
}

function Plot({ block }: { block: Block }): ReactNode {
  switch (block.kind) {
    case "table":
      return <Cells sheet={{ columns: block.columns.map(({ name, kind }) => ({ name, kind: kind ?? "text" })), rows: block.rows }} />;
    case "bars":
      return <BarsPlot block={block} />;
    case "lines":
      return <LinesPlot block={block} />;
    case "matrix":
      return <MatrixPlot block={block} />;
    case "scatter":
      return <ScatterPlot block={block} />;
    case "histogram":
      return <HistogramPlot block={block} />;
    case "texts":
      return <TextList block={block} />;
    default:
      // A newer trainer may write what this page does not know yet.
      return <p className="faint">This page does not know how to show “{(block as { kind: string }).kind}”.</p>;
  }
}

/** A block that breaks must not take the report with it. */
class Unreadable extends Component<{ what: string; children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (this.state.broken) return <p className="notice danger">This {this.props.what} is not in a form that can be drawn.</p>;
    return this.props.children;
  }
}

function sheetOf(block: Block): Sheet | null {
  const number = (name: string) => ({ name, kind: "number" as const });
  switch (block.kind) {
    case "bars": {
      const kind = block.unit === "share" ? ("share" as const) : ("number" as const);
      const columns = block.series.flatMap(({ name, errors }) => [{ name, kind }, ...(errors?.length ? [{ name: "±", kind }] : [])]);
      const rows = block.labels.map((label, at) => [
        label,
        ...block.series.flatMap(({ values, errors }) => [values[at] ?? null, ...(errors?.length ? [errors[at] ?? null] : [])]),
      ]);
      return { columns: [{ name: block.x_title || "Name", kind: "text" }, ...columns], rows };
    }
    case "lines": {
      const rows = block.series.flatMap(({ name, x, y }) => x.map((at, index) => [name, at, y[index] ?? null]));
      return { columns: [{ name: "Line", kind: "text" }, number(block.x_title || "x"), number(block.y_title || "y")], rows };
    }
    case "matrix": {
      const kind = block.scale === "share" ? ("share" as const) : ("number" as const);
      const rows = block.rows.map((name, at) => [name, ...(block.values[at] ?? [])]);
      return { columns: [{ name: block.row_title || "", kind: "text" }, ...block.columns.map((name) => ({ name, kind }))], rows };
    }
    case "scatter":
      return { columns: [number(block.x_title || "x"), number(block.y_title || "y")], rows: block.x.map((x, index) => [x, block.y[index] ?? null]) };
    case "histogram": {
      const rows = block.edges.slice(1).map((to, at) => [`${measured(block.edges[at]!)} – ${measured(to)}`, ...block.series.map(({ counts }) => counts[at] ?? null)]);
      return { columns: [{ name: block.x_title || "From – to", kind: "text" }, ...block.series.map(({ name }) => number(name))], rows };
    }
    default:
      return null;
  }
}

function TextList({ block }: { block: TextsBlock }): ReactNode {
  return (
    <ol className="texts">
      {block.items.map(({ prompt, expected, text, note }, index) => (
        <li key={index}>
          <dl>
            {prompt != null && <Said what="Asked" text={prompt} />}
            {expected != null && <Said what="Expected" text={expected} />}
            <Said what={prompt == null && expected == null ? "" : "Said"} text={text} strong />
          </dl>
          {note && <p className="faint">{note}</p>}
        </li>
      ))}
    </ol>
  );
}

function Said({ what, text, strong = false }: { what: string; text: string; strong?: boolean }): ReactNode {
  return (
    <div>
      <dt className={what ? "faint" : "sr"}>{what || "Text"}</dt>
      <dd className={strong ? "strong" : ""}>{text === "" ? <span className="faint">(nothing)</span> : text}</dd>
    </div>
  );
}
