/** The head of an HTTP/1.1 answer. */
export interface ResponseHead {
  readonly statusCode: number;
  /** By name in small letters. */
  readonly headers: Record<string, string>;
  /** Length of the body in bytes; `undefined` where it is not announced (chunked, or until the connection ends). */
  readonly bodyBytes: number | undefined;
  /** Whether the connection may be used again. */
  readonly keepsAlive: boolean;
}

/** What stands behind a head. */
export const headEnd = "\r\n\r\n";

const statusLine = /^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/;
const field = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/;

/**
 * Reads a head without its end mark; `undefined` for what is none that we would go on with: another version, a 1xx, lines that
 * are no fields, two lengths. Strict, since whoever asks falls back to the usual client. Source: RFC 9112, 2 to 6. Pure.
 */
export function readHead(text: string): ResponseHead | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const statusCode = Number(statusLine.exec(first)?.[1]);
  if (Number.isNaN(statusCode)) return undefined;
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = field.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const key = name.toLowerCase();
    const before = headers[key];
    if (before !== undefined && key === "content-length") return undefined;
    headers[key] = before === undefined ? value : `${before}, ${value}`;
  }
  const length = headers["content-length"];
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return undefined;
  const isChunked = headers["transfer-encoding"] !== undefined;
  return {
    statusCode,
    headers,
    bodyBytes: isChunked || length === undefined ? undefined : Number(length),
    keepsAlive: !/\bclose\b/i.test(headers["connection"] ?? ""),
  };
}
