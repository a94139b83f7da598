import { blocker, type Check, listed, type Remark, warning } from "../finding.ts";

/** PostgreSQL's own maxima of the settings that a standby must not have lower than its primary (guc_tables.c). */
const maxima: Readonly<Record<string, number>> = {
  max_connections: 262_143,
  max_worker_processes: 262_143,
  max_wal_senders: 262_143,
  max_prepared_transactions: 262_143,
  max_locks_per_transaction: 2_147_483_647,
};

/** Shared memory for one lock, about, and how much of it is too much for a small bridge. */
const lockBytes = 270;
const manyBytes = 2 * 1024 ** 3;

/** Number 8: the bridge gets twice the source's limits; where that cannot be, replay would pause and promotion shut it down. */
export const standbyLimits: Check = {
  name: "standby-limits",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { limits, pendingLimits } = source;
    const remarks: Remark[] = [];
    const unknown = Object.keys(maxima).filter((name) => !((limits[name] ?? Number.NaN) >= 0));
    if (unknown.length > 0) {
      remarks.push(
        blocker(
          `The source does not tell ${listed(unknown)}: the bridge might get lower limits and stop following.`,
          "Use the database's default credential, which is in pg_read_all_settings.",
        ),
      );
    }
    for (const [name, most] of Object.entries(maxima)) {
      const value = limits[name] ?? 0;
      if (2 * value <= most) continue;
      remarks.push(
        blocker(
          `${name} is ${value} on the source; the bridge would need twice that, PostgreSQL allows ${most}.`,
          `Ask Heroku support to lower ${name}.`,
        ),
      );
    }
    if (pendingLimits.length > 0) {
      remarks.push(
        warning(
          `${listed(pendingLimits)} will change when the source restarts next; a bridge that follows then pauses.`,
          "Have the source restarted before `/migrate start` (`heroku pg:maintenance:run`).",
        ),
      );
    }
    const locks = (limits["max_connections"] ?? 0) * (limits["max_locks_per_transaction"] ?? 0);
    const needBytes = 4 * locks * lockBytes;
    if (needBytes > manyBytes) {
      remarks.push(
        warning(
          `The bridge's lock table needs ${(needBytes / 1024 ** 3).toFixed(1)} GB of memory with twice the source's limits.`,
          "Choose `aws.bridge.instanceType` with memory to spare.",
        ),
      );
    }
    return remarks;
  },
};
