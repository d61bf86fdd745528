/**
 * Memory and work that a phase will take, from the very graphs that it would run (see `Memory` and `Footprint`), with as
 * many tokens as its examples are likely to have. Bytes are of float32; work is the multiplications and additions of
 * matrix products, which are nearly all there is.
 */
import * as Forecast from "@thaw/models/Forecast"
import * as Optimizer from "@thaw/models/Optimizer"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Seed from "@thaw/core/Seed"
import type * as Group from "@thaw/models/Group"
import * as Roles from "../freeze/Roles.ts"
import * as BoundaryRows from "../training/BoundaryRows.ts"
import type { Settings } from "../training/Settings.ts"
import * as Drawn from "./Drawn.ts"
import * as Estimate from "./Estimate.ts"
import * as Facts from "./Facts.ts"
import * as Memory from "./Memory.ts"
import type * as Network from "./Network.ts"
import type * as Weights from "./Weights.ts"

export interface Cost {
  /** Every weight once. */
  readonly weightBytes: Estimate.Estimate
  /** Two for each weight that trains. */
  readonly momentBytes: Estimate.Estimate
  /** What replaces weights and moments, while an update is made. */
  readonly updateBytes: Estimate.Estimate
  /** The most that the graphs of an update, or of the frozen bottom, hold at once. */
  readonly activationBytes: Estimate.Estimate
  /** Of the session process, all of it, at its peak. */
  readonly peakBytes: Estimate.Estimate
  /** What the frozen bottom gives, for every example; 0 where nothing is frozen below or it does not fit the budget. */
  readonly cacheBytes: Estimate.Estimate
  readonly cache: "none" | "kept" | "recomputed" | "undecided"
  /** Forward and back, for all updates, and the frozen bottom. */
  readonly work: Estimate.Estimate
}

export interface Of {
  readonly settings: Settings
  readonly before: Forecast.Forecast
  readonly roles: Roles.Roles
  readonly heads: Readonly<Record<string, Network.KnownHead>>
  readonly groups: ReadonlyArray<{ readonly group: Group.Group; readonly parameters: Estimate.Estimate }>
  /** Where the examples of each task that is drawn come from. */
  readonly origins: ReadonlyMap<string, Facts.Origin | undefined>
  readonly weights: ReadonlyArray<Weights.EffectiveWeight>
  readonly updates: Estimate.Estimate
  readonly trainedParameters: Estimate.Estimate
}

/** Not exact, whatever it is made of. */
const roughly = Estimate.known(0, "about")

export const of = (phase: Of): Cost => {
  const { settings, groups, updates, trainedParameters } = phase
  // The peak is that of the longest batch; work is that of all batches, each as long as its longest example.
  const longest = tokensOf(phase, ({ lengths }) => lengths.at(-1) ?? 0)
  const padded = tokensOf(phase, (facts) =>
    settings.tokenBudget === undefined ? Facts.longestOf(facts, settings.batch) : facts.words,
  )
  const mean = tokensOf(phase, ({ words }) => words)
  const phaseGraphs = graphsOf(phase)
  const cached = cacheOf(phase, phaseGraphs, mean)
  const kept = cached.cache === "kept"
  const all = Estimate.sum(groups.map(({ parameters }) => parameters))
  const memory =
    longest._tag === "Unknown"
      ? undefined
      : Memory.of({
          ...phaseGraphs,
          settings,
          sets: setsOf(phase),
          lengths: {
            ...Memory.rowsOf(settings, longest.value, textsOf(phase)),
            tokens: longest.value,
            masked: maskedOf(phase),
          },
          kept,
        })
  // A vocabulary that is only bounded makes a bound of all that holds weights.
  const held = (bytes: number | undefined) => Estimate.all([roughly, longest, all], () => bytes ?? 0)
  return {
    weightBytes: Estimate.all([all], (count) => 4 * count),
    momentBytes: Estimate.all(
      [trainedParameters],
      (count) => 4 * count * Optimizer.moments(settings.optimizer, "").length,
    ),
    updateBytes: Estimate.all([trainedParameters], () => memory?.updateBytes ?? 0),
    activationBytes: held(memory?.activationBytes),
    peakBytes: held(memory?.peakBytes),
    ...cached,
    work: workOf(phase, phaseGraphs, { updates, padded, mean }, kept),
  }
}

const maskedOf = ({ heads, origins }: Of): number =>
  Memory.maskedShare([...origins.keys()].flatMap((task) => heads[task]?.head ?? []))

/** Every task's batches are taken to be as large as those of the one whose examples have most texts. */
const textsOf = ({ heads, origins }: Of): number =>
  Memory.textsOf([...origins.keys()].flatMap((task) => heads[task]?.head ?? []))

type Graphs = Pick<Memory.Of, "plan" | "model">

