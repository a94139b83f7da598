import { stringify } from "yaml";
import { parseConfig } from "../../config/load.ts";
import { app, ids, team } from "../slack/cast.ts";

/** Where everything of the sandbox is, for the configuration file that the roles read. */
export interface Places {
  readonly herokuUrl: string;
  readonly appUrl: string;
  readonly awsUrl: string;
  readonly s3Url: string;
  readonly slackApiUrl: string;
  readonly addon: string;
  readonly slackMode: "http" | "socket";
}

export const migrationName = "shop-production";
export const herokuApp = "shop-production";
export const ownBucket = "shop-drawbridge";
export const herokuBucket = "wal-e-heroku";

/** The configuration of the sandbox: what a real one looks like, with endpoints on loopback and shorter waits. */
export function configText(places: Places, policy: Readonly<Record<string, unknown>> = {}): string {
  const approver = (person: "ann" | "bob" | "cyn") => ({ person, slack: [ids[person]] });
  const content = {
    migration: migrationName,
    heroku: {
      app: herokuApp,
      addon: places.addon,
      apiUrl: places.herokuUrl,
      appUrl: places.appUrl,
      healthPath: "/health",
    },
    archive: { endpoint: places.s3Url },
    aws: {
      endpoint: places.awsUrl,
      s3Endpoint: places.s3Url,
      bucket: ownBucket,
      bridge: { imageId: "ami-0123456789abcdef0", volumeGb: 20, ingressCidrs: ["127.0.0.1/32"] },
      target: { storageGb: 20, engineVersion: "17" },
    },
    slack: {
      apiUrl: places.slackApiUrl,
      mode: places.slackMode,
      team: team.id,
      app: app.id,
      channel: "C0MIGRATION",
      commsChannel: "C0COMMS0000",
    },
    approvals: {
      approvers: [approver("ann"), approver("bob"), approver("cyn")],
      drivers: [{ person: "greg", slack: [ids.greg] }],
      expiresMinutes: 20,
    },
    policy: { soakSeconds: 15, settleLagSeconds: 8, windowDeadlineSeconds: 90, healthDeadlineSeconds: 60, ...policy },
  };
  parseConfig(content, "the sandbox's configuration");
  return stringify(content);
}
