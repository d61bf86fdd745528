import { readFileSync } from "node:fs"
import * as RelativeBias from "@thaw/models/RelativeBias"
import { expect, it } from "vitest"
import * as Golden from "./golden.ts"

it("distances from -511 to 511 fall into torch's buckets", () => {
  const expected = JSON.parse(readFileSync(Golden.path("mpnet", "buckets.json"), "utf8")) as ReadonlyArray<number>
  expect(expected).toHaveLength(1023)
  expect(expected.map((_, at) => RelativeBias.bucketOf(at - 511))).toEqual(expected)
  expect(new Set(expected).size).toBe(RelativeBias.buckets - 1)
})
