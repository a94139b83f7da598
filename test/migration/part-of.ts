/**
 * Stands for a larger whole in tests of functions that look at this part of it only: whatever else they read is absent, and
 * using it fails the test.
 */
export function partOf<Whole extends object>(part: object): Whole {
  return Object.assign(Object.create(null), part);
}
