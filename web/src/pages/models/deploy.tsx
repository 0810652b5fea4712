import { useMutation } from "@tanstack/react-query";
import { call } from "pulsetrain";
import { Rocket } from "lucide-react";
import { useId, useState, type ReactNode } from "react";
import { queries } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { Problem } from "../../parts/problem.tsx";
import { pathOf, useDeployments, type Model } from "./queries.ts";

/** Serve this version under a name; a name that serves another version switches to it. */
export function Deploy({ model }: { model: Model }): ReactNode {
  const id = useId();
  const deployments = useDeployments().data ?? [];
  const [name, setName] = useState("");
  const wanted = name.trim() || model.name;
  const there = deployments.find((each) => each.name === wanted && each.state !== "removed");
  const serves = there?.model === model.id && there.state === "serving";
  const deploy = useMutation({
    mutationFn: () => call(server, "POST", `${pathOf(model)}/deploy`, { body: { name: wanted } }),
    onSettled: () => Promise.all(["models", "deployments"].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  });
  return (
    <section className="part" aria-label="Deploy" data-testid="deploy">
      <h3>Deploy</h3>
      <form
        className="row deploy"
        onSubmit={(event) => {
          event.preventDefault();
          if (!serves && !deploy.isPending) deploy.mutate();
        }}
      >
        <label htmlFor={id} className="muted">
          Under the name
        </label>
        <input
          id={id}
          className="input"
          list={`${id}-names`}
          placeholder={model.name}
          autoComplete="off"
          maxLength={80}
          value={name}
          onChange={(event) => setName(event.target.value)}
          data-testid="deploy-name"
        />
        <datalist id={`${id}-names`}>
          {deployments.map((each) => (
            <option key={each.name} value={each.name} />
          ))}
        </datalist>
        <button className="button" disabled={serves || deploy.isPending} data-testid="deploy-button">
          <Rocket className="icon" aria-hidden />
          {deploy.isPending ? "Loading it…" : there && !serves ? "Switch to this version" : "Deploy"}
        </button>
      </form>
      <p className="faint" role="status">
        {serves
          ? `It serves as ${wanted}.`
          : there
            ? `${wanted} serves ${there.version === null ? "another model" : `v${there.version}`} now, and goes on until this one is loaded.`
            : `Then POST /api/deployments/${wanted}/predict asks it.`}
      </p>
      {deploy.isError && <Problem error={deploy.error} testid="deploy-error" />}
    </section>
  );
}
