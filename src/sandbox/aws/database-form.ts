import { Secret } from "../../redact.ts";
import type { DatabaseInstance } from "./database-life.ts";
import { arnOf } from "./parameter-group-world.ts";
import { type Form, Refused, type Tags, tagsOf, type Xml } from "./query-api.ts";

/** Checks a creation as RDS does before it makes anything. */
export function databaseFrom(
  form: Form,
  hasParameterGroup: (name: string) => boolean,
  hasGroup: (id: string) => boolean,
): DatabaseInstance {
  const identifier = form.need("DBInstanceIdentifier").toLowerCase();
  if (!/^[a-z](-?[a-z0-9]){0,62}$/.test(identifier))
    throw new Refused("InvalidParameterValue", "The parameter DBInstanceIdentifier is not a valid identifier.");
  const engineVersion = form.get("EngineVersion") ?? "17";
  if (form.need("Engine") !== "postgres" || !/^17(\.\d+)?$/.test(engineVersion)) {
    throw new Refused("InvalidParameterCombination", `Cannot find version ${engineVersion} for ${form.need("Engine")}`);
  }
  const password = form.need("MasterUserPassword");
  if (password.length < 8 || /[/"@ ]/.test(password)) {
    throw new Refused(
      "InvalidParameterValue",
      "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
    );
  }
  const masterUser = form.need("MasterUsername");
  if (["rdsadmin", "admin", "postgresql"].includes(masterUser))
    throw new Refused("InvalidParameterValue", `MasterUsername ${masterUser} cannot be used as it is a reserved word`);
  const parameterGroup = form.get("DBParameterGroupName")?.toLowerCase() ?? "default.postgres17";
  if (parameterGroup !== "default.postgres17" && !hasParameterGroup(parameterGroup)) {
    throw new Refused("DBParameterGroupNotFound", `DBParameterGroup not found: ${parameterGroup}`, 404);
  }
  const securityGroupIds = form.list("VpcSecurityGroupIds.VpcSecurityGroupId");
  const unknown = securityGroupIds.find((id) => !hasGroup(id));
  if (unknown !== undefined) throw new Refused("InvalidParameterValue", `Invalid security group , groupId= ${unknown}`);
  return {
    identifier,
    engineVersion,
    instanceClass: form.need("DBInstanceClass"),
    storageGb: Number(form.need("AllocatedStorage")),
    masterUser,
    masterPassword: new Secret(password),
    databaseName: form.get("DBName"),
    parameterGroup,
    securityGroupIds,
    tags: tagsOf(form.records("Tags.Tag")),
    created: new Date(),
    isProtected: form.get("DeletionProtection") === "true",
    isPubliclyAccessible: form.get("PubliclyAccessible") !== "false",
    status: "creating",
    parametersApply: "in-sync",
    cluster: undefined,
    metrics: undefined,
  };
}

/** A database as RDS describes it. Everything is on this machine's loopback interface. */
export function databaseXml(database: DatabaseInstance): Xml {
  const { identifier, cluster, status, tags } = database;
  return {
    DBInstanceIdentifier: identifier,
    DBInstanceArn: arnOf("db", identifier),
    DBInstanceClass: database.instanceClass,
    Engine: "postgres",
    EngineVersion: database.engineVersion,
    DBInstanceStatus: status,
    MasterUsername: database.masterUser,
    DBName: database.databaseName,
    ...(cluster === undefined ? {} : { Endpoint: { Address: "127.0.0.1", Port: cluster.port } }),
    AllocatedStorage: database.storageGb,
    InstanceCreateTime: database.created,
    DeletionProtection: database.isProtected,
    PubliclyAccessible: database.isPubliclyAccessible,
    VpcSecurityGroups: {
      VpcSecurityGroupMembership: database.securityGroupIds.map((VpcSecurityGroupId) => ({
        VpcSecurityGroupId,
        Status: "active",
      })),
    },
    DBParameterGroups: {
      DBParameterGroup: [
        { DBParameterGroupName: database.parameterGroup, ParameterApplyStatus: database.parametersApply },
      ],
    },
    TagList: tagList(tags),
  };
}

/** Tags as RDS writes them. */
export function tagList(tags: Tags): Xml {
  return { Tag: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}
