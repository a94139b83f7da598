import { inspect } from "node:util";

/**
 * A value that must not be printed: passwords, tokens, connection URLs.
 * `String(secret)`, `JSON.stringify`, template strings and `util.inspect` all show `[secret]`;
 * only an explicit {@link Secret.reveal} gives the value, so each use can be found by searching for it.
 * What was ever wrapped is known to {@link redact}, which finds it in any text, whatever stands around it.
 */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
    remember(value);
  }
  /** The value itself. Only hand it to the library that needs it. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
  [inspect.custom](): string {
    return "[secret]";
  }
}

/** Shorter values are left to the patterns: a password `postgres` would blot out half of every log. */
const leastLength = 10;
/** Keys of instances are renewed every few hours for as long as a process lives; the oldest are forgotten. */
const mostKnown = 500;
/** Values that this process holds, with the spellings under which they turn up. */
const known = new Map<string, readonly string[]>();

function remember(value: string): void {
  for (const part of /^[a-z][\w+.-]*:\/\//i.test(value) ? passwordsIn(value) : [value]) {
    if (part.length < leastLength || known.has(part)) continue;
    known.set(part, [...new Set([part, encodeURIComponent(part.toWellFormed()), JSON.stringify(part).slice(1, -1)])]);
  }
  for (const oldest of known.keys()) {
    if (known.size <= mostKnown) break;
    known.delete(oldest);
  }
}

/** The password of a URL: as it is written, even where an `@` or `/` in it was not escaped, and decoded. */
function passwordsIn(url: string): string[] {
  const login = url.slice(url.indexOf("://") + 3, Math.max(0, url.lastIndexOf("@")));
  const written = login.includes(":") ? login.slice(login.indexOf(":") + 1) : "";
  try {
    return [written, decodeURIComponent(URL.parse(url)?.password ?? ""), decodeURIComponent(written)];
  } catch {
    return [written];
  }
}

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/((?:password|passwd|secret|token)"?\s*=\s*)('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s&]+)/gi, "$1[secret]"],
  [/("(?:password|passwd|secret|token)"\s*:\s*)"(?:\\.|[^"\\])*"/gi, '$1"[secret]"'],
  [/(\bauthorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)[^\s"',]+/gi, "$1[secret]"],
  [/\bxox[a-z]-[\w-]+|\bxapp-[\w-]+/g, "[secret]"],
  [/\b(AKIA|ASIA)[A-Z0-9]{12,}\b/g, "[secret]"],
  [/(\bX-Amz-(?:Signature|Security-Token|Credential)=)[^&\s"']+/gi, "$1[secret]"],
  [/\bHRKU-[\w-]{20,}/g, "[secret]"],
  [/\bSCRAM-SHA-256\$[^\s"']+/g, "[secret]"],
  [/\bhttps?:\/\/[^\s"'<>]{0,200}\/(?:commands|actions|response)\/[^\s"'<>]+/gi, "[secret]"],
];

/** Removes what looks like a credential, or is one that this process holds, from text that leaves it. Every sink calls it (law 8). */
export function redact(text: string): string {
  let out = withoutKnown(text);
  for (const [pattern, replacement] of patterns) out = out.replace(pattern, replacement);
  return withoutLogins(out);
}

function withoutKnown(text: string): string {
  let out = text;
  const here = [...known.values()].flat().filter((value) => text.includes(value));
  // a long one may hold a short one, whose going would leave the rest of it to be read
  for (const value of here.toSorted((a, b) => b.length - a.length)) out = out.replaceAll(value, "[secret]");
  return out;
}

const scheme = /[a-z][a-z0-9+.-]{0,20}:\/\//gi;
const databaseScheme = /(?:postgres(?:ql)?|rediss?|mysql|mongodb(?:\+srv)?|amqps?):\/\/$/i;

/**
 * `user:password@` of any URL, up to the *last* `@` that can belong to it: people forget to escape the `@` of a password, and
 * then spaces too. A database's URL is taken to the end of its line, so that rather too much goes than too little.
 */
function withoutLogins(text: string): string {
  if (!text.includes("@")) return text;
  let out = "";
  let from = 0;
  for (const found of text.matchAll(scheme)) {
    const start = found.index + found[0].length;
    if (found.index < from) continue;
    const rest = databaseScheme.test(found[0]) ? /[^\n]*/y : /[^\s"<>]*/y;
    rest.lastIndex = start;
    const place = rest.exec(text)?.[0] ?? "";
    const end = place.lastIndexOf("@");
    if (end < 0 || !place.slice(0, end).includes(":")) continue;
    out += `${text.slice(from, start)}[secret]`;
    from = start + end;
  }
  return out + text.slice(from);
}

/** {@link redact} for every string in a line of JSON, keys included; what is no JSON is taken as text. */
export function redactJson(line: string): string {
  try {
    const clean: unknown = JSON.parse(line, (_key, value: unknown) =>
      typeof value === "string" ? redact(value) : value,
    );
    // what no string held can only stand in keys
    return withoutKnown(JSON.stringify(clean)) + (line.endsWith("\n") ? "\n" : "");
  } catch {
    return redact(line);
  }
}
