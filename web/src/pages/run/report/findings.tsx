import { ArrowDown, ArrowUp } from "lucide-react";
import type { ReactNode } from "react";
import { BlockPanel } from "./block.tsx";
import { standing, withUnit, type Block, type Figure, type Report } from "./form.ts";
import { Notes } from "./notes.tsx";

/** A report of any trainer: what came out, its figures, and its plots and tables section by section. */
export function Findings({ report }: { report: Report }): ReactNode {
  return (
    <article className="findings" data-testid="report">
      <header className="panel lead">
        <h2>{report.title}</h2>
        <p>{report.summary}</p>
      </header>
      {report.figures.length > 0 && (
        <div className="figures">
          {report.figures.map((figure) => (
            <FigureCard key={figure.name} figure={figure} />
          ))}
        </div>
      )}
      <Notes notes={report.notes ?? []} />
      {(report.sections ?? []).map((section) => (
        <section key={section.title} aria-label={section.title}>
          <h2 className="section-title">{section.title}</h2>
          {section.text && <p className="muted">{section.text}</p>}
          <div className="blocks">
            {widths(section.blocks).map((wide, index) => (
              <BlockPanel key={index} block={section.blocks[index]!} wide={wide} />
            ))}
          </div>
        </section>
      ))}
    </article>
  );
}

/** Two stand side by side where neither needs the whole width; one that would be left alone takes it. */
function widths(blocks: readonly Block[]): boolean[] {
  const out = blocks.map(wide);
  for (let index = 0; index < out.length; index += 1) {
    if (out[index]) continue;
    if (out[index + 1] === false) index += 1;
    else out[index] = true;
  }
  return out;
}

/** Blocks that need the whole width to be read. */
function wide(block: Block): boolean {
  if (block.kind === "table") return block.columns.length > 4;
  if (block.kind === "matrix") return block.columns.length > 8;
  if (block.kind === "bars") return block.labels.length * block.series.length > 24;
  return block.kind === "texts";
}

function FigureCard({ figure }: { figure: Figure }): ReactNode {
  const { name, value, unit, help, better } = figure;
  const against = standing(figure);
  const Way = better === "lower" ? ArrowDown : ArrowUp;
  return (
    <article className="panel figure-card" data-testid={`figure-${name}`}>
      <h3>
        <span className="grow">{name}</span>
        {better && <Way className="icon faint" role="img" aria-label={`${better} is better`} />}
      </h3>
      <p className="figure-value">{withUnit(value, unit)}</p>
      {against && (
        <>
          <div className="against" data-beats={against.beats} aria-hidden>
            <i style={{ width: `${100 * against.value}%` }} />
            <b style={{ left: `${100 * against.baseline}%` }} />
          </div>
          <p className="baseline">
            <span className="muted">{against.sentence}</span>
            {against.beats === false && <span className="tag bad">not better</span>}
          </p>
        </>
      )}
      {help && <p className="faint">{help}</p>}
    </article>
  );
}
