/** Slow: figures on public data with several labels a text, from scratch. Runs with THAW_SLOW=1 where the data lies beside the checkout. */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Load from "@thaw/steps/Load"
import * as Split from "@thaw/steps/Split"
import * as Train from "@thaw/steps/Train"
import { afterAll, describe, expect, it } from "vitest"
import * as World from "../steps/world.ts"

const data = path.resolve(import.meta.dirname, "../../../shared/data/goemotions")
const isAsked = process.env["THAW_SLOW"] === "1" && existsSync(data)

const home = mkdtempSync(path.join(tmpdir(), "thaw-emotions-"))
const world = World.make({ threads: 2, home })
afterAll(async () => {
  await world.dispose()
  rmSync(home, { recursive: true, force: true })
})

describe("GoEmotions, 28 emotions of which a comment has one or several", () => {
  it.skipIf(!isAsked)(
    "are told far better than by always answering the commonest, by an encoder trained from scratch",
    async () => {
      const load = (part: string) =>
        Load.jsonl({ path: path.join(data, `${part}.jsonl`), text: "text", labelSets: { emotions: "labels" } })
      const { train, validation, test } = Split.given({
        train: load("train"),
        test: load("test"),
        validation: 0.05,
        overlap: "dropFromTrain",
      })
      const trained = Train.multiTask({
        encoder: Encoder.fromScratch({
          corpus: train,
          vocabularySize: 4000,
          blocks: 1,
          hidden: 128,
          heads: 4,
          maxTokens: 48,
        }),
        tasks: { emotions: { head: Head.multiLabel({ pooling: "mean", threshold: 0.3 }), train, validation } },
        learningRate: LearningRate.linear({ base: 1e-3, warmup: 0.1 }),
        epochs: 2,
      })
      const started = Date.now()
      const { values } = await world.run({ scores: Evaluate.tasks({ trained, test: { emotions: test } }) })
      const { metrics, majority, examples, perLabel } = values.scores.tasks[0]!
      process.stdout.write(
        `GoEmotions: ${JSON.stringify({ metrics, majority, seconds: (Date.now() - started) / 1000 })}\n`,
      )
      expect(examples).toBeGreaterThan(5000)
      expect(perLabel.length).toBe(28)
      expect(metrics["meanAveragePrecision"]).toBeGreaterThan(4 * majority["meanAveragePrecision"]!)
      expect(metrics["microF1"]).toBeGreaterThan(majority["microF1"]! + 0.1)
    },
    1_800_000,
  )
})
