import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Boundary from "@thaw/steps/training/Boundary"
import * as BoundaryFile from "@thaw/steps/training/BoundaryFile"
import * as BoundaryFolder from "@thaw/steps/training/BoundaryFolder"
import { round } from "@thaw/steps/training/BoundaryPrecision"
import * as BoundaryRows from "@thaw/steps/training/BoundaryRows"
import * as Arrow from "apache-arrow"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { emptyFolder, examplesOf, type Given, train } from "./boundary.ts"

const headsOnly = ["head.first", "head.mean"]
const pooled = { trainable: headsOnly, tasks: ["first", "mean"] } as const satisfies Partial<Given>
const upper = { trainable: ["block.1", "head.first"], tasks: ["first"] } as const satisfies Partial<Given>

const keysIn = (cache: string) => readdirSync(BoundaryFolder.root(cache))
const filesIn = (cache: string) =>
  keysIn(cache).flatMap((key) =>
    readdirSync(join(BoundaryFolder.root(cache), key)).map((name) => join(BoundaryFolder.root(cache), key, name)),
  )

describe("losses and weights", () => {
  const cases: ReadonlyArray<Omit<Given, "cache"> & { readonly form: ReadonlyArray<string> }> = [
    { form: ["cls"], trainable: ["head.first"], tasks: ["first"] },
    { form: ["mean"], trainable: ["head.mean"], tasks: ["mean"], family: "distilbert" },
    { form: ["cls", "mean"], ...pooled },
    { form: ["hidden"], trainable: ["head.first", "head.tags"], tasks: ["first", "tags"] },
    { form: ["hidden"], trainable: ["block.1", ...headsOnly, "head.tags"], tasks: ["first", "mean", "tags"] },
    { form: ["hidden"], trainable: ["block.1", ...headsOnly], tasks: ["first", "mean"], family: "distilbert" },
    ...(["electra", "modernbert", "mpnet", "roberta"] as const).flatMap((family) => [
      { form: ["cls"], trainable: ["head.first"], tasks: ["first"], family } as const,
      {
        form: ["hidden"],
        trainable: ["block.1", ...headsOnly, "head.tags"],
        tasks: ["first", "tags"],
        family,
      } as const,
    ]),
  ]
  it.each(cases)(
    "are the same to the last bit with the cache, found or made, and without: $trainable, $family",
    async ({ form, ...given }) => {
      const cache = emptyFolder()
      const without = await train({ ...given, cache, budgetBytes: 0 })
      const made = await train({ ...given, cache })
      const found = await train({ ...given, cache, threads: 2 })
      expect([without.prefixRuns > 0, without.report?.cached, made.report?.cached]).toEqual([true, false, true])
      expect(found.prefixRuns).toBe(0)
      for (const trained of [made, found]) {
        expect(trained.losses).toEqual(without.losses)
        expect(trained.weights).toEqual(without.weights)
      }
      expect(new Set(without.losses).size).toBe(without.losses.length)
      const [file] = filesIn(cache)
      const table = Arrow.tableFromIPC(readFileSync(file!))
      expect(table.schema.fields.map(({ name }) => name)).toEqual(["row", ...form])
      expect(table.numRows).toBe(40)
    },
  )

  it.each([32, 256])(
    "are the same where examples are as long as they can be and stand beside the shortest, in an encoder %i wide",
    async (hidden) => {
      const examples = examplesOf(40, "long", 150)
      const given = { ...pooled, hidden, examples, updates: 4 }
      const [without, with_] = [
        await train({ ...given, cache: emptyFolder(), budgetBytes: 0 }),
        await train({ ...given, cache: emptyFolder() }),
      ]
      expect(with_.losses).toEqual(without.losses)
      expect(with_.weights).toEqual(without.weights)
    },
  )

  it("are the same with half precision, kept or computed anew, and near those of full precision", async () => {
    const half = { ...upper, precision: "fp16" } as const
    const anew = await train({ ...half, cache: emptyFolder(), budgetBytes: 0 })
    const kept = await train({ ...half, cache: emptyFolder() })
    const full = await train({ ...upper, cache: emptyFolder() })
    expect(kept.losses).toEqual(anew.losses)
    expect(kept.weights).toEqual(anew.weights)
    expect(kept.report!.bytes * 2).toBe(full.report!.bytes)
    expect(kept.unrounded).toBe(full.losses[0])
    expect(kept.losses[0]).not.toBe(full.losses[0])
    kept.losses.forEach((loss, at) => expect(loss).toBeCloseTo(full.losses[at]!, 2))
  })
})

