import { useMutation } from "@tanstack/react-query";
import { call } from "pulsetrain";
import { CircleCheck, LoaderCircle, TriangleAlert, Undo2, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { queries } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { ago, count } from "../../format.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Problem } from "../../parts/problem.tsx";
import "../../parts/state.css";
import { useDeployments, type Deployment, type Model } from "./queries.ts";
import { Traffic, millis, useTraffic, type Sample } from "./traffic.tsx";

/** What serves under which name, how much it is asked, and how fast it answers. */
export function Deployments({ models }: { models: readonly Model[] }): ReactNode {
  const deployments = useDeployments();
  const traffic = useTraffic();
  if (deployments.isError) return <Problem error={deployments.error} />;
  if (!deployments.data?.length) return null;
  return (
    <section className="served" aria-label="Deployments">
      {deployments.data.map((each) => (
        <Served key={each.name} deployment={each} models={models} samples={traffic.get(each.name) ?? []} />
      ))}
    </section>
  );
}

const STATES = {
  serving: ["Serves", CircleCheck],
  loading: ["Loading", LoaderCircle],
  failed: ["Failed", TriangleAlert],
  removed: ["Removed", X],
} as const;

interface ServedProps {
  deployment: Deployment;
  models: readonly Model[];
  samples: readonly Sample[];
}

function Served({ deployment, models, samples }: ServedProps): ReactNode {
  const now = useNow(30_000);
  const { name, model, version, previous, state, message, predictions, errors, since } = deployment;
  const [word, Icon] = STATES[state];
  const known = models.find((each) => each.id === model);
  const before = models.find((each) => each.id === previous);
  const p50 = samples.at(-1)?.p50 ?? deployment.latency_p50_seconds;
  const p95 = samples.at(-1)?.p95 ?? deployment.latency_p95_seconds;
  return (
    <article className="panel fresh deployment" data-testid={`deployment-${name}`}>
      <header>
        <h2 className="grow cut" title={name}>
          {name}
        </h2>
        <span className="state" data-state={state}>
          <Icon className="icon" aria-hidden />
          {word} {known ? (known.name === name ? `v${known.version}` : `${known.name} v${known.version}`) : version === null ? "" : `v${version}`}
        </span>
      </header>
      <div className="body">
        {message && <p className="wrong">{message}</p>}
        <dl className="pairs">
          <div>
            <dt>Predictions</dt>
            <dd data-testid="prediction-volume">{count(predictions)}</dd>
          </div>
          <div>
            <dt>Refused</dt>
            <dd>{count(errors)}</dd>
          </div>
          <div>
            <dt>Median</dt>
            <dd>{millis(p50)}</dd>
          </div>
          <div>
            <dt>95 %</dt>
            <dd>{millis(p95)}</dd>
          </div>
        </dl>
        <Traffic samples={samples} />
        <div className="row">
          <span className="faint grow cut">since {ago(since, now)}</span>
          {previous !== null && <RollBack name={name} to={before ? `v${before.version}` : "the one before"} />}
          <Remove name={name} />
        </div>
      </div>
    </article>
  );
}

const again = () => Promise.all(["models", "deployments"].map((key) => queries.invalidateQueries({ queryKey: [key] })));

function RollBack({ name, to }: { name: string; to: string }): ReactNode {
  const back = useMutation({
    mutationFn: () => call(server, "POST", `/api/deployments/${encodeURIComponent(name)}/rollback`, { body: {} }),
    onSettled: again,
  });
  return (
    <>
      {back.isError && <Problem error={back.error} />}
      <button className="button small" onClick={() => back.mutate()} disabled={back.isPending} data-testid="roll-back">
        <Undo2 className="icon" aria-hidden />
        {back.isPending ? "Loading it…" : `Roll back to ${to}`}
      </button>
    </>
  );
}

function Remove({ name }: { name: string }): ReactNode {
  const [open, setOpen] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(server, "DELETE", `/api/deployments/${encodeURIComponent(name)}`),
    onSuccess: () => setOpen(false),
    onSettled: again,
  });
  return (
    <>
      <button className="button quiet small" onClick={() => setOpen(true)} data-testid="remove-deployment">
        Remove
      </button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Remove ${name}?`}
        text="Nothing answers under this name any more. The model itself is kept."
        action="Remove"
        onConfirm={() => remove.mutate()}
      >
        {remove.isError && <Problem error={remove.error} />}
      </Confirm>
    </>
  );
}
