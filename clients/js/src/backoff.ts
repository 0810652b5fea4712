/** Milliseconds to wait before attempt `n` (0, 1, …): min(1000·2ⁿ, 30000), of which half is chance so that clients spread. */
export function backoff(n: number, random: () => number = Math.random): number {
  const full = Math.min(1000 * 2 ** n, 30_000);
  return Math.round(full / 2 + (full / 2) * random());
}
