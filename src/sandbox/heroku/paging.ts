/** A list cut to the page that was asked for; other answers pass as they are. */
export interface Page {
  readonly body: object;
  readonly acceptRanges?: string;
  /** The `Range` of the page after this one; undefined on the last. */
  readonly nextRange?: string;
}

const form = /^(?<field>id|name|version)\s+(?<open>\]?)(?<from>[^\s.]*)\.\.[^;]*(?:;\s*(?<options>.*))?$/;

/** Heroku's `Range: version ]12..; order=desc,max=5`: a field, where to go on (`]`: after it), and options. */
export function page(body: object, range: string | undefined): Page {
  if (!Array.isArray(body)) return { body };
  const rows: readonly Record<string, unknown>[] = body;
  const asked = form.exec(range ?? "")?.groups ?? {};
  const { field = "id", open = "", from = "", options = "" } = asked;
  const max = Number(/max=(\d+)/.exec(options)?.[1] ?? 200);
  const descending = /order=desc/.test(options);
  const sign = descending ? -1 : 1;
  const compare = (a: unknown, b: unknown): number =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  const start = field === "version" ? Number(from) : from;
  const after = rows
    .toSorted((a, b) => sign * compare(a[field], b[field]))
    .filter((row) => {
      if (from === "") return true;
      const place = sign * compare(row[field], start);
      return open === "]" ? place > 0 : place >= 0;
    });
  const cut = after.slice(0, max);
  const last: unknown = cut.at(-1)?.[field];
  const acceptRanges = "id, name, version";
  if (after.length <= max || (typeof last !== "string" && typeof last !== "number")) return { body: cut, acceptRanges };
  const order = descending ? "order=desc," : "";
  return { body: cut, acceptRanges, nextRange: `${field} ]${last}..; ${order}max=${max}` };
}
