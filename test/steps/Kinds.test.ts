/** Labels, label sets and numbers beside each other, from training to the exported folder. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Dataset from "@thaw/core/Dataset"
import * as LearningRate from "@thaw/models/LearningRate"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Balance from "@thaw/steps/Balance"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Export from "@thaw/steps/Export"
import * as Freeze from "@thaw/steps/Freeze"
import * as Predict from "@thaw/steps/Predict"
import * as Sample from "@thaw/steps/Sample"
import * as Train from "@thaw/steps/Train"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as Kinds from "./kinds.ts"
import * as World from "./world.ts"

const home = mkdtempSync(path.join(tmpdir(), "thaw-kinds-"))
const world = World.make({ home })
afterAll(async () => {
  await world.dispose()
  rmSync(home, { recursive: true, force: true })
})

const parts = Kinds.parts(120, 60)
const tasks = Kinds.tasks(parts)
const test = { topic: parts.test, emotions: parts.test, stars: parts.test }
const encoder = Corpus.encoder(parts.train)

const trained = (overrides: Corpus.Overrides = {}) =>
  Train.multiTask({ encoder, tasks, learningRate: LearningRate.constant(2e-2), epochs: 6, batch: 8, ...overrides })

describe("a label, a label set and a number of the same texts", () => {
  const outcome = world.run({
    trained: trained(),
    scores: Evaluate.tasks({ trained: trained(), test }),
    checkpoint: Export.checkpoint({ trained: trained() }),
    folder: Export.huggingFace({ trained: trained(), otherHeads: "onnx" }),
  })
  const scoresOf = async (task: string) => (await outcome).values.scores.tasks.find((each) => each.task === task)!

  it("are learned together, far beyond what always giving one answer is worth", async () => {
    const [topic, emotions, stars] = [await scoresOf("topic"), await scoresOf("emotions"), await scoresOf("stars")]
    expect(topic.metrics["accuracy"]).toBeGreaterThan(0.95)
    expect(emotions.metrics["meanAveragePrecision"]).toBeGreaterThan(0.95)
    expect(emotions.metrics["macroF1"]).toBeGreaterThan(0.9)
    expect(emotions.majority["macroF1"]).toBeLessThan(0.7)
    // The entropy of a label that a third to a half of the examples have.
    expect(emotions.metrics["loss"]).toBeLessThan(0.3 * Math.log(2))
    expect(stars.metrics["meanSquaredError"]).toBeLessThan(0.3 * stars.majority["meanSquaredError"]!)
    expect(stars.metrics["spearman"]).toBeGreaterThan(0.8)
  })

  it("count where they are given: an empty set is an answer, a missing one is none", async () => {
    const rows = [...Dataset.rowsOf(parts.test)]
    const emotions = rows.filter(({ labelSets }) => labelSets!["emotions"] !== undefined)
    const stars = rows.filter(({ scores }) => scores!["stars"] !== undefined)
    expect(emotions.some(({ labelSets }) => labelSets!["emotions"]!.length === 0)).toBe(true)
    expect((await scoresOf("emotions")).examples).toBe(emotions.length)
    expect((await scoresOf("stars")).examples).toBe(stars.length)
    expect(stars.length).toBeLessThan(rows.length)
  })

  const predict = async (folder: string, texts: ReadonlyArray<string>) =>
    Effect.runPromise(Predict.texts({ folder, texts }).pipe(Effect.provide(SessionProcess.layer({ threads: 1 }))))

  const rows = [...Dataset.rowsOf(parts.test)]
  const texts = rows.map(Dataset.textOf)

  it("are answered for any text as they were scored, likeliest label first", async () => {
    const answered = await predict((await outcome).folders.checkpoint, texts)
    let right = 0
    const errors: Array<number> = []
    for (const [at, { labelSets, scores }] of rows.entries()) {
      const { emotions, stars } = answered[at]!.tasks
      if (emotions?._tag !== "multiLabel" || stars?._tag !== "regression") throw new Error("answers of another kind")
      const { labels, probabilities } = emotions
      expect(Object.keys(probabilities)).toEqual(["joy", "love"])
      expect(labels.toSorted()).toEqual(Object.keys(probabilities).filter((label) => probabilities[label]! > 0.5))
      expect(labels).toEqual(labels.toSorted((a, b) => probabilities[b]! - probabilities[a]!))
      const truth = labelSets!["emotions"]
      if (truth !== undefined && truth.toSorted().join() === labels.toSorted().join()) right++
      if (scores!["stars"] !== undefined) errors.push(Math.abs(stars.score - scores!["stars"]))
    }
    const emotions = await scoresOf("emotions")
    expect(right / emotions.examples).toBeCloseTo(emotions.metrics["subsetAccuracy"]!, 12)
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
    expect(mean).toBeCloseTo((await scoresOf("stars")).metrics["meanAbsoluteError"]!, 4)
  })

  it("are exported for other tools, whose folders answer the same, as a whole and task by task", async () => {
    const { folders } = await outcome
    const own = await predict(folders.checkpoint, texts.slice(0, 5))
    const whole = await predict(folders.folder, texts.slice(0, 5))
    for (const task of ["emotions", "stars"]) {
      const place = path.join(folders.folder, "tasks", task)
      const single = await predict(place, texts.slice(0, 5))
      own.forEach(({ tasks }, at) => {
        for (const answer of [whole[at]!.tasks[task]!, single[at]!.tasks[task]!]) {
          const expected = tasks[task]!
          expect(answer._tag).toBe(expected._tag)
          if (answer._tag === "regression" && expected._tag === "regression")
            expect(answer.score).toBeCloseTo(expected.score, 3)
          if (answer._tag === "multiLabel" && expected._tag === "multiLabel") {
            expect(answer.labels).toEqual(expected.labels)
            for (const [label, share] of Object.entries(expected.probabilities))
              expect(answer.probabilities[label]).toBeCloseTo(share, 4)
          }
        }
      })
    }
  })

  it("stand on the card with their figures", async () => {
    const card = readFileSync(path.join((await outcome).folders.folder, "README.md"), "utf8")
    expect(card).toMatch(/emotions +\| text-classification +\| any of joy, love, each where it is likelier than 0.5/)
    expect(card).toMatch(/stars +\| text-classification +\| a number/)
  })
})

describe("training on them", () => {
  it.each<[string, Corpus.Overrides]>([
    ["in micro-batches, classes and tasks weighed", { accumulate: 2, classWeights: { emotions: Sample.inverseFrequency() }, balance: Balance.uncertainty() }], // prettier-ignore
    ["every task in every update, gradients combined", { balance: Balance.pcGrad() }],
    ["heads first, over vectors that are kept", { freeze: Freeze.gradual({ blocksPerPhase: 2 }), dropout: 0.1 }],
  ])("that is interrupted goes on to the same bytes: %s", async (_, options) => {
    const outputs = { trained: trained({ save: {}, epochs: 1, ...options }) }
    const { exit } = await world.interrupted(outputs, (event) => event._tag === "update" && event.update === 4)
    expect(exit._tag).toBe("Failure")
    const { hashes } = await world.run(outputs)
    const other = World.make()
    const undisturbed = await other.run(outputs)
    expect(undisturbed.hashes.trained).toBe(hashes.trained)
    await other.dispose()
  })

  it("in micro-batches is training in the whole batch: losses are means over all that have an answer", async () => {
    const lossesOf = async (options: Corpus.Overrides) => {
      const before = world.events.length
      await world.run({ trained: trained({ epochs: 1, balance: Balance.plainSum(), ...options }) })
      return world.events
        .slice(before)
        .flatMap((event) => (event._tag === "update" ? [event] : []))
        .slice(0, 3)
    }
    const [whole, parts] = [await lossesOf({ batch: 12 }), await lossesOf({ batch: 4, accumulate: 3 })]
    expect(whole.length).toBe(3)
    whole.forEach(({ losses = {} }, at) => {
      expect(Object.keys(losses)).toEqual(["emotions", "stars", "topic"])
      for (const [task, loss] of Object.entries(losses))
        expect(Math.abs(parts[at]!.losses![task]! - loss) / loss, task).toBeLessThan(1e-3)
    })
  })

  it("may come after other tasks, which answer as before", async () => {
    const { topic, ...later } = tasks
    const first = Train.multiTask({ encoder, tasks: { topic }, learningRate: LearningRate.constant(1e-2), epochs: 1 })
    const grown = Train.addTask({
      from: first,
      task: later,
      earlier: { topic: parts.validation },
      learningRate: LearningRate.constant(5e-2),
      epochs: 4,
    })
    const { values } = await world.run({
      scores: Evaluate.tasks({ trained: grown.trained, test }),
      proof: grown.proof,
    })
    const [emotions, stars] = values.scores.tasks
    expect(emotions!.metrics["meanAveragePrecision"]).toBeGreaterThan(emotions!.majority["meanAveragePrecision"]! + 0.1)
    expect(stars!.metrics["loss"]).toBeLessThan(30 ** 2)
  })
})
