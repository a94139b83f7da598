import { createHash, randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Log, silentLog } from "../../log.ts";
import { close, listen } from "../s3/http.ts";
import { checkSignature, type KeyRing, type Signer } from "../s3/sigv4.ts";
import { getMetricData } from "./cloudwatch-world.ts";
import { createEc2, type Ec2World } from "./ec2-world.ts";
import { type AwsFaults, type FaultBox, faultBox } from "./faults.ts";
import type { StartInstance } from "./hosts.ts";
import { parseForm, Refused, toXml, type Xml } from "./query-api.ts";
import { createRds, type RdsWorld } from "./rds-world.ts";

/** How the AWS stand-in is started. */
export interface AwsOptions {
  /** Disks of instances and data of databases go below it. Other users must be able to pass it. */
  readonly root: string;
  /** Shared with the S3 stand-in: instances get keys of their own that count there. */
  readonly credentials: KeyRing;
  /** Starts the process of an instance that has come up, and again when it died. */
  readonly startInstance: StartInstance;
  /** Instance profile → `bucket/prefix` that its keys may touch in S3. */
  readonly profiles: Readonly<Record<string, readonly string[]>>;
  /** From `pending` to `running`; 500 unless told. */
  readonly bootMs?: number;
  /** From `creating` to the start of the server; 1,000 unless told. */
  readonly creationMs?: number;
  /** 5,000 unless told. */
  readonly measureEveryMs?: number;
  /** Of an instance's keys; an hour unless told. */
  readonly keyLifetimeMs?: number;
  readonly faults?: AwsFaults;
  readonly log?: Log;
}

/** What lives in the stand-in. */
export interface AwsState {
  readonly instances: readonly { id: string; state: string; pid: number | undefined }[];
  readonly databases: readonly {
    identifier: string;
    status: string;
    port: number | undefined;
    pid: number | undefined;
  }[];
}

