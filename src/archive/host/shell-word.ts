/** A word as every POSIX shell reads it back; left bare where that is safe. Pure. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command line that can be pasted into a shell. Pure. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}
