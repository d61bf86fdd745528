/**
 * A head that starts from another checkpoint's: what it computes before its classes are told apart is copied, and the rows
 * of its classes are aligned by their labels.
 *
 * ```
 * labels of the head it starts from     a        b        c        d
 *                                       │rename  └─merge──┤        └ left out: the data has none of it
 * labels of the data                    x                 c              new: starts random
 * ```
 *
 * A label that several become gets one row of all of theirs. Where one label an example is answered, the probability of
 * the merged class is the sum of theirs, that is its score is f(h) = log Σᵢ exp(wᵢ·h + bᵢ), which is no row. The row is f's
 * tangent at h = 0:
 *
 *   b = log Σᵢ exp(bᵢ)      w = Σᵢ pᵢ wᵢ,  pᵢ = exp(bᵢ − b)
 *
 * It is exact where the rows are equal. As f is convex, it is never above f elsewhere: a merged class is at most
 * underestimated, and training starts from there. Where an example may have several labels, one of the merged ones is enough:
 * f(h) = log(∏ᵢ (1 + exp(wᵢ·h + bᵢ)) − 1) for labels that are independent, whose tangent has pᵢ = σ(bᵢ) / σ(b).
 *
 * A number is answered as it was: the row is brought into the measure of the new head's scores.
 */
import * as Problem from "@thaw/core/Problem"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import * as Checkpoint from "./Checkpoint.ts"
import type { EncoderConfig } from "./EncoderConfig.ts"
import { TrainingInvalid } from "./Errors.ts"
import * as Group from "./Group.ts"
import * as Head from "./Head.ts"
import type { Parameter } from "./Parameter.ts"

/** What becomes of labels whose names do not say it. */
export interface Alignment {
  /** Label of the head it starts from → label of the data. A label that is in both stands for itself. */
  readonly labels: Readonly<Record<string, string>>
  /** Labels of the data that no other becomes, and whose rows start random. */
  readonly fresh: ReadonlyArray<string>
}

/** Where the rows of the new head's classes come from. */
export interface Plan {
  /** For each class the classes that become it; none: it stays as it is. */
  readonly rows: ReadonlyArray<ReadonlyArray<number>>
  /** Labels that become none. */
  readonly left: ReadonlyArray<string>
}

/**
 * Fails when a label of the data comes from nowhere, or the alignment names what is not there.
 *
 * @param from labels of the head it starts from
 * @param to labels of the data
 */
export const plan = Effect.fnUntraced(function* (
  from: ReadonlyArray<string>,
  to: ReadonlyArray<string>,
  { labels, fresh }: Alignment,
  where: string,
): Effect.fn.Return<Plan, TrainingInvalid> {
  const refused = (at: string, expected: string, got: string, advice: string) =>
    new TrainingInvalid({ where: `${where}${at}`, expected, got, advice })
  const named = Object.entries(labels)
  const unknown = named.find(([label]) => !from.includes(label))?.[0]
  if (unknown !== undefined) {
    return yield* refused(
      ", labels",
      `labels of the head it starts from: ${Problem.list(from)}`,
      JSON.stringify(unknown),
      Problem.suggestion(unknown, from),
    )
  }
  const absent = named.map(([, label]) => label).find((label) => !to.includes(label))
  if (absent !== undefined) {
    const expected = `labels of the data to become: ${Problem.list(to)}`
    return yield* refused(", labels", expected, JSON.stringify(absent), Problem.suggestion(absent, to))
  }
  const becomes = (label: string) => (Object.hasOwn(labels, label) ? labels[label]! : label)
  const rows = to.map((label) => from.flatMap((each, at) => (becomes(each) === label ? [at] : [])))
  const wrong = fresh.find((label) => rows[to.indexOf(label)]?.length !== 0)
  if (wrong !== undefined) {
    return yield* refused(
      ", fresh",
      "labels of the data that no label of the head becomes",
      JSON.stringify(wrong),
      to.includes(wrong) ? "Leave it out." : Problem.suggestion(wrong, to),
    )
  }
  const missing = to.filter((label, at) => rows[at]!.length === 0 && !fresh.includes(label))
  if (missing.length > 0) {
    return yield* refused(
      "",
      `a label of the head it starts from for each of the data: ${Problem.list(to)}`,
      `none for ${Problem.list(missing)} among ${Problem.list(from)}`,
      `Say what becomes it with labels: { ${JSON.stringify(from[0] ?? "old")}: ${JSON.stringify(missing[0])} }, or let it start random with fresh: [${JSON.stringify(missing[0])}].`,
    )
  }
  return { rows, left: from.filter((label) => !to.includes(becomes(label))) }
})

