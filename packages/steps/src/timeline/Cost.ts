/** Memory and work that a phase will take, estimated from shapes. Bytes are of float32; work is floating-point operations. */
import * as Boundary from "@thaw/models/Boundary"
import type { Forecast } from "@thaw/models/Forecast"
import * as Group from "@thaw/models/Group"
import * as Balance from "../Balance.ts"
import type * as Roles from "../freeze/Roles.ts"
import * as BoundaryRows from "../training/BoundaryRows.ts"
import type { Settings } from "../training/Settings.ts"
import * as Drawn from "./Drawn.ts"
import * as Estimate from "./Estimate.ts"
import type * as Facts from "./Facts.ts"
import * as Network from "./Network.ts"

export interface Cost {
  /** Every weight once. */
  readonly weightBytes: Estimate.Estimate
  /** Two for each weight that trains. */
  readonly momentBytes: Estimate.Estimate
  /** Gradients and what replaces weights and moments, while an update is made. */
  readonly updateBytes: Estimate.Estimate
  /** What is kept for the way back, from the lowest group that trains upwards. */
  readonly activationBytes: Estimate.Estimate
  /** What the frozen bottom gives, for every example; 0 where nothing is frozen below or it does not fit the budget. */
  readonly cacheBytes: Estimate.Estimate
  readonly cache: "none" | "kept" | "recomputed" | "undecided"
  /** Forward, back and optimizer, for all updates. */
  readonly work: Estimate.Estimate
}

export interface Of {
  readonly settings: Settings
  readonly before: Forecast
  readonly roles: Roles.Roles
  readonly heads: Readonly<Record<string, Network.KnownHead>>
  readonly groups: ReadonlyArray<{ readonly group: Group.Group; readonly parameters: Estimate.Estimate }>
  readonly origins: ReadonlyArray<Facts.Origin | undefined>
  readonly updates: Estimate.Estimate
  readonly trainedParameters: Estimate.Estimate
}

export const of = (phase: Of): Cost => {
  const { before, roles, settings, groups, trainedParameters } = phase
  const { dimensions } = before.config
  const tokens = tokensOf(phase)
  const encoder = Group.ofEncoder(dimensions.blocks)
  const found = encoder.findIndex((group) => roles.trainable.includes(group))
  // Adapters sit in every block, so only the embeddings are below them.
  const lowest = settings.lora !== undefined ? 1 : found < 0 ? encoder.length : found
  const blocksAbove = encoder.length - Math.max(1, lowest)
  const cached = cacheOf(phase, lowest, tokens)
  return {
    weightBytes: Estimate.all([Estimate.sum(groups.map(({ parameters }) => parameters))], (count) => 4 * count),
    momentBytes: Estimate.all([trainedParameters], (count) => 8 * count),
    updateBytes: Estimate.all([trainedParameters], (count) => (16 + 4 * keptApart(settings, roles)) * count),
    activationBytes: Estimate.all(
      [tokens],
      (each) =>
        4 * rowsOf(settings, each) * (blocksAbove * Network.keptNumbers(dimensions, each) + each * dimensions.hidden),
    ),
    ...cached,
    work: workOf(phase, lowest, blocksAbove, tokens, cached.cache),
  }
}

/** Tasks whose gradients are kept for themselves. */
const keptApart = ({ balance, telemetry }: Settings, { drawn, rehearsed }: Roles.Roles): number =>
  telemetry !== undefined || (balance !== undefined && Balance.looksAtGradients(balance))
    ? drawn.length + rehearsed.length
    : 0

/** Examples of a micro-batch. */
const rowsOf = ({ batch, tokenBudget }: Settings, tokens: number): number =>
  tokenBudget === undefined ? batch : Math.max(1, tokenBudget.tokens / tokens)

/** Tokens of an example. */
const tokensOf = ({ settings, before, origins }: Of): Estimate.Estimate => {
  const { positions } = before.config.dimensions
  const most = Math.min(settings.maxTokens ?? positions, positions)
  const facts = origins.map((origin) => origin?.facts)
  const known = facts.flatMap((each) => (each === undefined ? [] : [each]))
  const examples = known.reduce((sum, each) => sum + each.examples, 0)
  if (known.length < facts.length || examples === 0) return Estimate.known(most, "atMost")
  const words = known.reduce((sum, each) => sum + each.words * each.examples, 0) / examples
  return Estimate.known(Drawn.tokens(words, most), "about")
}

