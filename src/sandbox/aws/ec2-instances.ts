import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../log.ts";
import type { KeyRing } from "../s3/sigv4.ts";
import type { FaultBox } from "./faults.ts";
import { type Host, runHost, type StartInstance } from "./hosts.ts";
import { startImds } from "./imds.ts";
import { type Form, Refused, type Tags, tagsOf, type Xml } from "./query-api.ts";

/** An EC2 instance of the stand-in. */
export interface Instance {
  readonly id: string;
  readonly volumeId: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly clientToken: string | undefined;
  readonly fingerprint: string;
  readonly profile: string | undefined;
  readonly userData: string;
  readonly securityGroupIds: readonly string[];
  readonly volumeGb: number;
  readonly tags: Tags;
  readonly launched: Date;
  isProtected: boolean;
  state: "pending" | "running" | "shutting-down" | "terminated";
  reason: string | undefined;
  host: Host | undefined;
}

/** What instances need from the stand-in around them. */
export interface InstancesOptions {
  /** Each instance's disk is a folder below it. */
  readonly root: string;
  readonly bootMs: number;
  readonly startInstance: StartInstance;
  /** Instance profile → `bucket/prefix` that it may touch in S3. */
  readonly profiles: Readonly<Record<string, readonly string[]>>;
  readonly ring: KeyRing;
  readonly keyLifetimeMs: number;
  readonly faults: FaultBox;
  readonly log: Log;
}

/** The instances of the stand-in's region. */
export interface Instances {
  readonly all: ReadonlyMap<string, Instance>;
  run(form: Form): Instance;
  /** @throws Refused when it is protected or unknown. */
  terminate(id: string): Instance;
  find(id: string): Instance;
  /** Switches every instance off. */
  stop(): Promise<void>;
}

