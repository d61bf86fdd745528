/** Padding on public data, where that lies beside the checkout. */
import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import * as Sample from "@thaw/steps/Sample"
import * as TokenBudget from "@thaw/steps/sample/TokenBudget"
import { describe, expect, it } from "vitest"
import * as Drawing from "./drawing.ts"

const file = path.resolve(import.meta.dirname, "../../../../shared/data/banking77/train.jsonl")

describe("banking77", () => {
  it.skipIf(!existsSync(file))("has less than a tenth of its tokens as padding in batches of a token budget", () => {
    const texts = readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map((line) => (JSON.parse(line) as { readonly text: string }).text) // prettier-ignore
    // A token for every word and mark, and the two at the ends.
    const lengths = texts.map((text) => 2 + (text.match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? []).length)
    const padding = (given: Partial<Drawing.Given>) => {
      const of = { pools: [{ task: "label", size: lengths.length, lengths }], batch: 32, ...given }
      const drawn = Drawing.first(of, Drawing.course(of).perEpoch)
      const each = Drawing.parts(drawn).map(({ rows }) => TokenBudget.paddingOf(rows.map((row) => lengths[row]!)))
      return Drawing.sum(each.map(({ padded }) => padded)) / Drawing.sum(each.map(({ all }) => all))
    }
    const random = padding({})
    const budget = padding({ tokenBudget: Sample.tokenBudget({ tokens: 512 }) })
    process.stdout.write(
      `banking77: padding ${random.toFixed(3)} in batches of 32, ${budget.toFixed(3)} of 512 tokens\n`,
    )
    expect(random).toBeGreaterThan(0.4)
    expect(budget).toBeLessThan(0.1)
  })
})
