import { expect, test } from "vitest";
import { expiredKeyCodes } from "../../src/aws/aws-errors.ts";
import { asStoreFault } from "../../src/aws/s3-errors.ts";

/** What the SDK throws when S3 refuses. */
function refusal(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error("refused"), { name, $metadata: { httpStatusCode } });
}

test.each(expiredKeyCodes)("keys that S3 no longer takes (%s) are waited for, not taken for damage", (name) => {
  // S3 answers some of them with 400
  expect(asStoreFault(refusal(name, 400), "get x")).toMatchObject({ code: "DB_ARCHIVE_ACCESS", outcome: "paused" });
});

test("what S3 refuses for another reason stays a fault of the archive", () => {
  expect(asStoreFault(refusal("AuthorizationHeaderMalformed", 400), "get x")).toMatchObject({
    code: "DB_ARCHIVE_INVALID",
    outcome: "terminal",
  });
});
