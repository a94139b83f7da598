/** What we use of heroku-client 3.1.4, which carries no types: the request itself, under its retry loop. */
declare module "heroku-client/lib/request.js" {
  import type { IncomingMessage } from "node:http";

  interface RequestOptions {
    host: string;
    token: string;
    method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
    path: string;
    /** Has to be there: the library deletes `Range` from it while it follows pages. */
    headers: Record<string, string>;
    body?: object;
    /** Only the first page, instead of all of them. */
    partial?: boolean;
    /** Runs for each answer before its body is read. */
    middleware?: (response: IncomingMessage, next: () => void) => void;
  }

  class Request {
    constructor(options: RequestOptions);
    /** The library asks this before it re-sends after a broken connection. */
    isRetryAllowed(error: unknown): boolean;
    request(): Promise<unknown>;
  }
  export = Request;
}