describe("what is kept", () => {
  it("is found again for the same examples in another order, and with other heads that read the same", async () => {
    const cache = emptyFolder()
    const examples = examplesOf(20)
    await train({ ...upper, cache, examples })
    const reordered = await train({ ...upper, cache, examples: [...examples, examples[3]!].toReversed() })
    const tagged = { trainable: ["block.1", "head.tags"], tasks: ["tags"] } as const
    expect([reordered.prefixRuns, (await train({ ...tagged, cache, examples })).prefixRuns]).toEqual([0, 0])
    expect(keysIn(cache)).toHaveLength(1)
  })

  it("is not used for another prefix, another form, other encodings, another place or another precision", async () => {
    const cache = emptyFolder()
    const examples = examplesOf(20)
    const given = { ...upper, cache, examples, environment: { fingerprint: "a" } }
    const changed = examples.map((example, at) => {
      const ids = example.encoding.ids.map((id) => (at === 7 ? (id % 49) + 1 : id))
      return { ...example, encoding: { ...example.encoding, ids } }
    })
    const others: ReadonlyArray<Given> = [
      given,
      { ...given, weights: "two" },
      { ...pooled, cache, examples, environment: given.environment },
      { ...given, trainable: ["head.tags"], tasks: ["tags"] },
      { ...given, examples: changed },
      { ...given, examples: examples.slice(1) },
      { ...given, environment: { fingerprint: "b" } },
      { ...given, precision: "fp16" },
    ]
    for (const [at, other] of others.entries()) {
      expect((await train({ ...other, updates: 1 })).prefixRuns, `case ${at}`).toBeGreaterThan(0)
      expect(keysIn(cache)).toHaveLength(at + 1)
    }
    expect((await train({ ...given, updates: 1 })).prefixRuns).toBe(0)
  })

  it("is nothing where the embeddings train, where they alone are frozen, or where fewer are drawn than there are", async () => {
    const cache = emptyFolder()
    const all = ["embeddings", "block.0", "block.1", "head.first"]
    const whole = await train({ trainable: all, tasks: ["first"], cache, updates: 1 })
    expect([whole.report, whole.prefixRuns]).toEqual([null, 0])
    const embeddings = await train({ trainable: all.slice(1), tasks: ["first"], cache, updates: 2 })
    expect([embeddings.report, embeddings.prefixRuns]).toEqual([{ group: "embeddings", cached: false, bytes: 0 }, 2])
    const few = await train({ ...upper, cache, draws: 39, updates: 2 })
    expect([few.report?.cached, few.prefixRuns, few.notices]).toEqual([false, 2, []])
    expect(() => keysIn(cache)).toThrow(/ENOENT/)
  })

  it("is nothing where heads are so wide that an example's vectors depend on its company", async () => {
    const wide = await train({ ...upper, hidden: 264, cache: emptyFolder(), updates: 2 })
    expect([wide.report?.cached, wide.prefixRuns]).toEqual([false, 2])
  })

  it("is nothing beyond the budget, and that is said with the sizes", async () => {
    const examples = examplesOf(20)
    const tokens = examples.reduce((sum, { encoding }) => sum + encoding.ids.length, 0)
    const size = Boundary.sizeBytes(["tokens"], 20, tokens, 16, "fp32")
    expect(size).toBe(tokens * 16 * 4)
    const given = { ...upper, examples, updates: 2 }
    const beyond = await train({ ...given, cache: emptyFolder(), budgetBytes: size - 1 })
    expect(beyond.report).toEqual({ group: "block.0", cached: false, bytes: 0 })
    expect(beyond.notices).toEqual([
      expect.stringMatching(/^What the frozen part gives for 20 examples is 0\.0 MB, more than is left of the 0\.0 MB/),
    ])
    const within = await train({ ...given, cache: emptyFolder(), budgetBytes: size })
    expect(within.report).toEqual({ group: "block.0", cached: true, bytes: size })
    expect(within.events.findLast(({ _tag }) => _tag === "progressed")).toMatchObject({ done: 20, of: 20 })
  })

  it.each([
    [
      "a changed bit",
      (path: string) => {
        const bytes = readFileSync(path)
        bytes[bytes.length >> 1]! ^= 1
        writeFileSync(path, bytes)
      },
    ],
    ["a cut end", (path: string) => truncateSync(path, 2000)],
  ])("is computed again after %s, which is noticed", async (_, damage) => {
    const cache = emptyFolder()
    const made = await train({ ...upper, cache })
    filesIn(cache).forEach(damage)
    const again = await train({ ...upper, cache })
    expect(again.notices).toEqual([expect.stringMatching(/was damaged; its 40 examples are computed again/)])
    expect(again.losses).toEqual(made.losses)
    expect((await train({ ...upper, cache })).prefixRuns).toBe(0)
  })

  it("is computed anew for every batch when it is lost while it is used, and when it cannot be written", async () => {
    const cache = emptyFolder()
    const made = await train({ ...upper, cache })
    const lost = await train({
      ...upper,
      cache,
      opened: () => filesIn(cache).forEach((path) => truncateSync(path, 500)),
    })
    expect([lost.losses, lost.weights]).toEqual([made.losses, made.weights])
    expect(lost.notices).toEqual([expect.stringMatching(/cannot be read .* and is computed anew/)])
    const file = join(emptyFolder(), "file")
    writeFileSync(file, "")
    const nowhere = await train({ ...upper, cache: file })
    expect(nowhere.losses).toEqual(made.losses)
    expect(nowhere.report).toEqual({ group: "block.0", cached: false, bytes: 0 })
    expect(nowhere.notices).toEqual([expect.stringMatching(/expected a folder that can be read and written/)])
  })

  it("may be made by two at once", async () => {
    const cache = emptyFolder()
    const both = await Promise.all([train({ ...upper, cache }), train({ ...upper, cache })])
    expect(both[0].losses).toEqual(both[1].losses)
    expect(filesIn(cache)).toHaveLength(1)
  })

  it("makes room by removing what was not used for longest", async () => {
    const cache = emptyFolder()
    for (const [at, key] of ["oldest", "mine", "newer"].entries()) {
      const folder = join(BoundaryFolder.root(cache), key)
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, "0-x.arrow"), new Uint8Array(100))
      utimesSync(folder, 1000 + at, 1000 + at)
    }
    const room = (wanted: number, budget: number) =>
      Effect.runPromise(BoundaryFolder.makeRoom(cache, wanted, budget, new Set(["mine"])))
    await room(100, 400)
    expect(keysIn(cache)).toEqual(["mine", "newer", "oldest"])
    await room(101, 400)
    expect(keysIn(cache)).toEqual(["mine", "newer"])
    await room(400, 400)
    expect(keysIn(cache)).toEqual(["mine"])
  })
})

