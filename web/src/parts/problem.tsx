import { CircleX } from "lucide-react";
import type { ReactNode } from "react";
import { explain } from "../app/queries.ts";

/** An error as people want it: what is wrong, and what to do next. */
export function Problem({ error, children, testid }: { error: unknown; children?: ReactNode; testid?: string }): ReactNode {
  const { message, hint } = explain(error);
  return (
    <div className="notice danger" role="alert" data-testid={testid}>
      <CircleX className="icon" aria-hidden />
      <div className="grow">
        <p>{message}</p>
        {hint && <p>{hint}</p>}
      </div>
      {children}
    </div>
  );
}
