import { DrawbridgeError } from "../errors.ts";

/**
 * Reads an instance's user-data from the instance metadata service (IMDSv2: a token first, then the value).
 * `endpoint` as in `AWS_EC2_METADATA_SERVICE_ENDPOINT`; the link-local address unless told.
 * @throws DrawbridgeError `DB_CONNECTION` when the service does not answer, `DB_AWS` when it refuses.
 */
export async function readUserData(endpoint = "http://169.254.169.254"): Promise<string> {
  const token = await ask(endpoint, "/latest/api/token", "PUT", { "x-aws-ec2-metadata-token-ttl-seconds": "300" });
  return ask(endpoint, "/latest/user-data", "GET", { "x-aws-ec2-metadata-token": token });
}

async function ask(endpoint: string, path: string, method: string, headers: Record<string, string>): Promise<string> {
  let answer: Response;
  try {
    answer = await fetch(new URL(path, endpoint), { method, headers, signal: AbortSignal.timeout(5000) });
  } catch (cause) {
    throw new DrawbridgeError("DB_CONNECTION", "the instance metadata service does not answer", { cause });
  }
  const text = await answer.text();
  if (!answer.ok) throw new DrawbridgeError("DB_AWS", `instance metadata ${path}: status ${answer.status}`);
  return text;
}
