import { once } from "node:events";
import { createServer } from "node:net";

/** A loopback TCP port that was free a moment ago. Who uses it must be ready to find it taken and ask again. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return address.port;
}