/** A checkpoint and one of its tasks. */
export interface Of {
  readonly checkpoint: Checkpoint.Checkpoint
  readonly task: string
}

/** Weights of the head by their own names, and the labels that were left out. */
export interface Transferred {
  readonly weights: Readonly<Record<string, Tensor.Tensor>>
  readonly left: ReadonlyArray<string>
}

/**
 * What the head of a task starts with.
 *
 * Fails when the two heads are of different forms, and as `plan` does.
 *
 * @param to has a head for the task already, with the data's labels and, for fresh ones, random rows
 */
export const of = Effect.fnUntraced(function* (
  from: Of,
  to: Of,
  alignment: Alignment,
  where: string,
): Effect.fn.Return<Transferred, TrainingInvalid | SafetensorsBroken> {
  const [old, own] = [from, to].map(({ checkpoint, task }) => checkpoint.heads[task]!) as [TaskHead, TaskHead]
  yield* requireSameForm(from, to, where)
  const isLabelled = Head.isLabelled(own)
  const { rows, left } = isLabelled
    ? yield* plan(old.labels, own.labels, alignment, where)
    : yield* unlabelled(from, to, alignment, where)
  const taken = yield* tensors(from)
  const kept = yield* tensors(to)
  const depends = new Set(isLabelled ? perClass(own, to.checkpoint.config) : [])
  const biases = [...depends].find((name) => taken[name]!.shape.length === 1)
  const joint = own.kind === "multiLabel" ? anyOf : oneOf
  const shares = rows.map((classes) =>
    sharesOf(classes, biases === undefined ? undefined : floats(taken[biases]!), joint),
  )
  const measured = inMeasure(old, own)
  const weights = Object.entries(kept).map(([name, tensor]) => {
    const start = depends.has(name) ? aligned(tensor, taken[name]!, rows, shares) : measured(taken[name]!)
    return [`${Group.head(to.task)}.${name}`, start] as const
  })
  return { weights: Object.fromEntries(weights), left }
})

type TaskHead = Checkpoint.Head

/** The head's tensors, by their names in it. */
const tensors = Effect.fnUntraced(function* ({ checkpoint, task }: Of) {
  const group = Group.head(task)
  const names = Checkpoint.parameters(checkpoint).flatMap((each) => (each.group === group ? [each.name] : []))
  const found = yield* Checkpoint.tensors(checkpoint, names)
  return Object.fromEntries(names.map((name) => [name.slice(group.length + 1), found[name]!]))
})

/** Parameters of a head of so many classes, by their names in it. */
const parameters = (
  head: TaskHead,
  classes: number,
  config: EncoderConfig,
): ReadonlyArray<readonly [name: string, shape: string]> =>
  Head.network(head, "x", classes, config).parameters.map(({ name, shape }: Parameter) => [
    name.slice(Group.head("x").length + 1),
    shape.join(", "),
  ])

/** Names of those that have a row for each class: whose shape depends on how many there are. */
const perClass = (head: TaskHead, config: EncoderConfig): ReadonlyArray<string> => {
  const [two, three] = [2, 3].map((classes) => new Map(parameters(head, classes, config)))
  return [...two!.keys()].filter((name) => two!.get(name) !== three!.get(name))
}

const requireSameForm = ({ checkpoint, task }: Of, to: Of, where: string): Effect.Effect<void, TrainingInvalid> => {
  const [old, own] = [checkpoint.heads[task]!, to.checkpoint.heads[to.task]!]
  const form = (head: TaskHead, config: EncoderConfig) => parameters(head, 2, config).map(String).sort().join("; ")
  const said = (head: TaskHead, { family, dimensions }: EncoderConfig) =>
    `a head of kind ${head.kind}${"pooling" in head ? ` over ${head.pooling}` : ""} for vectors of ${dimensions.hidden} numbers of a ${family.modelType} encoder`
  const [theirs, ours] = [checkpoint.config, to.checkpoint.config]
  if (old.kind === own.kind && form(old, theirs) === form(own, ours)) {
    const same = ("pooling" in old ? old.pooling : "") === ("pooling" in own ? own.pooling : "")
    if (same) return Effect.void
  }
  return Effect.fail(
    new TrainingInvalid({
      where,
      expected: `${said(own, ours)}, as the task's own`,
      got: said(old, theirs),
      advice: "Give the task a head of the same form, or let it start from scratch.",
    }),
  )
}

