import { inspect } from "node:util";

/**
 * A value that must not be printed: passwords, tokens, connection URLs.
 * `String(secret)`, `JSON.stringify`, template strings and `util.inspect` all show `[secret]`;
 * only an explicit {@link Secret.reveal} gives the value, so each use can be found by searching for it.
 */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
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

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  // user:password@ of any URL scheme (postgres, redis, https)
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s:/@"']*:[^\s@"']+@/gi, "$1[secret]@"],
  [/\bpassword=('[^']*'|\S+)/gi, "password=[secret]"],
  [/\bxox[a-z]-[\w-]+|\bxapp-[\w-]+/g, "[secret]"],
  [/\b(AKIA|ASIA)[A-Z0-9]{12,}\b/g, "[secret]"],
  [/\bHRKU-[\w-]{20,}/g, "[secret]"],
  [/\bhttps?:\/\/[^\s"'<>]*\/(?:commands|actions|response)\/[^\s"'<>]+/gi, "[secret]"],
];

/** Removes what looks like a credential from text that leaves the process. Every sink calls it (law 8). */
export function redact(text: string): string {
  let out = text;
  for (const [pattern, replacement] of patterns) out = out.replace(pattern, replacement);
  return out;
}
