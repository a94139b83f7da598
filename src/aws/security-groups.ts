import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  type EC2Client,
  type IpPermission,
} from "@aws-sdk/client-ec2";
import { DrawbridgeError } from "../errors.ts";
import { migrationTag } from "./access.ts";
import { calling, isAwsCode } from "./aws-errors.ts";

/** Who may come in on which TCP ports. */
export interface IngressRule {
  readonly fromPort: number;
  readonly toPort: number;
  /** Either an address range … */
  readonly cidr?: string | undefined;
  /** … or the members of another group. */
  readonly groupId?: string | undefined;
  readonly description?: string | undefined;
}

/** A security group that should exist. */
export interface SecurityGroupSpec {
  readonly name: string;
  readonly description: string;
  readonly migration: string;
  /** Absent: the region's default VPC. */
  readonly vpcId?: string | undefined;
  readonly ingress: readonly IngressRule[];
}

/** Verbs for security groups, part of `Ec2`. */
export interface SecurityGroups {
  /** Makes the group and its rules unless they are there; answers its id. */
  ensureSecurityGroup(spec: SecurityGroupSpec): Promise<string>;
  /** Ids and names of a migration's groups. */
  findSecurityGroups(migration: string): Promise<readonly { id: string; name: string }[]>;
  /** Removes a group; an unknown one is no error. `DB_AWS` (`DependencyViolation`) while something uses it. */
  deleteSecurityGroup(id: string): Promise<void>;
}

/** The verbs over one client. */
export function securityGroups(client: EC2Client): SecurityGroups {
  return {
    ensureSecurityGroup: async (spec) => {
      const vpcId = spec.vpcId ?? (await defaultVpc(client));
      const id = (await findGroup(client, spec, vpcId)) ?? (await createGroup(client, spec, vpcId));
      for (const rule of spec.ingress) await admit(client, id, rule);
      return id;
    },
    findSecurityGroups: async (migration) => {
      const Filters = [{ Name: `tag:${migrationTag}`, Values: [migration] }];
      const page = await calling("DescribeSecurityGroups", () =>
        client.send(new DescribeSecurityGroupsCommand({ Filters })),
      );
      return (page.SecurityGroups ?? []).map(({ GroupId, GroupName }) => ({
        id: GroupId ?? "",
        name: GroupName ?? "",
      }));
    },
    deleteSecurityGroup: async (GroupId) => {
      try {
        await calling("DeleteSecurityGroup", () => client.send(new DeleteSecurityGroupCommand({ GroupId })));
      } catch (error) {
        if (!isAwsCode(error, "InvalidGroup.NotFound")) throw error;
      }
    },
  };
}

async function defaultVpc(client: EC2Client): Promise<string> {
  const Filters = [{ Name: "isDefault", Values: ["true"] }];
  const { Vpcs } = await calling("DescribeVpcs", () => client.send(new DescribeVpcsCommand({ Filters })));
  const id = Vpcs?.[0]?.VpcId;
  if (id !== undefined) return id;
  throw new DrawbridgeError("DB_AWS", "this region has no default VPC: name one in the configuration", {
    outcome: "terminal",
  });
}

/** Group names are unique in a VPC; one that is not ours is never taken over. */
async function findGroup(client: EC2Client, spec: SecurityGroupSpec, vpcId: string): Promise<string | undefined> {
  const Filters = [
    { Name: "group-name", Values: [spec.name] },
    { Name: "vpc-id", Values: [vpcId] },
  ];
  const page = await calling("DescribeSecurityGroups", () =>
    client.send(new DescribeSecurityGroupsCommand({ Filters })),
  );
  const group = page.SecurityGroups?.[0];
  if (group === undefined) return undefined;
  if (group.Tags?.some(({ Key, Value }) => Key === migrationTag && Value === spec.migration)) return group.GroupId;
  throw new DrawbridgeError("DB_AWS", `security group ${spec.name} exists and is not of migration ${spec.migration}`, {
    outcome: "terminal",
  });
}

async function createGroup(client: EC2Client, spec: SecurityGroupSpec, VpcId: string): Promise<string> {
  const Tags = [
    { Key: "Name", Value: spec.name },
    { Key: migrationTag, Value: spec.migration },
  ];
  const input = {
    GroupName: spec.name,
    Description: spec.description,
    VpcId,
    TagSpecifications: [{ ResourceType: "security-group" as const, Tags }],
  };
  try {
    const made = await calling("CreateSecurityGroup", () => client.send(new CreateSecurityGroupCommand(input)));
    if (made.GroupId !== undefined) return made.GroupId;
  } catch (error) {
    // an answer that was lost on its way: the group is there
    if (!isAwsCode(error, "InvalidGroup.Duplicate")) throw error;
  }
  const found = await findGroup(client, spec, VpcId);
  if (found !== undefined) return found;
  throw new DrawbridgeError("DB_AWS", `security group ${spec.name} was made but cannot be found`);
}

async function admit(client: EC2Client, GroupId: string, rule: IngressRule): Promise<void> {
  const note = rule.description === undefined ? {} : { Description: rule.description };
  const permission: IpPermission = {
    IpProtocol: "tcp",
    FromPort: rule.fromPort,
    ToPort: rule.toPort,
    ...(rule.cidr === undefined ? {} : { IpRanges: [{ CidrIp: rule.cidr, ...note }] }),
    ...(rule.groupId === undefined ? {} : { UserIdGroupPairs: [{ GroupId: rule.groupId, ...note }] }),
  };
  try {
    await calling("AuthorizeSecurityGroupIngress", () =>
      client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [permission] })),
    );
  } catch (error) {
    if (!isAwsCode(error, "InvalidPermission.Duplicate")) throw error;
  }
}