/** Classes of hidden tokens are those of the tokenizer. */
const unlabelled = ({ checkpoint }: Of, to: Of, { labels, fresh }: Alignment, where: string) => {
  const named = [...Object.keys(labels), ...fresh]
  const refused = (expected: string, got: string, advice: string) =>
    Effect.fail(new TrainingInvalid({ where, expected, got, advice }))
  if (named.length > 0) return refused("no labels of a head that has none", Problem.list(named), "Leave them out.")
  return checkpoint.tokenizer.json === to.checkpoint.tokenizer.json
    ? Effect.succeed<Plan>({ rows: [], left: [] })
    : refused(
        "the encoder's own tokenizer, whose tokens are the head's classes",
        "another one's",
        "Let the head start from scratch.",
      )
}

const floats = (tensor: Tensor.Tensor): Float32Array => tensor.data as Float32Array

/** How much each of these classes counts in the one they become, and that one's bias. */
interface Shares {
  readonly weights: ReadonlyArray<number>
  readonly bias: number
}

const sharesOf = (
  classes: ReadonlyArray<number>,
  biases: Float32Array | undefined,
  joint: (biases: ReadonlyArray<number>) => Shares,
): Shares => {
  const own = classes.map((at) => biases?.[at] ?? 0)
  // A row alone keeps its bits.
  return own.length === 1 ? { weights: [1], bias: own[0]! } : joint(own)
}

/** One label an example. */
const oneOf = (biases: ReadonlyArray<number>): Shares => {
  const most = Math.max(...biases)
  const bias = most + Math.log(biases.reduce((sum, each) => sum + Math.exp(each - most), 0))
  return { weights: biases.map((each) => Math.exp(each - bias)), bias }
}

/** Any number of labels an example. */
const anyOf = (biases: ReadonlyArray<number>): Shares => {
  const none = biases.reduce((sum, each) => sum + softplus(each), 0)
  const bias = none + Math.log(-Math.expm1(-none))
  return { weights: biases.map((each) => sigmoid(each) / sigmoid(bias)), bias }
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** A number's row, which is the one with a single output, so that center + scale · z stays what it was. */
const inMeasure = (old: TaskHead, own: TaskHead): ((tensor: Tensor.Tensor) => Tensor.Tensor) => {
  if (old.kind !== "regression" || own.kind !== "regression") return (tensor) => tensor
  const factor = (old.scale ?? 1) / (own.scale ?? 1)
  const shift = ((old.center ?? 0) - (own.center ?? 0)) / (own.scale ?? 1)
  return (tensor) =>
    tensor.shape[0] === 1
      ? Tensor.float32(
          tensor.shape,
          floats(tensor).map((each) => factor * each + (tensor.shape.length === 1 ? shift : 0)),
        )
      : tensor
}

/** @param fresh of the new head's shape, whose rows stay where no class becomes them */
const aligned = (
  fresh: Tensor.Tensor,
  taken: Tensor.Tensor,
  rows: ReadonlyArray<ReadonlyArray<number>>,
  shares: ReadonlyArray<Shares>,
): Tensor.Tensor => {
  const data = Float32Array.from(floats(fresh))
  const length = Tensor.elements(fresh.shape.slice(1))
  const old = floats(taken)
  for (const [row, classes] of rows.entries()) {
    if (classes.length === 0) continue
    const { weights, bias } = shares[row]!
    for (let at = 0; at < length; at++) {
      data[row * length + at] =
        fresh.shape.length === 1
          ? bias
          : classes.reduce((sum, from, index) => sum + weights[index]! * old[from * length + at]!, 0)
    }
  }
  return Tensor.float32(fresh.shape, data)
}
