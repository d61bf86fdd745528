/** From what an author asks of training to the settings of every phase, with all defaults filled in. */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as Lora from "@thaw/models/Lora"
import * as Freeze from "../Freeze.ts"
import * as Pattern from "../freeze/Pattern.ts"
import type { Phase } from "../freeze/Phase.ts"
import * as Roles from "../freeze/Roles.ts"
import type * as Rates from "../Rates.ts"
import * as Sampling from "../sample/Sampling.ts"
import type { Options } from "../Train.ts"
import * as LossOptions from "./LossOptions.ts"
import * as Settings from "./Settings.ts"

/**
 * Settings of every phase of the chain.
 *
 * Throws `PipelineInvalid`, naming the phase, where the plan contradicts itself.
 *
 * @param blocks of the encoder; undefined where that is not known yet
 * @param rehearsed tasks of others that are drawn along
 */
export const settings = (
  options: Options,
  blocks: number | undefined,
  rehearsed: ReadonlyArray<string> = [],
): ReadonlyArray<Settings.Settings> => {
  const tasks = Object.keys(options.tasks)
  const phases = Freeze.written(options.freeze ?? Freeze.nothing(), blocks)
  const lengths = phases.map((phase, at) => lengthOf(phase, options, where(at, phase)))
  const spans = options.learningRateOver === "all" ? spansOf(lengths) : lengths.map(() => undefined)
  checkRates(options, phases, blocks, tasks)
  checkSampling(options, [...tasks, ...rehearsed])
  const trained = new Set<Group.Group>()
  return phases.map((phase, at) => {
    const told = settingsOf(options, phase, blocks, { phase: at + 1 }, lengths[at]!, spans[at])
    LossOptions.check(told, headsOf(options, told.tasks ?? tasks), where(at, phase))
    if (told.balance !== undefined) Sampling.check(told, [...tasks, ...rehearsed])
    if (blocks !== undefined) {
      const world = {
        blocks,
        tasks,
        heads: tasks,
        weightless: tasks.filter((task) => !Head.hasWeights(options.tasks[task]!.head)),
        scored: tasks,
        updates: Object.fromEntries([...trained].map((group) => [group, 1])),
      }
      for (const group of Roles.of(told, world, where(at, phase)).trainable) trained.add(group)
    }
    return told
  })
}

const headsOf = (options: Options, tasks: ReadonlyArray<string>): LossOptions.Kinds =>
  Object.fromEntries(
    tasks.flatMap((task) => (Object.hasOwn(options.tasks, task) ? [[task, options.tasks[task]!.head]] : [])),
  )

const where = (at: number, { train }: Phase) => `phase ${at + 1}, ${Freeze.describe(train)}`

const settingsOf = (
  options: Options,
  phase: Phase,
  blocks: number | undefined,
  place: Settings.Settings["place"],
  length: Settings.Length,
  span: Settings.Settings["span"],
): Settings.Settings => {
  const tasks = Object.keys(options.tasks)
  const drawn = Pattern.tasks(phase.train, phase.tasks ?? tasks)
  const earlyStopping = phase.earlyStopping ?? stopping(options.earlyStopping)
  const noWorseThan = phase.noWorseThan ?? options.noWorseThan
  const { labelSmoothing = {} } = options
  return Settings.make({
    trains: phase.train,
    ...optional("lora", phase.lora),
    ...optional("tasks", phase.tasks),
    rehearse: phase.rehearse ?? {},
    length,
    weights: Object.fromEntries(tasks.map((task) => [task, options.tasks[task]!.weight ?? 1])),
    ...optional("balance", phase.balance ?? options.balance),
    ...optional("classWeights", options.classWeights),
    ...optional("telemetry", options.telemetry),
    ...samplingOf(options),
    ...optional("batch", options.batch),
    ...optional("accumulate", options.accumulate),
    ...optional("maxTokens", options.maxTokens),
    learningRate: phase.learningRate ?? options.learningRate,
    rates: phase.rates ?? ratesIn(options.rates, phase, blocks, drawn),
    ...optional("span", span),
    ...optional("optimizer", options.optimizer),
    ...optional("maxGradientNorm", options.maxGradientNorm),
    labelSmoothing:
      typeof labelSmoothing === "number"
        ? Object.fromEntries(
            tasks.flatMap((task) =>
              LossOptions.isSmoothed(options.tasks[task]!.head) ? [[task, labelSmoothing] as const] : [],
            ),
          )
        : labelSmoothing,
    ...optional("l2sp", options.l2sp),
    dropout: dropoutOf(options.dropout ?? 0),
    ...optional("earlyStopping", earlyStopping),
    ...optional("unfreezeUntil", phase.unfreezeUntil),
    ...optional("noWorseThan", noWorseThan),
    watch: tasks.filter((task) => !drawn.includes(task)).sort(),
    ...optional("overlap", options.overlap),
    cache: { ...Settings.defaults.cache, ...options.cache },
    ...optional("save", options.save),
    place,
  })
}

const samplingOf = ({ mix, draw, batches, tokenBudget, classes, curriculum, introduction }: Options) => ({
  ...optional("mix", mix),
  ...optional("draw", draw),
  ...optional("batches", batches),
  ...optional("tokenBudget", tokenBudget),
  ...optional("classes", classes),
  ...optional("curriculum", curriculum),
  ...optional("introduction", introduction),
})

