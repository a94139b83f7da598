import { createHash } from "node:crypto";
import type { Dyno } from "./dynos.ts";
import { type Addon, type App, type Attachment, deployed, type Release, type World } from "./world.ts";

/** Heroku's JSON for each resource, with every property that the Platform API's hyper-schema names. */
const iso = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");

/** A stable uuid for things that have no identity here: stacks, regions, plans. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
const named = (name: string) => ({ id: uuidOf(name), name });
const idName = ({ id, name }: { readonly id: string; readonly name: string }) => ({ id, name });

export function appView(world: World, app: App): object {
  return {
    acm: false,
    archived_at: null,
    buildpack_provided_description: "Node.js",
    build_stack: named("heroku-24"),
    created_at: iso(app.createdAt),
    generation: named("cedar"),
    git_url: `https://git.heroku.com/${app.name}.git`,
    id: app.id,
    internal_routing: null,
    maintenance: app.maintenance,
    name: app.name,
    owner: world.owner,
    organization: null,
    team: null,
    region: named("us"),
    released_at: iso(app.releases.at(-1)?.createdAt ?? app.createdAt),
    repo_size: null,
    slug_size: 1_000_000,
    space: null,
    stack: named("heroku-24"),
    updated_at: iso(app.releases.at(-1)?.updatedAt ?? app.createdAt),
    web_url: `https://${app.name}.herokuapp.com/`,
  };
}

export function formationView(app: App): object[] {
  return [...app.processes].map(([type, process]) => ({
    app: idName(app),
    command: process.command,
    created_at: iso(app.createdAt),
    dyno_size: named(process.size),
    id: process.id,
    quantity: process.quantity,
    size: process.size,
    type,
    updated_at: iso(process.updatedAt),
  }));
}

export function dynoView(app: App, dyno: Dyno): object {
  return {
    attach_url: null,
    command: dyno.command,
    created_at: iso(dyno.createdAt),
    id: dyno.id,
    name: dyno.name,
    release: { id: dyno.release.id, version: dyno.release.version },
    app: idName(app),
    size: dyno.size,
    state: dyno.state,
    type: dyno.type,
    updated_at: iso(dyno.updatedAt),
  };
}

export function releaseView(world: World, app: App, release: Release): object {
  const addons = world.attachments.filter((each) => each.app === app).map((each) => each.addon);
  return {
    addon_plan_names: [...new Set(addons)].map((addon) => addon.plan),
    artifacts: [],
    app: idName(app),
    created_at: iso(release.createdAt),
    description: release.description,
    id: release.id,
    updated_at: iso(release.updatedAt),
    slug: { id: uuidOf(app.name) },
    status: release.status,
    user: world.owner,
    version: release.version,
    current: release === deployed(app),
    output_stream_url: null,
    eligible_for_rollback: release.status === "succeeded",
  };
}

export function addonView(world: World, addon: Addon): object {
  const billing = world.attachments.filter((each) => each.addon === addon && each.app === addon.app);
  return {
    actions: [],
    addon_service: named("heroku-postgresql"),
    billing_entity: { ...idName(addon.app), type: "app" },
    app: idName(addon.app),
    billed_price: { cents: 5_000, contract: false, unit: "month" },
    config_vars: billing.map((each) => `${each.name}_URL`),
    created_at: iso(addon.createdAt),
    id: addon.id,
    name: addon.name,
    plan: named(addon.plan),
    provider_id: addon.id,
    state: "provisioned",
    updated_at: iso(addon.createdAt),
    web_url: `https://data.heroku.com/datastores/${addon.id}`,
  };
}

export function attachmentView(attachment: Attachment): object {
  const { addon, app } = attachment;
  return {
    addon: { ...idName(addon), app: idName(addon.app) },
    app: idName(app),
    created_at: iso(attachment.createdAt),
    id: attachment.id,
    name: attachment.name,
    namespace: null,
    updated_at: iso(attachment.createdAt),
    web_url: `https://data.heroku.com/datastores/${addon.id}`,
    log_input_url: null,
  };
}

export function accountView({ owner }: World, since: Date): object {
  return {
    allow_tracking: true,
    beta: false,
    created_at: iso(since),
    email: owner.email,
    federated: false,
    id: owner.id,
    identity_provider: null,
    last_login: iso(since),
    name: "Platform team",
    sms_number: null,
    suspended_at: null,
    delinquent_at: null,
    two_factor_authentication: false,
    updated_at: iso(since),
    verified: true,
    country_of_residence: null,
    default_organization: null,
    default_team: null,
  };
}

export function prebootView(app: App): object {
  return {
    created_at: iso(app.createdAt),
    description: "Provide seamless web dyno deploys",
    doc_url: "https://devcenter.heroku.com/articles/preboot",
    enabled: app.preboot,
    id: uuidOf(`${app.name} preboot`),
    name: "preboot",
    state: "general",
    updated_at: iso(app.createdAt),
    display_name: "Preboot",
    feedback_email: "feedback@heroku.com",
  };
}

/** The Data API's answer about a database (undocumented; the fields that the official CLI reads). */
export function databaseView(addon: Addon): object {
  const info = (name: string, ...values: string[]) => ({ name, values });
  return {
    resource_url: addon.url,
    postgres_version: addon.postgresVersion,
    plan: { name: addon.plan.split(":")[1] ?? addon.plan },
    following: null,
    leader: null,
    forked_from: null,
    "is_in_recovery?": false,
    info: [
      info("Plan", addon.plan),
      info("Status", "Available"),
      info("PG Version", addon.postgresVersion),
      info("Continuous Protection", "On"),
      info("Maintenance", "not required"),
    ],
  };
}
