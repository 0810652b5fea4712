import { Download, Eye } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import type { Dataset } from "../../app/queries.ts";
import { ago, bytes, count, dateTime } from "../../format.ts";
import { Problem } from "../../parts/problem.tsx";
import { pathOf, useVersions } from "./queries.ts";

/** What the data set was before: to look at, and to take back. */
export function Versions({ dataset, onShow }: { dataset: Dataset; onShow: (version: number) => void }): ReactNode {
  const versions = useVersions(dataset.id);
  const now = useNow(30_000);
  if (versions.isError) {
    return (
      <div className="body-pad">
        <Problem error={versions.error} />
      </div>
    );
  }
  return (
    <div className="scroll look-body" data-testid="versions">
      {versions.isPending && <div className="skeleton" style={{ height: 160, margin: 14 }} />}
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col" className="num">
              Rows
            </th>
            <th scope="col" className="num">
              Size
            </th>
            <th scope="col">Digest</th>
            <th scope="col">Since</th>
            <th scope="col">
              <span className="sr">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.data?.map(({ version, rows, size, digest, created_at, kept }) => (
            <tr key={version} className={kept ? "" : "faint"}>
              <td>{version}</td>
              <td className="num">{count(rows)}</td>
              <td className="num">{bytes(size)}</td>
              <td className="mono faint" title={digest}>
                {digest.replace("sha256:", "").slice(0, 12)}
              </td>
              <td>
                <time dateTime={created_at} title={dateTime(created_at)}>
                  {ago(created_at, now)}
                </time>
              </td>
              <td className="num">
                {kept ? (
                  <span className="row end">
                    <button className="button quiet small icon-only" onClick={() => onShow(version)} aria-label={`Look at version ${version}`} title="Look at it">
                      <Eye className="icon" />
                    </button>
                    <a className="button quiet small icon-only" href={`${pathOf(dataset.id)}/file?version=${version}`} download aria-label={`Download version ${version}`} title="Download">
                      <Download className="icon" />
                    </a>
                  </span>
                ) : (
                  "no longer kept"
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
