/**
 * What a phase works with, set up once: who trains, the encoded examples, the graphs, and a device on which the
 * checkpoint's tensors are resident.
 */
import type * as Dataset from "@thaw/core/Dataset"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import * as Adapters from "@thaw/models/Adapters"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as TrainingModel from "@thaw/models/TrainingModel"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Fiber } from "effect"
import * as Batch from "../Batch.ts"
import * as Evaluation from "../Evaluation.ts"
import * as Roles from "../freeze/Roles.ts"
import * as Course from "../sample/Course.ts"
import * as Draws from "../sample/Draws.ts"
import * as Memory from "../timeline/Memory.ts"
import * as Balancing from "./Balancing.ts"
import * as Apart from "./Apart.ts"
import * as Boundary from "./Boundary.ts"
import * as History from "./History.ts"
import * as LossOptions from "./LossOptions.ts"
import * as Meter from "./Meter.ts"
import * as Pools from "./Pools.ts"
import * as Resident from "./Resident.ts"
import * as Scored from "./Scored.ts"
import type { Settings } from "./Settings.ts"
import * as Updates from "./Updates.ts"
import * as Validation from "./Validation.ts"

export interface Inputs extends Settings {
  readonly checkpoint: Checkpoint.Checkpoint
  readonly train: Readonly<Record<string, Dataset.TrainExamples>>
  readonly validation: Readonly<Record<string, Dataset.HeldOutExamples>>
  readonly seed: Seed.Seed
}

export type Stage = Effect.Success<ReturnType<typeof open>>

