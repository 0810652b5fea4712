import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Boxes } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { Crumbs } from "../../app/crumbs.tsx";
import { house, useRoom } from "../../app/live.ts";
import { ago, dateTime, label, measured } from "../../format.ts";
import { Problem } from "../../parts/problem.tsx";
import { Comparison } from "./comparison.tsx";
import { keyFigures } from "./compare.ts";
import { Deployments } from "./deployments.tsx";
import { Detail } from "./detail.tsx";
import { useModels, type Model } from "./queries.ts";
import "./models.css";

export function ModelsPage(): ReactNode {
  useRoom(house, 1000);
  const models = useModels();
  const search = useSearch({ from: "/models" });
  const navigate = useNavigate({ from: "/models" });
  const all = models.data ?? [];
  const ids = search.compare?.split(",") ?? [];
  const compared = all.filter((model) => ids.includes(model.id));
  const chosen = all.find((model) => model.id === search.model) ?? all[0];
  const compare = (next: string[]) =>
    void navigate({ search: (old) => ({ ...old, compare: next.length > 0 ? next.join(",") : undefined }), replace: true, resetScroll: false });
  return (
    <div className="page models-page">
      <Crumbs title="Models">
        <span>Models</span>
      </Crumbs>
      <header>
        <div className="grow">
          <h1>Models</h1>
          <p className="muted">What runs have learnt: ask a model, compare its versions, serve one under a name.</p>
        </div>
      </header>
      {models.isError && <Problem error={models.error} />}
      {models.isPending && <div className="skeleton" style={{ height: 180 }} />}
      {models.data?.length === 0 && <Empty />}
      <Deployments models={all} />
      {chosen && (
        <div className="shelf">
          <div className="families">
            {familiesOf(all).map(([name, versions]) => (
              <Family
                key={name}
                name={name}
                versions={versions}
                chosen={chosen}
                compared={ids}
                onChoose={(model) => void navigate({ search: (old) => ({ ...old, model }), resetScroll: false }).then(showDetail)}
                onCompare={(id) => compare(ids.includes(id) ? ids.filter((each) => each !== id) : [...ids, id])}
              />
            ))}
          </div>
          <div className="beside">
            {compared.length > 0 && <Comparison models={compared} onClose={() => compare([])} />}
            <Detail key={chosen.id} model={chosen} chosen={chosen.id === search.model} />
          </div>
        </div>
      )}
    </div>
  );
}

/** Where the page is too narrow for two columns, what was chosen stands far below. */
function showDetail(): void {
  if (matchMedia("(max-width: 1000px)").matches) document.querySelector(".detail")?.scrollIntoView();
}

/** The versions of each name, newest first. */
function familiesOf(models: readonly Model[]): [string, Model[]][] {
  const families = new Map<string, Model[]>();
  for (const model of models) families.set(model.name, [...(families.get(model.name) ?? []), model]);
  return [...families];
}

interface FamilyProps {
  name: string;
  versions: Model[];
  chosen: Model;
  compared: string[];
  onChoose: (id: string) => void;
  onCompare: (id: string) => void;
}

function Family({ name, versions, chosen, compared, onChoose, onCompare }: FamilyProps): ReactNode {
  const now = useNow(30_000);
  return (
    <section className="panel family" aria-label={name} data-testid={`family-${name}`}>
      <header>
        <h2 className="grow cut" title={name}>
          {name}
        </h2>
        <span className="faint">{versions.length === 1 ? "1 version" : `${versions.length} versions`}</span>
      </header>
      <ul>
        {versions.map((model) => (
          <li key={model.id} className="version" data-chosen={model.id === chosen.id}>
            <label className="pick" title="Compare">
              <input type="checkbox" checked={compared.includes(model.id)} onChange={() => onCompare(model.id)} aria-label={`Compare ${name} version ${model.version}`} />
            </label>
            <button className="face" aria-pressed={model.id === chosen.id} onClick={() => onChoose(model.id)} data-testid={`model-${model.id}`}>
              <b>v{model.version}</b>
              <span className="figures cut">
                {keyFigures(model).map(([key, value]) => (
                  <span key={key}>
                    <span className="faint">{label(key)}</span> {measured(value)}
                  </span>
                ))}
              </span>
              {model.deployments.length > 0 && <span className="tag live">serves</span>}
              <time className="faint" dateTime={model.created_at} title={dateTime(model.created_at)}>
                {ago(model.created_at, now)}
              </time>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Empty(): ReactNode {
  return (
    <div className="panel empty">
      <Boxes className="icon" aria-hidden />
      <h2>No models yet</h2>
      <p>A run that ends well leaves its model here. You can then ask it, compare it with the next, and serve it under a name.</p>
      <Link to="/" className="button primary">
        Start a run
      </Link>
    </div>
  );
}
