import {
  DescribeInstancesCommand,
  EC2Client,
  type Filter,
  type Instance,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import { type AwsAccess, migrationTag, sdkConfig } from "./access.ts";
import { awsCode, calling, isAwsCode } from "./aws-errors.ts";
import { type SecurityGroups, securityGroups } from "./security-groups.ts";

/** What the bridge's host should be. */
export interface BridgeSpec {
  /** Made once and kept in the journal: the same token never launches twice. At most 64 ASCII characters. */
  readonly clientToken: string;
  readonly migration: string;
  readonly imageId: string;
  readonly instanceType: string;
  /** Plain text, at most 16 KB; names bucket, key and region, never a secret. */
  readonly userData: string;
  /** Name of the instance profile that may read the agent's secrets. */
  readonly instanceProfile: string;
  readonly volumeGb: number;
  readonly securityGroupIds: readonly string[];
  readonly subnetId?: string | undefined;
  /** Besides the migration's own tag. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** AWS's words for an instance's state. */
export type InstanceState = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

/** An EC2 instance as we know it. */
export interface BridgeInstance {
  readonly id: string;
  readonly state: InstanceState;
  readonly privateIp: string | undefined;
  readonly publicIp: string | undefined;
  readonly imageId: string | undefined;
  readonly instanceType: string | undefined;
  /** Why AWS stopped it, where it did. */
  readonly stateReason: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** How long to wait, and when to stop waiting. */
export interface Waiting {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Between two looks; 2,000 ms unless told. */
  readonly everyMs?: number | undefined;
}

/** The few things Drawbridge does with EC2. Errors: `DB_AWS` with AWS's code (see `awsCode`), `DB_CONNECTION`. */
export interface Ec2 extends SecurityGroups {
  /** Asks whether `launchBridge` would be allowed; costs and makes nothing. Tells nothing of capacity or quota. */
  dryRun(spec: BridgeSpec): Promise<{ allowed: true } | { allowed: false; reason: string }>;
  /** The migration's bridge: the one that lives already, else a new one. */
  launchBridge(spec: BridgeSpec): Promise<BridgeInstance>;
  /** `undefined` when AWS does not know the id (any more, or not yet). */
  describeInstance(id: string): Promise<BridgeInstance | undefined>;
  /** @throws DrawbridgeError `DB_AWS` (terminal) when the instance ended instead, `DB_WAIT_TIMEOUT` at the deadline. */
  waitRunning(id: string, waiting: Waiting): Promise<BridgeInstance>;
  /** All instances of a migration, those that are ending included. */
  findByTag(migration: string): Promise<readonly BridgeInstance[]>;
  /** Lifts the termination protection and ends the instance; an unknown id is no error. */
  terminate(id: string): Promise<void>;
  /** Resolves when the instance is `terminated` or unknown. */
  waitGone(id: string, waiting: Waiting): Promise<void>;
  close(): void;
}

/** Opens EC2 in one region. */
export function openEc2(access: AwsAccess): Ec2 {
  const client = new EC2Client(sdkConfig(access));
  const look = (id: string): Promise<BridgeInstance | undefined> => describeInstance(client, id);
  const findByTag = (migration: string): Promise<BridgeInstance[]> =>
    describeInstances(client, { Filters: [{ Name: `tag:${migrationTag}`, Values: [migration] }] });
  return {
    ...securityGroups(client),
    dryRun: (spec) => dryRun(client, spec),
    launchBridge: async (spec) => theLivingOne(spec.migration, await findByTag(spec.migration)) ?? launch(client, spec),
    describeInstance: look,
    waitRunning: (id, waiting) => waitRunning(look, id, waiting),
    findByTag,
    terminate: (id) => terminate(client, id),
    waitGone: async (id, waiting) => {
      const gone = async (): Promise<boolean> => ((await look(id))?.state ?? "terminated") === "terminated";
      await waitFor(gone, { ...waiting, ...every(waiting), what: `instance ${id} to end` });
    },
    close: () => client.destroy(),
  };
}

async function describeInstances(
  client: EC2Client,
  input: { InstanceIds?: string[]; Filters?: Filter[] },
): Promise<BridgeInstance[]> {
  const found: BridgeInstance[] = [];
  let NextToken: string | undefined;
  do {
    const page = await calling("DescribeInstances", () =>
      client.send(new DescribeInstancesCommand({ ...input, ...(NextToken === undefined ? {} : { NextToken }) })),
    );
    for (const { Instances } of page.Reservations ?? []) found.push(...(Instances ?? []).flatMap(instanceOf));
    NextToken = page.NextToken;
  } while (NextToken !== undefined && NextToken !== "");
  return found;
}

async function describeInstance(client: EC2Client, id: string): Promise<BridgeInstance | undefined> {
  try {
    return (await describeInstances(client, { InstanceIds: [id] }))[0];
  } catch (error) {
    if (isAwsCode(error, "InvalidInstanceID.NotFound")) return undefined;
    throw error;
  }
}

function theLivingOne(migration: string, instances: readonly BridgeInstance[]): BridgeInstance | undefined {
  const living = instances.filter(({ state }) => state !== "terminated" && state !== "shutting-down");
  if (living.length <= 1) return living[0];
  const ids = living.map(({ id }) => id).join(", ");
  throw new DrawbridgeError("DB_AWS", `migration ${migration} has more than one bridge: ${ids}`, {
    outcome: "terminal",
  });
}

function every({ everyMs }: Waiting): { everyMs: number } {
  return { everyMs: everyMs ?? 2_000 };
}

async function launch(client: EC2Client, spec: BridgeSpec): Promise<BridgeInstance> {
  const answer = await calling("RunInstances", () => client.send(new RunInstancesCommand(launchInput(spec))));
  const instance = (answer.Instances ?? []).flatMap(instanceOf)[0];
  if (instance === undefined) throw new DrawbridgeError("DB_AWS", "RunInstances answered without an instance");
  return instance;
}

async function dryRun(
  client: EC2Client,
  spec: BridgeSpec,
): Promise<{ allowed: true } | { allowed: false; reason: string }> {
  try {
    await calling("RunInstances (dry run)", () =>
      client.send(new RunInstancesCommand({ ...launchInput(spec), DryRun: true })),
    );
    return { allowed: true };
  } catch (error) {
    if (awsCode(error) === "DryRunOperation") return { allowed: true };
    if (isAwsCode(error, "UnauthorizedOperation") && error instanceof Error)
      return { allowed: false, reason: error.message };
    throw error;
  }
}

function launchInput(spec: BridgeSpec): RunInstancesCommandInput {
  const tags = { Name: `drawbridge ${spec.migration}`, ...spec.tags, [migrationTag]: spec.migration };
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  if (!isInstanceType(spec.instanceType)) {
    throw new DrawbridgeError("DB_BAD_INPUT", `${spec.instanceType} is no EC2 instance type`);
  }
  return {
    ClientToken: spec.clientToken,
    ImageId: spec.imageId,
    MinCount: 1,
    MaxCount: 1,
    SecurityGroupIds: [...spec.securityGroupIds],
    IamInstanceProfile: { Name: spec.instanceProfile },
    UserData: Buffer.from(spec.userData).toString("base64"),
    BlockDeviceMappings: [
      {
        DeviceName: "/dev/sdf",
        Ebs: { VolumeSize: spec.volumeGb, VolumeType: "gp3", Encrypted: true, DeleteOnTermination: true },
      },
    ],
    MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1, HttpEndpoint: "enabled" },
    // it will be the production primary for a while
    DisableApiTermination: true,
    InstanceInitiatedShutdownBehavior: "stop",
    TagSpecifications: (["instance", "volume"] as const).map((ResourceType) => ({ ResourceType, Tags })),
    ...(spec.subnetId === undefined ? {} : { SubnetId: spec.subnetId }),
    InstanceType: spec.instanceType,
  };
}

type InstanceType = NonNullable<RunInstancesCommandInput["InstanceType"]>;

/** The SDK's list of types is only a hint, AWS adds new ones all the time: only the form is checked. */
function isInstanceType(name: string): name is InstanceType {
  return /^[a-z0-9-]+\.[a-z0-9-]+$/.test(name);
}

async function waitRunning(
  look: (id: string) => Promise<BridgeInstance | undefined>,
  id: string,
  waiting: Waiting,
): Promise<BridgeInstance> {
  const running = async (): Promise<BridgeInstance | undefined> => {
    const instance = await look(id); // unknown right after the launch: AWS is eventually consistent
    if (instance?.state === "terminated" || instance?.state === "shutting-down") {
      const why = instance.stateReason ?? "without a reason";
      throw new DrawbridgeError("DB_AWS", `instance ${id} ended while starting: ${why}`, { outcome: "terminal" });
    }
    return instance?.state === "running" ? instance : undefined;
  };
  return waitFor(running, { ...waiting, ...every(waiting), what: `instance ${id} to run` });
}

async function terminate(client: EC2Client, InstanceId: string): Promise<void> {
  try {
    await calling("ModifyInstanceAttribute", () =>
      client.send(new ModifyInstanceAttributeCommand({ InstanceId, DisableApiTermination: { Value: false } })),
    );
    await calling("TerminateInstances", () =>
      client.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId] })),
    );
  } catch (error) {
    if (!isAwsCode(error, "InvalidInstanceID.NotFound", "IncorrectInstanceState")) throw error;
  }
}

function instanceOf(instance: Instance): BridgeInstance[] {
  const { InstanceId: id, State } = instance;
  if (id === undefined || State?.Name === undefined) return [];
  const tags = Object.fromEntries((instance.Tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
  return [
    {
      id,
      state: State.Name,
      privateIp: instance.PrivateIpAddress,
      publicIp: instance.PublicIpAddress,
      imageId: instance.ImageId,
      instanceType: instance.InstanceType,
      stateReason: instance.StateReason?.Message,
      tags,
    },
  ];
}
