/**
 * The timeline of a plan: phase by phase what trains, how fast, how much of it, and what it will cost, before anything
 * runs. Reads wiring, configs and what the store already has; what it cannot know it calls unknown and says which step
 * would tell.
 */
import type * as Dag from "@thaw/core/Dag"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Forecast from "@thaw/models/Forecast"
import * as Head from "@thaw/models/Head"
import * as Group from "@thaw/models/Group"
import type * as LearningRate from "@thaw/models/LearningRate"
import { Option, Schema } from "effect"
import * as Balance from "./Balance.ts"
import * as Freeze from "./Freeze.ts"
import * as Roles from "./freeze/Roles.ts"
import * as Untrained from "./freeze/Untrained.ts"
import * as Rates from "./Rates.ts"
import * as Course from "./sample/Course.ts"
import * as Cost from "./timeline/Cost.ts"
import * as Drawn from "./timeline/Drawn.ts"
import * as Estimate from "./timeline/Estimate.ts"
import * as Facts from "./timeline/Facts.ts"
import * as Network from "./timeline/Network.ts"
import * as Weights from "./timeline/Weights.ts"
import * as Settings from "./training/Settings.ts"

export interface Timeline {
  readonly phases: ReadonlyArray<Phase>
}

/** A phase of training: a step run. */
export interface Phase {
  readonly step: string
  /** The first phase of the chain it belongs to. */
  readonly chain: string
  /** As its title says: `backbone frozen`. */
  readonly frozen: string
  /** Undefined where the encoder is not known: then only what the settings say is. */
  readonly known: Known | undefined
  /** The step that would tell what encoder it is. */
  readonly until: string
  readonly settings: Settings.Settings
  /** As people write it; undefined where nothing balances. */
  readonly balancer: string | undefined
}

export interface Known {
  /** Every group, bottom to top. */
  readonly groups: ReadonlyArray<GroupState>
  readonly roles: Roles.Roles
  readonly updates: Estimate.Estimate
  readonly trainedParameters: Estimate.Estimate
  readonly weights: ReadonlyArray<Weights.EffectiveWeight>
  /** Part of the tokens that is padding; undefined without a token budget, where it depends on the order of examples. */
  readonly padding: Estimate.Estimate | undefined
  /** How much each task's loss counts at the start, its own weight included; undefined where nothing balances. */
  readonly starting: ReadonlyArray<{ readonly task: string; readonly weight: Estimate.Estimate }> | undefined
  readonly cost: Cost.Cost
}

export interface GroupState {
  readonly group: Group.Group
  readonly state: "frozen" | "trains"
  /** Lowest and highest over the phase's updates; absent where it is frozen. */
  readonly rate?: { readonly lowest: number; readonly highest: number }
  readonly weightDecay: number
  readonly dropout: number
  readonly parameters: Estimate.Estimate
}

const isPhase = ({ step }: Dag.Node): boolean => step.name === "Train.phase"

/** Whether the node's data is worth reading for a timeline. */
export const wantsFacts = isPhase

/**
 * The timeline of every phase in the Dag.
 *
 * Throws `PipelineInvalid` as `check` does.
 */
export const of = (dag: Dag.Dag, kept: Facts.Kept = new Map()): Timeline => {
  check(dag)
  return { phases: phasesIn(dag).map(({ node, settings }) => phaseOf(node, settings, kept)) }
}

/**
 * What of a timeline can be refused, without what it costs.
 *
 * Throws `PipelineInvalid` where a phase contradicts itself, or a head is evaluated that will not have trained.
 */
export const check = (dag: Dag.Dag): void => {
  for (const node of dag.nodes) checkEvaluation(node)
  for (const { node, settings } of phasesIn(dag)) {
    const before = beforeOf(node)?.forecast
    if (Forecast.is(before)) rolesOf(node, settings, before)
  }
}

const phasesIn = (dag: Dag.Dag) =>
  dag.nodes.filter(isPhase).flatMap((node) => {
    const settings = Option.getOrUndefined(Schema.decodeUnknownOption(Schema.Struct(Settings.fields))(node.parameters))
    // A phase of another version of the package: what it was told reads differently.
    return settings === undefined ? [] : [{ node, settings }]
  })

