/** Whether anybody looks: a stream that nobody sees lets its connection go. */

export interface Attention {
  hidden(): boolean;
  /** Call `listener` when that changes, or when it is worth trying again; answers how to stop. */
  subscribe(listener: () => void): () => void;
}

/** The document's; always watched where there is none, as in Node or a worker. */
export const documentAttention: Attention = {
  hidden: () => globalThis.document?.visibilityState === "hidden",
  subscribe(listener) {
    const { document } = globalThis;
    document?.addEventListener("visibilitychange", listener);
    globalThis.addEventListener?.("online", listener);
    return () => {
      document?.removeEventListener("visibilitychange", listener);
      globalThis.removeEventListener?.("online", listener);
    };
  },
};
