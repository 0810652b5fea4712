import { Check, X } from "lucide-react";
import type { ReactNode } from "react";
import { label, measured } from "../../format.ts";
import { differences, metricRows } from "./compare.ts";
import type { Model } from "./queries.ts";

/** Versions side by side: their figures with the better one marked, and in what they differ. */
export function Comparison({ models, onClose }: { models: Model[]; onClose: () => void }): ReactNode {
  const apart = differences(models);
  return (
    <section className="panel comparison" aria-label="Comparison" data-testid="comparison">
      <header>
        <h2 className="grow">Side by side</h2>
        <button className="button quiet small icon-only" onClick={onClose} aria-label="Close the comparison" title="Close">
          <X className="icon" />
        </button>
      </header>
      {models.length === 1 ? (
        <p className="body muted">Tick another version to compare it with {nameOf(models[0]!)}.</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label="Figures and differences">
          <table className="grid">
            <thead>
              <tr>
                <th>Figure</th>
                {models.map((model) => (
                  <th key={model.id} className="num">
                    {nameOf(model)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {metricRows(models).map(({ key, values, best }) => (
                <tr key={key}>
                  <th scope="row">{label(key)}</th>
                  {values.map((value, index) => (
                    <td key={models[index]!.id} className="num" data-best={best[index]}>
                      {best[index] && <Check className="icon" aria-label="Better" />}
                      {measured(value)}
                    </td>
                  ))}
                </tr>
              ))}
              <tr className="part-head">
                <th scope="rowgroup" colSpan={models.length + 1}>
                  {apart.length === 0 ? "Same parameters, data and code" : "What differs"}
                </th>
              </tr>
              {apart.map(({ key, values }) => (
                <tr key={key}>
                  <th scope="row">{label(key)}</th>
                  {values.map((value, index) => (
                    <td key={models[index]!.id} className="num cut" title={value}>
                      {value}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function nameOf(model: Model): string {
  return `${model.name} v${model.version}`;
}
