import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { call } from "pulsetrain";
import { Download, Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";
import { queries } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { bytes, dateTime, label, measured } from "../../format.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyLine } from "../../parts/copy.tsx";
import { Problem } from "../../parts/problem.tsx";
import { textOf } from "../../parts/schema.ts";
import { figuresOf } from "./compare.ts";
import { Deploy } from "./deploy.tsx";
import { Predict } from "./predict.tsx";
import { pathOf, type Model } from "./queries.ts";

/** One version: where it comes from, how good it is, and what can be done with it. */
export function Detail({ model, chosen }: { model: Model; chosen: boolean }): ReactNode {
  return (
    <article className="panel detail" aria-label={`${model.name} version ${model.version}`} data-testid="model-detail">
      <header>
        <div className="grow">
          <h2 className="cut">
            {model.name} <span className="muted">v{model.version}</span>
          </h2>
          <p className="faint">{dateTime(model.created_at)}</p>
        </div>
        <a
          className="button small"
          href={`/api/runs/${model.run}/artifacts/${encodeURIComponent(model.artifact)}`}
          download
          title={`${model.artifact}, ${bytes(model.size)}`}
          data-testid={`download-${model.run}`}
        >
          <Download className="icon" aria-hidden />
          {bytes(model.size)}
        </a>
        <Remove model={model} />
      </header>
      <Facts model={model} />
      {model.predicts ? (
        <>
          <Deploy model={model} />
          <Predict model={model} chosen={chosen} />
        </>
      ) : (
        <p className="part muted">This model makes no predictions here: its trainer names no predictor, or is not on this server.</p>
      )}
      {model.trainer === "tabular-gan" && (
        <section className="part" aria-label="At the command line">
          <p className="faint">As many rows as you like, at the command line:</p>
          <CopyLine text={`pulsetrain sample ${model.artifact} -n 1000 -o out.csv`} name="the command" />
        </section>
      )}
    </article>
  );
}

function Facts({ model }: { model: Model }): ReactNode {
  const { parameters, dataset, run, trainer, commit } = model;
  const figures = figuresOf(model);
  return (
    <>
      <dl className="pairs part">
        <div>
          <dt>Trainer</dt>
          <dd className="cut">{trainer ?? "–"}</dd>
        </div>
        <div>
          <dt>Data</dt>
          <dd className="cut">
            {dataset ? (
              <Link to="/data/$id" params={{ id: dataset }}>
                {dataset}
              </Link>
            ) : (
              "–"
            )}
          </dd>
        </div>
        <div>
          <dt>Run</dt>
          <dd className="cut">
            <Link to="/runs/$id" params={{ id: run }}>
              See the run
            </Link>
          </dd>
        </div>
        <div>
          <dt>Code</dt>
          <dd className="cut" title={commit ?? undefined}>
            {commit ?? "–"}
          </dd>
        </div>
      </dl>
      {figures.length > 0 && (
        <dl className="pairs part" aria-label="Metrics" data-testid="metrics">
          {figures.map(([key, value]) => (
            <div key={key}>
              <dt className="cut" title={label(key)}>
                {label(key)}
              </dt>
              <dd>{measured(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      {Object.keys(parameters).length > 0 && (
        <details className="part parameters">
          <summary>Parameters ({Object.keys(parameters).length})</summary>
          <dl className="pairs">
            {Object.entries(parameters).map(([key, value]) => (
              <div key={key}>
                <dt className="cut" title={label(key)}>
                  {label(key)}
                </dt>
                <dd className="cut" title={textOf(value)}>
                  {textOf(value) || <span className="faint">empty</span>}
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}

function Remove({ model }: { model: Model }): ReactNode {
  const [open, setOpen] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(server, "DELETE", pathOf(model)),
    onSuccess: async () => {
      setOpen(false);
      await queries.invalidateQueries({ queryKey: ["models"] });
    },
  });
  const served = model.deployments.length > 0;
  return (
    <>
      <button
        className="button quiet small icon-only"
        onClick={() => {
          remove.reset();
          setOpen(true);
        }}
        aria-label={`Delete ${model.name} version ${model.version}`}
        title="Delete"
        data-testid="delete-model"
      >
        <Trash2 className="icon" />
      </button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Delete ${model.name} v${model.version}?`}
        text={
          served
            ? `It serves as ${model.deployments.join(", ")}. Deploy another version there, or remove the deployment, before it can go.`
            : "The model is removed from the server. Its run keeps its results."
        }
        action="Delete"
        onConfirm={() => remove.mutate()}
      >
        {remove.isError && <Problem error={remove.error} testid="delete-error" />}
      </Confirm>
    </>
  );
}
