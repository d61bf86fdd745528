import * as Balance from "@thaw/steps/Balance"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"

const balancers = {
  plainSum: Balance.plainSum(),
  normalised: Balance.normalised(),
  uncertainty: Balance.uncertainty({ rate: 0.05 }),
  dynamicWeightAverage: Balance.dynamicWeightAverage({ window: 3 }),
  gradNorm: Balance.gradNorm({ initialUpdates: 2 }),
  pcGrad: Balance.pcGrad(),
  caGrad: Balance.caGrad(),
  equalNorms: Balance.equalNorms(),
} as const satisfies Readonly<Record<keyof typeof Golden.golden.runs, Balance.Balance>>

type Name = keyof typeof balancers
const names = Object.keys(balancers) as ReadonlyArray<Name>

const relative = (got: number, expected: number) => Math.abs(got - expected) / Math.abs(expected)

const expectGolden = (name: Name, updates: ReadonlyArray<Golden.Figures>) => {
  const expected = Golden.golden.runs[name]
  expect(updates).toHaveLength(expected.length)
  for (const [at, figures] of expected.entries()) {
    const got = updates[at]!
    for (const task of ["entities", "topic"]) {
      expect(relative(got.losses[task]!, figures.losses[task]!), `update ${at}, loss of ${task}`).toBeLessThan(1e-4)
      expect(relative(got.weights[task]!, figures.weights[task]!), `update ${at}, weight of ${task}`).toBeLessThan(1e-5)
      if (figures.norms === undefined) continue
      expect(relative(got.norms![task]!, figures.norms[task]!), `update ${at}, norm of ${task}`).toBeLessThan(1e-3)
    }
    if (figures.cosine !== undefined) expect(got.cosine, `update ${at}`).toBeCloseTo(figures.cosine, 3)
  }
}

it.each(names)("%s makes PyTorch's 24 updates of two tasks", async (name) => {
  expectGolden(name, (await Golden.train(balancers[name])).updates)
})

it.each(["gradNorm", "pcGrad", "uncertainty"] as const)(
  "%s makes them from micro-batches too, some of which have one task only",
  async (name) => {
    expectGolden(name, (await Golden.train(balancers[name], 8)).updates)
  },
)

describe("the golden runs", () => {
  it("differ from each other by far more than Thaw differs from them", () => {
    const { runs } = Golden.golden
    for (const [at, one] of names.entries()) {
      for (const other of names.slice(at + 1)) {
        const gaps = runs[one].flatMap(({ losses }, update) =>
          Object.entries(losses).map(([task, loss]) => relative(runs[other][update]!.losses[task]!, loss)),
        )
        expect(Math.max(...gaps), `${one}, ${other}`).toBeGreaterThan(1e-3)
      }
    }
  })
})
