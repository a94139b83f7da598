/** Where the agent of a migration finds its bootstrap document in our bucket. */
export function bootstrapKey(migrationId: string): string {
  return `drawbridge/${migrationId}/bootstrap.json`;
}

/** The prefix under which the bridge ships its own backups and WAL. */
export function backupsPrefix(migrationId: string): string {
  return `drawbridge/${migrationId}/backups/`;
}
