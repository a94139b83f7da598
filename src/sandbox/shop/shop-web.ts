import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { ShopStore } from "./shop-store.ts";

/** The web process: `POST /orders`, `GET /orders`, `GET /health`. Ends its open requests when the signal aborts. */
export async function runWeb(store: ShopStore, port: number, signal: AbortSignal): Promise<void> {
  const server = createServer((request, response) => {
    answer(store, request, response).catch((thrown: unknown) => {
      send(response, 500, { error: thrown instanceof Error ? thrown.message : String(thrown) });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  console.log(`listening on ${port}, database ${store.database}`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  server.closeIdleConnections();
  await new Promise((resolve) => server.close(resolve));
}

async function answer(store: ShopStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const route = `${request.method} ${request.url}`;
  if (route === "GET /health") {
    await store.ping();
    return send(response, 200, { ok: true, database: store.database });
  }
  if (route === "GET /orders") return send(response, 200, { orders: await store.list() });
  if (route !== "POST /orders") return send(response, 404, { error: "no such page" });
  const result = await store.insert();
  return send(response, result.outcome === "acknowledged" ? 201 : 500, result);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "Content-Type": "application/json", Connection: "close" });
  response.end(JSON.stringify(body));
}
