import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAttestation } from "../../src/approvals/attestation.ts";
import { canonicalJson, digestOf } from "../../src/approvals/digest.ts";

const subject = {
  migration: "shop",
  step: "promote-bridge",
  parameters: { host: "a", app: "shop" },
  configDigest: "c",
  approverSet: [
    { person: "ann", slack: ["U1", "U2"] },
    { person: "bob", slack: ["U3"] },
  ],
};

describe("the digest of what is approved", () => {
  it("does not depend on the order of keys, people or accounts", () => {
    const turned = {
      ...subject,
      parameters: { app: "shop", host: "a" },
      approverSet: [
        { person: "bob", slack: ["U3"] },
        { person: "ann", slack: ["U2", "U1"] },
      ],
    };
    expect(digestOf(turned)).toBe(digestOf(subject));
  });
  it("changes with every part", () => {
    const others = [
      { ...subject, migration: "other" },
      { ...subject, step: "other" },
      { ...subject, parameters: { host: "b", app: "shop" } },
      { ...subject, configDigest: "d" },
      { ...subject, approverSet: subject.approverSet.slice(1) },
    ];
    const digests = [subject, ...others].map((each) => digestOf(each));
    expect(new Set(digests).size).toBe(6);
  });
  it("canonical JSON says the same as JSON, and refuses what JSON cannot say", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(() => canonicalJson({ at: new Date() })).toThrow("canonical");
    expect(() => canonicalJson(Number.NaN)).toThrow("canonical");
  });
});

describe("an attestation", () => {
  it("that cannot be read opens nothing", () => {
    expect(() => parseAttestation({ approvals: [{ id: "a" }] })).toThrow("cannot be read");
    expect(parseAttestation({ approvals: [] })).toEqual([]);
  });
});