/** The model that the phase would train; its numbers are never read. */
const graphsOf = ({ settings, before, roles, heads }: Of): Graphs => {
  const lora = Roles.loraIn(before, settings, roles)
  const { config } = Forecast.merged(before)
  const dropout = { ...settings.dropout, adapter: settings.lora?.dropout ?? 0 }
  const plan = {
    ...settings,
    config: lora === undefined ? config : { ...config, lora },
    heads: Object.fromEntries(
      Object.entries(heads).map(([task, { head, labels = 2 }]) => [
        task,
        { ...head, labels: Array.from({ length: labels }, String) },
      ]),
    ),
    trainable: [...Roles.adapters(settings, config.dimensions.blocks), ...roles.trainable],
    taskWeights: settings.weights,
    classWeights: Object.fromEntries(
      Object.keys(settings.classWeights ?? {}).map((task) => [task, Array<number>(heads[task]?.labels ?? 2).fill(1)]),
    ),
    dropout: Object.values(dropout).some((rate) => rate > 0) ? { rates: dropout, seed: Seed.make(0) } : undefined,
  }
  const unread = { ...plan, frozen: Memory.unread(TrainingModel.frozenParameters(plan)) }
  return { plan: unread, model: TrainingModel.make(unread) }
}

/** Sets of tasks whose labels a batch may have: those of one dataset together where examples have several labels. */
const setsOf = ({ settings, origins }: Of): ReadonlyArray<ReadonlyArray<string>> => {
  if (settings.batches !== "homogeneous") return [[...origins.keys()]]
  const sets = new Map<unknown, ReadonlyArray<string>>()
  for (const [task, origin] of origins) {
    const others = origin?.facts?.together[task] ?? {}
    const joint = [...origins].some(
      ([other, from]) => other !== task && from?.source === origin?.source && (others[other] ?? 0) > 0,
    )
    const key = joint ? origin!.source : task
    sets.set(key, [...(sets.get(key) ?? []), task])
  }
  return [...sets.values()]
}

/** Tokens of an example of so many words; the mean over the tasks' datasets. */
const tokensOf = ({ settings, before, origins }: Of, wordsOf: (facts: Facts.Facts) => number): Estimate.Estimate => {
  const { positions } = before.config.dimensions
  const most = Math.min(settings.maxTokens ?? positions, positions)
  const facts = [...origins.values()].map((origin) => origin?.facts)
  const known = facts.flatMap((each) => (each === undefined ? [] : [each]))
  const examples = known.reduce((sum, each) => sum + each.examples, 0)
  if (known.length < facts.length || examples === 0) return Estimate.known(most, "atMost")
  const words = known.reduce((sum, each) => sum + wordsOf(each) * each.examples, 0) / examples
  return Estimate.known(Drawn.tokens(words, most), "about")
}

const distinct = ({ origins }: Of): ReadonlyArray<Facts.Origin | undefined> => [
  ...new Map([...origins.values()].map((origin) => [origin?.source, origin])).values(),
]

const cacheOf = (phase: Of, { model }: Graphs, tokens: Estimate.Estimate): Pick<Cost, "cacheBytes" | "cache"> => {
  const { settings, before } = phase
  const { boundary } = model
  if (boundary === undefined) return { cacheBytes: Estimate.exact(0), cache: "none" }
  const { dimensions } = before.config
  // Of pairs every text is kept, and equal ones once.
  const texts = textsOf(phase)
  const examples = Estimate.sum(
    distinct(phase).map((origin) =>
      origin?.facts === undefined
        ? Estimate.unknown(origin?.step ?? "its data")
        : Estimate.known(texts * origin.facts.examples, texts === 1 ? "exact" : "atMost"),
    ),
  )
  const { budgetBytes, precision } = settings.cache
  // Pooled vectors are one for each example, however long it is.
  const length = boundary.form.includes("tokens") ? tokens : Estimate.exact(0)
  const bytes = Estimate.all([examples, length], (count, each) =>
    BoundaryRows.sizeBytes(boundary.form, count, count * each, dimensions.hidden, precision),
  )
  if (!BoundaryRows.pays(boundary.group, dimensions, budgetBytes))
    return { cacheBytes: Estimate.exact(0), cache: "recomputed" }
  if (bytes._tag === "Unknown") return { cacheBytes: bytes, cache: "undecided" }
  if (bytes.value <= budgetBytes) return { cacheBytes: bytes, cache: "kept" }
  return { cacheBytes: bytes, cache: bytes.degree === "exact" ? "recomputed" : "undecided" }
}

interface Amounts {
  readonly updates: Estimate.Estimate
  readonly padded: Estimate.Estimate
  readonly mean: Estimate.Estimate
}

/** Updates of every set of tasks as often as the mix draws it, and the frozen bottom once per example or per batch. */
const workOf = (phase: Of, { model }: Graphs, { updates, padded, mean }: Amounts, kept: boolean): Estimate.Estimate => {
  const { accumulate } = phase.settings
  const sets = setsOf(phase)
  const rows = textsOf(phase) * distinct(phase).reduce((sum, origin) => sum + (origin?.facts?.examples ?? 0), 0)
  return Estimate.all([roughly, updates, padded, mean], (_, count, width, tokens) => {
    const sizes = Memory.rowsOf(phase.settings, width, textsOf(phase))
    const { batch } = sizes
    const lengths = { ...sizes, tokens: width, masked: maskedOf(phase) }
    const batches = count * accumulate
    const above = phase.weights.reduce((sum, { task, share }) => {
      const graphs = Memory.graphsOf(
        { model, settings: phase.settings },
        sets.find((set) => set.includes(task))!,
      )
      const part = share._tag === "Known" ? share.value : 1 / phase.weights.length
      return sum + part * Memory.work(graphs, lengths)
    }, 0)
    const below = kept
      ? Math.min(rows, batches * batch) * Memory.workBelow(model, { batch: 1, tokens })
      : batches * Memory.workBelow(model, lengths)
    return batches * above + below
  })
}
