import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openS3Store } from "../../../src/aws/s3-store.ts";
import { waitFor } from "../../../src/clock.ts";
import { silentLog } from "../../../src/log.ts";
import { Secret } from "../../../src/redact.ts";
import { startS3 } from "../../../src/sandbox/s3/s3-server.ts";
import type { KeyRing } from "../../../src/sandbox/s3/sigv4.ts";
import { startAwsWorld } from "./aws-world.ts";

afterEach(() => void vi.unstubAllEnvs());

describe("an instance's metadata service", () => {
  it("gives the SDK's default chain keys that reach the bridge's prefix in S3, and nothing else", async () => {
    const root = await mkdtemp(join(tmpdir(), "drawbridge-keys-"));
    const ring: KeyRing = new Map();
    const s3 = await startS3({ root, buckets: ["ours"], credentials: ring });
    await using world = await startAwsWorld({ credentials: ring });
    const spec = {
      migration: "m",
      clientToken: "t",
      imageId: "ami-0123456789abcdef0",
      instanceType: "m7i.xlarge",
      volumeGb: 10,
    };
    const { id } = await world.ec2.launchBridge({
      ...spec,
      userData: "bucket: ours",
      instanceProfile: "drawbridge-bridge",
      securityGroupIds: [],
    });
    await world.ec2.waitRunning(id, { deadlineMs: 5_000, everyMs: 20 });
    const boot = await waitFor(() => world.boots[0], { deadlineMs: 5_000, what: "the instance's process" });

    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", boot.imdsUrl);
    const place = { bucket: "ours", region: "us-east-1", endpoint: s3.url, forcePathStyle: true, log: silentLog };
    const workers = async () => ({ accessKeyId: "AKWORKER", secretAccessKey: new Secret("worker") });
    const worker = openS3Store({ ...place, prefix: "", credentials: workers });
    await worker.put("bridge/m/agent.json", Buffer.from("{}"));
    await worker.put("other/secret", Buffer.from("x"));
    const agent = openS3Store({ ...place, prefix: "" });
    const found = await agent.get("bridge/m/agent.json");
    expect(found && (await buffer(found.body)).toString()).toBe("{}");
    await expect(agent.get("other/secret")).rejects.toMatchObject({ code: "DB_ARCHIVE_ACCESS" });

    expect((await fetch(`${boot.imdsUrl}/latest/user-data`)).status).toBe(401);
    const token = await (await fetch(`${boot.imdsUrl}/latest/api/token`, { method: "PUT" })).text();
    const headers = { "x-aws-ec2-metadata-token": token };
    expect(await (await fetch(`${boot.imdsUrl}/latest/user-data`, { headers })).text()).toBe("bucket: ours");
    worker.close();
    agent.close();
    await s3.stop();
    await rm(root, { recursive: true, force: true });
  });
});
