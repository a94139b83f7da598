import { randomInt } from "node:crypto";
import type { HerokuSettings } from "../heroku/start-heroku.ts";
import type { Source } from "../postgres/source.ts";
import { shopCommand, shopProcesses } from "../shop/shop-app.ts";
import { herokuApp, herokuBucket } from "./config-file.ts";
import type { WorldSpec } from "./sandbox-world.ts";
import type { SandboxSecrets } from "./secrets.ts";

/** A name as Heroku gives its databases. */
export function addonName(): string {
  const shape = ["curly", "round", "solid", "flat"][randomInt(4)] ?? "round";
  return `postgresql-${shape}-${randomInt(1000, 10_000)}`;
}

/** The shop on Heroku: two web dynos, a worker, a scheduler, a release phase, and the archive's keys in its config vars. */
export function herokuSettings(
  spec: WorldSpec,
  source: Source,
  secrets: SandboxSecrets,
  named: { readonly ledgerFile: string; readonly addon: string },
): HerokuSettings {
  return {
    apps: [
      {
        name: herokuApp,
        processes: shopProcesses({ web: 2, worker: 1 }),
        scheduler: { command: shopCommand("scheduler"), everyMs: 5000 },
        config: {
          SHOP_LEDGER: named.ledgerFile,
          WALE_S3_PREFIX: `s3://${herokuBucket}/archive`,
          AWS_ACCESS_KEY_ID: secrets.archive.id,
          AWS_SECRET_ACCESS_KEY: secrets.archive.secret,
        },
      },
    ],
    addons: [
      {
        name: named.addon,
        plan: "heroku-postgresql:standard-0",
        app: herokuApp,
        url: source.url().reveal(),
        attachments: [{ app: herokuApp, name: "DATABASE" }],
      },
    ],
    tokens: [secrets.heroku],
    dynos: { graceMs: 5000, logDirectory: spec.directory.logs },
    log: spec.log,
  };
}
