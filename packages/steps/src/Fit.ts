/** Classifiers fitted on features: the baseline without any training of the encoder. */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import * as TextSet from "@thaw/models/TextSet"
import { Effect, Schema } from "effect"
import * as Batch from "./Batch.ts"
import * as Evaluation from "./Evaluation.ts"
import * as Classification from "./heads/Classification.ts"
import * as Features from "./Features.ts"
import * as Logistic from "./fit/Logistic.ts"
import * as Scores from "./Scores.ts"
import * as Unseen from "./Unseen.ts"

const positive = Schema.Number.check(Schema.isGreaterThan(0))

/** A fitted classifier, as JSON: what it says and what it may be asked about. */
export const Classifier = Schema.Struct({
  task: Schema.String,
  /** Sorted; classes stand in this order. */
  labels: Schema.Array(Schema.String),
  /** Whose vectors it reads, of which encoder, pooled how. */
  group: Schema.String,
  encoder: Schema.String,
  pooling: Schema.Literals(["mean", "cls"]),
  l2: Schema.Number,
  /** Examples it was fitted on. */
  examples: Schema.Int,
  /** [classes][hidden] */
  coefficients: Schema.Array(Schema.Array(Schema.Number)),
  intercepts: Schema.Array(Schema.Number),
  objective: Schema.Number,
  iterations: Schema.Int,
  converged: Schema.Boolean,
  /** Texts of the examples it was fitted on, see `TextSet`, in base64; absent where the features do not say. */
  texts: Schema.optionalKey(Schema.String),
})
export type Classifier = typeof Classifier.Type

export const kind = Artifact.json("classifier", Classifier)

/** The examples that carry the task's label, by row. */
const labelled = (features: Features.Features, task: string) =>
  Array.from(Dataset.rowsOf(features)).flatMap(({ id, labels }, row) =>
    Object.hasOwn(labels, task) ? [{ id, row, label: labels[task]! }] : [],
  )

/**
 * `Fit.logisticRegression({ features, task: "topic" })`: multinomial logistic regression of a task's labels on one group's
 * vectors, with the penalty l2/2 · ‖W‖² (1 unless given; scikit-learn's C is 1/l2). `group` is the topmost that was encoded
 * unless given. Vectors are taken as they are, neither centred nor scaled.
 *
 * Deterministic. Fails when the features have no such group and when fewer than two labels occur; one that has not
 * converged after `maxIterations` (1000) is told as a notice.
 */
export const logisticRegression = Step.make({
  name: "Fit.logisticRegression",
  version: "2",
  input: {
    features: Features.TrainFeatures,
    task: Schema.String,
    group: Schema.optionalKey(Schema.String),
    l2: Schema.optionalKey(positive),
    /** Largest partial derivative of the mean loss where it counts as converged; 1e-6 unless given. */
    tolerance: Schema.optionalKey(positive),
    maxIterations: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  },
  output: kind,
  run: Effect.fnUntraced(function* ({ features, task, l2 = 1, tolerance = 1e-6, maxIterations = 1000, ...given }) {
    const { label: step } = yield* Step.StepRun
    const where = `${step}, task ${task}`
    yield* Dataset.requireTask(features, task, where)
    const rows = labelled(features, task)
    const labels = [...new Set(rows.map(({ label }) => label))].sort()
    if (labels.length < 2) {
      const got = Problem.list(labels) || "none"
      return yield* new InvalidData({ where, expected: "at least two labels", got, advice: "" })
    }
    const group = given.group ?? Features.groupsOf(features).at(-1)!
    const matrix = yield* Features.matrix(features, group, step)
    const { hidden: size } = matrix
    const vectors = new Float32Array(rows.length * size)
    rows.forEach(({ row }, at) => vectors.set(Features.vector(matrix, row), at * size))
    const classes = new Map(labels.map((label, at) => [label, at]))
    const truth = rows.map(({ label }) => classes.get(label)!)
    const fitted = Logistic.fit({ vectors, size, truth, classes: labels.length, l2 }, { tolerance, maxIterations })
    if (!fitted.converged) {
      const message = `not converged after ${fitted.iterations} iterations; a larger l2 or tolerance converges sooner.`
      yield* (yield* RunEvents).emit({ _tag: "noticed", step, message })
    }
    const texts = Features.textsOf(features)
    const seen = texts === undefined ? undefined : TextSet.from(rows.map(({ row }) => texts[row]!))
    const known = seen === undefined ? {} : { texts: Buffer.from(TextSet.encode(seen)).toString("base64") }
    return { task, labels, group, ...Features.originOf(features), l2, examples: rows.length, ...fitted, ...known }
  }),
})

