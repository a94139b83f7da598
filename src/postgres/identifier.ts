/** A table, view or sequence by its two names, unquoted. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** An SQL identifier in double quotes, whatever it contains. Always quoted, so that keywords and capitals are safe. */
export function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * An SQL string literal, for statements that take no parameters (DDL). Independent of `standard_conforming_strings`:
 * a backslash makes it an `E''` literal.
 */
export function quoteLiteral(value: string): string {
  const body = value.replaceAll("'", "''");
  return body.includes("\\") ? ` E'${body.replaceAll("\\", "\\\\")}'` : `'${body}'`;
}

/** `"schema"."name"`, for use in SQL. */
export function qualified(table: TableName): string {
  return `${quoteIdent(table.schema)}.${quoteIdent(table.name)}`;
}
