/**
 * Labels without training: a text gets the label whose description has the most similar vector (Chang et al. 2008,
 * "Importance of semantic representation: dataless classification", with an encoder's vectors for its concepts).
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import type * as FeatureModel from "@thaw/models/FeatureModel"
import * as Group from "@thaw/models/Group"
import { Effect } from "effect"
import * as Encode from "./Encode.ts"
import * as Evaluation from "./Evaluation.ts"
import * as Classification from "./heads/Classification.ts"
import * as Features from "./Features.ts"

export interface Inputs {
  readonly encoder: Checkpoint.Checkpoint
  readonly test: Dataset.HeldOutExamples
  readonly task: string
  readonly descriptions: Readonly<Record<string, string>>
  readonly pooling: FeatureModel.Pooled
}

export const scores = Effect.fnUntraced(function* (
  { encoder, test, task, descriptions, pooling }: Inputs,
  where: string,
) {
  const labels = Object.keys(descriptions).sort()
  if (labels.length < 2) {
    const got = Problem.list(labels) || "none"
    const expected = "descriptions of at least two labels"
    return yield* new InvalidData({ where: `${where}, descriptions`, expected, got, advice: "" })
  }
  yield* Dataset.requireTask(test, task, `${where}, task ${task}`)
  const rows = [...Dataset.rowsOf(test)].filter((row) => Object.hasOwn(row.labels, task))
  yield* Evaluation.requireExamples(rows.length, task, where)
  for (const { id, labels: own } of rows) {
    if (labels.includes(own[task]!)) continue
    return yield* new InvalidData({
      where: `${where}, task ${task}, example ${id}`,
      expected: `a label that has a description: ${Problem.list(labels)}`,
      got: JSON.stringify(own[task]),
      advice: "Describe every label that occurs.",
    })
  }
  const described = labels.map((label): Dataset.Example => {
    const id = `description of ${label}`
    return { id, origin: id, text: descriptions[label]!, labels: {}, tags: {} }
  })
  const group = Group.block(encoder.config.dimensions.blocks - 1)
  const { vectors } = yield* Encode.vectors(encoder, { groups: [group], pooling }, [...described, ...rows])
  const matrix = vectors[group]!
  const answers = rows.map((row, at) => ({
    truth: labels.indexOf(row.labels[task]!),
    scores: labels.map((_, label) =>
      cosine(Features.vector(matrix, labels.length + at), Features.vector(matrix, label)),
    ),
  }))
  return Classification.ranking(task, labels, answers)
})

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, each, at) => sum + each * b[at]!, 0)

/** 0 where a vector has no direction. */
const cosine = (a: Float32Array, b: Float32Array): number => {
  const lengths = Math.sqrt(dot(a, a) * dot(b, b))
  return lengths === 0 ? 0 : dot(a, b) / lengths
}