/** A running AWS stand-in: EC2, RDS and CloudWatch on one endpoint, told apart by the signature's scope. */
export interface AwsServer {
  readonly url: string;
  state(): AwsState;
  setFault<Name extends keyof AwsFaults>(name: Name, fault: AwsFaults[Name] | undefined): void;
  /** Switches off every instance and database and removes their data. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface World {
  readonly ec2: Ec2World;
  readonly rds: RdsWorld;
  readonly faults: FaultBox;
  readonly ring: KeyRing;
  readonly log: Log;
}

/** Starts the stand-in on a free port of the loopback interface. Signatures are checked for real. */
export async function startAws(options: AwsOptions): Promise<AwsServer> {
  const world = await makeWorld(options);
  const server = createServer((request, response) => {
    answer(world, request, response).catch((error: unknown) => {
      world.log.warn({ error: String(error) }, "the AWS stand-in failed on a request");
      response.destroy();
    });
  });
  const url = await listen(server);
  const stop = async (): Promise<void> => {
    await Promise.all([world.ec2.stop(), world.rds.stop()]);
    await close(server);
  };
  return {
    url,
    state: () => ({
      instances: [...world.ec2.instances.all.values()].map(({ id, state, host }) => ({ id, state, pid: host?.pid() })),
      databases: [...world.rds.databases.values()].map(({ identifier, status, cluster }) => ({
        identifier,
        status,
        port: cluster?.port,
        pid: cluster?.pid(),
      })),
    }),
    setFault: (name, fault) => world.faults.set(name, fault),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function makeWorld(options: AwsOptions): Promise<World> {
  const { root, startInstance, profiles, credentials: ring } = options;
  const [log, faults] = [options.log ?? silentLog, faultBox(options.faults ?? {})];
  const [disks, data] = [join(root, "instances"), join(root, "databases")];
  for (const directory of [root, disks, data]) await mkdir(directory, { recursive: true, mode: 0o711 });
  const rds = createRds(
    {
      root: data,
      creationMs: options.creationMs ?? 1_000,
      measureEveryMs: options.measureEveryMs ?? 5_000,
      faults,
      log,
    },
    (id) => ec2.hasGroup(id),
  );
  const usesGroup = (id: string): boolean =>
    [...rds.databases.values()].some(({ securityGroupIds }) => securityGroupIds.includes(id));
  const keyLifetimeMs = options.keyLifetimeMs ?? 3_600_000;
  const ec2: Ec2World = createEc2(
    { root: disks, bootMs: options.bootMs ?? 500, startInstance, profiles, ring, keyLifetimeMs, faults, log },
    usesGroup,
  );
  return { ec2, rds, faults, ring, log };
}

async function answer(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const signer = checkSignature(request, world.ring, new Date());
  const service = "code" in signer ? serviceOf(request) : signer.service;
  const target = request.headers["x-amz-target"];
  const action = typeof target === "string" ? (target.split(".")[1] ?? "") : (parseForm(body).get("Action") ?? "");
  try {
    if ("code" in signer) throw new Refused(signer.code, signer.message, signer.status);
    admit(world, signer, request, body, action);
    const reply = await serve(world, signer.service, action, body);
    if (world.faults.strikes("lostResponse", action)) return void response.destroy();
    response.writeHead(200, { "content-type": reply.type, "x-amzn-requestid": randomUUID() }).end(reply.body);
  } catch (error) {
    if (!(error instanceof Refused))
      world.log.warn({ action, error: String(error) }, "the AWS stand-in failed on a request");
    refuse(response, service, error instanceof Refused ? error : new Refused("InternalFailure", String(error), 500));
  }
}

/** The service named in a signature that is not valid. */
function serviceOf(request: IncomingMessage): string {
  return /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "ec2";
}

function admit(
  world: World,
  { keyId, keys, service }: Signer,
  request: IncomingMessage,
  body: string,
  action: string,
): void {
  const announced = request.headers["x-amz-content-sha256"];
  if (typeof announced === "string" && announced !== createHash("sha256").update(body).digest("hex")) {
    throw new Refused("SignatureDoesNotMatch", "the body is not the one that was signed", 403);
  }
  if (world.faults.strikes("throttling"))
    throw new Refused(service === "ec2" ? "RequestLimitExceeded" : "Throttling", "Rate exceeded", 503);
  if (keys.denyActions?.some((denied) => denied === action || denied === "*")) {
    const message = `User: ${keyId} is not authorized to perform: ${service}:${action}`;
    throw new Refused(service === "ec2" ? "UnauthorizedOperation" : "AccessDenied", message, 403);
  }
}

async function serve(
  world: World,
  service: string,
  action: string,
  body: string,
): Promise<{ type: string; body: string }> {
  const form = parseForm(body);
  if (service === "ec2") {
    const content: Xml = { requestId: randomUUID(), ...world.ec2.serve(action, form) };
    return xmlReply(`${action}Response`, "http://ec2.amazonaws.com/doc/2016-11-15/", content);
  }
  if (service === "rds") {
    const content = {
      [`${action}Result`]: await world.rds.serve(action, form),
      ResponseMetadata: { RequestId: randomUUID() },
    };
    return xmlReply(`${action}Response`, "http://rds.amazonaws.com/doc/2014-10-31/", content);
  }
  if (service === "monitoring" && action === "GetMetricData") {
    const measured = (identifier: string) => world.rds.databases.get(identifier)?.metrics?.measurements ?? [];
    return { type: "application/x-amz-json-1.0", body: JSON.stringify(getMetricData(body, measured)) };
  }
  throw new Refused("UnknownOperationException", `${service}:${action} is not served here`);
}

function xmlReply(tag: string, namespace: string, content: Xml): { type: string; body: string } {
  return {
    type: "text/xml;charset=UTF-8",
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<${tag} xmlns="${namespace}">${toXml(content)}</${tag}>`,
  };
}

function refuse(response: ServerResponse, service: string, { code, message, status }: Refused): void {
  const id = randomUUID();
  if (service === "monitoring") {
    response.writeHead(status, { "content-type": "application/x-amz-json-1.0", "x-amzn-requestid": id });
    return void response.end(JSON.stringify({ __type: code, message }));
  }
  const Error = { Code: code, Message: message };
  const content: Xml =
    service === "ec2"
      ? { Response: { Errors: { Error }, RequestID: id } }
      : { ErrorResponse: { Error: { Type: "Sender", ...Error }, RequestId: id } };
  response.writeHead(status, { "content-type": "text/xml;charset=UTF-8" });
  response.end(`<?xml version="1.0" encoding="UTF-8"?>\n${toXml(content)}`);
}
