import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { App } from "./world.ts";

/** Heroku's router of one app: the static page in maintenance mode, else one web dyno after the other. */
export function createRouter(app: App): Server {
  let turn = 0;
  return createServer((request, response) => {
    if (app.maintenance) return refuse(request, response, "H80", "Maintenance mode");
    const dynos = app.dynos.filter((dyno) => dyno.type === "web" && dyno.state === "up" && !dyno.stopping);
    const dyno = dynos[turn++ % Math.max(1, dynos.length)];
    if (dyno?.port === undefined) return refuse(request, response, "H14", "No web dynos running");
    pass(dyno.port, request, response);
  });
}

function pass(port: number, request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  const upstream = forward({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  // Whether the dyno acted on the request is not known then; the visitor gets the same 503 as at Heroku.
  upstream.on("error", () => {
    if (response.headersSent) response.destroy();
    else refuse(request, response, "H13", "Connection closed without response");
  });
  request.pipe(upstream);
}

function refuse(request: IncomingMessage, response: ServerResponse, code: string, words: string): void {
  request.resume();
  response.writeHead(503, { "Content-Type": "text/html", "Heroku-Error": code });
  response.end(`<!doctype html><title>Offline</title><p>${code}: ${words}</p>\n`);
}
