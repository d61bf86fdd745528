import * as Freeze from "@thaw/steps/Freeze"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Head from "@thaw/models/Head"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as History from "@thaw/steps/training/History"
import * as Sample from "@thaw/steps/Sample"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const gaps = {
  gaps: {
    head: Head.maskedTokens({ rate: 0.25 }),
    train: Corpus.small.train,
    validation: Corpus.small.validation,
  },
}
const perplexities = (checkpoint: Checkpoint.Checkpoint, task = "gaps") =>
  History.entries(checkpoint.training.history).flatMap(({ validation }) =>
    validation.flatMap((each) => (each.task === task ? [each.metrics["perplexity"]!] : [])),
  )
const tensor = async (checkpoint: Checkpoint.Checkpoint, name: string) =>
  Tensor.numbers((await Effect.runPromise(Checkpoint.tensors(checkpoint, [name])))[name]!)

const wordTable = "bert.embeddings.word_embeddings.weight"

describe("pre-training on hidden tokens", () => {
  it("makes held-out texts less surprising, and is evaluated like any task", async () => {
    const trained = Corpus.trained({ tasks: gaps, epochs: 12 })
    const scores = Evaluate.tasks({ trained, test: { gaps: Corpus.small.test } })
    const { values } = await world.run({ trained, scores })
    const found = perplexities(values.trained)
    expect(found).toHaveLength(12)
    expect(found.at(-1)!).toBeLessThan(0.6 * found[0]!)
    const [told] = (values.scores as { tasks: ReadonlyArray<Record<string, unknown>> }).tasks
    // Validation and test are the same texts here, with the same tokens hidden.
    expect(told).toMatchObject({ task: "gaps", head: "maskedTokens", examples: 9 })
    expect((told!["metrics"] as Record<string, number>)["perplexity"]).toBeCloseTo(found.at(-1)!, 6)
  })

  it("goes on after an interruption to the same bytes, accumulated and mixed with a task that has labels", async () => {
    const options: Corpus.Overrides = {
      tasks: { ...Corpus.tasks, ...gaps },
      accumulate: 2,
      batch: 4,
      mix: Sample.temperature({ temperature: 2 }),
      dropout: 0.1,
    }
    const outputs = { trained: Corpus.trained({ save: {}, ...options }) }
    const { exit } = await world.interrupted(outputs, (event) => event._tag === "update" && event.update === 3)
    expect(exit._tag).toBe("Failure")
    const { hashes } = await world.run(outputs)
    const other = World.make()
    const undisturbed = await other.run(outputs)
    await other.dispose()
    expect(undisturbed.hashes.trained).toBe(hashes.trained)
  })

  it("draws no example without a token to hide", async () => {
    const rows = Corpus.rows(24, "text", "e").map((row, at) => (at % 2 === 0 ? { ...row, text: " " } : row))
    const { train, validation } = Corpus.parts({ train: rows, heldOut: Corpus.rows(9, "text", "f") })
    const tasks = { gaps: { head: Head.maskedTokens(), train, validation } }
    const { values } = await world.run({ trained: Corpus.trained({ encoder: Corpus.encoder(train), tasks, batch: 1 }) })
    // One example a batch and twelve with words: twelve updates an epoch.
    expect(History.entries(values.trained.training.history)[0]!.updates).toBe(24)
  })

  it("with frozen embeddings trains the head over a table of words that stays as it is", async () => {
    const encoder = Corpus.encoder()
    const trained = Corpus.trained({ encoder, tasks: gaps, freeze: Freeze.belowBlock(1) })
    const { values } = await world.run({ encoder, trained })
    const [before, after] = [values.encoder, values.trained]
    expect(await tensor(after, wordTable)).toEqual(await tensor(before, wordTable))
    const bias = await tensor(after, "head.gaps.cls.predictions.decoder.bias")
    expect(bias.some((each) => each !== 0)).toBe(true)
  })
})
