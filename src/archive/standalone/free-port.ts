import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { DrawbridgeError } from "../../errors.ts";

const usualPort = 5432;
const tried = 100;

/**
 * The port for a new server: PostgreSQL's own, or the next one on which nobody listens, on loopback or with a socket in `socketDir`.
 * @throws DrawbridgeError `DB_BAD_INPUT` when a hundred are taken.
 */
export async function findFreePort(socketDir: string): Promise<number> {
  for (let port = usualPort; port < usualPort + tried; port += 1) {
    if (existsSync(join(socketDir, `.s.PGSQL.${port}`))) continue;
    if (await isFree(port)) return port;
  }
  throw new DrawbridgeError(
    "DB_BAD_INPUT",
    `ports ${usualPort} to ${usualPort + tried - 1} are taken; name one with --port`,
  );
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
