import type { Run } from "pulsetrain";
import { Ban, CircleCheck, CircleDashed, CirclePause, CircleX, Ghost, Hourglass, LoaderCircle, Square, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import "./state.css";

export type ShownState = Run["state"] | "stopping" | "pausing" | "resuming" | "unresponsive" | "stalled";

const LOOKS: Readonly<Record<ShownState, readonly [string, typeof Ban]>> = {
  queued: ["Queued", Hourglass],
  starting: ["Starting", CircleDashed],
  running: ["Running", LoaderCircle],
  paused: ["Paused", CirclePause],
  succeeded: ["Succeeded", CircleCheck],
  failed: ["Failed", CircleX],
  stopped: ["Stopped", Square],
  lost: ["Lost", Ghost],
  stopping: ["Stopping…", Ban],
  pausing: ["Pausing…", CirclePause],
  resuming: ["Resuming…", LoaderCircle],
  unresponsive: ["Unresponsive", TriangleAlert],
  stalled: ["Stalled", TriangleAlert],
};

/** What the badge says: the run's state, or what is going on in it. */
export function shownState(run: Run): ShownState {
  if (run.commands.some((command) => command.command === "stop")) return "stopping";
  if (!run.responsive && (run.state === "running" || run.state === "paused" || run.state === "starting")) return "unresponsive";
  const asked = run.commands.findLast(({ command }) => command === "pause" || command === "resume")?.command;
  if (asked === "pause" && run.state === "running") return "pausing";
  if (asked === "resume" && run.state === "paused") return "resuming";
  return run.state;
}

/** A run's state in words, with an icon and a colour. */
export function StateBadge({ state, testid }: { state: ShownState; testid?: string }): ReactNode {
  const [name, Icon] = LOOKS[state];
  return (
    <span className="state" data-state={state} data-testid={testid}>
      <Icon className="icon" aria-hidden />
      {name}
    </span>
  );
}
