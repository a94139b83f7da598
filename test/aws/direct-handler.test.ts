import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { fillFrom } from "../../src/archive/store/fill-from.ts";
import { httpOptions } from "../../src/aws/access.ts";
import { DirectHandler, directly } from "../../src/aws/direct-handler.ts";

type Request = Parameters<DirectHandler["handle"]>[0];

const times = { connectMs: 2_000, idleMs: 1_000 };
const content = randomBytes(3_000_000);
const over: (() => unknown)[] = [];
afterEach(() => {
  for (const end of over.splice(0)) end();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  over.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return isAddress(address) ? address.port : 0;
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}

function handler(secure = {}): DirectHandler {
  const made = new DirectHandler(httpOptions(4), times, secure);
  over.push(() => made.destroy());
  return made;
}

/** What the SDK hands to a handler; only these members are read. */
function request(port: number, change: Partial<Request> = {}): Request {
  const at = { protocol: "http:", hostname: "127.0.0.1", port, method: "GET", path: "/bucket/key", query: {} };
  const made = { ...at, headers: { host: "127.0.0.1", range: "bytes=0-9" }, ...change };
  return Object.assign(Object.create(null), made);
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Readable;
}

async function ask(with_: DirectHandler, what: Request, signal?: AbortSignal): Promise<Answer> {
  const options = { ...directly, ...(signal === undefined ? {} : { abortSignal: signal }) };
  const { response } = await with_.handle(what, options);
  if (!(response.body instanceof Readable)) throw new Error("no body");
  return { status: response.statusCode, headers: response.headers, body: response.body };
}

async function filled(answer: Answer, bytes = content.length): Promise<Buffer> {
  const room = Buffer.from(new SharedArrayBuffer(bytes));
  expect("fillInto" in answer.body).toBe(true);
  const length = await fillFrom(answer.body, room, "key", undefined);
  return room.subarray(0, length);
}

/** A server that says the same to everybody, word for word. */
async function says(...pieces: (string | Buffer)[]): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createTcp((socket) => {
    socket.on("data", (bytes) => {
      asked.push(bytes.toString());
      for (const piece of pieces) socket.write(piece);
    });
  });
  return { port: await listen(server), asked };
}

const headOf = (length: number, more = ""): string =>
  `HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: ${length}\r\n${more}\r\n`;

describe("large answers", () => {
  it("fill shared memory byte for byte, over one connection, one after the other", async () => {
    let connections = 0;
    const server = createHttp((_, response) => response.setHeader("content-length", content.length).end(content));
    server.on("connection", () => (connections += 1));
    const [port, direct] = [await listen(server), handler()];
    for (let round = 0; round < 5; round += 1)
      expect((await filled(await ask(direct, request(port)))).equals(content)).toBe(true);
    expect(connections).toBe(1);
  });

  it("come in any pieces, the head's end in two of them as well", async () => {
    const [head, body] = [headOf(5_000), content.subarray(0, 5_000)];
    const all = Buffer.concat([Buffer.from(head), body]);
    for (const at of [1, head.length - 3, head.length - 1, head.length, head.length + 1, all.length - 1]) {
      const server = createTcp((socket) => {
        socket.setNoDelay(true);
        socket.on("data", () => {
          socket.write(all.subarray(0, at), () => setImmediate(() => socket.write(all.subarray(at))));
        });
      });
      const answer = await ask(handler(), request(await listen(server)));
      expect((await filled(answer)).equals(body)).toBe(true);
    }
  });

  it("can be read as a stream as well, with a reader that is slow", async () => {
    const { port } = await says(headOf(content.length), content);
    const answer = await ask(handler(), request(port));
    expect((await buffer(answer.body)).equals(content)).toBe(true);
  });

  it("may be empty", async () => {
    const { port } = await says(headOf(0));
    expect(await filled(await ask(handler(), request(port)))).toHaveLength(0);
  });

  it("come over TLS, from a server that is who it says it is", async () => {
    const folder = mkdtempSync(join(tmpdir(), "drawbridge-tls-"));
    over.push(() => rmSync(folder, { recursive: true }));
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...kind, ...name, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const server = createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) =>
      response.setHeader("content-length", content.length).end(content),
    );
    const port = await listen(server);
    const secure = request(port, { protocol: "https:", hostname: "localhost" });
    const trusting = handler({ ca: readFileSync(cert) });
    for (let round = 0; round < 3; round += 1)
      expect((await filled(await ask(trusting, secure))).equals(content)).toBe(true);
    await expect(ask(handler(), secure)).rejects.toThrow(/self-signed/);
    const byAddress = request(port, { protocol: "https:" });
    await expect(ask(handler({ ca: readFileSync(cert) }), byAddress)).rejects.toThrow(/does not match|altnames/);
  });
});

