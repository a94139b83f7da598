import { z } from "zod";

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,40}$/, "lower-case letters, digits and dashes, at most 41 characters");
const slackId = (letters: string) =>
  z
    .string()
    .regex(new RegExp(`^[${letters}][A-Z0-9]{2,20}$`), `a Slack id that starts with ${letters.split("").join(" or ")}`);
const loopbackHosts = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Endpoint overrides exist for the sandbox only: anything but loopback would send tokens to a stranger. */
const endpoint = z
  .url()
  .refine((text) => loopbackHosts.has(new URL(text).hostname), "an endpoint override must be a loopback address")
  .optional();
const seconds = (least: number, most: number) => z.number().int().min(least).max(most);
const emoji = z.string().regex(/^[a-z0-9_+-]+$/, "Slack's name of an emoji, without colons");
const configVar = z.string().regex(/^\w+$/, "the name of a Heroku config var");

const heroku = z.strictObject({
  app: z.string().min(1),
  addon: z.string().min(1).describe("name or id of the heroku-postgresql add-on that owns the database"),
  apiUrl: endpoint,
  healthPath: z.string().startsWith("/").default("/"),
  appUrl: z.url().optional().describe("where the health probe asks; default https://<app>.herokuapp.com"),
});

const archive = z.strictObject({
  prefix: z
    .string()
    .regex(/^s3:\/\/[^/]+(\/.*)?$/, "s3://bucket/path")
    .optional(),
  prefixVar: configVar.default("WALE_S3_PREFIX"),
  accessKeyIdVar: configVar.default("AWS_ACCESS_KEY_ID"),
  secretAccessKeyVar: configVar.default("AWS_SECRET_ACCESS_KEY"),
  sessionTokenVar: configVar.optional(),
  region: z.string().default("us-east-1"),
  endpoint,
  backup: z.string().default("LATEST"),
});

const aws = z.strictObject({
  region: z.string().default("us-east-1"),
  endpoint,
  s3Endpoint: endpoint,
  bucket: z.string().min(3).describe("our own, KMS-encrypted bucket: bootstrap secrets and the bridge's backups"),
  subnetId: z.string().optional(),
  subnetGroup: z.string().optional(),
  bridge: z.strictObject({
    imageId: z.string().startsWith("ami-"),
    instanceType: z.string().default("r6i.xlarge"),
    volumeGb: z.number().int().min(1),
    instanceProfile: z.string().default("drawbridge-bridge"),
    ingressCidrs: z.array(z.cidrv4("a CIDR such as 203.0.113.7/32")).default([]),
  }),
  target: z.strictObject({
    instanceClass: z.string().default("db.m6g.xlarge"),
    storageGb: z.number().int().min(20),
    engineVersion: z.string().regex(/^1[4-8](\.\d+)?$/, "a PostgreSQL version from 14 to 18"),
    /** Heroku's dynos outside a private space come over the internet. */
    publiclyAccessible: z.boolean().default(true),
  }),
});

const slack = z.strictObject({
  apiUrl: endpoint,
  mode: z
    .enum(["http", "socket"])
    .default("http")
    .describe("how Slack reaches the bot: signed HTTP requests, or sockets that the bot opens (SLACK_APP_TOKEN)"),
  team: slackId("T"),
  enterprise: slackId("E").optional(),
  app: slackId("A"),
  channel: slackId("CG"),
  commsChannel: slackId("CG"),
});

const approvals = z.strictObject({
  required: z.number().int().min(2).default(2),
  approvers: z
    .array(z.strictObject({ person: name, slack: z.array(slackId("UW")).min(1) }))
    .min(2, "two different people are needed"),
  drivers: z.array(z.strictObject({ person: name, slack: z.array(slackId("UW")).min(1) })).min(1),
  userGroup: slackId("S").optional(),
  expiresMinutes: z.number().int().min(1).max(240).default(30),
  approveEmoji: emoji.default("white_check_mark"),
  vetoEmoji: emoji.default("no_entry"),
});

const policy = z.strictObject({
  windowDeadlineSeconds: seconds(20, 900).default(120),
  stopWritersSeconds: seconds(5, 120).default(45),
  markerSeconds: seconds(2, 300).default(30),
  settleProbes: seconds(1, 20).default(3),
  settleLagSeconds: seconds(1, 600).default(10),
  followDeadlineSeconds: seconds(10, 86_400).default(3600),
  soakSeconds: seconds(5, 1_209_600).default(86_400),
  healthDeadlineSeconds: seconds(5, 900).default(120),
  announceSeconds: seconds(1, 60).default(30),
  /** Extensions that the target may lack: they are left behind, knowingly. */
  ignoreExtensions: z.array(z.string()).default([]),
  /** Text may be sorted by another library's version on the bridge: its indexes are rebuilt by hand after window 1. */
  acceptCollationChange: z.boolean().default(false),
});

/** The reviewed configuration file. It holds no secrets; unknown keys are mistakes. */
export const configSchema = z.strictObject({
  migration: name,
  heroku,
  archive: archive.prefault({}),
  aws,
  slack,
  approvals: approvals.superRefine((value, context) => {
    const seen = new Map<string, string>();
    for (const list of ["approvers", "drivers"] as const) {
      for (const [at, entry] of value[list].entries()) {
        for (const id of entry.slack) {
          const other = seen.get(id);
          if (other !== undefined && other !== entry.person) {
            context.addIssue({
              code: "custom",
              path: [list, at, "slack"],
              message: "one Slack account belongs to one person",
            });
          }
          seen.set(id, entry.person);
        }
      }
    }
    if (value.approveEmoji === value.vetoEmoji) {
      // the approving one would win, and nobody could stop anything
      context.addIssue({ code: "custom", path: ["vetoEmoji"], message: "another emoji than the approving one" });
    }
    if (new Set(value.approvers.map((entry) => entry.person)).size !== value.approvers.length) {
      context.addIssue({
        code: "custom",
        path: ["approvers"],
        message: "each person is listed once, with all their accounts",
      });
    }
  }),
  policy: policy.prefault({}),
});

/** The configuration as the program uses it: checked, with defaults filled in. */
export type Config = z.infer<typeof configSchema>;
