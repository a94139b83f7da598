import type { GetObjectCommandOutput, ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import type { ReadOptions } from "../archive/store/object-store.ts";

/** What an answer to a GET says of itself. */
type AnswerFacts = Pick<GetObjectCommandOutput, "ETag" | "ContentRange" | "ContentLength" | "ContentType">;

/**
 * Why an answer with a good status is not (the wanted part of) the object; `undefined` when it is. Proxies answer with
 * pages of their own and status 200, and some servers ignore ranges: both would be taken for content. Pure.
 */
export function whyNotTheObject(answer: AnswerFacts, { range, ifMatch }: ReadOptions): string | undefined {
  const { ETag, ContentRange, ContentLength } = answer;
  if (ETag === undefined || ETag === "")
    return `the answer has no ETag, so it is not from S3 (${answer.ContentType ?? "no type"})`;
  if (ifMatch !== undefined && ETag !== ifMatch) return `the answer is of another version of the object (${ETag})`;
  if (range === undefined) return undefined;
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange ?? "")?.map(Number) ?? [];
  if (first === undefined || last === undefined || total === undefined)
    return `bytes from ${range.start} were asked for, and the answer is not a part of the object`;
  const end = Math.min(range.end ?? total - 1, total - 1);
  if (first !== range.start || last !== end)
    return `bytes ${range.start} to ${end} were asked for, the answer has ${ContentRange}`;
  const length = last - first + 1;
  if (ContentLength !== undefined && ContentLength !== length)
    return `${length} bytes were asked for, the answer has ${ContentLength}`;
  return undefined;
}

/**
 * Why an answer with a good status is not a page of a listing; `undefined` when it is. A proxy's page, or nothing at all, would
 * be read as a listing without objects: as an empty archive, or as the end of the WAL. Pure.
 */
export function whyNotListing(
  page: Pick<ListObjectsV2CommandOutput, "IsTruncated" | "NextContinuationToken">,
): string | undefined {
  if (page.IsTruncated === undefined) return "the answer is no listing, so it is not from S3";
  if (page.IsTruncated && page.NextContinuationToken === undefined)
    return "the listing is not whole and does not say how it goes on";
  return undefined;
}