/** The step that gives the phase its checkpoint. */
const beforeOf = (node: Dag.Node): Dag.Node | undefined => node.needs.find(({ field }) => field === "checkpoint")?.from

const checkEvaluation = (node: Dag.Node): void => {
  const before = node.needs.find(({ field }) => field === "trained")?.from.forecast
  if (node.step.name !== "Evaluate.tasks" || !Forecast.is(before)) return
  const tasks = fieldsOf(node).flatMap((field) => (field.startsWith("test.") ? [field.slice("test.".length)] : []))
  const withHeads = tasks.filter(
    (task) => Object.hasOwn(before.heads, task) && Head.hasWeights(before.heads[task]!.head),
  )
  const refusal = Untrained.refusal(withHeads, before.trained, node.label)
  if (refusal !== undefined) throw refusal
}

const fieldsOf = (node: Dag.Node): ReadonlyArray<string> => [
  ...node.needs.map(({ field }) => field),
  ...Object.keys(node.values),
]

const phaseOf = (node: Dag.Node, settings: Settings.Settings, kept: Facts.Kept): Phase => {
  const given = beforeOf(node)
  const before = given?.forecast
  return {
    step: node.label,
    chain: firstOf(node).label,
    frozen: Freeze.describe(settings.trains),
    known: Forecast.is(before) ? knownOf(node, settings, before, kept) : undefined,
    until: given?.label ?? node.label,
    settings,
    balancer: settings.balance === undefined ? undefined : Balance.names[settings.balance._tag],
  }
}

/** The phase that the chain of phases begins with. */
const firstOf = (node: Dag.Node): Dag.Node => {
  let first = node
  for (;;) {
    const before = beforeOf(first)
    if (before === undefined || !isPhase(before)) return first
    first = before
  }
}

const rolesOf = (node: Dag.Node, settings: Settings.Settings, before: Forecast.Forecast): Roles.Roles => {
  const roles = Roles.of(settings, Roles.world(before, settings, fieldsOf(node)), node.label)
  const bare = [...roles.drawn, ...roles.rehearsed.map(({ task }) => task)].find(
    (task) => !Object.hasOwn(before.heads, task),
  )
  if (bare !== undefined) {
    throw new PipelineInvalid({
      where: node.label,
      expected: `a head for task ${JSON.stringify(bare)}, which is drawn`,
      got: `a checkpoint with ${Problem.list(Object.keys(before.heads)) || "no heads"}`,
      advice: "Give it one with Train.heads.",
    })
  }
  return roles
}

const knownOf = (node: Dag.Node, settings: Settings.Settings, before: Forecast.Forecast, kept: Facts.Kept): Known => {
  const { blocks } = before.config.dimensions
  const roles = rolesOf(node, settings, before)
  const drawn = [...roles.drawn, ...roles.rehearsed.map(({ task }) => task)].sort()
  const origins = new Map(drawn.map((task) => [task, Facts.origin(node, `train.${task}`, kept)]))
  const { positions } = before.config.dimensions
  const course = Drawn.course(
    settings,
    roles,
    origins,
    Math.min(settings.maxTokens ?? positions, positions),
    node.label,
  )
  const updates = updatesOf(settings, course)
  const heads = Object.fromEntries(
    Object.entries(before.heads).map(([task, head]) => [
      task,
      { ...head, labels: head.labels ?? Facts.origin(node, `train.${task}`, kept)?.facts?.tasks[task]?.labels },
    ]),
  )
  const lora = Roles.loraIn(before, settings, roles)
  const parameters = Network.parameters(before, heads, lora)
  const shape = shapeOf(settings, updates)
  const trainable = new Set([...Roles.adapters(settings, blocks), ...roles.trainable])
  const groups = groupsOf(blocks, Object.keys(before.heads), lora !== undefined).map((group): GroupState => {
    const trains = trainable.has(group)
    const base = Rates.baseOf(settings.rates, settings.learningRate, group, blocks)
    return {
      group,
      state: trains ? "trains" : "frozen",
      ...(trains ? { rate: { lowest: shape.lowest * base, highest: shape.highest * base } } : {}),
      weightDecay: trains ? settings.optimizer.weightDecay : 0,
      dropout: trains ? dropoutOf(settings, group) : 0,
      parameters: parameters.get(group)!,
    }
  })
  const trainedParameters = Estimate.sum(
    groups.filter(({ state }) => state === "trains").map(({ parameters: count }) => count),
  )
  const starting = startingOf(
    settings,
    drawn,
    (task) => {
      const known = heads[task]
      return known && Head.guessing(known.head, known.labels, before.config.dimensions)
    },
    node.label,
  )
  const weights = Weights.of(
    { weights: { ...settings.weights, ...knownIn(starting) } },
    course,
    updates,
    drawn,
    origins,
  )
  const starved =
    course._tag === "Unknown" || updates._tag === "Unknown" ? [] : Course.starved(course.value, updates.value)
  return {
    groups,
    roles: { ...roles, remarks: [...roles.remarks, ...starved] },
    updates,
    trainedParameters,
    weights,
    padding: Drawn.padding(settings, course),
    starting,
    cost: Cost.of({ settings, before, roles, heads, groups, origins, weights, updates, trainedParameters }),
  }
}

