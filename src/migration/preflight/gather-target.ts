import { availableExtensions, setting } from "../../postgres/catalog.ts";
import { openControl } from "../databases.ts";
import type { PreflightFacts } from "./facts.ts";
import type { PreflightWorld } from "./preflight-world.ts";
import { rdsExtensions } from "./rds-extensions.ts";

/**
 * What the target can install. Before `provision` there is no target to ask; later preflights of the same migration ask it.
 * A target that is known and cannot be reached is no business of preflight: `await-target` watches over that.
 */
export async function targetExtensions(world: PreflightWorld): Promise<PreflightFacts["targetExtensions"]> {
  try {
    await using target = openControl(await world.targetUrl(), "preflight");
    const allowed = (await setting(target, "rds.extensions"))?.split(/,\s*/);
    const available = (await availableExtensions(target)).filter(
      ({ name, trusted }) => allowed?.includes(name) ?? trusted,
    );
    return { from: "target", available: new Map(available.map(({ name, version }) => [name, { version }])) };
  } catch (fault) {
    world.log.debug({ fault: String(fault) }, "no target to ask for extensions; the documented list is used");
    return { from: "list", available: rdsExtensions };
  }
}
