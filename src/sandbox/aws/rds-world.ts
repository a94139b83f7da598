import { databaseFrom, databaseXml, tagList } from "./database-form.ts";
import {
  applyNow,
  bringUp,
  changePassword,
  type DatabaseInstance,
  type DatabaseOptions,
  reboot,
  takeDown,
} from "./database-life.ts";
import { type ParameterGroup, parameterGroupActions, type ParameterGroups } from "./parameter-group-world.ts";
import { type Form, Refused, type Tags, type Xml } from "./query-api.ts";

/** RDS of the stand-in. */
export interface RdsWorld {
  readonly databases: ReadonlyMap<string, DatabaseInstance>;
  serve(action: string, form: Form): Promise<Xml>;
  /** Ends every server and removes its data. */
  stop(): Promise<void>;
}

type Actions = Readonly<Record<string, (form: Form) => Xml | Promise<Xml>>>;

/** What the actions share. */
interface Region {
  readonly databases: Map<string, DatabaseInstance>;
  readonly options: DatabaseOptions;
  readonly parameterGroups: ParameterGroups;
  readonly hasSecurityGroup: (id: string) => boolean;
  readonly stopping: AbortController;
  /** What happens to each database, one thing after the other. */
  readonly lives: Map<string, Promise<void>>;
}

/** Makes RDS; `hasSecurityGroup` tells whether a security group exists. */
export function createRds(options: DatabaseOptions, hasSecurityGroup: (id: string) => boolean): RdsWorld {
  const databases = new Map<string, DatabaseInstance>();
  const parameterGroups = parameterGroupActions({
    isUsed: (name) => [...databases.values()].some(({ parameterGroup }) => parameterGroup === name),
    changed: ({ name }, dynamic, hasStatic) => {
      for (const database of databases.values()) {
        if (database.parameterGroup !== name) continue;
        if (hasStatic && database.status !== "creating") database.parametersApply = "pending-reboot";
        next(region, database, () => applyNow(database, dynamic));
      }
    },
  });
  const lives = new Map<string, Promise<void>>();
  const region: Region = {
    databases,
    options,
    parameterGroups,
    hasSecurityGroup,
    stopping: new AbortController(),
    lives,
  };
  const actions: Actions = {
    ...readingActions(databases, (name) => parameterGroups.groups.get(name)?.tags),
    ...changingActions(region),
    ...endingActions(region),
  };
  return {
    databases,
    serve: async (action, form) => {
      const answer = (await actions[action]?.(form)) ?? parameterGroups.serve(action, form);
      if (answer === undefined)
        throw new Refused("InvalidAction", `Could not find operation ${action} for version 2014-10-31`);
      return answer;
    },
    stop: async () => {
      region.stopping.abort();
      for (const database of databases.values()) if (database.status !== "deleting") remove(region, database);
      await Promise.all(lives.values());
    },
  };
}

function next({ lives, options }: Region, { identifier }: DatabaseInstance, what: () => Promise<void>): void {
  const before = lives.get(identifier) ?? Promise.resolve();
  const failed = (error: unknown): void =>
    options.log.warn({ identifier, error: String(error) }, "the RDS stand-in failed");
  lives.set(identifier, before.then(what).catch(failed));
}

function remove(region: Region, database: DatabaseInstance): void {
  database.status = "deleting";
  next(region, database, async () => {
    await takeDown(database, region.options.root);
    region.databases.delete(database.identifier);
  });
}

function changingActions(region: Region): Actions {
  const { databases, parameterGroups, options, stopping } = region;
  const groupOf = ({ parameterGroup }: DatabaseInstance): ParameterGroup | undefined =>
    parameterGroups.groups.get(parameterGroup);
  return {
    CreateDBInstance: (form) => {
      const database = databaseFrom(form, (name) => parameterGroups.groups.has(name), region.hasSecurityGroup);
      if (databases.has(database.identifier))
        throw new Refused("DBInstanceAlreadyExists", "DB instance already exists");
      databases.set(database.identifier, database);
      next(region, database, () => bringUp(database, groupOf(database), options, stopping.signal));
      return { DBInstance: databaseXml(database) };
    },
    ModifyDBInstance: async (form) => {
      const database = available(databases, form, "modify");
      const password = form.get("MasterUserPassword");
      if (password !== undefined) await changePassword(database, password);
      database.isProtected = (form.get("DeletionProtection") ?? String(database.isProtected)) === "true";
      database.isPubliclyAccessible =
        (form.get("PubliclyAccessible") ?? String(database.isPubliclyAccessible)) === "true";
      return { DBInstance: databaseXml(database) };
    },
    RebootDBInstance: (form) => {
      const database = available(databases, form, "reboot");
      database.status = "rebooting";
      next(region, database, () => reboot(database, groupOf(database)));
      return { DBInstance: databaseXml(database) };
    },
  };
}

function endingActions(region: Region): Actions {
  return {
    DeleteDBInstance: (form) => {
      const database = needDatabase(region.databases, form);
      if (database.isProtected) {
        throw new Refused(
          "InvalidParameterCombination",
          "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        );
      }
      if (database.status === "deleting") {
        throw new Refused("InvalidDBInstanceState", `Instance ${database.identifier} is already being deleted.`);
      }
      if (form.get("SkipFinalSnapshot") !== "true") {
        throw new Refused("InvalidParameterCombination", "here there are no snapshots: SkipFinalSnapshot must be true");
      }
      remove(region, database);
      return { DBInstance: databaseXml(database) };
    },
  };
}

function readingActions(
  databases: ReadonlyMap<string, DatabaseInstance>,
  groupTags: (name: string) => Tags | undefined,
): Actions {
  return {
    DescribeDBInstances: (form) => {
      const chosen =
        form.get("DBInstanceIdentifier") === undefined ? [...databases.values()] : [needDatabase(databases, form)];
      return { DBInstances: { DBInstance: chosen.map(databaseXml) } };
    },
    ListTagsForResource: (form) => {
      const [kind, name = ""] = form.need("ResourceName").split(":").slice(5);
      const tags = kind === "pg" ? groupTags(name) : databases.get(name)?.tags;
      if (tags === undefined)
        throw new Refused(kind === "pg" ? "DBParameterGroupNotFound" : "DBInstanceNotFound", `${name} not found`, 404);
      return { TagList: tagList(tags) };
    },
  };
}

function needDatabase(databases: ReadonlyMap<string, DatabaseInstance>, form: Form): DatabaseInstance {
  const identifier = form.need("DBInstanceIdentifier").toLowerCase();
  const database = databases.get(identifier);
  if (database === undefined) throw new Refused("DBInstanceNotFound", `DBInstance ${identifier} not found.`, 404);
  return database;
}

function available(databases: ReadonlyMap<string, DatabaseInstance>, form: Form, verb: string): DatabaseInstance {
  const database = needDatabase(databases, form);
  if (["available", "failed", "incompatible-parameters"].includes(database.status)) return database;
  throw new Refused("InvalidDBInstanceState", `Cannot ${verb} an instance with a status of: ${database.status}`);
}
