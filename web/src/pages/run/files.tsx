import type { Run } from "pulsetrain";
import { Download } from "lucide-react";
import type { ReactNode } from "react";
import { bytes } from "../../format.ts";

export function artifactUrl(run: string, name: string): string {
  return `/api/runs/${run}/artifacts/${name.split("/").map(encodeURIComponent).join("/")}`;
}

/** What the run has made. */
export function Files({ run }: { run: Run }): ReactNode {
  if (run.artifacts.length === 0) return null;
  return (
    <section className="panel files" aria-label="Files">
      <header>
        <h2>Results</h2>
      </header>
      <ul className="body">
        {run.artifacts.map((artifact) => (
          <li key={artifact.name}>
            <a href={artifactUrl(run.id, artifact.name)} download data-testid={`artifact-${artifact.name}`} title={artifact.digest}>
              <Download className="icon" aria-hidden />
              <span className="cut grow">{artifact.name}</span>
              <span className="tag">{artifact.kind}</span>
              <span className="faint size">{bytes(artifact.size)}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
