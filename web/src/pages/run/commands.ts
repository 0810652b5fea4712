/** Giving a run commands, and knowing what came of each. */
import { useMutation } from "@tanstack/react-query";
import { call, type Run } from "pulsetrain";
import { useState } from "react";
import { server } from "../../app/server.ts";
import type { Answer, TimelinePart } from "./timeline.ts";

export interface Order {
  readonly command: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

export interface Ordered {
  readonly give: (order: Order) => void;
  /** The order whose outcome this tells, from when it is given. */
  readonly order: Order | null;
  /** It is on its way, or the run has not answered it yet. */
  readonly waits: boolean;
  readonly answer: Answer | null;
  /** Why the server refused it. */
  readonly error: Error | null;
  readonly forget: () => void;
}

/** One place that gives orders to `run`; a new one replaces what is told of the one before. */
export function useOrder(run: Run, timeline: TimelinePart): Ordered {
  const [order, setOrder] = useState<Order | null>(null);
  const given = useMutation({
    mutationFn: ({ command, arguments: rest = {} }: Order) =>
      call<{ command_id: string }>(server, "POST", `/api/runs/${run.id}/commands`, { body: { command, arguments: rest } }),
  });
  const answer = given.data ? timeline.answer(given.data.command_id) : null;
  return {
    give: (next) => {
      setOrder(next);
      given.mutate(next);
    },
    order,
    waits: given.isPending || (given.data !== undefined && answer === null && run.ended_at === null),
    answer,
    error: given.error,
    forget: () => {
      setOrder(null);
      given.reset();
    },
  };
}
