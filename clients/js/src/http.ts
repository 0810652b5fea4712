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
  /** Headers for every request, such as `Authorization`; a function is asked before each, so that a token can be renewed. */
  readonly headers: Headers | (() => Headers | Promise<Headers>);
}

export type Headers = Readonly<Record<string, string>>;

/** The headers to send now. */
export async function headersOf({ headers }: Place): Promise<Headers> {
  return typeof headers === "function" ? headers() : headers;
}

/** The server at `base`: the page's own by default. */
export function place(base = "", options: Partial<Omit<Place, "base">> = {}): Place {
  return {
    base: base.replace(/\/+$/, ""),
    fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
    headers: options.headers ?? {},
  };
}

/** The JSON that `path` answers. Throws ApiError for every status but 2xx and for a server out of reach. */
export async function get<T>(at: Place, path: string, signal?: AbortSignal, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    const headers = { Accept: "application/json", ...init.headers, ...(await headersOf(at)) };
    response = await at.fetch(at.base + path, { ...init, headers, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", "The server cannot be reached.", "Is `pulsetrain up` still running?");
  }
  if (!response.ok) throw errorFrom(response.status, await response.text());
  return response.json() as Promise<T>;
}

/** As `get`, for every method, with a body that is sent as JSON unless it is a form. */
export function call<T>(
  at: Place,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  options: { body?: unknown; signal?: AbortSignal | undefined; headers?: Headers } = {},
): Promise<T> {
  const { body, signal, headers } = options;
  const plain = body === undefined || (typeof FormData !== "undefined" && body instanceof FormData);
  return get(at, path, signal, {
    method,
    body: plain ? (body as FormData | undefined) ?? null : JSON.stringify(body),
    headers: { ...(!plain && { "Content-Type": "application/json" }), ...headers },
  });
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