/** Until the scope closes. */
export const open = Effect.fnUntraced(function* (given: Inputs) {
  const { batch, accumulate, lora } = given
  const { phase } = given.place
  const { label, scratch, cache } = yield* Step.StepRun
  const { emit } = yield* RunEvents
  const roles = yield* Effect.try({
    try: () => Roles.of(given, worldOf(given), label),
    catch: (error) => error,
  })
  const seed = Seed.derive(given.seed, "phase", String(phase))
  const checkpoint = yield* adapted(given, roles, seed)
  const { heads, config } = checkpoint
  const inputs = { ...given, checkpoint }
  const trainable = [...Roles.adapters(given, config.dimensions.blocks), ...roles.trainable]
  const dropout = { ...inputs.dropout, adapter: lora?.dropout ?? 0 }
  yield* Resident.requireMoments(checkpoint, inputs.optimizer, label)
  // The device starts while texts are encoded.
  const opening = yield* Effect.forkIn((yield* Sessions).open, yield* Effect.scope)
  for (const { message } of roles.remarks) yield* emit({ _tag: "noticed", step: label, message })
  yield* Effect.try({
    try: () => LossOptions.check(inputs, only(heads, [...roles.drawn, ...Object.keys(inputs.rehearse)]), label),
    catch: (error) => error,
  })
  const rates = Object.fromEntries(roles.rehearsed.map(({ task, rate }) => [task, rate]))
  const tasks = [...roles.drawn, ...Object.keys(rates)]

  const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
  const { padId } = tokenizer
  const most = Checkpoint.maxTokens(checkpoint, tokenizer)
  const encoding = { tokenizer, limit: { maxTokens: Math.min(inputs.maxTokens ?? most, most) } }
  const { train, texts } = yield* Apart.of({ ...inputs, train: only(inputs.train, tasks) }, label)
  const corpora = yield* Batch.encode(train, heads, encoding, `${label}, train`)
  const heldOut = yield* Batch.encode(inputs.validation, heads, encoding, `${label}, validation`)
  const pools = yield* Pools.of(corpora, rates, train, inputs, label)
  const course = yield* Effect.try({
    try: () => Course.of(inputs, pools, { batch, accumulate }, seed),
    catch: (error) => error,
  })
  const { perEpoch } = course
  const total = Course.updatesOf(inputs.length, perEpoch)
  for (const { message } of Course.starved(course, total)) yield* emit({ _tag: "noticed", step: label, message })

  const balancing = yield* Balancing.open({
    settings: inputs,
    world: {
      tasks: tasks.toSorted(),
      guessing: Object.fromEntries(
        tasks.map((task) => [task, Head.guessing(heads[task]!, heads[task]!.labels.length, config.dimensions)!]),
      ),
      perEpoch,
      total,
      seed,
      where: label,
    },
    kinds: Object.fromEntries(tasks.map((task) => [task, heads[task]!.kind])),
    trainable,
    latest: History.latest(checkpoint.training.history),
  })
  const plan = {
    config,
    heads,
    trainable,
    optimizer: inputs.optimizer,
    maxGradientNorm: inputs.maxGradientNorm,
    l2sp: inputs.l2sp,
    classWeights: LossOptions.classWeightsOf(inputs.classWeights, heads, pools),
    labelSmoothing: inputs.labelSmoothing,
    dropout: Object.values(dropout).some((rate) => rate > 0) ? { rates: dropout, seed } : undefined,
  }
  const frozen = TrainingModel.frozenParameters(plan)
  const numbers = yield* Checkpoint.tensors(
    checkpoint,
    frozen.map(({ name }) => name),
  )
  const model = TrainingModel.make({ ...plan, frozen: numbers })

  const device = yield* Fiber.join(opening)
  const files = yield* Checkpoint.onDisk(checkpoint, scratch)
  yield* Resident.load(device, files, inputs.optimizer, model.parameters, checkpoint.training.updates)
  const looks = inputs.telemetry !== undefined || balancing.gradients !== undefined
  yield* Resident.beside(device, files, model, { ...inputs, separate: looks ? tasks : undefined })
  const untouched = yield* device.digest(yield* Resident.frozenNames(checkpoint, inputs.optimizer, model.parameters))
  const { budgetBytes } = inputs.cache
  const frozenTop = model.boundary?.group
  const answering = yield* Validation.open({ device, checkpoint, padId, frozen: frozenTop, budgetBytes })
  const meter = Meter.make(device)
  const boundary = yield* Boundary.open({
    device: meter.device,
    model,
    dimensions: config.dimensions,
    padId,
    corpora: Pools.drawnFrom(corpora, course, total).filter(({ examples }) => examples.length > 0),
    cache: inputs.cache,
    folders: { cache, scratch },
    label,
  })
  const updates = yield* Updates.open(meter.device, model, boundary.inputs)
  const longest = Pools.longest(pools)
  const rowsEach = Math.max(...corpora.map((corpus) => Pools.textsOf(corpus.examples)))
  const memory = Memory.of({
    plan: { ...plan, frozen: numbers },
    model,
    settings: inputs,
    sets: Pools.sets(corpora, inputs),
    lengths: {
      ...Memory.rowsOf(inputs, longest, rowsEach),
      tokens: longest,
      masked: Memory.maskedShare(Object.values(only(heads, tasks))),
    },
    kept: boundary.report?.cached === true && corpora.every(({ masks }) => Object.keys(masks).length === 0),
  })
  yield* emit({
    _tag: "phaseStarted",
    step: label,
    phase,
    trainable,
    frozenBytes: 4 * elements(frozen),
    trainableParameters: elements(model.parameters),
    boundary: boundary.report,
    updates: total,
    estimatedBytes: memory.peakBytes,
  })

  /** Validation of these tasks by the weights as they are now. */
  const score = Effect.fnUntraced(function* (wanted: ReadonlyArray<string>) {
    const chosen = heldOut.map((corpus) => ({ ...corpus, tasks: corpus.tasks.filter((task) => wanted.includes(task)) }))
    const scores = (yield* Evaluation.scores(answering, chosen)).map(Scored.of)
    for (const { task, metrics } of scores) {
      yield* emit({ _tag: "evaluated", step: label, phase, task, split: "validation", metrics })
    }
    return scores
  })

  return {
    /** As given, the checkpoint with the adapters that the phase trains. */
    inputs,
    /** Groups that train, adapters among them, bottom to top. */
    trainable,
    label,
    phase,
    roles,
    /** Tasks that are drawn, rehearsed ones among them. */
    tasks,
    /** Texts that the checkpoint will have trained on; undefined where those of earlier phases are not known. */
    texts,
    heldOut,
    pools,
    padId,
    perEpoch,
    /** Draws that the phase takes at most. */
    total,
    /** From the first, without end. */
    draws: () => Draws.draws(course, total),
    seed,
    balancing,
    model,
    plan,
    device,
    files,
    /** Digests of all that the phase may not change. */
    untouched,
    boundary,
    updates,
    /** What updates and the frozen bottom computed. */
    meter,
    score,
  }
})

/** The checkpoint that the phase starts from: adapters begin where it trains some and end where the encoder itself trains. */
const adapted = ({ checkpoint, lora }: Inputs, { encoderMoves }: Roles.Roles, seed: Seed.Seed) =>
  lora !== undefined
    ? Adapters.begin(checkpoint, lora, seed)
    : encoderMoves
      ? Adapters.merged(checkpoint)
      : Effect.succeed(checkpoint)

const elements = (parameters: ReadonlyArray<{ readonly shape: ReadonlyArray<number> }>): number =>
  parameters.reduce((sum, { shape }) => sum + Tensor.elements(shape), 0)

export const only = <A>(all: Readonly<Record<string, A>>, names: ReadonlyArray<string>): Readonly<Record<string, A>> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))

const worldOf = ({ checkpoint, train, validation }: Inputs): Roles.World => ({
  blocks: checkpoint.config.dimensions.blocks,
  tasks: Object.keys(train),
  heads: Object.keys(checkpoint.heads),
  weightless: Object.keys(checkpoint.heads).filter((task) => !Head.hasWeights(checkpoint.heads[task]!)),
  scored: Object.keys(validation),
  updates: {
    ...Object.fromEntries(Object.keys(checkpoint.training.trainedOn ?? {}).map((task) => [Group.head(task), 1])),
    ...checkpoint.training.updates,
  },
})