const startingOf = (
  { balance, weights }: Settings.Settings,
  tasks: ReadonlyArray<string>,
  guessing: (task: string) => number | undefined,
  step: string,
): Known["starting"] =>
  balance === undefined
    ? undefined
    : tasks.map((task) => {
        const weight = Balance.starting(balance, guessing(task))
        const known = weight === undefined ? Estimate.unknown(step) : Estimate.exact(weight * (weights[task] ?? 1))
        return { task, weight: known }
      })

const knownIn = (starting: Known["starting"] = []): Readonly<Record<string, number>> =>
  Object.fromEntries(
    starting.flatMap(({ task, weight }) => (weight._tag === "Known" ? [[task, weight.value] as const] : [])),
  )

/** Every group bottom to top, adapters beside their blocks. */
const groupsOf = (blocks: number, tasks: ReadonlyArray<string>, adapted: boolean): ReadonlyArray<Group.Group> =>
  Group.all(blocks, tasks).flatMap((group) =>
    adapted && group.startsWith("block.") ? [group, Group.adapters(group)] : [group],
  )

const dropoutOf = ({ dropout, lora }: Settings.Settings, group: Group.Group): number =>
  Group.isAdapters(group) ? (lora?.dropout ?? 0) : Group.taskOf(group) === undefined ? dropout.hidden : dropout.head

const updatesOf = ({ length }: Settings.Settings, course: Estimate.Estimate<Course.Course>): Estimate.Estimate => {
  if ("updates" in length) return Estimate.exact(length.updates)
  if (course._tag === "Unknown") return course
  const { value, degree } = course
  const total = Course.updatesOf(length, value.perEpoch)
  return Estimate.all(
    [Estimate.known(total, "epochs" in length ? "exact" : "atMost"), Estimate.known(0, degree)],
    Math.max,
  )
}

/** Updates to look at where their number is not known. */
const assumedUpdates = 1000

/** Of a longer phase about so many updates are looked at, evenly. */
const mostLookedAt = 10_000

/** The learning rate's lowest and highest over the phase, for a base of 1. */
const shapeOf = (
  settings: Settings.Settings,
  updates: Estimate.Estimate,
): { readonly lowest: number; readonly highest: number } => {
  const total = updates._tag === "Known" ? updates.value : assumedUpdates
  const told = {
    ...settings,
    rates: Rates.uniform(),
    learningRate: { ...settings.learningRate, base: 1 } satisfies LearningRate.LearningRate,
  }
  const stride = Math.max(1, Math.floor(total / mostLookedAt))
  let lowest = Number.POSITIVE_INFINITY
  let highest = 0
  for (let update = 0; update < total; update += stride) {
    const rate = Rates.at(told, Group.embeddings, 0, update, total)
    lowest = Math.min(lowest, rate)
    highest = Math.max(highest, rate)
  }
  return { lowest, highest }
}
