/**
 * Support triage: one small encoder, two tasks. Topic labels are plenty; only a tenth of the texts also carry a
 * sentiment, so its batches are drawn more often than its size says.
 *
 *     npx -y pnpm@12 quickstart
 */
import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Evaluate, Export, Freeze, Load, Sample, Split, Train } from "@thaw/steps"

const support = Split.stratified({
  examples: Load.csv({
    path: "./data/support.csv",
    id: "id",
    text: "text",
    labels: { topic: "topic", sentiment: "sentiment" },
  }),
  validation: 0.1,
  test: 0.2,
})

// Mean pooling reads every word's vector, which is what the encoder was taught to make.
const head = Head.classification({ pooling: "mean" })

const trained = Train.multiTask({
  encoder: Encoder.fromFolder({ path: "../models/thaw-mini" }),
  tasks: {
    topic: { head, train: support.train, validation: support.validation },
    sentiment: { head, train: support.train, validation: support.validation },
  },
  mix: Sample.temperature({ temperature: 2 }),
  freeze: Freeze.phases([
    { train: ["heads"], epochs: 8, learningRate: LearningRate.linear({ base: 5e-3 }) },
    { train: ["*"], epochs: 4 },
  ]),
  learningRate: LearningRate.linear({ base: 3e-4, warmup: 0.1 }),
})

const scores = Evaluate.tasks({ trained, test: { topic: support.test, sentiment: support.test } })

export default Pipeline.make("quickstart", {
  seed: 7,
  outputs: { scores, model: Export.checkpoint({ trained }) },
})
