import { chmod, chown, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { ifThere, isNotThere } from "../archive/host/if-there.ts";
import { DrawbridgeError } from "../errors.ts";
import type { AgentContext } from "./context.ts";
import { isLoopback, listenHostOf, type ServerTls } from "./server-config.ts";

const keyName = "server.key";
const certificateName = "server.crt";
/** Longer than any bridge lives. Nobody checks it: clients encrypt without checking, as they do with Heroku Postgres. */
const certificateDays = "3650";
const opensslDeadlineMs = 60_000;

/**
 * Sees to it that the server's key and certificate lie in the instance's directory. They are made once, self-signed, and
 * stay for the instance's life. `undefined` where PostgreSQL listens on loopback only: then nothing has to be encrypted.
 * @throws DrawbridgeError `DB_CONFIG` when openssl is not installed, `DB_BRIDGE` when it fails.
 */
export async function ensureServerTls(
  context: Pick<AgentContext, "deps" | "paths" | "user">,
  openssl = "openssl",
): Promise<ServerTls | undefined> {
  const { deps, paths } = context;
  if (deps.tls !== "always" && isLoopback(listenHostOf(deps))) return undefined;
  const directory = join(paths.dir, "tls");
  if ((await ifThere(stat(directory))) === undefined) await makeCertificate(context, directory, openssl);
  return {
    keyFile: join(directory, keyName),
    certificateFile: join(directory, certificateName),
    demandedOf: deps.tls === "always" ? "everyone" : "away",
  };
}

/** Both files or none, also across a power loss: a server whose key is empty does not start. */
async function makeCertificate(
  { deps, paths, user }: Pick<AgentContext, "deps" | "paths" | "user">,
  directory: string,
  openssl: string,
): Promise<void> {
  const half = `${directory}.half`;
  await rm(half, { recursive: true, force: true });
  await mkdir(half, { mode: 0o700 });
  if (user.owner) await chown(half, user.owner.uid, user.owner.gid);
  await runOpenssl(openssl, requestArguments(deps.host, half), paths.dir, user.owner);
  await chmod(join(half, keyName), 0o600);
  for (const path of [join(half, keyName), join(half, certificateName), half]) await sync(path);
  await rename(half, directory);
  await sync(paths.dir);
  deps.log.info({ directory }, "made key and certificate for PostgreSQL");
}

/** A common name has 64 characters at most; the host's own name goes where names are looked for. */
function requestArguments(host: string, directory: string): string[] {
  const name = `subjectAltName=${isIP(host) === 0 ? "DNS" : "IP"}:${host}`;
  const files = ["-keyout", join(directory, keyName), "-out", join(directory, certificateName)];
  const kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", certificateDays];
  return ["req", ...kind, "-subj", "/CN=drawbridge-bridge", "-addext", name, ...files];
}

async function runOpenssl(
  openssl: string,
  args: readonly string[],
  directory: string,
  owner: AgentContext["user"]["owner"],
): Promise<void> {
  try {
    await execa(openssl, args, {
      cwd: directory,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", HOME: directory },
      extendEnv: false,
      stdin: "ignore",
      timeout: opensslDeadlineMs,
      ...(owner ? { uid: owner.uid, gid: owner.gid } : {}),
    });
  } catch (cause) {
    if (isNotThere(cause)) {
      throw new DrawbridgeError(
        "DB_CONFIG",
        "PostgreSQL on the bridge needs a certificate, and there is no openssl here: install the package openssl",
        { cause },
      );
    }
    throw new DrawbridgeError("DB_BRIDGE", "openssl made no certificate for PostgreSQL", { cause });
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}
