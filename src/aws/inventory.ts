import { DescribeVolumesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { type AwsAccess, migrationTag, sdkConfig } from "./access.ts";
import { calling } from "./aws-errors.ts";
import { openEc2 } from "./ec2.ts";
import { openRds } from "./rds.ts";

/** One thing in AWS that Drawbridge made. */
export interface AwsObject {
  readonly kind: "instance" | "volume" | "security-group" | "database" | "parameter-group";
  readonly id: string;
  /** AWS's own word for its state; `present` where AWS has none. */
  readonly state: string;
}

/** Every AWS object that carries the migration's tag, with its state: what `retire` and an abandoned migration list. */
export async function listTagged(access: AwsAccess, migration: string): Promise<readonly AwsObject[]> {
  const [ec2, rds] = [openEc2(access), openRds(access)];
  try {
    const [instances, volumes, groups, databases, parameterGroups] = await Promise.all([
      ec2.findByTag(migration),
      listVolumes(access, migration),
      ec2.findSecurityGroups(migration),
      rds.findByTag(migration),
      rds.findParameterGroups(migration),
    ]);
    return [
      ...instances.map(({ id, state }) => ({ kind: "instance" as const, id, state })),
      ...volumes,
      ...groups.map(({ id }) => ({ kind: "security-group" as const, id, state: "present" })),
      ...databases.map(({ identifier: id, status: state }) => ({ kind: "database" as const, id, state })),
      ...parameterGroups.map((id) => ({ kind: "parameter-group" as const, id, state: "present" })),
    ];
  } finally {
    ec2.close();
    rds.close();
  }
}

async function listVolumes(access: AwsAccess, migration: string): Promise<AwsObject[]> {
  const client = new EC2Client(sdkConfig(access));
  try {
    const Filters = [{ Name: `tag:${migrationTag}`, Values: [migration] }];
    const page = await calling("DescribeVolumes", () => client.send(new DescribeVolumesCommand({ Filters })));
    return (page.Volumes ?? []).map(({ VolumeId, State }) => ({
      kind: "volume",
      id: VolumeId ?? "",
      state: State ?? "unknown",
    }));
  } finally {
    client.destroy();
  }
}
