import { z } from "zod";
import type { Measurement } from "./metrics-recorder.ts";
import { Refused } from "./query-api.ts";

const seconds = z.number().transform((value) => value * 1000);

/** `GetMetricData` as the SDK sends it (AwsJson 1.0), as far as it is served here. */
const request = z.object({
  MetricDataQueries: z.array(
    z.object({
      Id: z.string().regex(/^[a-z][A-Za-z0-9_]*$/),
      MetricStat: z.object({
        Metric: z.object({
          Namespace: z.string(),
          MetricName: z.string(),
          Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })),
        }),
        Period: z.number().int().multipleOf(60),
        Stat: z.enum(["Average", "Minimum", "Maximum", "Sum", "SampleCount"]),
      }),
    }),
  ),
  StartTime: seconds,
  EndTime: seconds,
  ScanBy: z.enum(["TimestampAscending", "TimestampDescending"]).default("TimestampDescending"),
});

type Stat = z.infer<typeof request>["MetricDataQueries"][number]["MetricStat"]["Stat"];

/** Serves `GetMetricData` from what was measured; `measured` knows the databases by identifier. */
export function getMetricData(body: string, measured: (identifier: string) => readonly Measurement[]): object {
  const parsed = request.safeParse(JSON.parse(body));
  if (!parsed.success) throw new Refused("ValidationError", z.prettifyError(parsed.error));
  const { MetricDataQueries, StartTime, EndTime, ScanBy } = parsed.data;
  if (StartTime >= EndTime)
    throw new Refused("ValidationError", "The parameter StartTime must be less than the parameter EndTime.");
  const MetricDataResults = MetricDataQueries.map(({ Id, MetricStat: { Metric, Period, Stat } }) => {
    const identifier = Metric.Dimensions.find(({ Name }) => Name === "DBInstanceIdentifier")?.Value;
    const known = Metric.Namespace === "AWS/RDS" && identifier !== undefined ? measured(identifier) : [];
    const points = inPeriods(known, Metric.MetricName, Period * 1000).filter(
      ({ at }) => at >= StartTime - Period * 1000 && at < EndTime,
    );
    if (ScanBy === "TimestampDescending") points.reverse();
    return {
      Id,
      Label: Metric.MetricName,
      StatusCode: "Complete",
      Timestamps: points.map(({ at }) => at / 1000),
      Values: points.map(({ values }) => statistic(values, Stat)),
    };
  });
  return { MetricDataResults, Messages: [] };
}

/** CloudWatch aligns periods to the clock and names each by its start. */
function inPeriods(
  measurements: readonly Measurement[],
  name: string,
  periodMs: number,
): { at: number; values: number[] }[] {
  const periods = new Map<number, number[]>();
  for (const { at, values } of measurements) {
    const value = values[name];
    if (value === undefined) continue;
    const start = Math.floor(at.getTime() / periodMs) * periodMs;
    periods.set(start, [...(periods.get(start) ?? []), value]);
  }
  return [...periods].map(([at, values]) => ({ at, values }));
}

function statistic(values: readonly number[], stat: Stat): number {
  const sum = values.reduce((total, value) => total + value, 0);
  switch (stat) {
    case "Average":
      return sum / values.length;
    case "Minimum":
      return Math.min(...values);
    case "Maximum":
      return Math.max(...values);
    case "Sum":
      return sum;
    case "SampleCount":
      return values.length;
  }
}
