import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { type AwsAccess, sdkConfig } from "./access.ts";
import { calling } from "./aws-errors.ts";

/** Which series to read. */
export interface MetricQuery {
  /** `AWS/RDS`, `AWS/EC2`. */
  readonly namespace: string;
  /** `{ name: "DBInstanceIdentifier", value: "…" }`. */
  readonly dimension: { readonly name: string; readonly value: string };
  /** `CPUUtilization`, `FreeStorageSpace`, … Billed per name asked for. */
  readonly names: readonly string[];
  readonly since: Date;
  readonly until?: Date | undefined;
}

/** One measured value, in the metric's own unit. */
export interface MetricPoint {
  readonly at: Date;
  readonly value: number;
}

/** Reads metrics: one-minute values, minutes late, so for people to look at and never for a decision in a window. */
export interface CloudWatch {
  /** Points by metric name, oldest first; a name without values has an empty list. */
  metrics(query: MetricQuery, signal?: AbortSignal): Promise<ReadonlyMap<string, readonly MetricPoint[]>>;
  close(): void;
}

const periodSeconds = 60;

/** Opens CloudWatch in one region. */
export function openCloudWatch(access: AwsAccess): CloudWatch {
  const client = new CloudWatchClient(sdkConfig(access));
  return {
    metrics: (query, signal) => calling("GetMetricData", () => readMetrics(client, query, signal)),
    close: () => client.destroy(),
  };
}

async function readMetrics(
  client: CloudWatchClient,
  query: MetricQuery,
  signal: AbortSignal | undefined,
): Promise<Map<string, MetricPoint[]>> {
  const { namespace: Namespace, dimension, names, since: StartTime } = query;
  const EndTime = query.until ?? new Date();
  const Dimensions = [{ Name: dimension.name, Value: dimension.value }];
  const MetricDataQueries = names.map((MetricName, index) => ({
    Id: `m${index}`,
    MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period: periodSeconds, Stat: "Average" },
  }));
  const series = new Map<string, MetricPoint[]>(names.map((name) => [name, []]));
  let NextToken: string | undefined;
  do {
    const input = { MetricDataQueries, StartTime, EndTime, ScanBy: "TimestampAscending" as const };
    const command = new GetMetricDataCommand({ ...input, ...(NextToken === undefined ? {} : { NextToken }) });
    const page = await client.send(command, signal === undefined ? {} : { abortSignal: signal });
    for (const { Id, Timestamps = [], Values = [] } of page.MetricDataResults ?? []) {
      const points = series.get(names[Number(Id?.slice(1))] ?? "");
      Timestamps.forEach((at, index) => points?.push({ at, value: Values[index] ?? Number.NaN }));
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined && NextToken !== "");
  return series;
}
