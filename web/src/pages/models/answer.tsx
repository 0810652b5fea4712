import type { ReactNode } from "react";
import { label, measured, share } from "../../format.ts";
import { textOf } from "../../parts/schema.ts";
import { Marked } from "../data/marked.tsx";
import { spansOf } from "../data/spans.ts";
import "../data/data.css";
import type { Row } from "./queries.ts";

const SHOWN_APART = new Set(["prediction", "confidence", "probabilities", "intents", "entities", "interval", "interval_share"]);

/** What a model answered to one row: in words, as bars, as marks in the text, or as a table of rows. */
export function Answer({ row, answer }: { row: Row; answer: Row }): ReactNode {
  const { prediction, confidence, interval } = answer;
  const shares = (answer["probabilities"] ?? answer["intents"]) as Record<string, number> | undefined;
  const others = Object.entries(answer).filter(([key]) => !SHOWN_APART.has(key));
  return (
    <div className="answer" role="status" data-testid="answer">
      {isTable(prediction) ? (
        <RowTable rows={prediction} />
      ) : (
        <p className="verdict">
          <b data-testid="prediction">{typeof prediction === "number" ? measured(prediction, 6) : textOf(prediction) || "–"}</b>
          {typeof confidence === "number" && <span className="muted">{share(confidence, 1)} sure</span>}
          {Array.isArray(interval) && (
            <span className="muted">
              {measured(interval[0] as number)} to {measured(interval[1] as number)}
              {typeof answer["interval_share"] === "number" && `, ${share(answer["interval_share"])} of the time`}
            </span>
          )}
        </p>
      )}
      {shares && <Shares shares={shares} />}
      {Array.isArray(answer["entities"]) && typeof row["text"] === "string" && <Entities text={row["text"]} entities={answer["entities"]} />}
      {others.length > 0 && (
        <dl className="pairs">
          {others.map(([key, value]) => (
            <div key={key}>
              <dt>{label(key)}</dt>
              <dd className="cut">{typeof value === "number" ? measured(value, 6) : textOf(value) || "–"}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

function isTable(value: unknown): value is Row[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "object" && each !== null && !Array.isArray(each));
}

const MOST_BARS = 12;

/** How likely each answer is, the likeliest first. */
function Shares({ shares }: { shares: Record<string, number> }): ReactNode {
  const sorted = Object.entries(shares).sort((a, b) => b[1] - a[1]);
  return (
    <ul className="shares" aria-label="How likely each is" data-testid="probabilities">
      {sorted.slice(0, MOST_BARS).map(([name, value]) => (
        <li key={name}>
          <span className="cut" title={name}>
            {name}
          </span>
          <span className="bar" aria-hidden>
            <i style={{ transform: `scaleX(${Math.min(1, Math.max(0, value))})` }} />
          </span>
          <span className="num">{share(value, 1)}</span>
        </li>
      ))}
      {sorted.length > MOST_BARS && <li className="faint">{sorted.length - MOST_BARS} less likely ones</li>}
    </ul>
  );
}

function Entities({ text, entities }: { text: string; entities: unknown[] }): ReactNode {
  const spans = spansOf(text, entities);
  if (spans.length === 0) return <p className="faint">No entity found.</p>;
  return <Marked text={text} spans={spans} labels={[...new Set(spans.map((span) => span.label))].sort()} />;
}

/** Rows that a model made. */
function RowTable({ rows }: { rows: Row[] }): ReactNode {
  const names = Object.keys(rows[0]!);
  return (
    <div className="scroll made" tabIndex={0} role="region" aria-label="Rows that it made" data-testid="made-rows">
      <table className="grid">
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name} className={typeof rows[0]![name] === "number" ? "num" : ""}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {names.map((name) => (
                <td key={name} className={typeof row[name] === "number" ? "num" : ""}>
                  {typeof row[name] === "number" ? measured(row[name], 6) : textOf(row[name])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
