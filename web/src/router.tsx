import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { Shell } from "./app/shell.tsx";
import { Missing } from "./pages/missing.tsx";
import { RunsPage } from "./pages/runs.tsx";
import { Crash } from "./parts/crash.tsx";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
const oneOf = <T extends string>(value: unknown, ...choices: T[]): T | undefined => choices.find((choice) => choice === value);

export interface StartSearch {
  data?: string | undefined;
  view?: "rows" | "plot" | undefined;
  trainer?: string | undefined;
  /** The run that the new one shall be like. */
  clone?: string | undefined;
}

export interface RunsSearch {
  q?: string | undefined;
  state?: "active" | "ended" | undefined;
}

export interface RunSearch {
  tab?: "report" | "details" | undefined;
  x?: "relative" | "wall" | "epoch" | undefined;
  /** Weight of the past, 0–0.99; the page's default when absent. */
  smooth?: number | undefined;
  log?: true | undefined;
  /** `from~to` on the x axis. */
  zoom?: string | undefined;
  level?: "info" | "warning" | "error" | undefined;
  q?: string | undefined;
}

const root = createRootRoute({ component: Shell, notFoundComponent: () => <Missing />, errorComponent: Crash });

const start = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/start/page.tsx"), "StartPage"),
  validateSearch: (search: Record<string, unknown>): StartSearch => ({
    data: text(search["data"]),
    view: oneOf(search["view"], "rows", "plot"),
    trainer: text(search["trainer"]),
    clone: text(search["clone"]),
  }),
});

/** The start page by its name, as links from elsewhere may have it. */
const named = createRoute({
  getParentRoute: () => root,
  path: "/start",
  validateSearch: (search: Record<string, unknown>): StartSearch => search,
  beforeLoad: ({ search }) => {
    throw redirect({ to: "/", search, replace: true });
  },
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  component: RunsPage,
  validateSearch: (search: Record<string, unknown>): RunsSearch => ({
    q: text(search["q"]),
    state: oneOf(search["state"], "active", "ended"),
  }),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$id",
  component: lazyRouteComponent(() => import("./pages/run/page.tsx"), "RunPage"),
  validateSearch: (search: Record<string, unknown>): RunSearch => ({
    tab: oneOf(search["tab"], "report", "details"),
    x: oneOf(search["x"], "relative", "wall", "epoch"),
    smooth: typeof search["smooth"] === "number" ? Math.min(0.99, Math.max(0, search["smooth"])) : undefined,
    log: search["log"] === true ? true : undefined,
    zoom: typeof search["zoom"] === "string" && /^-?[\d.e+]+~-?[\d.e+]+$/.test(search["zoom"]) ? search["zoom"] : undefined,
    level: oneOf(search["level"], "info", "warning", "error"),
    q: text(search["q"]),
  }),
});

export interface DataSearch {
  tab?: "examples" | "rows" | "plot" | "versions" | "problems" | "runs" | "columns" | undefined;
  /** An older version to look at. */
  version?: number | undefined;
  q?: string | undefined;
  /** The first example that is shown. */
  from?: number | undefined;
}

const whole = (value: unknown): number | undefined => (Number.isInteger(value) && (value as number) > 0 ? (value as number) : undefined);

const data = createRoute({
  getParentRoute: () => root,
  path: "/data",
  component: lazyRouteComponent(() => import("./pages/data/list.tsx"), "DataPage"),
});

const dataset = createRoute({
  getParentRoute: () => root,
  path: "/data/$id",
  component: lazyRouteComponent(() => import("./pages/data/page.tsx"), "DatasetPage"),
  validateSearch: (search: Record<string, unknown>): DataSearch => ({
    tab: oneOf(search["tab"], "examples", "rows", "plot", "versions", "problems", "runs", "columns"),
    version: whole(search["version"]),
    q: text(search["q"]),
    from: whole(search["from"]),
  }),
});

export interface ModelsSearch {
  /** The model that is looked at. */
  model?: string | undefined;
  /** Ids of those that stand side by side, with commas between. */
  compare?: string | undefined;
}

const models = createRoute({
  getParentRoute: () => root,
  path: "/models",
  component: lazyRouteComponent(() => import("./pages/models/page.tsx"), "ModelsPage"),
  validateSearch: (search: Record<string, unknown>): ModelsSearch => ({ model: text(search["model"]), compare: text(search["compare"]) }),
});

const queue = createRoute({
  getParentRoute: () => root,
  path: "/queue",
  component: lazyRouteComponent(() => import("./pages/queue/page.tsx"), "QueuePage"),
});

export const router = createRouter({
  routeTree: root.addChildren([start, named, runs, run, data, dataset, models, queue]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
