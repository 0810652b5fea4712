/** The REST side: JSON in, JSON out, and errors that say what is wrong and what to do. */

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** HTTP status; 0 when the server could not be reached. */
    readonly status: number,
    /** For programs; never changes. */
    readonly code: string,
    message: string,
    readonly hint: string = "",
  ) {
    super(message);
  }
}

export type Fetch = typeof globalThis.fetch;

export interface Place {
  /** Address of the server without a slash at its end; empty for the page's own. */
  readonly base: string;
  readonly fetch: Fetch;
  /** Headers for every request, such as `Authorization`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The server at `base`: the page's own by default. */
export function place(base = "", options: Partial<Omit<Place, "base">> = {}): Place {
  return {
    base: base.replace(/\/+$/, ""),
    fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
    headers: options.headers ?? {},
  };
}

/** The JSON that `method path` answers. Throws ApiError for every status but 2xx and for a server out of reach. */
export async function call<T>(
  at: Place,
  method: "GET" | "POST" | "DELETE",
  path: string,
  options: { body?: unknown; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const { body, signal } = options;
  const form = typeof FormData !== "undefined" && body instanceof FormData;
  const init: RequestInit = {
    method,
    headers: {
      Accept: "application/json",
      ...(body === undefined || form ? {} : { "Content-Type": "application/json" }),
      ...at.headers,
    },
    ...(body === undefined ? {} : { body: form ? (body as FormData) : JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  };
  let response: Response;
  try {
    response = await at.fetch(at.base + path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "The server cannot be reached.", "Is `pulsetrain up` still running?");
  }
  if (!response.ok) throw errorFrom(response.status, await response.text());
  return (await response.json()) as T;
}

/** The error that an answer's body tells, or one that names the status if it tells none. */
export function errorFrom(status: number, body: string): ApiError {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: string; message?: string; hint?: string } };
    if (error?.message) return new ApiError(status, error.code ?? "error", error.message, error.hint ?? "");
  } catch {
    // Not ours: a proxy's page, for instance.
  }
  return new ApiError(status, "http", `The server answered with status ${status}.`);
}
