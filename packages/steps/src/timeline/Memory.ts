/**
 * What the session process of a phase holds at once, from the phase's own graphs with their dimensions bound (see
 * `Footprint`), so that nothing is guessed about an architecture.
 *
 * ```
 * resident       every weight; moments, sums of micro-batches and starts of what trains
 * one session    the weights inside its graph twice, as tensors and packed for products, and what its nodes hold at
 *                their peak, which its arena keeps afterwards
 * an update      what replaces weights and moments, in the arena and once more as the tensors that become resident
 * making one     the weights inside its graph four times: also as the message and the model that it is read from
 * ```
 *
 * Node, onnxruntime and what requests leave behind are one figure, measured (x86-64, Linux); so is how near this comes: on
 * encoders of 4 blocks of 128 to 256 numbers, peaks of 200 to 500 MB were 0.95 to 1.2 times the estimate at the examples'
 * true lengths, and up to 1.3 times where batches are of many lengths, between which arenas lose some.
 */
import type * as Head from "@thaw/models/Head"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as MaskedScores from "@thaw/models/MaskedScores"
import * as Optimizer from "@thaw/models/Optimizer"
import * as PairLoss from "@thaw/models/PairLoss"
import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Footprint from "@thaw/onnx/Footprint"
import type { Graph } from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Balance from "../Balance.ts"
import { examplesAtOnce } from "../Inference.ts"
import { tokensAtOnce } from "../training/Boundary.ts"
import type { Settings } from "../training/Settings.ts"

export interface Memory {
  /** The most that the graphs of an update, or of the frozen bottom, hold at once: activations and gradients. */
  readonly activationBytes: number
  /** New weights and moments, until they have taken the place of the old. */
  readonly updateBytes: number
  /** The whole session process at its peak. */
  readonly peakBytes: number
}

export interface Of {
  readonly plan: TrainingModel.Phase
  readonly model: TrainingModel.TrainingModel
  readonly settings: Pick<Settings, "accumulate" | "balance" | "telemetry">
  /** Tasks whose labels may be in one batch: a graph each. */
  readonly sets: ReadonlyArray<ReadonlyArray<string>>
  readonly lengths: Lengths
  /** Whether what the frozen bottom gives is kept from epoch to epoch. */
  readonly kept: boolean
}

export interface Lengths {
  /** Rows of a batch. */
  readonly batch: number
  /** Pairs of texts among them; none where absent. */
  readonly pairs?: number
  /** Tokens of each, padding included. */
  readonly tokens: number
  /** Share of the tokens that are hidden and asked for; none where absent. */
  readonly masked?: number
}

/** What the dimensions of a phase's graphs are bound to. */
const bound = ({ batch, pairs = 0, tokens, masked = 0 }: Lengths) => ({
  batch,
  tokens,
  pairs,
  candidates: batch - pairs,
  masked: Math.ceil(batch * tokens * masked),
})

/** The most that one of these heads hides. */
export const maskedShare = (heads: Iterable<Head.Head>): number =>
  Math.max(0, ...Array.from(heads, (head) => (head.kind === "maskedTokens" ? head.rate : 0)))

const processBytes = 170e6

/** How many times the weights inside a graph are there: while its session is open, and while it is made. */
const [whileOpen, whileMade] = [2, 4]

/**
 * Rows of a micro-batch whose longest has so many tokens, and the pairs among them.
 *
 * @param texts of an example, each a row
 */
export const rowsOf = (
  { batch, tokenBudget }: Pick<Settings, "batch" | "tokenBudget">,
  tokens: number,
  texts: number,
): Pick<Lengths, "batch" | "pairs"> => {
  const examples = tokenBudget === undefined ? batch : Math.max(1, Math.floor(tokenBudget.tokens / (tokens * texts)))
  return { batch: examples * texts, pairs: texts > 1 ? examples : 0 }
}

/** Rows that an example takes at most, with heads for these tasks. */
export const textsOf = (heads: Iterable<Head.Head>): number =>
  Math.max(1, ...Array.from(heads, (head) => (head.kind === "sentenceEmbedding" ? PairLoss.textsOf(head.loss) : 1)))

/** Whether the gradient of each task is kept for itself: always, or now and then to be looked at. */
const keepsApart = ({
  balance,
  telemetry,
}: Pick<Settings, "balance" | "telemetry">): "always" | "sometimes" | "never" =>
  balance !== undefined && Balance.looksAtGradients(balance)
    ? "always"
    : telemetry !== undefined
      ? "sometimes"
      : "never"

/** The graphs of an update for batches with labels of these tasks. */
export const graphsOf = (
  { model, settings }: Pick<Of, "model" | "settings">,
  tasks: ReadonlyArray<string>,
): ReadonlyArray<Graph> => {
  if (keepsApart(settings) === "always") {
    const { add, gram, apply } = model.separation(tasks)
    return [add.graph, gram.graph, apply.graph]
  }
  if (settings.accumulate === 1) return [model.update(tasks).graph]
  const { add, apply } = model.accumulation(tasks)
  return [add.graph, apply.graph]
}

