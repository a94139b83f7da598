import { DrawbridgeError } from "../errors.ts";

const usualEndpoint = "http://169.254.169.254";

/**
 * Reads an instance's user-data from the instance metadata service (IMDSv2: a token first, then the value).
 * `endpoint` as in `AWS_EC2_METADATA_SERVICE_ENDPOINT`; the link-local address unless told.
 * @throws DrawbridgeError `DB_CONNECTION` when the service does not answer, `DB_AWS` when it refuses.
 */
export async function readUserData(endpoint = usualEndpoint): Promise<string> {
  const [userData] = await readValues(endpoint, ["/latest/user-data"]);
  if (userData === undefined) throw new DrawbridgeError("DB_AWS", "this instance has no user-data");
  return userData;
}

/**
 * The address under which others reach this instance: its public IPv4 address, else its private one; `undefined` when the
 * service knows neither. A public address changes when the instance is stopped and started, unless it is an elastic one.
 * @throws DrawbridgeError as {@link readUserData}.
 */
export async function readInstanceAddress(endpoint = usualEndpoint): Promise<string | undefined> {
  const values = await readValues(endpoint, ["/latest/meta-data/public-ipv4", "/latest/meta-data/local-ipv4"]);
  return values.find((value) => value !== undefined);
}

/** Each path's value in turn, `undefined` where the service has none (404). */
async function readValues(endpoint: string, paths: readonly string[]): Promise<Array<string | undefined>> {
  const lifetime = { "x-aws-ec2-metadata-token-ttl-seconds": "300" };
  const token = await ask(endpoint, "/latest/api/token", "PUT", lifetime);
  if (token === undefined) throw new DrawbridgeError("DB_AWS", "the instance metadata service has no tokens (IMDSv2)");
  const values: Array<string | undefined> = [];
  for (const path of paths) values.push(await ask(endpoint, path, "GET", { "x-aws-ec2-metadata-token": token }));
  return values;
}

async function ask(
  endpoint: string,
  path: string,
  method: string,
  headers: Record<string, string>,
): Promise<string | undefined> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(new URL(path, endpoint), { method, headers, signal: AbortSignal.timeout(5000) });
    text = await answer.text();
  } catch (cause) {
    throw new DrawbridgeError("DB_CONNECTION", "the instance metadata service does not answer", { cause });
  }
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new DrawbridgeError("DB_AWS", `instance metadata ${path}: status ${answer.status}`);
  return text;
}
