import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serverUser } from "../../test/support/server-user.ts";
import { bucket, type S3Server } from "./s3-server.ts";
import { type Command, type Env, ownDir } from "./system.ts";

/** The programs that the benchmarks compare with, those that are installed. */
export interface Peers {
  readonly versitygw: string;
  readonly walG: string | undefined;
  readonly walE: string | undefined;
}

/**
 * Finds what the peers' install.sh left in `dir`, only those of `wanted` if given.
 * @throws without the S3 server: nothing can be measured then.
 */
export function findPeers(dir: string, wanted: readonly string[] = ["wal-g", "wal-e"]): Peers {
  const at = (path: string): string | undefined => (existsSync(join(dir, path)) ? join(dir, path) : undefined);
  const versitygw = at("versitygw");
  if (versitygw === undefined) throw new Error(`${dir} has no versitygw; see bench/README.md`);
  return {
    versitygw,
    walG: wanted.includes("wal-g") ? at("wal-g") : undefined,
    walE: wanted.includes("wal-e") ? at("wal-e/bin/wal-e") : undefined,
  };
}

/** Environment of wal-g for the archive `name`. */
export function walGEnv(server: S3Server, name: string, home: string): Env {
  const s3 = { AWS_ENDPOINT: server.endpoint, AWS_S3_FORCE_PATH_STYLE: "true" };
  return { ...server.env, ...s3, WALG_S3_PREFIX: `s3://${bucket}/${name}`, HOME: ownDir(home) };
}

const walEHost = "s3.us-east-1.local.test";

/**
 * A command with wal-e in it. Its S3 library reads the region out of the host name, so this name has to resolve: in a mount
 * namespace of its own, with its own hosts file, and the machine's stays as it is. Needs root.
 */
export function walECommand(argv: readonly string[], server: S3Server, name: string, home: string): Command {
  mkdirSync(home, { recursive: true });
  const hosts = join(home, "wal-e-hosts");
  const boto = join(home, "wal-e-boto.cfg");
  writeFileSync(hosts, `127.0.0.1 localhost ${walEHost}\n`, { mode: 0o644 });
  writeFileSync(boto, "[s3]\nuse-sigv4 = True\n", { mode: 0o644 });
  const { uid, gid } = serverUser();
  const user = uid === undefined ? "" : `setpriv --reuid ${uid} --regid ${gid} --clear-groups`;
  const inside = `mount --bind '${hosts}' /etc/hosts && exec ${user} "$@"`;
  const env = {
    ...server.env,
    WALE_S3_PREFIX: `s3://${bucket}/${name}`,
    WALE_S3_ENDPOINT: `http+path://${walEHost}:80`,
    WALE_LOG_DESTINATION: "stderr",
    BOTO_CONFIG: boto,
  };
  return { argv: ["unshare", "--mount", "sh", "-c", inside, "wal-e", ...argv], env, asSelf: true };
}
