import { blocker, type Check, type Remark, warning } from "../finding.ts";

const gib = 1024 ** 3;

/** Number 37, as far as the configuration alone can break it: room for the data on the bridge and on the target. */
export const diskSpace: Check = {
  name: "disk-space",
  judge: ({ source, wish }) => {
    if (!source) return undefined;
    const dataGb = Number(source.databaseBytes) / gib;
    return [
      ...room(dataGb, wish.bridgeVolumeGb, "bridge", "aws.bridge.volumeGb"),
      ...room(dataGb, wish.targetStorageGb, "target", "aws.target.storageGb"),
    ];
  },
};

/** WAL is kept while rows are copied, hence half as much again. */
function room(dataGb: number, haveGb: number, place: string, key: string): Remark[] {
  if (dataGb * 1.5 <= haveGb) return [];
  const words = `The database has ${dataGb.toFixed(1)} GB, the ${place} gets ${haveGb} GB.`;
  const fix = `Set \`${key}\` to ${Math.ceil(dataGb * 2)} or more.`;
  return [
    dataGb * 1.1 > haveGb ? blocker(words, fix) : warning(`${words} WAL that waits for the copy may fill it.`, fix),
  ];
}