describe("files", () => {
  it("hold any vectors at the places they say, in Arrow's own reading too", () => {
    const form = fc.constantFrom(["tokens"] as const, ["cls", "mean"] as const)
    const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(form, lengths, fc.integer({ min: 1, max: 9 }), (chosen, each, hidden) => {
        const layout = { form: chosen, hidden, precision: "fp32" } as const
        const total = each.reduce((sum, length) => sum + length, 0)
        const vectors = Object.fromEntries(
          chosen.map((reading, column) => {
            const count = (reading === "tokens" ? total : each.length) * hidden
            return [reading, Float32Array.from({ length: count }, (_, at) => at / 7 - column)]
          }),
        )
        const content = BoundaryFile.encode(layout, 3, each, vectors)
        const offsets: Readonly<Record<string, number>> = BoundaryFile.offsetsOf(content, layout)
        for (const reading of chosen) {
          const wanted = vectors[reading]!
          const bytes = content.slice(offsets[reading], offsets[reading]! + wanted.byteLength)
          expect(new Float32Array(bytes.buffer)).toEqual(wanted)
          const column = Arrow.tableFromIPC(content).getChild(reading === "tokens" ? "hidden" : reading)!
          const numbers = JSON.parse(JSON.stringify(column)) as Array<unknown>
          expect(Float32Array.from(numbers.flat(2) as Array<number>)).toEqual(wanted)
        }
        expect([...Arrow.tableFromIPC(content).getChild("row")!]).toEqual(each.map((_, at) => at + 3))
      }),
      { numRuns: 30 },
    )
  })

  it("hold at most 32 MiB each", () => {
    const rows = BoundaryRows.of(examplesOf(50))
    const hidden = 2 ** 17
    const layout = { form: ["tokens"], hidden, precision: "fp16" } as const
    const chunks = BoundaryRows.chunks(rows, layout)
    expect(chunks[0]!.first).toBe(0)
    expect(chunks.at(-1)!.end).toBe(50)
    const tokens = (from: number, to: number) =>
      rows.examples.slice(from, to).reduce((sum, { encoding }) => sum + encoding.ids.length, 0)
    for (const [at, { first, end }] of chunks.entries()) {
      expect(tokens(first, end) * hidden * 2).toBeLessThanOrEqual(2 ** 25)
      if (at > 0) expect(first).toBe(chunks[at - 1]!.end)
      if (end < 50) expect(tokens(first, end + 1) * hidden * 2).toBeGreaterThan(2 ** 25)
    }
  })
})

describe("half precision", () => {
  it("is the nearest of the two neighbours, the even one of two equally near", () => {
    const halfway = 2 ** -11
    const exact: ReadonlyArray<readonly [number, number]> = [
      [0, 0],
      [-0, -0],
      [1, 1],
      [1 + halfway, 1],
      [1 + 3 * halfway, 1 + 4 * halfway],
      [1 + halfway + 2 ** -20, 1 + 2 * halfway],
      [65504, 65504],
      [65519, 65504],
      [65520, Infinity],
      [-1e6, -Infinity],
      [2 ** -24, 2 ** -24],
      [2 ** -25, 0],
      [1.5 * 2 ** -24, 2 ** -23],
      [2 ** -14 - 2 ** -26, 2 ** -14],
      [Number.NaN, Number.NaN],
    ]
    expect([
      ...round(
        "fp16",
        Float32Array.from(exact, ([value]) => value),
      ),
    ]).toEqual(exact.map(([, half]) => half))
  })

  it("is never off by more than half of a last place", () => {
    fc.assert(
      fc.property(fc.float({ min: -60000, max: 60000, noNaN: true }), (value) => {
        const [half] = round("fp16", Float32Array.of(value))
        const place = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - 10))
        expect(Math.abs(half! - value)).toBeLessThanOrEqual(place / 2)
        expect(round("fp16", Float32Array.of(half!))[0]).toBe(half)
      }),
    )
  })
})
