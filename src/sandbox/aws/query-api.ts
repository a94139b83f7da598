/** A refusal in AWS's words. */
export class Refused extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** The parameters of one Query API request, or of one element of a list in it. */
export interface Form {
  get(name: string): string | undefined;
  /** @throws Refused `MissingParameter` */
  need(name: string): string;
  /** `Name.1`, `Name.2`, … in order. */
  list(name: string): string[];
  /** The elements of `Name.1.…`, `Name.2.…`, each as a form of its own. */
  records(name: string): Form[];
  /** All parameters except those named, in a fixed order: what idempotency compares. */
  fingerprint(except: readonly string[]): string;
}

/** Reads a request's body. */
export function parseForm(body: string): Form {
  return formOf(new Map(new URLSearchParams(body)));
}

function formOf(values: ReadonlyMap<string, string>): Form {
  const numbers = (name: string): number[] => {
    const found = [...values.keys()]
      .filter((key) => key.startsWith(`${name}.`))
      .map((key) => Number(key.slice(name.length + 1).split(".")[0]));
    return [...new Set(found.filter((n) => Number.isInteger(n)))].toSorted((a, b) => a - b);
  };
  return {
    get: (name) => values.get(name),
    need: (name) => {
      const value = values.get(name);
      if (value === undefined || value === "")
        throw new Refused("MissingParameter", `The request must contain the parameter ${name}`);
      return value;
    },
    list: (name) => numbers(name).flatMap((n) => values.get(`${name}.${n}`) ?? []),
    records: (name) =>
      numbers(name).map((n) => {
        const prefix = `${name}.${n}.`;
        return formOf(
          new Map(
            [...values]
              .filter(([key]) => key.startsWith(prefix))
              .map(([key, value]) => [key.slice(prefix.length), value]),
          ),
        );
      }),
    fingerprint: (except) =>
      JSON.stringify([...values].filter(([key]) => !except.includes(key)).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** XML content: an array repeats its tag, `undefined` leaves it out. */
export type Xml = string | number | boolean | Date | undefined | readonly Xml[] | { readonly [tag: string]: Xml };

/** XML elements by their tags. */
export type XmlRecord = { readonly [tag: string]: Xml };

/** Writes XML content. */
export function toXml(content: Xml): string {
  if (content === undefined) return "";
  if (content instanceof Date) return content.toISOString();
  if (typeof content !== "object") return String(content).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  if (isList(content)) return content.map(toXml).join("");
  return Object.entries(content)
    .flatMap(([tag, inner]) => (isList(inner) ? inner.map((each) => [tag, each] as const) : [[tag, inner] as const]))
    .map(([tag, inner]) => (inner === undefined ? "" : `<${tag}>${toXml(inner)}</${tag}>`))
    .join("");
}

function isList(content: Xml): content is readonly Xml[] {
  return Array.isArray(content);
}

/** Tags as a plain record. */
export type Tags = Readonly<Record<string, string>>;

/** `Key`/`Value` pairs of a form. */
export function tagsOf(pairs: readonly Form[]): Tags {
  return Object.fromEntries(pairs.map((pair) => [pair.need("Key"), pair.get("Value") ?? ""]));
}
