import { randomBytes } from "node:crypto";

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Lower-case letters and digits by chance, as in Heroku's names of roles and databases. */
export function randomName(length: number): string {
  return Array.from(randomBytes(length), (byte) => letters[byte % letters.length]).join("");
}
