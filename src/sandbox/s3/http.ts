import { randomUUID } from "node:crypto";
import type { Server, ServerResponse } from "node:http";
import type { Refusal } from "./sigv4.ts";

/** Answers as S3 does when it refuses. HEAD has no body, so its reader sees only the status. */
export function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  const id = randomUUID();
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message><RequestId>${id}</RequestId></Error>`;
  response.writeHead(status, { "content-type": "application/xml", "x-amz-request-id": id });
  response.end(response.req.method === "HEAD" ? undefined : body);
  // what is left of an upload that is refused
  response.req.resume();
}

/** Text as XML content. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Listens on a free loopback port; answers the URL. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return `http://127.0.0.1:${address.port}`;
}

/** Stops a server, open connections included. */
export async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