describe("what is sent", () => {
  it("is the signed request, as it was signed", async () => {
    const { port, asked } = await says(headOf(0));
    const query = { "x-id": "GetObject", odd: "a b/(c)*", many: ["1", "2"], bare: null };
    await ask(handler(), request(port, { path: "/b/a%20b", query }));
    expect(asked).toEqual([
      "GET /b/a%20b?x-id=GetObject&odd=a%20b%2F%28c%29%2A&many=1&many=2&bare HTTP/1.1\r\nhost: 127.0.0.1\r\nrange: bytes=0-9\r\n\r\n",
    ]);
  });

  it("carries no header that would be two", async () => {
    const { port, asked } = await says(headOf(0));
    const evil = request(port, { headers: { "if-match": '"a"\r\nx-evil: 1' } });
    await expect(ask(handler(), evil)).rejects.toThrow(/Invalid character/);
    expect(asked).toEqual([]);
  });
});

describe("what goes wrong", () => {
  it("an answer of unknown length is asked for again in the usual way", async () => {
    let asked = 0;
    const server = createHttp((_, response) => {
      asked += 1;
      response.writeHead(503).write("<Error>");
      response.end("<Code>SlowDown</Code></Error>");
    });
    const answer = await ask(handler(), request(await listen(server)));
    expect(answer.status).toBe(503);
    expect((await buffer(answer.body)).toString()).toBe("<Error><Code>SlowDown</Code></Error>");
    expect(asked).toBe(2);
  });

  it("an error with a length comes as it is", async () => {
    const server = createHttp((_, response) => response.writeHead(403, { "content-length": "6" }).end("denied"));
    const answer = await ask(handler(), request(await listen(server)));
    expect([answer.status, (await buffer(answer.body)).toString()]).toEqual([403, "denied"]);
  });

  it("a connection that was closed while it waited is replaced by a new one", async () => {
    const sockets: Socket[] = [];
    const server = createHttp((_, response) => response.setHeader("content-length", 2).end("ok"));
    server.on("connection", (socket) => sockets.push(socket));
    const [port, direct] = [await listen(server), handler()];
    for (let round = 0; round < 3; round += 1) {
      expect((await filled(await ask(direct, request(port)))).toString()).toBe("ok");
      sockets.at(-1)?.destroy();
    }
    expect(sockets).toHaveLength(3);
  });

  it.each([
    ["breaks off", [headOf(10), "12345"], true, /closed the connection/],
    ["stands still", [headOf(10), "12345"], false, /stands still/],
    ["goes on behind its end", [headOf(5), "1234567"], false, /longer than announced/],
  ])("a body that %s is a broken connection, and no content", async (_, pieces, ends, message) => {
    const server = createTcp((socket) => {
      socket.on("data", () => {
        for (const piece of pieces) socket.write(piece);
        if (ends) socket.end();
      });
    });
    const answer = await ask(handler(), request(await listen(server)));
    const fault = await filled(answer).catch((cause: unknown) => cause);
    expect(fault).toMatchObject({ code: "DB_CONNECTION" });
    expect(fault instanceof Error && String(fault.cause)).toMatch(message);
  });

  it("more than there is room for is no archive, and nothing is written behind the room", async () => {
    const { port } = await says(headOf(100), "x".repeat(100));
    const around = Buffer.alloc(200, "-");
    const { body } = await ask(handler(), request(port));
    await expect(fillFrom(body, around.subarray(50, 120), "key", undefined)).rejects.toMatchObject({
      code: "DB_ARCHIVE_INVALID",
    });
    expect(around.subarray(120).toString()).toBe("-".repeat(80));
  });

  it.each([
    ["no server", async () => 1, "ECONNREFUSED", "Error"],
    [
      "a server that hangs up",
      async () => listen(createTcp((socket) => socket.destroy())),
      "ECONNRESET",
      "TimeoutError",
    ],
    ["a server that says nothing", async () => listen(createTcp()), "ETIMEDOUT", "TimeoutError"],
  ])("%s is an error that the SDK knows", async (_, port, code, name) => {
    await expect(ask(handler(), request(await port()))).rejects.toMatchObject({ code, name });
  });

  it("something that is not HTTP is an error", async () => {
    const { port } = await says("SSH-2.0-OpenSSH_9\r\n\r\n");
    await expect(ask(handler(), request(port))).rejects.toThrow(/not HTTP/);
  });

  it("stops when it is told to: before the answer, and in the body", async () => {
    const silent = await listen(createTcp());
    await expect(ask(handler(), request(silent), AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    const soon = AbortSignal.timeout(20);
    await expect(ask(handler(), request(silent), soon)).rejects.toMatchObject({ name: "AbortError" });
    const { port } = await says(headOf(10), "12345");
    const stop = new AbortController();
    const { body } = await ask(handler(), request(port), stop.signal);
    const filling = fillFrom(body, Buffer.alloc(10), "key", stop.signal);
    stop.abort();
    await expect(filling).rejects.toMatchObject({ code: "DB_ABORTED" });
  });
});

it("anything else goes the usual way", async () => {
  const methods: (string | undefined)[] = [];
  const server = createHttp(({ method }, response) => {
    methods.push(method);
    response.setHeader("content-length", 2).end("ok");
  });
  const port = await listen(server);
  const { response } = await handler().handle(request(port, { method: "HEAD" }), {
    ...directly,
    requestTimeout: 1_000,
  });
  expect(response.statusCode).toBe(200);
  const usual = await handler().handle(request(port));
  expect("fillInto" in usual.response.body).toBe(false);
  expect(methods).toEqual(["HEAD", "GET"]);
});