const checkSampling = (options: Options, tasks: ReadonlyArray<string>): void => {
  Sampling.check({ ...Sampling.defaults, ...samplingOf(options) }, tasks)
  if (options.tokenBudget === undefined || options.batch === undefined) return
  throw new PipelineInvalid({
    where: "batch",
    expected: "a number of examples or a token budget",
    got: "both",
    advice: "Leave one of them out.",
  })
}

/** A field that is only there when it has a value. */
const optional = <K extends string, A>(name: K, value: A | undefined): { readonly [N in K]?: A } =>
  (value === undefined ? {} : { [name]: value }) as { readonly [N in K]?: A }

const stopping = (given: Options["earlyStopping"]): Settings.EarlyStopping | undefined =>
  given === undefined ? undefined : { minDelta: 0, patience: 3, tasks: "aggregate", scope: "phase", ...given }

const dropoutOf = (given: number | Partial<Settings.Dropout>): Settings.Dropout =>
  typeof given === "number"
    ? { hidden: given, attention: given, head: given }
    : { ...Settings.defaults.dropout, ...given }

const lengthOf = (phase: Phase, options: Options, place: string): Settings.Length => {
  const { epochs, updates, converged } = phase
  const given = Object.entries({ epochs, updates, converged }).filter(([, value]) => value !== undefined)
  if (given.length > 1) {
    throw new PipelineInvalid({
      where: place,
      expected: "one length",
      got: given.map(([name]) => name).join(" and "),
      advice: "Leave all but one of them out.",
    })
  }
  if (updates !== undefined) return { updates }
  return converged === undefined ? { epochs: epochs ?? options.epochs ?? 3 } : { converged }
}

/** Where each phase lies in one learning rate over all. */
const spansOf = (lengths: ReadonlyArray<Settings.Length>): ReadonlyArray<Settings.Settings["span"]> => {
  const sizes = lengths.map((length) =>
    "epochs" in length ? length.epochs : "updates" in length ? length.updates : undefined,
  )
  const mixed = lengths.some((length) => "epochs" in length) && lengths.some((length) => "updates" in length)
  const total = sizes.reduce<number>((sum, size) => sum + (size ?? Number.NaN), 0)
  if (mixed || Number.isNaN(total)) {
    throw new PipelineInvalid({
      where: `learningRateOver "all"`,
      expected: "phases whose lengths are all epochs or all updates, so that the rate's own length is known",
      got: mixed ? "both" : "a phase that ends when it converged",
      advice: `Let the learning rate start anew in every phase: learningRateOver "phase".`,
    })
  }
  let before = 0
  return sizes.map((size) => {
    const span = { before, total }
    before += size!
    return span
  })
}

/** A rate of its own for a group that never trains is a mistake, not a wish. */
const checkRates = (
  { rates }: Options,
  phases: ReadonlyArray<Phase>,
  blocks: number | undefined,
  tasks: ReadonlyArray<string>,
): void => {
  if (blocks === undefined || rates === undefined) return
  const trains = new Set(
    phases.flatMap(({ train, lora }, at) => {
      const groups = Pattern.groups(train, blocks, tasks, where(at, phases[at]!))
      const heads = groups.filter((group) => Group.taskOf(group) !== undefined)
      return lora === undefined ? groups : [...Lora.groups(blocks), ...heads]
    }),
  )
  const all = [...Group.all(blocks, tasks), ...Lora.groups(blocks)]
  const idle = Object.keys(rates.groups ?? {}).find((group) => !trains.has(group))
  if (idle === undefined) return
  const known = all.includes(idle)
  throw new PipelineInvalid({
    where: "rates",
    expected: known ? "rates of groups that train in some phase" : "rates of groups of the network",
    got: known
      ? `one of ${idle}, which is ${Group.isAdapters(idle) ? "never there" : "always frozen"}`
      : JSON.stringify(idle),
    advice: known ? Roles.hintFor(idle, [...trains]) : Problem.suggestion(idle, all),
  })
}

/** Rates of single groups, where these train; everything where the encoder's groups are not known yet. */
const ratesIn = (
  rates: Rates.Rates | undefined,
  phase: Phase,
  blocks: number | undefined,
  drawn: ReadonlyArray<string>,
): Rates.Rates => {
  const { heads, groups, ...rest } = rates ?? Settings.defaults.rates
  const trains = (group: Group.Group): boolean => {
    const task = Group.taskOf(group)
    if (task !== undefined) return drawn.includes(task)
    if (Group.isAdapters(group) || phase.lora !== undefined) {
      return (
        phase.lora !== undefined &&
        Group.isAdapters(group) &&
        (blocks === undefined || Lora.groups(blocks).includes(group))
      )
    }
    return blocks === undefined || Pattern.groups(phase.train, blocks, drawn).includes(group)
  }
  const own = Object.entries(groups ?? {}).filter(([group]) => trains(group))
  return {
    ...rest,
    ...(heads === undefined || drawn.length === 0 ? {} : { heads }),
    ...(own.length === 0 ? {} : { groups: Object.fromEntries(own) }),
  }
}
