import { DrawbridgeError } from "../../../errors.ts";
import { derivePassword } from "../../../postgres/scram.ts";
import { Secret } from "../../../redact.ts";
import { masterRole, openControl } from "../../databases.ts";
import type { Step } from "../../step.ts";
import { targetIdentifier } from "./create-target.ts";

/** Waits until the target is available and the master role can log in there. */
export const awaitTarget: Step = {
  name: "await-target",
  deadlineMs: 3_600_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const identifier = targetIdentifier(world.migrationId);
    const ready = await world.rds.waitAvailable(identifier, { deadlineMs: 3_600_000, signal: context.signal });
    if (ready.endpoint === undefined)
      throw new DrawbridgeError("DB_AWS", `${identifier} is available but has no endpoint`);
    const { host, port } = ready.endpoint;
    const password = derivePassword(world.key, world.migrationId, masterRole, 1).reveal();
    const url = new Secret(`postgres://${masterRole}:${password}@${host}:${port}/postgres`);
    await using db = openControl(url, "provision");
    const rows = await db.query<{ version: string; wal_level: string }>(
      "select current_setting('server_version') as version, current_setting('wal_level') as wal_level",
    );
    return {
      identifier,
      host,
      port,
      version: rows[0]?.version ?? "",
      walLevel: rows[0]?.wal_level ?? "",
    };
  },
  undo: "irreversible",
};
