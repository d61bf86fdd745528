import * as PairLoss from "@thaw/models/PairLoss"
import * as Evaluate from "@thaw/steps/Evaluate"
import type { Scores } from "@thaw/steps/Scores"
import { afterAll, describe, expect, it } from "vitest"
import * as Pairs from "./pairs.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

describe("sentence embeddings learn from pairs", () => {
  it("by ranking: the pair of a held-out text is the nearest far more often than by chance", async () => {
    const task = { ranked: Pairs.task(PairLoss.multipleNegativesRanking(), Pairs.matching) }
    const before = Pairs.trained(task, { epochs: 1 })
    const test = { ranked: Pairs.matching.test }
    const { values } = await world.run({
      before: Evaluate.tasks({ trained: before, test }),
      after: Evaluate.tasks({ trained: Pairs.trained(task), test }),
    })
    console.log(JSON.stringify([values["before"], values["after"]]))
    const [scores] = (values["after"] as Scores).tasks
    expect(scores!.metrics["recallAt1"]).toBeGreaterThan(0.5)
  })
})
