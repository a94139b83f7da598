import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const root = resolve(import.meta.dirname, "../..");
const many = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === "string" ? [value] : value));
const policy = z.object({
  Version: z.literal("2012-10-17"),
  Statement: z.array(
    z.object({
      Sid: z.string().regex(/^[A-Za-z0-9]+$/),
      Effect: z.literal("Allow"),
      Action: many,
      Resource: many,
      Condition: z.record(z.string(), z.record(z.string(), many)).optional(),
    }),
  ),
});

const read = (name: string) => policy.parse(JSON.parse(readFileSync(join(root, "docker", name), "utf8")));
const worker = read("iam-policy-worker.json").Statement;
const bridge = read("iam-policy-bridge.json").Statement;

/** The IAM action behind each command of the SDK; S3's names differ from its commands. */
function actionOf(module: string, command: string): string {
  const odd: Record<string, string> = { HeadObject: "s3:GetObject", ListObjectsV2: "s3:ListBucket" };
  const service = { "client-ec2": "ec2", "client-rds": "rds", "client-s3": "s3", "client-cloudwatch": "cloudwatch" }[
    module
  ];
  return odd[command] ?? `${service ?? module}:${command}`;
}

function actionsInCode(): Set<string> {
  const found = new Set<string>();
  for (const name of readdirSync(join(root, "src/aws"))) {
    const text = readFileSync(join(root, "src/aws", name), "utf8");
    for (const [, names = "", module = ""] of text.matchAll(/import \{([^}]*)\} from "@aws-sdk\/([\w-]+)"/g)) {
      for (const [, command = ""] of names.matchAll(/\b([A-Z]\w+)Command\b/g)) found.add(actionOf(module, command));
      for (const [, command = ""] of names.matchAll(/\bpaginate([A-Z]\w+)\b/g)) found.add(actionOf(module, command));
    }
  }
  return found;
}

describe("the worker's policy", () => {
  const allowed = new Set(worker.flatMap(({ Action }) => Action));

  it("allows every call that the code makes", () => {
    const called = actionsInCode();
    expect(called.size).toBeGreaterThan(15);
    expect([...called].filter((action) => !allowed.has(action))).toEqual([]);
  });

  it("allows nothing that no call needs", () => {
    // tags and the bridge's profile come with calls; the keys of the bucket come with its objects
    const implied = ["ec2:CreateTags", "rds:AddTagsToResource", "iam:PassRole", "kms:Decrypt", "kms:GenerateDataKey"];
    const called = new Set([...actionsInCode(), ...implied]);
    expect([...allowed].filter((action) => !called.has(action))).toEqual([]);
  });

  it("changes only what is ours: no wildcard action, and `*` for looking only", () => {
    for (const { Sid, Action, Resource } of worker) {
      for (const action of Action) expect(action).not.toContain("*");
      if (Resource.includes("*")) expect(Sid).toBe("Look");
    }
    for (const action of worker.find(({ Sid }) => Sid === "Look")?.Action ?? []) {
      expect(action).toMatch(/:(Describe|Get|List)/);
    }
  });
});

describe("the bridge's policy", () => {
  it("reads and writes the migration's own folder, and nothing else", () => {
    const objects = bridge.filter(({ Action }) =>
      Action.some((action) => action.startsWith("s3:") && action !== "s3:ListBucket"),
    );
    expect(objects.flatMap(({ Action }) => Action)).toEqual(["s3:GetObject", "s3:PutObject"]);
    expect(objects.flatMap(({ Resource }) => Resource)).toEqual(["arn:aws:s3:::BUCKET/drawbridge/MIGRATION/*"]);
    const services = new Set(bridge.flatMap(({ Action }) => Action.map((action) => action.split(":")[0])));
    expect([...services]).toEqual(["s3", "kms"]);
  });
});
