import {
  CreateDBInstanceCommand,
  type CreateDBInstanceCommandInput,
  type DBInstance,
  DeleteDBInstanceCommand,
  DescribeDBInstancesCommand,
  ModifyDBInstanceCommand,
  RDSClient,
} from "@aws-sdk/client-rds";
import { waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import type { Secret } from "../redact.ts";
import { type AwsAccess, migrationTag, sdkConfig } from "./access.ts";
import { calling, isAwsCode } from "./aws-errors.ts";
import type { Waiting } from "./ec2.ts";
import { type ParameterGroups, parameterGroups } from "./parameter-groups.ts";

/** What the target should be. */
export interface DatabaseSpec {
  readonly identifier: string;
  readonly migration: string;
  /** `db.m6g.xlarge`. */
  readonly instanceClass: string;
  /** The major alone (`17`) lets RDS choose the minor; retired minors are refused. */
  readonly engineVersion: string;
  readonly storageGb: number;
  readonly parameterGroup: string;
  readonly masterUser: string;
  readonly masterPassword: Secret;
  readonly securityGroupIds: readonly string[];
  readonly subnetGroup?: string | undefined;
  /** The first database's name; absent: only `postgres`. */
  readonly databaseName?: string | undefined;
  /** Whether the internet may reach it (Heroku's dynos outside a private space must). */
  readonly publiclyAccessible: boolean;
  readonly deletionProtection?: boolean | undefined;
  /** Besides the migration's own tag. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** An RDS instance as we know it. */
export interface TargetDatabase {
  readonly identifier: string;
  /** RDS's word: `creating`, `backing-up`, `available`, `failed`, … */
  readonly status: string;
  /** Known from about the time it becomes available. */
  readonly endpoint: { readonly host: string; readonly port: number } | undefined;
  readonly engineVersion: string | undefined;
  readonly instanceClass: string | undefined;
  readonly storageGb: number | undefined;
  readonly masterUser: string | undefined;
  readonly parameterGroups: readonly { readonly name: string; readonly applyStatus: string }[];
  readonly tags: Readonly<Record<string, string>>;
}

/** The few things Drawbridge does with RDS. Errors: `DB_AWS` with AWS's code (see `awsCode`), `DB_CONNECTION`. */
export interface Rds extends ParameterGroups {
  /** Makes the instance; one that exists under this identifier is adopted only when it carries the migration's tag. */
  createDatabase(spec: DatabaseSpec): Promise<TargetDatabase>;
  /** `undefined` when RDS does not know the identifier. */
  describeDatabase(identifier: string): Promise<TargetDatabase | undefined>;
  /** @throws DrawbridgeError `DB_AWS` (terminal) naming the failure state, `DB_WAIT_TIMEOUT` at the deadline. */
  waitAvailable(identifier: string, waiting: Waiting): Promise<TargetDatabase>;
  /** Lifts deletion protection and deletes without a final snapshot; an unknown one is no error. */
  deleteDatabase(identifier: string): Promise<void>;
  /** Resolves when RDS does not know the identifier any more. */
  waitDeleted(identifier: string, waiting: Waiting): Promise<void>;
  /** All instances of a migration. */
  findByTag(migration: string): Promise<readonly TargetDatabase[]>;
  close(): void;
}

/** Opens RDS in one region. */
export function openRds(access: AwsAccess): Rds {
  const client = new RDSClient(sdkConfig(access));
  const look = (identifier: string): Promise<TargetDatabase | undefined> => describeDatabase(client, identifier);
  return {
    ...parameterGroups(client),
    createDatabase: (spec) => createDatabase(client, spec),
    describeDatabase: look,
    waitAvailable: (identifier, waiting) =>
      waitFor(async () => availableOrFail(identifier, await look(identifier)), {
        ...waiting,
        everyMs: waiting.everyMs ?? 5_000,
        what: `database ${identifier} to be available`,
      }),
    deleteDatabase: (identifier) => deleteDatabase(client, identifier),
    waitDeleted: async (identifier, waiting) => {
      const gone = async (): Promise<boolean> => (await look(identifier)) === undefined;
      await waitFor(gone, { ...waiting, everyMs: waiting.everyMs ?? 5_000, what: `database ${identifier} to be gone` });
    },
    findByTag: async (migration) => {
      const all = await describeAll(client, {});
      return all.filter(({ tags }) => tags[migrationTag] === migration);
    },
    close: () => client.destroy(),
  };
}

async function describeAll(client: RDSClient, input: { DBInstanceIdentifier?: string }): Promise<TargetDatabase[]> {
  const found: TargetDatabase[] = [];
  let Marker: string | undefined;
  do {
    const page = await calling("DescribeDBInstances", () =>
      client.send(new DescribeDBInstancesCommand({ ...input, ...(Marker === undefined ? {} : { Marker }) })),
    );
    found.push(...(page.DBInstances ?? []).flatMap(databaseOf));
    Marker = page.Marker;
  } while (Marker !== undefined && Marker !== "");
  return found;
}

async function describeDatabase(client: RDSClient, DBInstanceIdentifier: string): Promise<TargetDatabase | undefined> {
  try {
    return (await describeAll(client, { DBInstanceIdentifier }))[0];
  } catch (error) {
    if (isAwsCode(error, "DBInstanceNotFound")) return undefined;
    throw error;
  }
}

/** RDS has no client token: the identifier is the key, so `AlreadyExists` may be our own call whose answer was lost. */
async function createDatabase(client: RDSClient, spec: DatabaseSpec): Promise<TargetDatabase> {
  try {
    const made = await calling("CreateDBInstance", () => client.send(new CreateDBInstanceCommand(creationInput(spec))));
    const [database] = made.DBInstance === undefined ? [] : databaseOf(made.DBInstance);
    if (database !== undefined) return database;
  } catch (error) {
    if (!isAwsCode(error, "DBInstanceAlreadyExists")) throw error;
  }
  const existing = await describeDatabase(client, spec.identifier);
  if (existing === undefined)
    throw new DrawbridgeError("DB_AWS", `database ${spec.identifier} was made but cannot be found`);
  if (existing.tags[migrationTag] === spec.migration) return existing;
  throw new DrawbridgeError("DB_AWS", `database ${spec.identifier} exists and is not of migration ${spec.migration}`, {
    outcome: "terminal",
  });
}

function creationInput(spec: DatabaseSpec): CreateDBInstanceCommandInput {
  const tags = { ...spec.tags, [migrationTag]: spec.migration };
  return {
    DBInstanceIdentifier: spec.identifier,
    Engine: "postgres",
    EngineVersion: spec.engineVersion,
    DBInstanceClass: spec.instanceClass,
    AllocatedStorage: spec.storageGb,
    StorageType: "gp3",
    StorageEncrypted: true,
    MasterUsername: spec.masterUser,
    MasterUserPassword: spec.masterPassword.reveal(),
    DBParameterGroupName: spec.parameterGroup,
    VpcSecurityGroupIds: [...spec.securityGroupIds],
    PubliclyAccessible: spec.publiclyAccessible,
    DeletionProtection: spec.deletionProtection ?? false,
    // a minor upgrade would restart the target in the middle of a copy
    AutoMinorVersionUpgrade: false,
    CopyTagsToSnapshot: true,
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    ...(spec.subnetGroup === undefined ? {} : { DBSubnetGroupName: spec.subnetGroup }),
    ...(spec.databaseName === undefined ? {} : { DBName: spec.databaseName }),
  };
}

const failureStates =
  /^(failed|deleted|deleting|incompatible-.*|inaccessible-encryption-credentials.*|restore-error|storage-full|insufficient-capacity|stopped|stopping)$/;

/** The instance when it is ready, `undefined` while it may still become so. */
function availableOrFail(identifier: string, database: TargetDatabase | undefined): TargetDatabase | undefined {
  if (database === undefined)
    throw new DrawbridgeError("DB_AWS", `RDS does not know database ${identifier}`, { outcome: "terminal" });
  if (failureStates.test(database.status)) {
    throw new DrawbridgeError("DB_AWS", `database ${identifier} is ${database.status}`, { outcome: "terminal" });
  }
  return database.status === "available" && database.endpoint !== undefined ? database : undefined;
}

async function deleteDatabase(client: RDSClient, DBInstanceIdentifier: string): Promise<void> {
  try {
    const unprotect = { DBInstanceIdentifier, DeletionProtection: false, ApplyImmediately: true };
    await calling("ModifyDBInstance", () => client.send(new ModifyDBInstanceCommand(unprotect)));
    const removal = { DBInstanceIdentifier, SkipFinalSnapshot: true, DeleteAutomatedBackups: true };
    await calling("DeleteDBInstance", () => client.send(new DeleteDBInstanceCommand(removal)));
  } catch (error) {
    if (isAwsCode(error, "DBInstanceNotFound")) return;
    if (!isAwsCode(error, "InvalidDBInstanceState")) throw error;
    // it is being deleted already, or gone since; waitDeleted tells
    const there = await describeDatabase(client, DBInstanceIdentifier);
    if (there !== undefined && there.status !== "deleting") throw error;
  }
}

function databaseOf(instance: DBInstance): TargetDatabase[] {
  const { DBInstanceIdentifier: identifier, Endpoint } = instance;
  if (identifier === undefined) return [];
  const placed = Endpoint?.Address !== undefined && Endpoint.Port !== undefined;
  return [
    {
      identifier,
      status: instance.DBInstanceStatus ?? "unknown",
      endpoint: placed ? { host: Endpoint.Address ?? "", port: Endpoint.Port ?? 0 } : undefined,
      engineVersion: instance.EngineVersion,
      instanceClass: instance.DBInstanceClass,
      storageGb: instance.AllocatedStorage,
      masterUser: instance.MasterUsername,
      parameterGroups: (instance.DBParameterGroups ?? []).map((group) => ({
        name: group.DBParameterGroupName ?? "",
        applyStatus: group.ParameterApplyStatus ?? "",
      })),
      tags: Object.fromEntries((instance.TagList ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""])),
    },
  ];
}
