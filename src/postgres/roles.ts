import { explain } from "../errors.ts";
import type { Secret } from "../redact.ts";
import type { Queryable } from "./connect.ts";
import { quoteIdent, quoteLiteral } from "./identifier.ts";
import { scramVerifier } from "./scram.ts";

/** A role of the application. */
export interface RoleFacts {
  readonly name: string;
  readonly login: boolean;
  readonly inherit: boolean;
  readonly createDatabase: boolean;
  readonly createRole: boolean;
  readonly replication: boolean;
  readonly bypassRowSecurity: boolean;
  /** -1: no limit. */
  readonly connectionLimit: number;
  /** Roles whose member it is, the server's own `pg_…` roles included. */
  readonly memberOf: readonly string[];
  /** Its settings, `search_path=app, public`, for all databases or for this one. */
  readonly settings: readonly string[];
}

/**
 * The roles that matter to this database: they own or were granted something in it, or are members of such roles, or such
 * are members of them. Superusers, the server's own roles and ours are left out.
 */
export async function applicationRoles(db: Queryable): Promise<RoleFacts[]> {
  return db.query<RoleFacts>(`
    with recursive here as (select oid, datdba from pg_database where datname = current_database()),
    named(oid) as (
      select d.refobjid from pg_shdepend d, here
      where d.refclassid = 'pg_authid'::regclass and d.deptype in ('o', 'a', 'r')
        and (d.dbid = here.oid or (d.classid = 'pg_database'::regclass and d.objid = here.oid))
      union select datdba from here
      union select s.setrole from pg_db_role_setting s, here where s.setdatabase = here.oid and s.setrole <> 0),
    wanted(oid) as (
      select oid from named
      union
      select r.oid from wanted w join pg_auth_members m on w.oid in (m.roleid, m.member)
      join pg_roles r on r.oid in (m.roleid, m.member)
      where not r.rolsuper and r.rolname !~ '^pg_')
    select r.rolname as name, r.rolcanlogin as login, r.rolinherit as inherit, r.rolcreatedb as "createDatabase",
      r.rolcreaterole as "createRole", r.rolreplication as replication, r.rolbypassrls as "bypassRowSecurity",
      r.rolconnlimit as "connectionLimit",
      coalesce((select array_agg(g.rolname::text order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid
        where m.member = r.oid), '{}') as "memberOf",
      coalesce((select array_agg(c.entry order by s.setdatabase, c.place) from pg_db_role_setting s, here, unnest(s.setconfig) with ordinality c(entry, place)
        where s.setrole = r.oid and s.setdatabase in (0, here.oid)), '{}') as settings
    from pg_roles r where r.oid in (select oid from wanted) and not r.rolsuper and r.rolname !~ '^(pg_|drawbridge|rds)' 
    order by r.rolname`);
}

/** Something about a role that could not be carried over. */
export interface RoleRefusal {
  readonly role: string;
  readonly what: string;
  readonly message: string;
}

/** How to make roles. */
export interface CopyRolesOptions {
  /** The password that a role gets on the target; only a verifier of it is sent. */
  readonly password: (role: string) => Secret;
}

/**
 * Makes roles on the target as far as a non-superuser (RDS master) may, or brings existing ones to this form; makes the
 * present role a member of each, so that objects can be given to them. Returns what was refused: superuser-like
 * attributes, memberships in roles that the target lacks, settings that only a superuser may give.
 */
export async function copyRoles(
  target: Queryable,
  roles: readonly RoleFacts[],
  options: CopyRolesOptions,
): Promise<RoleRefusal[]> {
  const refused: RoleRefusal[] = [];
  const attempt = async (role: string, what: string, sql: string): Promise<void> => {
    try {
      await target.query(sql);
    } catch (error) {
      refused.push({ role, what, message: explain(error) });
    }
  };
  for (const role of roles) {
    await attempt(role.name, "role", await roleStatement(target, role, options));
    await attempt(role.name, "membership of the administrator", await ownMembership(target, role.name));
    if (role.createDatabase) await attempt(role.name, "CREATEDB", `alter role ${quoteIdent(role.name)} createdb`);
    for (const what of beyondUs(role))
      refused.push({ role: role.name, what, message: "only a superuser may give this" });
  }
  for (const role of roles) {
    for (const group of role.memberOf)
      await attempt(role.name, `member of ${group}`, `grant ${quoteIdent(group)} to ${quoteIdent(role.name)}`);
    for (const entry of role.settings) await attempt(role.name, entry, settingStatement(role.name, entry));
  }
  return refused;
}

function beyondUs(role: RoleFacts): string[] {
  return [
    ...(role.createRole ? ["CREATEROLE"] : []),
    ...(role.replication ? ["REPLICATION"] : []),
    ...(role.bypassRowSecurity ? ["BYPASSRLS"] : []),
  ];
}

async function roleStatement(target: Queryable, role: RoleFacts, options: CopyRolesOptions): Promise<string> {
  const [found] = await target.query("select 1 as found from pg_roles where rolname = $1", [role.name]);
  const attributes = [
    role.login ? "login" : "nologin",
    role.inherit ? "inherit" : "noinherit",
    `connection limit ${role.connectionLimit}`,
    ...(role.login ? [`password ${quoteLiteral(scramVerifier(options.password(role.name)))}`] : []),
  ];
  return `${found ? "alter" : "create"} role ${quoteIdent(role.name)} ${attributes.join(" ")}`;
}

// From 16 on a role's creator may administer it, but neither act as it nor give objects to it, unless it says so itself.
async function ownMembership(target: Queryable, role: string): Promise<string> {
  const [row] = await target.query<{ version: number; member: boolean }>(
    "select current_setting('server_version_num')::int as version, pg_has_role(current_user, $1, 'member') as member",
    [role],
  );
  if (row === undefined || row.version < 160_000)
    return row?.member ? "select 1 as member" : `grant ${quoteIdent(role)} to current_user`;
  return `grant ${quoteIdent(role)} to current_user with inherit true, set true`;
}

// Lists of names are stored quoted where it is needed; quoting the whole list would make one name of it.
const lists = new Set([
  "search_path",
  "temp_tablespaces",
  "session_preload_libraries",
  "local_preload_libraries",
  "datestyle",
]);

function settingStatement(role: string, entry: string): string {
  const cut = entry.indexOf("=");
  const name = entry.slice(0, cut);
  const value = entry.slice(cut + 1);
  const text = lists.has(name.toLowerCase()) && value !== "" ? value : quoteLiteral(value);
  return `alter role ${quoteIdent(role)} set ${name.split(".").map(quoteIdent).join(".")} = ${text}`;
}
