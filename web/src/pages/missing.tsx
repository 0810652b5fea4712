import { Link } from "@tanstack/react-router";
import { MapPinOff } from "lucide-react";
import type { ReactNode } from "react";
import { Crumbs } from "../app/crumbs.tsx";

export function Missing({ what = "page" }: { what?: string }): ReactNode {
  return (
    <div className="page" data-testid="missing">
      <Crumbs title="Not found">
        <span>Not found</span>
      </Crumbs>
      <div className="empty">
        <MapPinOff className="icon" aria-hidden />
        <h2>There is no such {what}</h2>
        <p>The address may be mistyped, or what it named was deleted.</p>
        <div className="row">
          <Link to="/runs" className="button">
            See all runs
          </Link>
          <Link to="/" className="button primary">
            Start a run
          </Link>
        </div>
      </div>
    </div>
  );
}
