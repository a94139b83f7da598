import { randomBytes } from "node:crypto";
import { type Form, Refused, type Tags, tagsOf, type Xml, type XmlRecord } from "./query-api.ts";

/** The stand-in's only VPC. */
export const vpcId = "vpc-05a4db0c";

/** A security group of the stand-in. Rules are kept and compared, not enforced: everything is on one machine. */
export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags: Tags;
  readonly rules: Set<string>;
}

/** Serves the actions on security groups; `undefined` for any other action. */
export function securityGroupActions(inUse: (id: string) => boolean): {
  groups: ReadonlyMap<string, SecurityGroup>;
  serve(action: string, form: Form): XmlRecord | undefined;
} {
  const groups = new Map<string, SecurityGroup>();
  const need = (id: string): SecurityGroup => {
    const group = groups.get(id);
    if (group === undefined) throw new Refused("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
    return group;
  };
  const actions: Record<string, (form: Form) => XmlRecord> = {
    DescribeVpcs: () => ({
      vpcSet: { item: [{ vpcId, state: "available", cidrBlock: "127.0.0.0/8", isDefault: true }] },
    }),
    CreateSecurityGroup: (form) => {
      const name = form.need("GroupName");
      if ([...groups.values()].some((group) => group.name === name)) {
        throw new Refused("InvalidGroup.Duplicate", `The security group '${name}' already exists for VPC '${vpcId}'`);
      }
      const tags = tagsOf(form.records("TagSpecification").flatMap((spec) => spec.records("Tag")));
      const id = `sg-${randomBytes(8).toString("hex")}0`;
      groups.set(id, { id, name, description: form.need("GroupDescription"), tags, rules: new Set() });
      return { return: true, groupId: id };
    },
    AuthorizeSecurityGroupIngress: (form) => {
      const group = need(form.need("GroupId"));
      const rules = form.records("IpPermissions").map((rule) => rule.fingerprint([]));
      if (rules.some((rule) => group.rules.has(rule))) {
        throw new Refused("InvalidPermission.Duplicate", "the specified rule already exists");
      }
      for (const rule of rules) group.rules.add(rule);
      return { return: true };
    },
    DescribeSecurityGroups: (form) => describe([...groups.values()], form.records("Filter")),
    DeleteSecurityGroup: (form) => {
      const group = need(form.need("GroupId"));
      if (inUse(group.id)) throw new Refused("DependencyViolation", `resource ${group.id} has a dependent object`);
      groups.delete(group.id);
      return { return: true };
    },
  };
  return { groups, serve: (action, form) => actions[action]?.(form) };
}

function describe(groups: readonly SecurityGroup[], filters: readonly Form[]): XmlRecord {
  const facts = ({ id, name }: SecurityGroup): Record<string, string> => ({
    "group-name": name,
    "vpc-id": vpcId,
    "group-id": id,
  });
  return {
    securityGroupInfo: { item: groups.filter((group) => matches(filters, facts(group), group.tags)).map(groupXml) },
  };
}

/** EC2's filters: any of the values of each; `tag:<key>` looks at tags. */
export function matches(filters: readonly Form[], facts: Readonly<Record<string, string>>, tags: Tags): boolean {
  return filters.every((filter) => {
    const name = filter.need("Name");
    const isTag = name.startsWith("tag:");
    if (!isTag && !(name in facts)) throw new Refused("InvalidParameterValue", `The filter '${name}' is invalid`);
    const value = isTag ? tags[name.slice(4)] : facts[name];
    return value !== undefined && filter.list("Value").includes(value);
  });
}

function groupXml({ id, name, description, tags }: SecurityGroup): Xml {
  return {
    groupId: id,
    groupName: name,
    groupDescription: description,
    vpcId,
    tagSet: { item: Object.entries(tags).map(([key, value]) => ({ key, value })) },
  };
}