/**
 * `Fit.evaluate({ classifier, test })`: scores of a fitted classifier on held-out features, in the form of
 * `Evaluate.tasks`.
 *
 * Fails when the features are of another encoder, another pooling or lack the classifier's group, when no example
 * carries the task's label, on a label that it was not fitted on, and on texts that it was fitted on; with
 * `overlap: "dropFromTest"` such examples are left out, with `"allow"` they are scored.
 */
export const evaluate = Step.make({
  name: "Fit.evaluate",
  version: "2",
  input: { classifier: kind, test: Features.HeldOutFeatures, overlap: Schema.optionalKey(Unseen.Overlap) },
  output: Scores.kind,
  run: Effect.fnUntraced(function* ({ classifier, test, overlap }) {
    const { label: step } = yield* Step.StepRun
    const scores = yield* scoresOf(classifier, test, overlap, step)
    yield* tell(step, "test", scores)
    return { tasks: [scores] }
  }),
})

/**
 * `Fit.best({ classifiers: { weak, strong }, validation })`: of classifiers of one task, such as fitted with several
 * penalties, the one that answers most validation examples right; of equals the one that comes first by name.
 *
 * Fails as `Fit.evaluate` does, and when the classifiers are of several tasks or there is none.
 */
export const best = Step.make({
  name: "Fit.best",
  version: "1",
  input: { classifiers: Artifact.record(kind), validation: Features.HeldOutFeatures },
  output: kind,
  run: Effect.fnUntraced(function* ({ classifiers, validation }) {
    const { label: step } = yield* Step.StepRun
    const names = Object.keys(classifiers).sort()
    const tasks = [...new Set(names.map((name) => classifiers[name]!.task))]
    if (tasks.length !== 1) {
      return yield* new InvalidData({
        where: `${step}, classifiers`,
        expected: "classifiers of one task",
        got: tasks.length === 0 ? "none" : `classifiers of ${Problem.list(tasks)}`,
        advice: "",
      })
    }
    const scored = yield* Effect.forEach(names, (name) =>
      Effect.map(scoresOf(classifiers[name]!, validation, undefined, `${step}, ${name}`), (scores) => ({
        classifier: classifiers[name]!,
        scores,
      })),
    )
    const chosen = scored.reduce((first, next) =>
      next.scores.metrics["accuracy"]! > first.scores.metrics["accuracy"]! ? next : first,
    )
    yield* tell(step, "validation", chosen.scores)
    return chosen.classifier
  }),
})

const tell = Effect.fnUntraced(function* (step: string, split: string, { task, metrics }: Scores.TaskScores) {
  yield* (yield* RunEvents).emit({ _tag: "evaluated", step, phase: null, task, split, metrics })
})

/** @param where names the step, for messages */
const scoresOf = Effect.fnUntraced(function* (
  classifier: Classifier,
  heldOut: Features.HeldOutFeatures,
  overlap: Unseen.Overlap | undefined,
  where: string,
) {
  const { task, labels } = classifier
  const { encoder, pooling } = Features.originOf(heldOut)
  if (encoder !== classifier.encoder || pooling !== classifier.pooling) {
    return yield* new InvalidData({
      where,
      expected: `features of the encoder that the classifier was fitted on, pooled by ${classifier.pooling}`,
      got: encoder === classifier.encoder ? `features pooled by ${pooling}` : "features of another encoder",
      advice: "Encode both parts with the same encoder and pooling.",
    })
  }
  yield* Dataset.requireTask(heldOut, task, `${where}, task ${task}`)
  const matrix = yield* Features.matrix(heldOut, classifier.group, where)
  const classes = new Map(labels.map((label, at) => [label, at]))
  const unseen = yield* Unseen.rows(yield* textsOf(classifier), labelled(heldOut, task), heldOut, overlap, where)
  const answers = yield* Effect.forEach(unseen.rows, ({ id, row, label }) =>
    Effect.map(Batch.classOf(label, classes, `${where}, task ${task}, example ${id}`), (truth) => ({
      truth,
      scores: Logistic.scores(classifier, Features.vector(matrix, row)),
    })),
  )
  yield* Evaluation.requireExamples(answers.length, task, where)
  const scores = Classification.figures(task, labels, answers)
  return unseen.overlap === undefined ? scores : { ...scores, overlap: unseen.overlap }
})

const textsOf = ({ texts }: Classifier) =>
  texts === undefined ? Effect.succeed(undefined) : TextSet.decode(Buffer.from(texts, "base64"), "classifier, texts")
