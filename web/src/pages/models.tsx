import { Link } from "@tanstack/react-router";
import { Boxes, Download } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../app/clock.ts";
import { Crumbs } from "../app/crumbs.tsx";
import { house, useRoom } from "../app/live.ts";
import { useModels, type Model } from "../app/queries.ts";
import { ago, bytes, count, dateTime, measured } from "../format.ts";
import { CopyLine } from "../parts/copy.tsx";
import { Problem } from "../parts/problem.tsx";
import "./models.css";

export function ModelsPage(): ReactNode {
  useRoom(house, 1000);
  const models = useModels();
  return (
    <div className="page">
      <Crumbs title="Models">
        <span>Models</span>
      </Crumbs>
      <header>
        <h1>Models</h1>
        <p className="muted">What finished runs have learnt. Download one and draw as many new rows from it as you like.</p>
      </header>
      {models.isError && <Problem error={models.error} />}
      {models.isPending && <div className="skeleton" style={{ height: 180 }} />}
      {models.data?.length === 0 && (
        <div className="panel empty">
          <Boxes className="icon" aria-hidden />
          <h2>No models yet</h2>
          <p>A run that ends well leaves its model here.</p>
          <Link to="/" className="button primary">
            Start a run
          </Link>
        </div>
      )}
      <div className="models">
        {models.data?.map((model) => (
          <Card key={`${model.run}/${model.artifact}`} model={model} />
        ))}
      </div>
    </div>
  );
}

function Card({ model }: { model: Model }): ReactNode {
  const now = useNow(30_000);
  const file = model.artifact;
  return (
    <article className="panel model" data-testid={`model-${model.run}`}>
      <header>
        <h2 className="grow cut" title={model.name}>
          {model.name}
        </h2>
        <time className="faint" dateTime={model.date} title={dateTime(model.date)}>
          {ago(model.date, now)}
        </time>
      </header>
      <div className="body">
        <dl className="facts">
          <div>
            <dt>Trainer</dt>
            <dd className="cut">{model.trainer ?? "–"}</dd>
          </div>
          <div>
            <dt>Data</dt>
            <dd className="cut">{model.dataset ?? "–"}</dd>
          </div>
          <div>
            <dt>Epochs</dt>
            <dd>{count(model.epoch)}</dd>
          </div>
          <div>
            <dt>Last loss</dt>
            <dd>{measured(model.loss)}</dd>
          </div>
        </dl>
        <div className="row">
          <a className="button" href={`/api/runs/${model.run}/artifacts/${encodeURIComponent(file)}`} download data-testid={`download-${model.run}`}>
            <Download className="icon" aria-hidden />
            Download
          </a>
          <span className="faint grow">{bytes(model.size)}</span>
          <Link to="/runs/$id" params={{ id: model.run }}>
            See the run
          </Link>
        </div>
        {model.trainer === "tabular-gan" && (
          <>
            <p className="faint">1,000 new rows from it:</p>
            <CopyLine text={`pulsetrain sample ${file} -n 1000 -o out.csv`} name="the command" />
          </>
        )}
      </div>
    </article>
  );
}
