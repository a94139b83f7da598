import { type Form, Refused, type Tags, tagsOf, type Xml } from "./query-api.ts";

/** A DB parameter group of the stand-in. */
export interface ParameterGroup {
  readonly name: string;
  readonly family: string;
  readonly description: string;
  readonly tags: Tags;
  readonly values: Map<string, string>;
}

/** When a changed parameter counts: at once, or at the next start. After `pg_settings.context` of 17 and RDS's own list. */
const applyTypes: Readonly<Record<string, "static" | "dynamic">> = {
  "rds.logical_replication": "static",
  "rds.allowed_extensions": "dynamic",
  max_connections: "static",
  max_wal_senders: "static",
  max_replication_slots: "static",
  max_logical_replication_workers: "static",
  max_worker_processes: "static",
  max_prepared_transactions: "static",
  max_locks_per_transaction: "static",
  shared_buffers: "static",
  shared_preload_libraries: "static",
  track_activity_query_size: "static",
  autovacuum_max_workers: "static",
  max_sync_workers_per_subscription: "dynamic",
  max_parallel_apply_workers_per_subscription: "dynamic",
  maintenance_work_mem: "dynamic",
  max_parallel_maintenance_workers: "dynamic",
  max_wal_size: "dynamic",
  min_wal_size: "dynamic",
  checkpoint_timeout: "dynamic",
  checkpoint_completion_target: "dynamic",
  synchronous_commit: "dynamic",
  autovacuum: "dynamic",
  autovacuum_naptime: "dynamic",
  work_mem: "dynamic",
  effective_cache_size: "dynamic",
  random_page_cost: "dynamic",
  statement_timeout: "dynamic",
  lock_timeout: "dynamic",
  idle_in_transaction_session_timeout: "dynamic",
  log_min_duration_statement: "dynamic",
  log_statement: "dynamic",
  max_slot_wal_keep_size: "dynamic",
  wal_sender_timeout: "dynamic",
  wal_receiver_timeout: "dynamic",
  timezone: "dynamic",
};

/** What happens outside the groups when one changes. */
export interface ParameterHooks {
  /** Instances that use a group. */
  isUsed(name: string): boolean;
  /** Dynamic values count at once, static ones after a reboot. */
  changed(group: ParameterGroup, dynamic: Readonly<Record<string, string>>, hasStatic: boolean): void;
}

/** The groups, and the actions on them. */
export interface ParameterGroups {
  readonly groups: ReadonlyMap<string, ParameterGroup>;
  /** `undefined` for an action that is not about them. */
  serve(action: string, form: Form): Xml;
}

/** Makes an empty set of parameter groups. */
export function parameterGroupActions(hooks: ParameterHooks): ParameterGroups {
  const groups = new Map<string, ParameterGroup>();
  const need = (name: string): ParameterGroup => {
    const group = groups.get(name);
    if (group === undefined) throw new Refused("DBParameterGroupNotFound", `DBParameterGroup not found: ${name}`, 404);
    return group;
  };
  const actions: Record<string, (form: Form) => Xml> = {
    CreateDBParameterGroup: (form) => {
      const group = groupFrom(form);
      if (groups.has(group.name))
        throw new Refused("DBParameterGroupAlreadyExists", `Parameter group ${group.name} already exists`);
      groups.set(group.name, group);
      return { DBParameterGroup: groupXml(group) };
    },
    ModifyDBParameterGroup: (form) => {
      const group = need(form.need("DBParameterGroupName"));
      modify(group, form.records("Parameters.Parameter"), hooks);
      return { DBParameterGroupName: group.name };
    },
    DescribeDBParameterGroups: (form) => {
      const name = form.get("DBParameterGroupName");
      const found = name === undefined ? [...groups.values()] : [need(name)];
      return { DBParameterGroups: { DBParameterGroup: found.map(groupXml) } };
    },
    DescribeDBParameters: (form) => ({ Parameters: { Parameter: valuesXml(need(form.need("DBParameterGroupName"))) } }),
    DeleteDBParameterGroup: (form) => {
      const { name } = need(form.need("DBParameterGroupName"));
      if (hooks.isUsed(name))
        throw new Refused(
          "InvalidDBParameterGroupState",
          "One or more database instances are still members of this parameter group",
        );
      groups.delete(name);
      return {};
    },
  };
  return { groups, serve: (action, form) => actions[action]?.(form) };
}

function groupFrom(form: Form): ParameterGroup {
  const family = form.need("DBParameterGroupFamily");
  if (family !== "postgres17") {
    throw new Refused("InvalidParameterValue", `ParameterGroupFamily ${family} is not a valid parameter group family`);
  }
  return {
    name: form.need("DBParameterGroupName").toLowerCase(),
    family,
    description: form.need("Description"),
    tags: tagsOf(form.records("Tags.Tag")),
    values: new Map(),
  };
}

function valuesXml({ values }: ParameterGroup): Xml[] {
  return [...values].map(([ParameterName, ParameterValue]) => ({
    ParameterName,
    ParameterValue,
    ApplyType: applyTypes[ParameterName],
    Source: "user",
  }));
}

function modify(group: ParameterGroup, changes: readonly Form[], hooks: ParameterHooks): void {
  if (changes.length > 20)
    throw new Refused("InvalidParameterValue", "No more than 20 parameters can be modified in a single request.");
  const dynamic: Record<string, string> = {};
  const pending = changes.map((change) => {
    const [name, method] = [change.need("ParameterName"), change.need("ApplyMethod")];
    const applyType = applyTypes[name];
    if (applyType === undefined)
      throw new Refused("InvalidParameterValue", `Could not find parameter with name: ${name}`);
    if (applyType === "static" && method === "immediate") {
      throw new Refused("InvalidParameterCombination", "cannot use immediate apply method for static parameter");
    }
    const value = change.get("ParameterValue") ?? "";
    if (method === "immediate") dynamic[name] = value;
    return [name, value] as const;
  });
  for (const [name, value] of pending) group.values.set(name, value);
  hooks.changed(group, dynamic, Object.keys(dynamic).length < pending.length);
}

/** The name that RDS gives a resource. */
export function arnOf(kind: "pg" | "db", name: string): string {
  return `arn:aws:rds:us-east-1:000000000000:${kind}:${name}`;
}

function groupXml({ name, family, description }: ParameterGroup): Xml {
  return {
    DBParameterGroupName: name,
    DBParameterGroupFamily: family,
    Description: description,
    DBParameterGroupArn: arnOf("pg", name),
  };
}