/** Makes an empty region. */
export function createInstances(options: InstancesOptions): Instances {
  const all = new Map<string, Instance>();
  const lives = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  const find = (id: string): Instance => {
    const instance = all.get(id);
    if (instance === undefined)
      throw new Refused("InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
    return instance;
  };
  const end = (instance: Instance): void => {
    instance.state = "shutting-down";
    const life = lives.get(instance.id) ?? Promise.resolve();
    const gone = life
      .then(() => instance.host?.destroy())
      .catch((error: unknown) => options.log.warn({ error: String(error) }, "a host ended badly"));
    lives.set(
      instance.id,
      gone.then(() => void (instance.state = "terminated")),
    );
  };
  return {
    all,
    find,
    run: (form) => {
      const existing = sameToken([...all.values()], form);
      if (existing !== undefined) return existing;
      if (options.faults.strikes("noCapacity")) throw noCapacity(form.need("InstanceType"));
      const instance = instanceFrom(form, options.profiles);
      all.set(instance.id, instance);
      lives.set(instance.id, boot(instance, options, stopping.signal));
      return instance;
    },
    terminate: (id) => {
      const instance = find(id);
      if (instance.isProtected) throw isProtected(id);
      if (instance.state === "pending" || instance.state === "running") end(instance);
      return instance;
    },
    stop: async () => {
      stopping.abort();
      for (const instance of all.values())
        if (instance.state === "pending" || instance.state === "running") end(instance);
      await Promise.all(lives.values());
    },
  };
}

function noCapacity(type: string): Refused {
  const message = `We currently do not have sufficient ${type} capacity in the Availability Zone you requested.`;
  return new Refused("InsufficientInstanceCapacity", message, 500);
}

function isProtected(id: string): Refused {
  const message = `The instance '${id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`;
  return new Refused("OperationNotPermitted", message);
}

function sameToken(instances: readonly Instance[], form: Form): Instance | undefined {
  const token = form.get("ClientToken");
  const existing = instances.find(({ clientToken }) => token !== undefined && clientToken === token);
  if (existing === undefined || existing.fingerprint === fingerprintOf(form)) return existing;
  throw new Refused(
    "IdempotentParameterMismatch",
    "The parameters do not match those of the first request with this client token.",
  );
}

const fingerprintOf = (form: Form): string => form.fingerprint(["ClientToken", "DryRun"]);

/** Checks a launch as EC2 does before it makes anything. */
export function instanceFrom(form: Form, profiles: InstancesOptions["profiles"]): Instance {
  const imageId = form.need("ImageId");
  if (!/^ami-[0-9a-f]{8,17}$/.test(imageId))
    throw new Refused("InvalidAMIID.Malformed", `Invalid id: "${imageId}" (expecting "ami-...")`);
  const profile = form.get("IamInstanceProfile.Name");
  if (profile !== undefined && profiles[profile] === undefined) {
    throw new Refused(
      "InvalidParameterValue",
      `Value (${profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name`,
    );
  }
  const userData = Buffer.from(form.get("UserData") ?? "", "base64");
  if (userData.length > 16_384) throw new Refused("InvalidParameterValue", "User data is limited to 16384 bytes");
  const specifications = form.records("TagSpecification").filter((spec) => spec.get("ResourceType") === "instance");
  return {
    id: `i-${randomBytes(8).toString("hex")}0`,
    volumeId: `vol-${randomBytes(8).toString("hex")}0`,
    imageId,
    instanceType: form.need("InstanceType"),
    clientToken: form.get("ClientToken"),
    fingerprint: fingerprintOf(form),
    profile,
    userData: userData.toString(),
    securityGroupIds: form.list("SecurityGroupId"),
    volumeGb: Number(form.records("BlockDeviceMapping")[0]?.get("Ebs.VolumeSize") ?? 8),
    tags: tagsOf(specifications.flatMap((spec) => spec.records("Tag"))),
    launched: new Date(),
    isProtected: form.get("DisableApiTermination") === "true",
    state: "pending",
    reason: undefined,
    host: undefined,
  };
}

/** Everything is on this machine's loopback interface. */
const loopback = "127.0.0.1";

/** From `pending` to `running`: then the instance is a directory, a metadata service and a process. */
async function boot(instance: Instance, options: InstancesOptions, signal: AbortSignal): Promise<void> {
  const { faults, ring, keyLifetimeMs, log } = options;
  await delay(options.bootMs + (faults.get().slowCreation?.ms ?? 0), undefined, { signal }).catch(() => undefined);
  if (instance.state !== "pending") return;
  if (faults.get().creationFails?.kind === "instance") {
    instance.reason = "Server.InternalError: Internal error on launch";
    instance.state = "terminated";
    return;
  }
  const { id: instanceId, userData, profile: role } = instance;
  const directory = join(options.root, instanceId);
  // servers on it run as another user and must be able to pass
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const allowPrefixes = options.profiles[role ?? ""] ?? [];
  const addresses = { localIpv4: loopback, publicIpv4: loopback };
  const imds = await startImds({ instanceId, userData, ...addresses, role, allowPrefixes, ring, keyLifetimeMs });
  const host = runHost({ instanceId, userData, directory, imdsUrl: imds.url }, options.startInstance, log);
  instance.host = {
    pid: () => host.pid(),
    destroy: async () => {
      await host.destroy();
      await imds.stop();
    },
  };
  // a termination may have come while the disk was made
  if (instance.state === "pending") instance.state = "running";
}

const stateCodes = { pending: 0, running: 16, "shutting-down": 32, terminated: 48 } as const;

/** An instance as EC2 describes it. */
export function instanceXml(instance: Instance): Xml {
  const isUp = instance.state === "running";
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: stateXml(instance),
    instanceType: instance.instanceType,
    launchTime: instance.launched,
    ...(isUp ? { privateIpAddress: loopback, ipAddress: loopback } : {}),
    ...(instance.reason === undefined
      ? {}
      : { stateReason: { code: instance.reason.split(":")[0], message: instance.reason } }),
    clientToken: instance.clientToken,
    groupSet: { item: instance.securityGroupIds.map((groupId) => ({ groupId })) },
    tagSet: { item: Object.entries(instance.tags).map(([key, value]) => ({ key, value })) },
  };
}

/** An instance's state as EC2 writes it. */
export function stateXml({ state }: Instance): Xml {
  return { code: stateCodes[state], name: state };
}
