/** Names of what replication leaves in the databases; all carry the migration, so that orphans can be told apart. */
export function replicationNames(migrationId: string) {
  const base = `drawbridge_${migrationId.replaceAll("-", "_")}`;
  return {
    /** publication on the bridge, for the target */
    forwardPublication: `${base}_forward`,
    /** subscription on the target, and its slot on the bridge */
    forwardSubscription: `${base}_forward`,
    /** publication on the target, for the bridge: the way back */
    reversePublication: `${base}_reverse`,
    /** slot on the target, and the subscription on the bridge that reads it */
    reverseSubscription: `${base}_reverse`,
  } as const;
}
