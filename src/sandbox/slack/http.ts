import type { IncomingMessage, ServerResponse } from "node:http";

const bodyLimitBytes = 64 * 1024 * 1024;

/** The whole body of a request; undefined when it is larger than 64 MiB. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyLimitBytes) return undefined;
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(JSON.stringify(body));
}

/** Answers with a text of some type. */
export function sendText(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  contentType = "text/plain; charset=utf-8",
  cache = "no-cache",
): void {
  response.writeHead(status, { "content-type": contentType, "cache-control": cache });
  response.end(body);
}
