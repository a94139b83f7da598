import { createServer, type IncomingMessage, request as forward, type ServerResponse } from "node:http";
import { close, listen, refuse } from "../../src/sandbox/s3/http.ts";
import { errorPages } from "./fault-store.ts";

/** What can be done to an answer of S3. */
export type HttpFault =
  | "503 SlowDown"
  | "500 InternalError"
  | "reset in mid-body"
  | "short body under the right Content-Length"
  | "403 for a missing key"
  | "200 instead of 206"
  | "wrong Content-Range"
  | "HTML page with status 200"
  | "XML error with status 200"
  | "empty body with status 200";

/** A proxy in front of an S3 server that spoils answers as it is told. */
export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** The next `times` GETs whose URL contains `part` are answered so; all of them unless told. */
  disturb(part: string, fault: HttpFault, times?: number): void;
  /** Called before the first GET whose URL contains `part` is passed on. */
  before(part: string, act: () => Promise<void> | void): void;
  heal(): void;
  /** How many answers were spoilt. */
  spoilt(): number;
}

/** Starts one. Signatures stay good: the request's `Host` is passed on as it came. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  let faults: { part: string; fault: HttpFault; left: number }[] = [];
  let acts: { part: string; act: () => Promise<void> | void }[] = [];
  let spoilt = 0;
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = decodeURIComponent(incoming.url ?? "");
    const act = acts.find(({ part }) => incoming.method === "GET" && url.includes(part));
    acts = acts.filter((one) => one !== act);
    await act?.act();
    const found = faults.find(({ part, left }) => incoming.method === "GET" && left > 0 && url.includes(part));
    if (found) {
      found.left -= 1;
      spoilt += 1;
      if (refused(response, found.fault)) return;
    }
    const sent = forward(new URL(incoming.url ?? "/", upstream), {
      method: incoming.method,
      headers: incoming.headers,
    });
    sent.once("error", () => response.destroy());
    sent.once("response", (got) => void pass(got, response, found?.fault).catch(() => response.destroy()));
    incoming.pipe(sent);
  };
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch(() => response.destroy());
  });
  return {
    url: await listen(server),
    disturb: (part, fault, times = Infinity) => void faults.push({ part, fault, left: times }),
    before: (part, act) => void acts.push({ part, act }),
    heal: () => {
      faults = [];
      acts = [];
    },
    spoilt: () => spoilt,
    [Symbol.asyncDispose]: () => close(server),
  };
}

/** Answers that do not need the true one. */
function refused(response: ServerResponse, fault: HttpFault): boolean {
  const page = (type: string, body: Buffer | string): true => {
    response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
    return true;
  };
  if (fault === "503 SlowDown")
    refuse(response, { status: 503, code: "SlowDown", message: "Please reduce your request rate." });
  else if (fault === "500 InternalError")
    refuse(response, { status: 500, code: "InternalError", message: "We encountered an error." });
  else if (fault === "403 for a missing key")
    refuse(response, { status: 403, code: "AccessDenied", message: "Access Denied" });
  else if (fault === "HTML page with status 200") return page("text/html", errorPages.html);
  else if (fault === "XML error with status 200") return page("application/xml", errorPages.xml);
  else if (fault === "empty body with status 200") return page("application/xml", "");
  else return false;
  return true;
}

/** Passes an answer on, spoilt. */
async function pass(got: IncomingMessage, response: ServerResponse, fault: HttpFault | undefined): Promise<void> {
  const body = Buffer.concat(await got.toArray());
  const headers = { ...got.headers };
  if (fault === "200 instead of 206") delete headers["content-range"];
  if (fault === "wrong Content-Range")
    headers["content-range"] = headers["content-range"]?.replace(/bytes (\d+)/, "bytes 7$1");
  response.writeHead(fault === "200 instead of 206" ? 200 : (got.statusCode ?? 500), headers);
  if (fault !== "reset in mid-body" && fault !== "short body under the right Content-Length")
    return void response.end(body);
  response.write(body.subarray(0, body.length >> 1), () => {
    if (fault === "reset in mid-body") response.socket?.resetAndDestroy();
    else response.socket?.end();
  });
}