const cacheOf = (
  { settings, before, roles, heads, origins }: Of,
  lowest: number,
  tokens: Estimate.Estimate,
): Pick<Cost, "cacheBytes" | "cache"> => {
  if (lowest === 0) return { cacheBytes: Estimate.exact(0), cache: "none" }
  const drawn = Object.entries(heads).filter(([task]) => roles.drawn.includes(task))
  const form = roles.encoderMoves ? (["tokens"] as const) : Boundary.formFor(Network.readings(before, drawn))
  const distinct = [...new Map(origins.map((origin) => [origin?.source, origin])).values()]
  const examples = Estimate.sum(
    distinct.map((origin) =>
      origin?.facts === undefined
        ? Estimate.unknown(origin?.step ?? "its data")
        : Estimate.exact(origin.facts.examples),
    ),
  )
  const { budgetBytes, precision } = settings.cache
  // Pooled vectors are one for each example, however long it is.
  const length = form.includes("tokens") ? tokens : Estimate.exact(0)
  const bytes = Estimate.all([examples, length], (count, each) =>
    BoundaryRows.sizeBytes(form, count, count * each, before.config.dimensions.hidden, precision),
  )
  const top = Group.ofEncoder(before.config.dimensions.blocks)[lowest - 1]!
  if (!BoundaryRows.pays(top, before.config.dimensions, budgetBytes))
    return { cacheBytes: Estimate.exact(0), cache: "recomputed" }
  if (bytes._tag === "Unknown") return { cacheBytes: bytes, cache: "undecided" }
  if (bytes.value <= budgetBytes) return { cacheBytes: bytes, cache: "kept" }
  return { cacheBytes: bytes, cache: bytes.degree === "exact" ? "recomputed" : "undecided" }
}

/**
 * Forward through every block, and back with twice the work of forward where weights train, once where only the gradient
 * passes through. What is frozen below costs its forward once per example where it is kept, else once per draw.
 */
const workOf = (
  { settings, before, roles, heads, groups, origins, updates, trainedParameters }: Of,
  lowest: number,
  blocksAbove: number,
  tokens: Estimate.Estimate,
  cache: Cost["cache"],
): Estimate.Estimate => {
  const { dimensions } = before.config
  const blocksBelow = Math.max(0, Math.min(lowest, dimensions.blocks + 1) - 1)
  const trainedBlocks = roles.trainable.filter((group) => group.startsWith("block.")).length
  const distinct = [...new Map(origins.map((origin) => [origin?.source, origin?.facts?.examples ?? 0])).values()]
  const examples = distinct.reduce((sum, count) => sum + count, 0)
  const ofTask = (group: Group.Group) => heads[Group.taskOf(group) ?? ""]?.head.kind
  return Estimate.all([updates, tokens, trainedParameters], (count, each, parameters) => {
    const draws = count * rowsOf(settings, each) * settings.accumulate
    const forward = Network.forwardWork(dimensions, each)
    const below = blocksBelow * forward * (cache === "kept" ? Math.min(examples, draws) : draws)
    const above = draws * forward * (2 * blocksAbove + trainedBlocks)
    // A draw goes through the heads of its labels: counted as through one, the mean of those that are drawn.
    const drawn = groups.filter(({ group }) => roles.drawn.includes(Group.taskOf(group) ?? ""))
    const head = drawn.reduce((sum, { group, parameters: size }) => {
      const times = ofTask(group) === "tokenClassification" ? each : 1
      return sum + (size._tag === "Known" ? 6 * size.value * times : 0)
    }, 0)
    const optimizer = count * optimizerWork * parameters
    return below + above + (drawn.length === 0 ? 0 : (draws * head) / drawn.length) + optimizer
  })
}

/** Operations of clipping and AdamW on one parameter. */
const optimizerWork = 16
