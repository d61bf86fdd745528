/**
 * Adding a task to a trained checkpoint, and the proof that the earlier tasks did not suffer: what their heads answered
 * before and after, on the same examples, through the same computation.
 *
 * Under a frozen encoder the earlier tasks' scores have to stay the same to the last bit; with an encoder that moves, no
 * earlier task may get worse by more than the author allows, phase by phase and over all.
 */
import { createHash } from "node:crypto"
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import * as Checkpoint from "@thaw/models/Checkpoint"
import { Sessions } from "@thaw/onnx/Session"
import { Effect, Schema } from "effect"
import * as Batch from "./Batch.ts"
import * as Environment from "./Environment.ts"
import * as Evaluation from "./Evaluation.ts"
import * as Freeze from "./Freeze.ts"
import * as Inference from "./Inference.ts"
import type { Options as TrainOptions, Task } from "./Train.ts"
import * as Chain from "./training/Chain.ts"
import * as Scored from "./training/Scored.ts"
import * as Settings from "./training/Settings.ts"
import * as Verdict from "./training/Verdict.ts"

export interface Options extends Omit<TrainOptions, "encoder" | "tasks" | "noWorseThan"> {
  readonly from: Checkpoint.Checkpoint | Wire.Wire<Checkpoint.Checkpoint>
  /** What is new, by name. */
  readonly task: Readonly<Record<string, Task>>
  /** Held-out examples of every task that the checkpoint has a head for: what the proof is made on. */
  readonly earlier: Readonly<Record<string, Dataset.HeldOutExamples | Wire.Wire<Dataset.HeldOutExamples>>>
  /** Needed when the encoder moves: how much an earlier task's score may fall before a phase is undone. */
  readonly noWorseThan?: { readonly tolerance: number; readonly metric?: string }
  /** Earlier tasks that are drawn along while the encoder moves, so that their losses hold it in place. */
  readonly rehearse?: Readonly<
    Record<
      string,
      {
        readonly train: Dataset.TrainExamples | Wire.Wire<Dataset.TrainExamples>
        /** Of what the mix gives the task. */
        readonly rate: number
      }
    >
  >
}

/** What the earlier tasks are promised. */
const Promised = Schema.Union([
  Schema.TaggedStruct("sameBits", {}),
  Schema.TaggedStruct("noWorseThan", {
    tolerance: Settings.NoWorseThan.fields.tolerance,
    metric: Settings.NoWorseThan.fields.metric,
  }),
])
type Promised = typeof Promised.Type

/** Throws `PipelineInvalid` when the encoder may move and there is no bound. */
export const promised = ({ freeze = Freeze.backbone(), noWorseThan }: Options): Promised => {
  if (noWorseThan !== undefined) return { _tag: "noWorseThan", ...noWorseThan }
  const isFrozen = freeze.phases.every((part) => !("_tag" in part) && !moves(part.train, part.lora))
  if (isFrozen) return { _tag: "sameBits" }
  throw new PipelineInvalid({
    where: "Train.addTask, noWorseThan",
    expected: "how much the earlier tasks may lose, since the encoder moves below their heads",
    got: "nothing",
    advice: "Write noWorseThan: { tolerance: 0.01 }, or keep the encoder frozen with Freeze.backbone().",
  })
}

/** Whether the encoder may move, as far as patterns tell without an encoder. */
const moves = (patterns: ReadonlyArray<string>, lora: Settings.Settings["lora"]): boolean =>
  lora !== undefined || patterns.some((pattern) => !isOfHeads(pattern))

const isOfHeads = (pattern: string): boolean => pattern === "heads" || pattern.replace(/^!/, "").startsWith("head.")

/** Settings of every phase; a frozen encoder unless the author says otherwise. Throws `PipelineInvalid`. */
export const settings = (options: Options, blocks: number | undefined): ReadonlyArray<Settings.Settings> => {
  const { from, task, earlier, noWorseThan, rehearse = {}, ...rest } = options
  const phases = Chain.settings(
    { freeze: Freeze.backbone(), ...rest, encoder: from, tasks: task },
    blocks,
    Object.keys(rehearse),
  )
  const tasks = Object.keys(earlier).sort()
  const rates = Object.fromEntries(Object.entries(rehearse).map(([name, { rate }]) => [name, rate]))
  return phases.map((each) => ({
    ...each,
    tasks: each.tasks ?? Object.keys(task),
    rehearse: moves(each.trains, each.lora) ? rates : {},
    watch: [...each.watch, ...tasks].sort(),
    ...(noWorseThan === undefined ? {} : { noWorseThan: { ...noWorseThan, tasks } }),
  }))
}

/** Throws `PipelineInvalid` where the heads that the checkpoint will have are known and one of them is left out. */
export const requireEarlier = ({ earlier, task }: Options, heads: Iterable<string>): void => {
  const missing = unproven(
    earlier,
    [...heads].filter((name) => !Object.hasOwn(task, name)),
    "Train.addTask",
  )
  if (missing !== undefined) throw missing
}

const unproven = (earlier: Readonly<Record<string, unknown>>, heads: ReadonlyArray<string>, where: string) => {
  const missing = heads.filter((name) => !Object.hasOwn(earlier, name))
  return missing.length === 0
    ? undefined
    : new PipelineInvalid({
        where: `${where}, earlier`,
        expected: "held-out examples of every task that has a head",
        got: `none of ${Problem.list(missing)}`,
        advice: "What nobody looks at could get worse unseen.",
      })
}

const Metrics = Schema.Record(Schema.String, Schema.Number)

