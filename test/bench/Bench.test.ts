/** The benchmarks run, at a size where they say nothing about speed: no time is asserted. */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const main = fileURLToPath(new URL("../../bench/main.ts", import.meta.url))
const run = (...args: ReadonlyArray<string>) => promisify(execFile)(process.execPath, [main, ...args])

interface Measured {
  readonly case: string
  readonly against: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: number
}

describe("pnpm bench", () => {
  let folder = ""
  let stdout = ""
  let cases: ReadonlyArray<Measured> = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "thaw-bench-"))
    const file = join(folder, "bench.json")
    stdout = (await run("--only", "tiny", "--json", file)).stdout
    cases = (JSON.parse(await readFile(file, "utf8")) as { readonly cases: ReadonlyArray<Measured> }).cases
  }, 120_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("writes a ratio against the replay floor, and against PyTorch unless it says that it has none", () => {
    const against = stdout.includes("pytorch: skipped") ? ["replay-floor"] : ["replay-floor", "pytorch"]
    expect(cases.map((measured) => measured.against)).toEqual(against)
    for (const { case: name, median, min, max, runs } of cases) {
      expect({ name, runs }).toEqual({ name: "tiny", runs: 2 })
      expect(min).toBeGreaterThan(0)
      expect(median).toBeGreaterThanOrEqual(min)
      expect(max).toBeGreaterThanOrEqual(median)
    }
  })

  it("counts the products that a half-frozen BERT needs", () => {
    // Two blocks, embeddings and block 0 frozen; hidden 16, 2 heads, intermediate 32; batch 4 × 8 tokens, 3 classes.
    const linear = 2 * 32 * (4 * 16 * 16 + 2 * 16 * 32)
    const attention = 2 * (2 * 4 * 2 * 8 * 8 * 8)
    const head = 2 * 4 * (16 * 16 + 16 * 3)
    const types = 2 * 32 * 2 * 16
    // The head reads first tokens: in block 1 all 32 tokens give keys and values, and what follows is of 4; a single query
    // is asked twice.
    const [keysAndValues, query] = [2 * 32 * 2 * 16 * 16, 2 * 4 * 16 * 16]
    const top = keysAndValues + query + 2 * (2 * 4 * 2 * 2 * 8 * 8) + 2 * 4 * (16 * 16 + 2 * 16 * 32)
    // Forward through both blocks; backward through block 1, where the input of query, key and value needs no gradient.
    const forward = types + linear + attention + top + head
    const backward = 2 * (top + head) - keysAndValues - query
    // 8 products of a block, 1 of the token types, 2 of the head; backward twice as many but for those three.
    expect(stdout).toContain(
      `${1 + 2 * 8 + 2 + 2 * (8 + 2) - 3} products, ${(forward + backward).toLocaleString("en-US")} FLOP an update`,
    )
  })

  it("refuses a case it does not have, and lists those it has", async () => {
    await expect(run("--only", "fastest")).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/full\/6x384\/32x64.*got fastest/),
    })
  })
})
