import { DrawbridgeError, explain } from "../../errors.ts";
import { copiesOf } from "../../heroku/database-url.ts";
import { sourceFacts, type SourceFacts } from "../../postgres/preflight-facts.ts";
import { runTool } from "../../postgres/tool.ts";
import { openControl } from "../databases.ts";
import type { ClientFacts, HerokuFacts, PartName, PreflightFacts } from "./facts.ts";
import { archiveFacts } from "./gather-archive.ts";
import { targetExtensions } from "./gather-target.ts";
import type { PreflightWorld } from "./preflight-world.ts";

/** Reads everything that the checks judge. A part that cannot be read becomes a failure; nothing is changed anywhere. */
export async function gatherFacts(world: PreflightWorld, signal: AbortSignal): Promise<PreflightFacts> {
  const failures: { part: PartName; message: string; remedy: string }[] = [];
  const attempt = async <T>(part: PartName, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      signal.throwIfAborted();
      return await read();
    } catch (fault) {
      signal.throwIfAborted();
      const remedy = fault instanceof DrawbridgeError ? fault.remedy : "Correct what the message names.";
      failures.push({ part, message: explain(fault), remedy });
      return undefined;
    }
  };
  const heroku = await attempt("heroku", () => herokuFacts(world));
  const source = await attempt("source", () => readSource(world));
  const archive = await attempt("archive", async () =>
    archiveFacts(await world.openArchive(), {
      wanted: world.config.archive.backup,
      systemIdentifier: source?.identity.systemIdentifier,
      now: world.clock.now(),
      signal,
    }),
  );
  return {
    source,
    heroku,
    archive,
    failures,
    targetExtensions: await targetExtensions(world),
    client: await clientFacts(world.clientBindir, signal),
    ...wishes(world),
  };
}

async function readSource(world: PreflightWorld): Promise<SourceFacts> {
  await using db = openControl(await world.sourceUrl(), "preflight");
  return await sourceFacts(db);
}

async function herokuFacts(world: PreflightWorld): Promise<HerokuFacts> {
  const { heroku, config } = world;
  const { app: name, addon: addonName } = config.heroku;
  const app = await heroku.app(name);
  const addon = await heroku.addon(addonName);
  const vars = await heroku.configVars(name);
  const owner = await heroku.databaseUrlOwner(name);
  const current = vars.get("DATABASE_URL");
  return {
    app: { name: app.name, maintenance: app.maintenance, space: app.space, generation: app.generation },
    addon: { id: addon.id, name: addon.name, plan: addon.plan, state: addon.state },
    addonAttachments: await heroku.addonAttachments(addon.id),
    appAttachments: await heroku.appAttachments(name),
    databaseUrl:
      owner.by === "config"
        ? { by: "config", isSource: current?.reveal() === (await world.sourceUrl()).reveal() }
        : owner,
    urlCopies:
      current === undefined ? [] : copiesOf(vars, current).filter((each) => !each.startsWith("HEROKU_POSTGRESQL_")),
    formation: await heroku.formation(name),
    preboot: await heroku.preboot(name),
    requestsLeft: await heroku.rateLimit(),
  };
}

async function clientFacts(bindir: string, signal: AbortSignal): Promise<ClientFacts> {
  try {
    const said = await runTool("pg_dump", { bindir, args: ["--version"], deadlineMs: 10_000, signal });
    const major = /\(PostgreSQL\) (\d+)/.exec(said.stdout)?.[1];
    return { bindir, pgDumpMajor: major === undefined ? undefined : Number(major) };
  } catch (fault) {
    signal.throwIfAborted();
    if (fault instanceof DrawbridgeError && fault.code === "DB_BAD_INPUT") return { bindir, pgDumpMajor: undefined };
    throw fault;
  }
}

function wishes({ config }: PreflightWorld): Pick<PreflightFacts, "people" | "wish"> {
  const { approvals, aws, heroku, policy } = config;
  return {
    people: {
      required: approvals.required,
      approvers: approvals.approvers.map(({ person }) => person),
      drivers: approvals.drivers.map(({ person }) => person),
    },
    wish: {
      app: heroku.app,
      addon: heroku.addon,
      targetMajor: Number.parseInt(aws.target.engineVersion, 10),
      targetStorageGb: aws.target.storageGb,
      bridgeVolumeGb: aws.bridge.volumeGb,
      ignoreExtensions: policy.ignoreExtensions,
    },
  };
}
