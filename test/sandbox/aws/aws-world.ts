import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AwsAccess } from "../../../src/aws/access.ts";
import { type Ec2, openEc2 } from "../../../src/aws/ec2.ts";
import { openRds, type Rds } from "../../../src/aws/rds.ts";
import { silentLog } from "../../../src/log.ts";
import { Secret } from "../../../src/redact.ts";
import { type AwsOptions, type AwsServer, startAws } from "../../../src/sandbox/aws/aws-server.ts";
import type { InstanceBoot } from "../../../src/sandbox/aws/hosts.ts";
import type { KeyRing } from "../../../src/sandbox/s3/sigv4.ts";

/** An AWS stand-in whose instances run `sleep`, and the clients that talk to it. */
export interface AwsWorld extends AsyncDisposable {
  readonly server: AwsServer;
  readonly ring: KeyRing;
  readonly access: AwsAccess;
  readonly ec2: Ec2;
  readonly rds: Rds;
  /** Every start of an instance's process so far. */
  readonly boots: InstanceBoot[];
  readonly processes: ChildProcess[];
}

export async function startAwsWorld(options: Partial<AwsOptions> = {}): Promise<AwsWorld> {
  const root = await mkdtemp(join(tmpdir(), "drawbridge-aws-"));
  await chmod(root, 0o711);
  const ring: KeyRing = options.credentials ?? new Map();
  ring.set("AKWORKER", { secretAccessKey: "worker" });
  const boots: InstanceBoot[] = [];
  const processes: ChildProcess[] = [];
  const server = await startAws({
    root,
    credentials: ring,
    profiles: { "drawbridge-bridge": ["ours/bridge/"] },
    bootMs: 100,
    creationMs: 50,
    measureEveryMs: 200,
    startInstance: async (boot) => {
      boots.push(boot);
      const child = spawn("sleep", ["600"], { cwd: boot.directory, stdio: "ignore" });
      processes.push(child);
      return { pid: child.pid, exited: once(child, "exit"), stop: async () => void child.kill("SIGKILL") };
    },
    ...options,
  });
  const credentials = async () => ({ accessKeyId: "AKWORKER", secretAccessKey: new Secret("worker") });
  const access = { region: "us-east-1", endpoint: server.url, credentials, log: silentLog };
  const [ec2, rds] = [openEc2(access), openRds(access)];
  const stop = async (): Promise<void> => {
    ec2.close();
    rds.close();
    await server.stop();
    await rm(root, { recursive: true, force: true });
  };
  return { server, ring, access, ec2, rds, boots, processes, [Symbol.asyncDispose]: stop };
}
