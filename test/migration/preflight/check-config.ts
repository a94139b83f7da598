import { parseConfig } from "../../../src/config/load.ts";
import type { Config } from "../../../src/config/schema.ts";

const person = (name: string, slack: string): { person: string; slack: string[] } => ({ person: name, slack: [slack] });

/** A configuration for the app `shop` of the Heroku stand-in. */
export function checkConfig(policy: Partial<Config["policy"]> = {}): Config {
  return parseConfig(
    {
      migration: "shop-2026",
      heroku: { app: "shop", addon: "postgresql-curved-1" },
      aws: {
        bucket: "our-bucket",
        bridge: { imageId: "ami-0123456789abcdef0", volumeGb: 20 },
        target: { storageGb: 20, engineVersion: "17" },
      },
      slack: { team: "T0001", app: "A0001", channel: "C0001", commsChannel: "C0002" },
      approvals: {
        approvers: [person("ana", "U0001"), person("ben", "U0002")],
        drivers: [person("dora", "U0003")],
      },
      policy,
    },
    "a test",
  );
}
