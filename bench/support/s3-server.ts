import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../../src/clock.ts";
import { freePort } from "../../test/support/free-port.ts";
import { type Env, plainEnv } from "./system.ts";

/** The bucket of every archive that is measured. */
export const bucket = "bench";

/** A running S3 server over a folder. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  /** Keys and region, as every AWS client reads them. */
  readonly env: Env;
}

/**
 * Starts versitygw over `folder` on a free port, and for wal-e on 80 as well: its S3 library cannot sign a host name with a port.
 * @throws when it does not answer within 10 s.
 */
export async function startS3(versitygw: string, folder: string, forWalE: boolean): Promise<S3Server> {
  mkdirSync(join(folder, bucket), { recursive: true });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const ports = ["--port", `127.0.0.1:${port}`, ...(forWalE ? ["--port", "127.0.0.1:80"] : [])];
  const keys = { AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "bench-secret", AWS_REGION: "us-east-1" };
  const access = ["-a", keys.AWS_ACCESS_KEY_ID, "-s", keys.AWS_SECRET_ACCESS_KEY];
  const log = openSync(join(folder, "..", "versitygw.log"), "w");
  const child = spawn(versitygw, [...ports, ...access, "--keep-alive", "-q", "posix", folder], {
    env: plainEnv,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill();
    await gone;
  };
  try {
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`versitygw ended; see ${join(folder, "../versitygw.log")}`);
        return fetch(endpoint).then(
          () => true,
          () => undefined,
        );
      },
      { deadlineMs: 10_000, what: "the S3 server's first answer" },
    );
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { endpoint, env: keys, [Symbol.asyncDispose]: stop };
}
