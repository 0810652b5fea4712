import { useNavigate, useSearch } from "@tanstack/react-router";
import { MousePointerClick } from "lucide-react";
import type { ReactNode } from "react";
import { Crumbs } from "../../app/crumbs.tsx";
import { house, useRoom } from "../../app/live.ts";
import { useDatasets } from "../../app/queries.ts";
import { Problem } from "../../parts/problem.tsx";
import { Cards } from "./cards.tsx";
import { StartForm } from "./form.tsx";
import { Preview } from "./preview.tsx";
import "./start.css";

/** The first screen: choose data, look at it, press ▶. */
export function StartPage(): ReactNode {
  useRoom(house, 500);
  const { data, view } = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  const datasets = useDatasets();
  const known = datasets.data?.datasets;
  const preparing = datasets.data?.preparing ?? true;
  const chosen = known?.find((each) => each.id === data) ?? null;
  const empty = known?.length === 0 && !preparing;
  const choose = (id: string) => void navigate({ search: (old) => ({ ...old, data: id, view: undefined }), resetScroll: false });
  return (
    <div className="page start">
      <Crumbs title="Start training">
        <span>Start</span>
      </Crumbs>
      <header>
        <h1>Start training</h1>
        <p className="muted">Choose data, look at it, press start. The page then shows the model learn.</p>
      </header>
      {datasets.isError && <Problem error={datasets.error} />}
      <Cards datasets={known} preparing={preparing} chosen={data ?? null} onChoose={choose} />
      <div className="bench">
        <section className="panel look" aria-label="Preview">
          {chosen === null ? (
            <div className="empty">
              <MousePointerClick className="icon" aria-hidden />
              <h2>{data && !preparing ? `There is no data set ${data}` : empty ? "No data yet" : "Nothing chosen yet"}</h2>
              <p>
                {empty
                  ? "Drop a CSV, JSONL or Parquet file anywhere on this page, or make an order book to try with. Its columns, values and first rows then show here."
                  : "Choose a card above, or drop a CSV, JSONL or Parquet file anywhere on this page. Its columns, values and first rows then show here."}
              </p>
            </div>
          ) : (
            <Preview
              dataset={chosen}
              view={view ?? "columns"}
              onView={(next) =>
                void navigate({
                  search: (old) => ({ ...old, view: next === "columns" ? undefined : next }),
                  replace: true,
                  resetScroll: false,
                })
              }
            />
          )}
        </section>
        <StartForm dataset={chosen} />
      </div>
    </div>
  );
}
