/**
 * What compiles and what does not when steps are wired. The compiler is the test: every line below `@ts-expect-error` is
 * a mistake that it must find, everything else must pass. `pnpm check` compiles this file; nothing runs it.
 */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Seed from "@thaw/core/Seed"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import { Effect, Schema } from "effect"

const Score = Artifact.json("score", Schema.Number)
const Checkpoint = Artifact.make<{ readonly weights: string }>({
  kind: "checkpoint",
  write: () => Effect.succeed(new Map()),
  read: () => Effect.succeed({ weights: "" }),
})

const load = Step.make({
  name: "load",
  version: "1",
  input: { path: Source.file, label: Schema.optionalKey(Schema.String) },
  output: Dataset.Examples,
  run: ({ path }) => Dataset.examples([{ id: path.path, origin: "", labels: {}, tags: {} }], { labels: [], tags: [] }),
})
const split = Step.make({
  name: "split",
  version: "1",
  input: { examples: Dataset.Examples, test: Schema.Number, seed: Seed.fromRun },
  output: { train: Dataset.TrainExamples, validation: Dataset.HeldOutExamples, test: Dataset.HeldOutExamples },
  run: ({ examples }) => Dataset.parts(examples, { train: [], validation: [], test: [] }),
})
const augment = Step.make({
  name: "augment",
  version: "1",
  input: { examples: Dataset.TrainExamples, copies: Schema.Int },
  output: Dataset.TrainExamples,
  run: ({ examples, copies }) => Dataset.filter(examples, (row) => row.id.length > copies),
})
const train = Step.make({
  name: "train",
  version: "1",
  input: {
    tasks: Artifact.record(Dataset.TrainExamples),
    watched: Artifact.record(Dataset.HeldOutExamples),
    schedule: Schema.Literals(["linear", "constant"]),
  },
  output: Checkpoint,
  run: ({ tasks }) => ({ weights: Object.values<Dataset.TrainExamples>(tasks).map(Dataset.size).join() }),
})
const evaluate = Step.make({
  name: "evaluate",
  version: "1",
  input: { trained: Checkpoint, test: Dataset.HeldOutExamples },
  output: Score,
  run: ({ test }) => Effect.succeed(Dataset.size(test)),
})
const report = Step.make({
  name: "report",
  version: "1",
  input: { score: Score, threshold: Schema.Number },
  output: Artifact.json("report", Schema.String),
  run: async ({ score, threshold }) => String(score > threshold),
})

// Right wirings.

const examples: Wire.Wire<Dataset.Examples> = load({ path: "a.csv", label: "topic" })
const parts = split({ examples, test: 0.2 })
const seeded = split({ examples, test: 0.2, seed: 3 })
const more: Wire.Wire<Dataset.TrainExamples> = augment({ examples: parts.train, copies: 2 })
const trained = train({
  tasks: { topic: more, mood: seeded.train },
  watched: { topic: parts.validation },
  schedule: "linear",
})
const score: Wire.Wire<number> = evaluate({ trained, test: parts.test })
evaluate({ trained: { weights: "" }, test: parts.validation })
report({ score, threshold: 0.5 })
report({ score: 0.7, threshold: score })
Pipeline.make("right", { seed: 1, outputs: { score, trained, held: parts.test } })

// Held-out data is never trained on, augmented or taken for examples that are not split.

// @ts-expect-error held-out examples into a training input
augment({ examples: parts.test, copies: 2 })
// @ts-expect-error held-out examples into a record of training inputs
train({ tasks: { topic: parts.validation }, watched: {}, schedule: "linear" })
// @ts-expect-error held-out examples, split again
split({ examples: parts.test, test: 0.2 })
// @ts-expect-error held-out examples into a training input, as a value
augment({ examples: {} as Dataset.HeldOutExamples, copies: 2 })

// Training data is never evaluated on.

// @ts-expect-error training examples into a held-out input
evaluate({ trained, test: parts.train })
// @ts-expect-error augmented examples into a held-out input
evaluate({ trained, test: more })
// @ts-expect-error training examples into a record of held-out inputs
train({ tasks: {}, watched: { topic: parts.train }, schedule: "linear" })

// What is not split yet is neither.

