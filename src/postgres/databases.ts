import type { Database, Queryable } from "./connect.ts";
import { quoteIdent, quoteLiteral } from "./identifier.ts";

/** Which database to make, after the pattern of which. */
export interface DatabaseWish {
  /** A database of the source, connected to the one that is copied. */
  readonly from: Queryable;
  /** The target server, connected to another database than the one to be made. */
  readonly to: Database;
  readonly database: string;
  readonly owner: string;
}

/**
 * Creates a database with the owner, encoding and collation of the one that `from` is connected to. One that exists is
 * left as it is. Where the target does not know the collation, its own default is not taken silently: the error says so.
 */
export async function createDatabaseLike(wish: DatabaseWish): Promise<void> {
  const [there] = await wish.to.query("select 1 as found from pg_database where datname = $1", [wish.database]);
  if (there) return;
  const [like] = await wish.from.query<{ encoding: string; collate: string; ctype: string }>(
    `select pg_encoding_to_char(encoding) as encoding, datcollate as collate, datctype as ctype
     from pg_database where datname = current_database()`,
  );
  await wish.to.query(
    `create database ${quoteIdent(wish.database)} owner ${quoteIdent(wish.owner)} template template0
     encoding ${quoteLiteral(like?.encoding ?? "UTF8")} lc_collate ${quoteLiteral(like?.collate ?? "C")}
     lc_ctype ${quoteLiteral(like?.ctype ?? "C")}`,
  );
}

/** Drops a database and ends whoever is connected to it; nothing happens when there is none. */
export async function dropDatabase(to: Database, database: string): Promise<void> {
  await to.query(`drop database if exists ${quoteIdent(database)} with (force)`);
}

/** The database, certainly empty: dropped if it was there, then made anew. */
export async function emptyDatabase(wish: DatabaseWish): Promise<void> {
  await dropDatabase(wish.to, wish.database);
  await createDatabaseLike(wish);
}
