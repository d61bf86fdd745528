import * as Sample from "@thaw/steps/Sample"
import * as TokenBudget from "@thaw/steps/sample/TokenBudget"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Drawing from "./drawing.ts"

const padding = (batches: ReadonlyArray<ReadonlyArray<number>>) => {
  const each = batches.map(TokenBudget.paddingOf)
  return Drawing.sum(each.map(({ padded }) => padded)) / Drawing.sum(each.map(({ all }) => all))
}
const given = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 120 }),
  tokens: fc.integer({ min: 1, max: 200 }),
  window: fc.integer({ min: 1, max: 150 }),
})

describe("batches of a token budget", () => {
  it("never exceed it, except by a single longer example", () => {
    fc.assert(
      fc.property(given, fc.integer({ min: 1, max: 60 }), ({ lengths, tokens, window }, updates) => {
        const pools = [{ task: "a", size: lengths.length, lengths }]
        const drawn = Drawing.first({ pools, tokenBudget: { tokens, window } }, updates)
        for (const { rows } of Drawing.parts(drawn)) {
          const longest = Math.max(...rows.map((row) => lengths[row]!))
          expect(rows.length === 1 || rows.length * longest <= tokens).toBe(true)
        }
      }),
    )
  })

  it("hold each example once in an epoch, which is as many updates as they fill", () => {
    fc.assert(
      fc.property(given, ({ lengths, tokens, window }) => {
        const of = { pools: [{ task: "a", size: lengths.length, lengths }], tokenBudget: { tokens, window } }
        const { perEpoch } = Drawing.course(of)
        const rows = Drawing.rowsOf(Drawing.first(of, perEpoch), "a")
        expect(rows.toSorted((a, b) => a - b)).toEqual(lengths.map((_, row) => row))
      }),
    )
  })

  it("of several tasks hold each example of each once in an epoch when the mix is proportional", () => {
    const short = Array.from({ length: 200 }, (_, row) => 4 + (row % 5))
    const long = Array.from({ length: 40 }, (_, row) => 40 + (row % 9))
    const pools = [{ task: "long", size: 40, lengths: long }, { task: "short", size: 200, lengths: short }] // prettier-ignore
    const of = { pools, tokenBudget: Sample.tokenBudget({ tokens: 100 }) }
    const { perEpoch } = Drawing.course(of)
    const drawn = Drawing.first(of, 3 * perEpoch)
    for (const { task, size } of pools) {
      expect(Drawing.times(Drawing.rowsOf(drawn, task), size)).toEqual(Array<number>(size).fill(3))
    }
  })

  it("are more in one update when micro-batches are accumulated", () => {
    const lengths = Array.from({ length: 64 }, (_, row) => 5 + (row % 7))
    const of = { pools: [{ task: "a", size: 64, lengths }], tokenBudget: Sample.tokenBudget({ tokens: 64 }), accumulate: 3 } // prettier-ignore
    for (const { parts } of Drawing.first(of, 10)) expect(parts).toHaveLength(3)
    // What the draw holds is cut again where it is fed: into no more micro-batches than there are.
    for (const { parts } of Drawing.first(of, 10)) {
      const rows = parts.flatMap((part) => part.rows)
      const micro = TokenBudget.cut(rows, (row) => lengths[row]!, 64)
      expect(micro.length).toBeLessThanOrEqual(3)
      expect(micro.flat()).toEqual(rows)
    }
  })

  it("come in another order in every epoch, long and short ones mixed", () => {
    const lengths = Array.from({ length: 256 }, (_, row) => 1 + row)
    const of = { pools: [{ task: "a", size: 256, lengths }], tokenBudget: Sample.tokenBudget({ tokens: 512 }) }
    const { perEpoch } = Drawing.course(of)
    const longest = Drawing.parts(Drawing.first(of, 2 * perEpoch)).map(({ rows }) => Math.max(...rows))
    const [first, second] = [longest.slice(0, perEpoch), longest.slice(perEpoch)]
    expect(first).not.toEqual(second)
    expect(first.toSorted((a, b) => a - b)).toEqual(second.toSorted((a, b) => a - b))
    expect(first).not.toEqual(first.toSorted((a, b) => a - b))
  })

  it("leave less padding than batches of so many examples", () => {
    // Lengths of about a geometric distribution, as those of texts are.
    const lengths = Array.from({ length: 2_000 }, (_, row) => 5 + Math.floor(-20 * Math.log(((row * 7919) % 2000) / 2000 + 1e-3))) // prettier-ignore
    const pools = [{ task: "a", size: 2_000, lengths }]
    const of = (given: Partial<Drawing.Given>) =>
      padding(Drawing.parts(Drawing.first({ pools, batch: 32, ...given }, 60)).map(({ rows }) => rows.map((row) => lengths[row]!))) // prettier-ignore
    expect(of({})).toBeGreaterThan(0.5)
    expect(of({ tokenBudget: Sample.tokenBudget({ tokens: 1_024 }) })).toBeLessThan(0.05)
  })

  it("count padding as what is there besides tokens", () => {
    expect(TokenBudget.paddingOf([3, 5, 4])).toEqual({ padded: 3, all: 15 })
    expect(TokenBudget.paddingOf([7])).toEqual({ padded: 0, all: 7 })
  })
})
