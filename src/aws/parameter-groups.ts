import {
  CreateDBParameterGroupCommand,
  DeleteDBParameterGroupCommand,
  DescribeDBParameterGroupsCommand,
  DescribeDBParametersCommand,
  ListTagsForResourceCommand,
  ModifyDBParameterGroupCommand,
  type RDSClient,
} from "@aws-sdk/client-rds";
import { DrawbridgeError } from "../errors.ts";
import { migrationTag } from "./access.ts";
import { calling, isAwsCode } from "./aws-errors.ts";

/** A parameter group that should exist. */
export interface ParameterGroupSpec {
  readonly name: string;
  readonly migration: string;
  /** `postgres17`. */
  readonly family: string;
  /** Parameter → value, RDS's own (`rds.logical_replication`) included. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Verbs for RDS parameter groups, part of `Rds`. */
export interface ParameterGroups {
  /** Makes the group unless it is there and ours, and sets its parameters. Attach it at creation: then nothing needs a reboot. */
  ensureParameterGroup(spec: ParameterGroupSpec): Promise<void>;
  /** The parameters that were set by someone, by name. */
  readParameterGroup(name: string): Promise<Readonly<Record<string, string>>>;
  /** Names of a migration's groups. */
  findParameterGroups(migration: string): Promise<readonly string[]>;
  /** Removes a group; an unknown one is no error. `DB_AWS` (`InvalidDBParameterGroupState`) while an instance uses it. */
  deleteParameterGroup(name: string): Promise<void>;
}

/** RDS takes no more than this many parameters in one call. */
const parametersPerCall = 20;

/** The verbs over one client. */
export function parameterGroups(client: RDSClient): ParameterGroups {
  return {
    ensureParameterGroup: async (spec) => {
      await ensureGroup(client, spec);
      // pending-reboot is allowed for every parameter; a group that is attached at creation is applied whole
      const parameters = Object.entries(spec.parameters).map(([ParameterName, ParameterValue]) => ({
        ParameterName,
        ParameterValue,
        ApplyMethod: "pending-reboot" as const,
      }));
      for (let from = 0; from < parameters.length; from += parametersPerCall) {
        const Parameters = parameters.slice(from, from + parametersPerCall);
        await calling("ModifyDBParameterGroup", () =>
          client.send(new ModifyDBParameterGroupCommand({ DBParameterGroupName: spec.name, Parameters })),
        );
      }
    },
    readParameterGroup: (name) => readParameters(client, name),
    findParameterGroups: (migration) => findGroups(client, migration),
    deleteParameterGroup: async (DBParameterGroupName) => {
      try {
        await calling("DeleteDBParameterGroup", () =>
          client.send(new DeleteDBParameterGroupCommand({ DBParameterGroupName })),
        );
      } catch (error) {
        if (!isAwsCode(error, "DBParameterGroupNotFound")) throw error;
      }
    },
  };
}

async function ensureGroup(client: RDSClient, spec: ParameterGroupSpec): Promise<void> {
  const input = {
    DBParameterGroupName: spec.name,
    DBParameterGroupFamily: spec.family,
    Description: `Drawbridge migration ${spec.migration}`,
    Tags: [{ Key: migrationTag, Value: spec.migration }],
  };
  try {
    await calling("CreateDBParameterGroup", () => client.send(new CreateDBParameterGroupCommand(input)));
  } catch (error) {
    if (!isAwsCode(error, "DBParameterGroupAlreadyExists")) throw error;
    const ours = await findGroups(client, spec.migration);
    if (ours.includes(spec.name.toLowerCase())) return;
    throw new DrawbridgeError(
      "DB_AWS",
      `parameter group ${spec.name} exists and is not of migration ${spec.migration}`,
      {
        cause: error,
        outcome: "terminal",
      },
    );
  }
}

async function readParameters(client: RDSClient, DBParameterGroupName: string): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  let Marker: string | undefined;
  do {
    const input = { DBParameterGroupName, Source: "user", ...(Marker === undefined ? {} : { Marker }) };
    const page = await calling("DescribeDBParameters", () => client.send(new DescribeDBParametersCommand(input)));
    for (const { ParameterName, ParameterValue } of page.Parameters ?? []) {
      if (ParameterName !== undefined && ParameterValue !== undefined) values[ParameterName] = ParameterValue;
    }
    Marker = page.Marker;
  } while (Marker !== undefined && Marker !== "");
  return values;
}

/** RDS cannot filter parameter groups by tag, and lists them without their tags. */
async function findGroups(client: RDSClient, migration: string): Promise<string[]> {
  const found: string[] = [];
  let Marker: string | undefined;
  do {
    const page = await calling("DescribeDBParameterGroups", () =>
      client.send(new DescribeDBParameterGroupsCommand(Marker === undefined ? {} : { Marker })),
    );
    for (const { DBParameterGroupName: name, DBParameterGroupArn: ResourceName } of page.DBParameterGroups ?? []) {
      if (name === undefined || ResourceName === undefined || name.startsWith("default.")) continue;
      const { TagList } = await calling("ListTagsForResource", () =>
        client.send(new ListTagsForResourceCommand({ ResourceName })),
      );
      if (TagList?.some(({ Key, Value }) => Key === migrationTag && Value === migration)) found.push(name);
    }
    Marker = page.Marker;
  } while (Marker !== undefined && Marker !== "");
  return found;
}