// @ts-expect-error examples that are not split into a training input
augment({ examples, copies: 2 })
// @ts-expect-error examples that are not split into a held-out input
evaluate({ trained, test: examples })

// A step cannot turn one into the other, nor can the library's functions.

Step.make({
  name: "cheat",
  version: "1",
  input: { examples: Dataset.HeldOutExamples },
  output: Dataset.TrainExamples,
  // @ts-expect-error held-out examples returned as training examples
  run: ({ examples }) => examples,
})
Step.make({
  name: "cheat",
  version: "1",
  input: { examples: Dataset.HeldOutExamples },
  output: Dataset.TrainExamples,
  // @ts-expect-error filtered held-out examples are held out
  run: ({ examples }) => Dataset.filter(examples, () => true),
})
// @ts-expect-error a split takes what is not split
Dataset.parts({} as Dataset.TrainExamples, { train: [], test: [] })
// @ts-expect-error rows without a part are no training examples
const unmarked: Dataset.TrainExamples = Dataset.fromRows([], { labels: [], tags: [] })

// Wires of another kind.

// @ts-expect-error examples where a checkpoint belongs
evaluate({ trained: parts.train, test: parts.test })
// @ts-expect-error a checkpoint where a score belongs
report({ score: trained, threshold: 0.5 })
// @ts-expect-error the record of wires instead of one of them
augment({ examples: parts, copies: 2 })
// @ts-expect-error an output that the step does not have
augment({ examples: parts.training, copies: 2 })
// @ts-expect-error a wire where a record of wires belongs
train({ tasks: parts.train, watched: {}, schedule: "linear" })
// @ts-expect-error the step instead of its call
evaluate({ trained: train, test: parts.test })

// Parameters.

// @ts-expect-error a string where a number belongs
augment({ examples: parts.train, copies: "2" })
// @ts-expect-error a literal that is not one of the schema's
train({ tasks: {}, watched: {}, schedule: "cosine" })
// @ts-expect-error a wire that carries another type than the parameter
augment({ examples: parts.train, copies: parts.test })
// @ts-expect-error a wired path: sources are read by name
load({ path: score })
// @ts-expect-error a seed is a number
split({ examples, test: 0.2, seed: "7" })
// @ts-expect-error undefined is not the same as leaving it out
load({ path: "a.csv", label: undefined })

// Names.

// @ts-expect-error a missing parameter
augment({ examples: parts.train })
// @ts-expect-error a missing artifact
evaluate({ trained })
// @ts-expect-error all of them missing
evaluate()
// @ts-expect-error an argument that the step does not have
load({ path: "a.csv", lable: "topic" })

// What `run` takes and gives.

Step.make({
  name: "length",
  version: "1",
  input: { text: Schema.String },
  output: Score,
  // @ts-expect-error a string is no score
  run: ({ text }) => text,
})
Step.make({
  name: "length",
  version: "1",
  input: { text: Schema.String },
  output: Score,
  // @ts-expect-error promised, it is none either
  run: async ({ text }) => text,
})
Step.make({
  name: "length",
  version: "1",
  input: { text: Schema.String },
  output: Score,
  // @ts-expect-error nor as an effect
  run: ({ text }) => Effect.succeed(text),
})
Step.make({
  name: "both",
  version: "1",
  input: {},
  output: { a: Score, b: Score },
  // @ts-expect-error one of the two outputs is missing
  run: () => ({ a: 1 }),
})
Step.make({
  name: "length",
  version: "1",
  input: { text: Schema.optionalKey(Schema.String) },
  output: Score,
  // @ts-expect-error what is optional may be absent
  run: ({ text }) => text.length,
})
// @ts-expect-error a step says its version
Step.make({ name: "length", input: {}, output: Score, run: () => 1 })

// Pipelines.

// @ts-expect-error the record of wires instead of one of them
Pipeline.make("wrong", { seed: 1, outputs: { parts } })
// @ts-expect-error the step instead of its call
Pipeline.make("wrong", { seed: 1, outputs: { train } })
// @ts-expect-error a value that no step gave
Pipeline.make("wrong", { seed: 1, outputs: { score: 3 } })
// @ts-expect-error a run has a seed
Pipeline.make("wrong", { outputs: { score } })

export { unmarked }
