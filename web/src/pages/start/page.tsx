import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { call, type Run } from "pulsetrain";
import { CircleOff, MousePointerClick } from "lucide-react";
import type { ReactNode } from "react";
import { Crumbs } from "../../app/crumbs.tsx";
import { house, useRoom } from "../../app/live.ts";
import { useDatasets, useTrainers, type Dataset, type Trainer } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { Problem } from "../../parts/problem.tsx";
import { Cards } from "./cards.tsx";
import { trainerFor } from "./choice.ts";
import { StartForm } from "./form.tsx";
import { Preview } from "./preview.tsx";
import "./start.css";

const useLike = (id: string | undefined) =>
  useQuery({
    queryKey: ["like", id],
    enabled: id !== undefined,
    staleTime: Infinity,
    queryFn: async ({ signal }) => (await call<{ run: Run }>(server, "GET", `/api/runs/${encodeURIComponent(id!)}`, { signal })).run,
  });

/** The first screen: choose data, look at it, press ▶. */
export function StartPage(): ReactNode {
  useRoom(house, 500);
  const search = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  const datasets = useDatasets();
  const trainers = useTrainers();
  const cloned = useLike(search.clone);
  const like = (search.clone && cloned.data) || null;
  const known = datasets.data?.datasets;
  const preparing = datasets.data?.preparing ?? true;
  const data = search.data ?? like?.dataset ?? null;
  const chosen = known?.find((each) => each.id === data) ?? null;
  const asked = like?.trainer ?? search.trainer;
  const trainer = trainerFor(trainers.data ?? [], asked, chosen);
  const waits = trainers.isPending || (search.clone !== undefined && cloned.isPending);
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
      {cloned.isError && <Problem error={cloned.error} testid="clone-error" />}
      {asked !== undefined && trainer?.data === null ? null : (
        <Cards
          datasets={known}
          trainer={asked === undefined ? null : (trainer ?? null)}
          onAnyTrainer={() => void navigate({ search: (old) => ({ ...old, trainer: undefined, clone: undefined }), resetScroll: false })}
          preparing={preparing}
          chosen={data}
          onChoose={choose}
        />
      )}
      <div className="bench">
        <section className="panel look" aria-label="Preview">
          {asked !== undefined && trainer?.data === null ? (
            <NoData trainer={trainer} />
          ) : chosen === null ? (
            <Nothing named={data && !preparing ? data : null} empty={known?.length === 0 && !preparing} />
          ) : (
            <Look dataset={chosen} />
          )}
        </section>
        <section className="panel form" aria-label="Start form">
          {trainers.isError && (
            <div className="body">
              <Problem error={trainers.error} />
            </div>
          )}
          {waits && <div className="skeleton" style={{ height: 320, margin: 14 }} />}
          {trainers.isSuccess && !trainer && <p className="empty">The server knows no trainer.</p>}
          {trainer && !waits && <StartForm trainers={trainers.data ?? []} trainer={trainer} dataset={chosen} like={like} />}
        </section>
      </div>
    </div>
  );
}

function Look({ dataset }: { dataset: Dataset }): ReactNode {
  const { view } = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  return (
    <Preview
      dataset={dataset}
      view={view ?? "columns"}
      onView={(next) =>
        void navigate({
          search: (old) => ({ ...old, view: next === "columns" ? undefined : next }),
          replace: true,
          resetScroll: false,
        })
      }
    />
  );
}

function Nothing({ named, empty }: { named: string | null; empty: boolean }): ReactNode {
  return (
    <div className="empty">
      <MousePointerClick className="icon" aria-hidden />
      <h2>{named !== null ? `There is no data set ${named}` : empty ? "No data yet" : "Nothing chosen yet"}</h2>
      <p>
        {empty
          ? "Drop a CSV, JSONL or Parquet file anywhere on this page, or make an order book to try with. Its columns, values and first rows then show here."
          : "Choose a card above, or drop a CSV, JSONL or Parquet file anywhere on this page. Its columns, values and first rows then show here."}
      </p>
    </div>
  );
}

/** Such a trainer brings what it learns from, or needs nothing. */
function NoData({ trainer }: { trainer: Trainer }): ReactNode {
  return (
    <div className="empty" data-testid="no-data-needed">
      <CircleOff className="icon" aria-hidden />
      <h2>{trainer.available ? "No data set needed" : "It cannot run here"}</h2>
      <p>{trainer.available ? `${trainer.title} takes all that it needs from the form. Fill it in and press Start Training.` : "What is wrong stands beside the button. Mend it and start the server again."}</p>
    </div>
  );
}