/** What became of the earlier tasks. */
export const Proof = Schema.Struct({
  promised: Promised,
  tasks: Schema.Array(
    Schema.Struct({
      task: Schema.String,
      /** How many were answered before and after. */
      examples: Schema.Int,
      /** Whether all scores are the same to the last bit, and the SHA-256 of those of before. */
      identical: Schema.Boolean,
      sha256: Schema.String,
      /** Of all scores, without sign. */
      largestDifference: Schema.Number,
      before: Metrics,
      after: Metrics,
    }),
  ),
})
export type Proof = typeof Proof.Type

/** Scores of the earlier tasks' examples by one checkpoint. */
interface Answers {
  readonly logits: Float32Array
  readonly examples: number
  readonly scored: Scored.Scored
}

/**
 * Answers the earlier tasks' examples by the checkpoint before and the one after, and gives the one after with the proof.
 *
 * Fails when the promise is broken, and when a task that has a head before has no examples here.
 */
export const proven = Step.make({
  name: "Train.addTask, proof",
  version: "2",
  input: {
    before: Checkpoint.Checkpoint,
    after: Checkpoint.Checkpoint,
    earlier: Artifact.record(Dataset.HeldOutExamples),
    promised: Promised,
  },
  output: { trained: Checkpoint.Checkpoint, proof: Artifact.json("no-regression", Proof) },
  environment: Environment.sessions,
  forecast: ({ inputs }) => inputs["after"],
  run: Effect.fnUntraced(function* ({ before, after, earlier, promised: promise }) {
    const { label } = yield* Step.StepRun
    const { emit } = yield* RunEvents
    const missing = unproven(earlier, Object.keys(before.heads), label)
    if (missing !== undefined) return yield* missing
    const then = yield* answersOf(before, earlier, label)
    const now = yield* answersOf(after, earlier, label)
    const tasks = [...then].map(([task, { logits, examples, scored }]) => {
      const answered = now.get(task)!
      return {
        task,
        examples,
        identical: Buffer.compare(bytesOf(logits), bytesOf(answered.logits)) === 0,
        sha256: createHash("sha256").update(bytesOf(logits)).digest("hex"),
        largestDifference: logits.reduce((most, each, at) => Math.max(most, Math.abs(each - answered.logits[at]!)), 0),
        before: scored.metrics,
        after: answered.scored.metrics,
      }
    })
    for (const { task, examples, identical, largestDifference } of tasks) {
      const found = identical ? "the same to the last bit" : `apart by ${largestDifference} at most`
      yield* emit({ _tag: "noticed", step: label, message: `${task}: scores of ${examples} examples are ${found}.` })
    }
    yield* requirePromise(promise, tasks, then, now, label)
    return { trained: after, proof: { promised: promise, tasks } }
  }),
})

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

const requirePromise = Effect.fnUntraced(function* (
  promise: Promised,
  tasks: Proof["tasks"],
  then: ReadonlyMap<string, Answers>,
  now: ReadonlyMap<string, Answers>,
  where: string,
) {
  if (promise._tag === "sameBits") {
    const changed = tasks.filter(({ identical }) => !identical)
    if (changed.length === 0) return
    return yield* new InvalidData({
      where,
      expected: "scores of the earlier tasks that are the same to the last bit, since the encoder was frozen",
      got: changed.map(({ task, largestDifference }) => `${task}: apart by ${largestDifference}`).join("; "),
      advice: "",
    })
  }
  const scores = (all: ReadonlyMap<string, Answers>) => [...all.values()].map(({ scored }) => scored)
  const bound = { ...promise, tasks: tasks.map(({ task }) => task) }
  const fallen = yield* Verdict.fallen(bound, scores(then), scores(now), where)
  if (fallen.length === 0) return
  return yield* new InvalidData({
    where,
    expected: `earlier tasks that lose ${promise.tolerance} at most`,
    got: fallen.map(({ task, from, to }) => `${task} fell from ${from} to ${to}`).join("; "),
    advice: "Let fewer groups train, lower the learning rate, or rehearse the earlier tasks.",
  })
})

/** By task, sorted. */
const answersOf = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  earlier: Readonly<Record<string, Dataset.HeldOutExamples>>,
  where: string,
) {
  const { scratch } = yield* Step.StepRun
  const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
  const encoding = { tokenizer, limit: { maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer) } }
  const corpora = yield* Batch.encode(earlier, checkpoint.heads, encoding, where)
  const device = yield* (yield* Sessions).open
  yield* device.load((yield* Checkpoint.onDisk(checkpoint, scratch)).weights)
  const answering = yield* Inference.open(device, checkpoint, tokenizer.padId)
  const found: Array<readonly [task: string, answers: Answers]> = []
  const scored = (yield* Evaluation.scores(answering, corpora)).map(Scored.of)
  for (const corpus of corpora) {
    const { tasks, examples, masks } = corpus
    const answered = tasks.filter((task) => !Object.hasOwn(masks, task))
    const logits = yield* Inference.logits(answering, examples.flatMap(Batch.rowsOf), answered)
    for (const task of tasks) {
      const count = examples.filter((each) => Batch.isDrawable(corpus, each, task)).length
      yield* Evaluation.requireExamples(count, task, where)
      const parts = answered.includes(task) ? logits.map((each) => each[task]!) : []
      const all = Float32Array.from({ length: parts.reduce((sum, { length }) => sum + length, 0) })
      parts.reduce((at, part) => (all.set(part, at), at + part.length), 0)
      const own = scored.find((each) => each.task === task)!
      found.push([task, { logits: all, examples: examples.length, scored: own }])
    }
  }
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}, Effect.scoped)
