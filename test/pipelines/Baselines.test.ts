import { afterAll, describe, expect, it } from "vitest"
import * as Command from "./command.ts"

const { run, scores, remove } = Command.command()
afterAll(remove)

describe("the baselines of a random encoder", () => {
  it(
    "are near the most frequent label by descriptions, and far above it by what is fitted on its vectors",
    async () => {
      await run("pipelines/baselines.ts")
      const accuracy = (output: string) => scores("baselines", output)["topic"]!.metrics["accuracy"]!
      const { majority } = scores("baselines", "described")["topic"]!
      expect(Math.abs(accuracy("described") - majority["accuracy"]!)).toBeLessThan(0.15)
      for (const output of ["embeddings", "block0", "block1", "heads"]) {
        expect(accuracy(output)).toBeGreaterThan(majority["accuracy"]! + 0.12)
      }
      // A head under a frozen encoder is a logistic regression on the same vectors, found in another way.
      expect(Math.abs(accuracy("heads") - accuracy("block1"))).toBeLessThan(0.06)
    },
    Command.patience,
  )
})
