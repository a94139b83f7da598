import { once } from "node:events";
import { createServer } from "node:net";

/** Below what the system gives out by itself, a thousand for each of vitest's workers: files that run at once never meet. */
const firstPort = 12_000;
const portsEach = 1_000;
const given = new Set<number>();

/** A loopback TCP port that was free a moment ago. Who uses it must be ready to find it taken and ask again. */
export async function freePort(): Promise<number> {
  const worker = process.env["VITEST_POOL_ID"];
  for (let tries = 0; worker !== undefined && tries < 200; tries += 1) {
    const port = firstPort + (Number(worker) % 16) * portsEach + Math.floor(Math.random() * portsEach);
    if (given.has(port) || (await listenOnce(port)) === undefined) continue;
    given.add(port);
    return port;
  }
  const port = await listenOnce(0);
  if (port === undefined) throw new Error("no TCP port is free");
  return port;
}

/** The port, when it could be listened on. */
async function listenOnce(port: number): Promise<number | undefined> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return undefined;
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  return address === null || typeof address === "string" ? undefined : address.port;
}
