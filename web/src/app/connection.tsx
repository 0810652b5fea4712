import type { ReactNode } from "react";
import { useNow } from "./clock.ts";
import { retryNow, useLive } from "./live.ts";

/** Whether what is shown may be out of date. */
export function useStale(): boolean {
  return useLive(({ connection }) => connection.state === "offline" || connection.state === "refused");
}

/** Live · Live, polling · Reconnecting… in 3 s · Offline: said in words, with a dot of its own shape for each. */
export function ConnectionBadge(): ReactNode {
  const { connection, lastLiveAt } = useLive();
  const now = useNow(500);
  const polls = connection.state === "live" && connection.transport === "poll";
  const state = polls ? "polling" : connection.state;
  let text = "Connecting…";
  let title = "Taking the first snapshot";
  if (connection.state === "live") {
    text = polls ? "Live, polling" : "Live";
    title = polls
      ? "Something between here and the server holds streams back, so it is asked again and again. Streaming is tried now and then."
      : "Every change is shown as it happens";
  } else if (connection.state === "reconnecting" || connection.state === "offline") {
    const seconds = Math.ceil((connection.retryAt - now) / 1000);
    const when = seconds > 0 ? ` in ${seconds} s` : "";
    const last = lastLiveAt === null ? "" : ` · last data ${new Date(lastLiveAt).toLocaleTimeString("en-GB", { timeStyle: "short" })}`;
    text = state === "offline" ? `Offline${last}` : `Reconnecting…${when}`;
    title = state === "offline" ? `The server cannot be reached. Next attempt${when || " now"}.` : `Connection lost${last}.`;
  } else if (connection.state === "asleep") {
    text = "Paused";
    title = "This tab was hidden; it goes on where it was";
  } else if (connection.state === "refused") {
    text = connection.error.status === 404 ? "Not found" : "Not allowed";
    title = connection.error.message;
  }
  const waiting = state === "reconnecting" || state === "offline";
  const body = (
    <>
      <i aria-hidden />
      <span role="status">{text}</span>
    </>
  );
  if (!waiting) {
    return (
      <span className="connection" data-state={state} data-testid="connection-badge" title={title}>
        {body}
      </span>
    );
  }
  return (
    <button className="connection" data-state={state} data-testid="connection-badge" title={`${title} Click to try now.`} onClick={retryNow}>
      {body}
    </button>
  );
}