/** Those that are run besides, now and then. */
const besides = ({ model, settings }: Pick<Of, "model" | "settings">, tasks: ReadonlyArray<string>) => {
  if (keepsApart(settings) !== "sometimes") return []
  const { add, gram } = model.separation(tasks)
  return [add.graph, gram.graph]
}

export const of = ({ plan, model, settings, sets, lengths, kept }: Of): Memory => {
  const using = { model, settings }
  const graphs = sets.flatMap((tasks) => [...graphsOf(using, tasks), ...besides(using, tasks)])
  const updates = graphs.map((graph) => ({ stored: storedBytes(graph), ...Footprint.of(graph, bound(lengths)) }))
  const updating = Math.max(...updates.map(({ peakBytes }) => peakBytes))
  const updateBytes = Math.max(...updates.map(({ outputBytes }) => outputBytes))
  const evaluation = evaluationBytes(plan, lengths)
  const below = model.prefix === undefined ? undefined : belowOf(model.prefix, lengths, kept)
  const under = below?.peakBytes ?? 0
  const activationBytes = kept ? Math.max(updating, under) : updating + under
  const running =
    evaluation +
    updateBytes +
    updates.reduce((sum, { stored, peakBytes }) => sum + whileOpen * stored + peakBytes, 0) +
    (below === undefined || kept ? 0 : whileOpen * below.stored + below.peakBytes)
  const making = whileMade * Math.max(0, ...updates.map(({ stored }) => stored))
  const filling = below === undefined ? 0 : whileMade * below.stored + below.peakBytes
  const held = residentBytes(plan, model, settings, sets)
  return { activationBytes, updateBytes, peakBytes: processBytes + held + Math.max(running, making, filling) }
}

/** Held-out examples, whatever they are asked. */
const evaluationBytes = ({ config, heads }: TrainingModel.Phase, lengths: Lengths): number => {
  const peak = (graph: Graph) => Footprint.of(graph, bound({ ...lengths, batch: examplesAtOnce })).peakBytes
  const answering =
    InferenceModel.scoring(heads).length === 0 ? [] : [InferenceModel.make(config, heads, Parameter.inputs()).graph]
  const guessing = Object.entries(heads).flatMap(([task, head]) =>
    head.kind === "maskedTokens" ? [MaskedScores.make(config, head, task, Parameter.inputs()).graph] : [],
  )
  return [...answering, ...guessing].reduce((sum, graph) => sum + peak(graph), 0)
}

/** A batch of the frozen bottom: as many tokens as it computes at once where it is kept, else those of an update. */
const belowOf = (prefix: Graph, lengths: Lengths, kept: boolean) => ({
  stored: storedBytes(prefix),
  ...Footprint.of(prefix, bound(kept ? { ...lengths, batch: Math.ceil(tokensAtOnce / lengths.tokens) } : lengths)),
})

const storedBytes = ({ initializers }: Graph): number =>
  initializers.reduce((sum, { tensor }) => sum + Tensor.sizeBytes(tensor), 0)

const residentBytes = (
  plan: TrainingModel.Phase,
  { parameters }: TrainingModel.TrainingModel,
  settings: Of["settings"],
  sets: Of["sets"],
): number => {
  const all = elements(TrainingModel.allParameters(plan))
  const returning = elements(parameters.filter(({ group }) => Optimizer.returns(plan, group)))
  const apart = keepsApart(settings) === "never" ? 0 : Math.max(...sets.map((tasks) => tasks.length))
  const sums = apart + (settings.accumulate > 1 ? 1 : 0)
  const moments = Optimizer.moments(plan.optimizer, "").length
  return 4 * (all + elements(parameters) * (moments + sums) + returning)
}

const elements = (parameters: ReadonlyArray<Parameter.Parameter>): number =>
  parameters.reduce((sum, { shape }) => sum + Tensor.elements(shape), 0)

/** Numbers that nobody reads, for graphs that are looked at and never run. */
export const unread = (parameters: ReadonlyArray<Parameter.Parameter>): Readonly<Record<string, Tensor.Tensor>> => {
  const most = Math.max(0, ...parameters.map(({ shape }) => Tensor.elements(shape)))
  const zeros = new Float32Array(most)
  return Object.fromEntries(
    parameters.map(({ name, shape }) => [name, Tensor.float32(shape, zeros.subarray(0, Tensor.elements(shape)))]),
  )
}

/** Operations of the products of these graphs, each run once. */
export const work = (graphs: ReadonlyArray<Graph>, lengths: Lengths): number =>
  graphs.reduce((sum, graph) => sum + Footprint.work(graph, bound(lengths)), 0)

/** Operations of the products that give what crosses the boundary; 0 where nothing does. */
export const workBelow = ({ prefix }: TrainingModel.TrainingModel, lengths: Lengths): number =>
  work(prefix === undefined ? [] : [prefix], lengths)
