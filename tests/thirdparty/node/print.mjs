/** What every client here prints: a line of JSON for each event, in the order in which the client was given it. */
export function print(id, data) {
  process.stdout.write(`${JSON.stringify({ id, data })}\n`);
}

export const url = process.argv[2];
