import type { ErrorComponentProps } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Problem } from "./problem.tsx";

/** The page's last resort: it says what broke, and offers to load again. */
export function Crash({ error }: ErrorComponentProps): ReactNode {
  return (
    <div className="page">
      <Problem error={error}>
        <button className="button small" onClick={() => location.reload()}>
          Reload
        </button>
      </Problem>
    </div>
  );
}
