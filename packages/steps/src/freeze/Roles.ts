/**
 * What each group and each task does in a phase: who trains, who is drawn, who only stays. Checked here, once, for plans
 * and for the phase itself; what contradicts itself is refused with a sentence.
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Forecast from "@thaw/models/Forecast"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as Lora from "@thaw/models/Lora"
import * as Balance from "../Balance.ts"
import type { Settings } from "../training/Settings.ts"
import * as Pattern from "./Pattern.ts"

/** What the roles depend on besides the settings. */
export interface World {
  /** Of the encoder. */
  readonly blocks: number
  /** Tasks with training examples. */
  readonly tasks: ReadonlyArray<string>
  /** Tasks that have a head, with or without examples here. */
  readonly heads: ReadonlyArray<string>
  /** Those whose heads have no weights: what they learn is in the encoder. None where absent. */
  readonly weightless?: ReadonlyArray<string>
  /** Tasks that are scored at the phase's end. */
  readonly scored: ReadonlyArray<string>
  /** Updates that each group has had before. */
  readonly updates: Readonly<Record<Group.Group, number>>
}

export interface Roles {
  /** Groups of weights that train, bottom to top; adapters, which train as a whole or not at all, are not among them. */
  readonly trainable: ReadonlyArray<Group.Group>
  /** Tasks that are drawn because their heads train, sorted. */
  readonly drawn: ReadonlyArray<string>
  /** Tasks with a frozen head that are drawn all the same, sorted, with their rates. */
  readonly rehearsed: ReadonlyArray<{ readonly task: string; readonly rate: number }>
  /** Whether something in the encoder moves, adapters included. */
  readonly encoderMoves: boolean
  /** Tasks whose trained heads stay while the encoder moves below them. */
  readonly atRisk: ReadonlyArray<string>
  /** Sentences about what is risky, or looks so and is not. */
  readonly remarks: ReadonlyArray<Remark>
}

export interface Remark {
  readonly risky: boolean
  readonly message: string
}

type Told = Pick<
  Settings,
  | "trains"
  | "tasks"
  | "lora"
  | "rehearse"
  | "rates"
  | "weights"
  | "balance"
  | "batches"
  | "classWeights"
  | "labelSmoothing"
  | "noWorseThan"
>

/**
 * The world as it is known before the phase runs.
 *
 * @param fields of the phase's inputs: `train.<task>`, `validation.<task>`
 */
export const world = (before: Forecast.Forecast, { weights }: Told, fields: ReadonlyArray<string>): World => {
  const under = (name: string) =>
    fields.flatMap((field) => (field.startsWith(`${name}.`) ? [field.slice(name.length + 1)] : []))
  const tasks = [...new Set([...under("train"), ...Object.keys(weights)])]
  return {
    blocks: before.config.dimensions.blocks,
    tasks,
    heads: [...new Set([...tasks, ...Object.keys(before.heads)])],
    weightless: Object.keys(before.heads).filter((task) => !Head.hasWeights(before.heads[task]!.head)),
    scored: [...new Set([...under("validation"), ...Object.keys(weights)])],
    updates: Object.fromEntries(before.trained.map((group) => [group, 1])),
  }
}

/** Adapters that a phase trains, bottom to top. */
export const adapters = ({ lora }: Pick<Settings, "lora">, blocks: number): ReadonlyArray<Group.Group> =>
  lora === undefined ? [] : Lora.groups(blocks)

/** The adapters that the encoder has while a phase goes on: its own, or those of before, which end where the encoder itself trains. */
export const loraIn = (
  { config }: Pick<Forecast.Forecast, "config">,
  { lora }: Pick<Settings, "lora">,
  { encoderMoves }: Pick<Roles, "encoderMoves">,
): Lora.Settings | undefined => lora ?? (encoderMoves ? undefined : config.lora)

/** What is known of the checkpoint that a phase gives. */
export const after = (before: Forecast.Forecast, told: Told, roles: Roles): Forecast.Forecast => {
  const lora = loraIn(before, told, roles)
  const bare = Forecast.merged(before)
  const { config, trained } = lora === undefined ? bare : { ...before, config: { ...bare.config, lora } }
  const trains = [...adapters(told, config.dimensions.blocks), ...roles.trainable]
  return { ...before, config, trained: [...new Set([...trained, ...trains])] }
}

/**
 * Throws `PipelineInvalid`.
 *
 * @param where the phase, for messages
 */
export const of = (told: Told, world: World, where: string): Roles => {
  checkTasks(told, world, where)
  // Heads of tasks that the phase does not draw stay, unless they are named one by one.
  const asked = Pattern.groups(told.trains, world.blocks, world.tasks, where)
  const named = new Set(told.trains.filter((pattern) => world.tasks.includes(Group.taskOf(pattern) ?? "")))
  const isLeft = (group: Group.Group) => {
    const task = Group.taskOf(group)
    return told.tasks !== undefined && task !== undefined && !told.tasks.includes(task)
  }
  const idle = asked.find((group) => isLeft(group) && named.has(group))
  if (idle !== undefined) {
    const task = Group.taskOf(idle)!
    throw refused(
      where,
      `${idle} to be frozen, since task ${task} is not drawn`,
      "a head that trains",
      `Add ${JSON.stringify(task)} to tasks, or take ${JSON.stringify(idle)} out of train.`,
    )
  }
  const inEncoder = asked.filter((group) => Group.taskOf(group) === undefined)
  const encoderMoves = inEncoder.length > 0 || told.lora !== undefined
  const isIdle = (group: Group.Group) => {
    const task = Group.taskOf(group)
    return !encoderMoves && task !== undefined && world.weightless?.includes(task) === true
  }
  const left = asked.filter((group) => !isLeft(group))
  const idling = left.filter(isIdle).flatMap((group) => Group.taskOf(group) ?? [])
  if (idling.length > 0 && idling.length === left.length) {
    throw refused(
      where,
      "an encoder that moves",
      `only ${Problem.list(idling)} to train over a frozen one: a head without weights`,
      "Let a block train, or adapters with Freeze.lora().",
    )
  }
  const trainable = left.filter((group) => !isIdle(group))
  const trainedHeads = trainable.flatMap((group) => Group.taskOf(group) ?? [])
  checkTrainable(told, trainable, inEncoder, where)

  const withoutHead = told.tasks?.find((task) => !trainedHeads.includes(task) && !idling.includes(task))
  if (withoutHead !== undefined) {
    throw refused(
      where,
      `a head that trains for task ${JSON.stringify(withoutHead)}, which is drawn`,
      `${Group.head(withoutHead)} frozen`,
      `Draw it with rehearse: { ${withoutHead}: 1 } to hold the encoder in place, or add ${JSON.stringify(Group.head(withoutHead))} to train.`,
    )
  }
  const rehearsed = rehearsals(told, trainedHeads, encoderMoves, where)
  if (trainedHeads.length === 0 && rehearsed.length === 0) {
    throw refused(
      where,
      "a task to draw",
      `frozen heads only, while ${Problem.list(inEncoder)} would train`,
      "Let a head train, or rehearse a frozen one.",
    )
  }
  checkRates(told, trainable, world, where)
  checkBalance(told, encoderMoves, where)

  const frozenHeads = world.heads.filter((task) => !trainedHeads.includes(task)).sort()
  const trainedBefore = frozenHeads.filter((task) => (world.updates[Group.head(task)] ?? 0) > 0)
  const atRisk = encoderMoves ? trainedBefore : []
  return {
    trainable,
    drawn: [...trainedHeads].sort(),
    rehearsed,
    encoderMoves,
    atRisk,
    remarks: [
      ...idling.sort().map((task) => ({
        risky: false,
        message: `${task} is not drawn: its head has no weights, and the encoder is frozen.`,
      })),
      ...trainedBefore.map((task) =>
        remark(
          task,
          encoderMoves,
          rehearsed.some((each) => each.task === task),
          world,
        ),
      ),
      ...balanced(told, frozenHeads, rehearsed),
    ],
  }
}

const remark = (task: string, encoderMoves: boolean, rehearsed: boolean, { scored }: World): Remark => {
  const head = Group.head(task)
  if (!encoderMoves)
    return {
      risky: false,
      message: `${head} is frozen over a frozen encoder: its answers stay the same to the last bit.`,
    }
  const watched = scored.includes(task)
    ? "Its validation score is taken at the end of every phase."
    : "Nothing watches it: give the phase validation examples of the task."
  return rehearsed
    ? {
        risky: false,
        message: `${head} is frozen while the encoder moves below it; rehearsing its task holds the encoder in place. ${watched}`,
      }
    : {
        risky: true,
        message: `${head} was trained and is frozen while the encoder moves below it: it will read vectors that it was not trained on. ${watched}`,
      }
}

/** What a balancer means for tasks whose heads are frozen. */
const balanced = (
  { balance }: Told,
  frozenHeads: ReadonlyArray<string>,
  rehearsed: Roles["rehearsed"],
): ReadonlyArray<Remark> =>
  balance === undefined || balance._tag === "plainSum"
    ? []
    : frozenHeads.map((task) => ({
        risky: false,
        message: rehearsed.some((each) => each.task === task)
          ? `The balancer (${Balance.names[balance._tag]}) weighs the rehearsed task ${task} too: how firmly it holds the encoder in place may change.`
          : `The balancer (${Balance.names[balance._tag]}) leaves out ${task}: ${Group.head(task)} is frozen and its task is not drawn.`,
      }))

const checkBalance = ({ balance, batches }: Told, encoderMoves: boolean, where: string): void => {
  if (balance === undefined || !Balance.looksAtGradients(balance)) return
  const name = Balance.names[balance._tag]
  if (!encoderMoves) {
    throw refused(
      `${where}, balance`,
      `a shared group that trains, since ${name} compares the tasks' gradients there`,
      "heads over a frozen encoder, which share nothing that trains",
      "Let a block train, or give this phase another balancer, such as Balance.uncertainty().",
    )
  }
  if (batches !== "everyTask") {
    throw refused(
      `${where}, batches`,
      `"everyTask", since ${name} compares the gradients of every task in each update`,
      JSON.stringify(batches),
      "Leave batches out.",
    )
  }
}

const checkTasks = (told: Told, { tasks, scored }: World, where: string): void => {
  const lists = {
    tasks: told.tasks ?? [],
    rehearse: Object.keys(told.rehearse),
    weights: Object.keys(told.weights),
    labelSmoothing: Object.keys(told.labelSmoothing),
    classWeights: Object.keys(told.classWeights ?? {}),
    "balance, targets": told.balance?._tag === "targets" ? Object.keys(told.balance.targets) : [],
  }
  const bound = told.noWorseThan?.tasks.find((task) => !scored.includes(task))
  if (bound !== undefined) {
    throw refused(
      `${where}, noWorseThan`,
      "tasks that have validation examples",
      JSON.stringify(bound),
      Problem.suggestion(bound, scored),
    )
  }
  for (const [field, names] of Object.entries(lists)) {
    const unknown = names.find((name) => !tasks.includes(name))
    if (unknown !== undefined) {
      throw refused(
        `${where}, ${field}`,
        "tasks that have training examples",
        JSON.stringify(unknown),
        Problem.suggestion(unknown, tasks),
      )
    }
  }
}

const checkTrainable = (
  told: Told,
  trainable: ReadonlyArray<Group.Group>,
  inEncoder: ReadonlyArray<Group.Group>,
  where: string,
): void => {
  if (trainable.length === 0 && told.lora === undefined) {
    throw refused(
      where,
      "something that trains",
      "a phase in which everything is frozen",
      "A plan in which nothing trains is Freeze.everything(): it has no phases.",
    )
  }
  const problem = told.lora === undefined ? undefined : Lora.unknown(told.lora.targets)
  if (problem !== undefined) {
    throw refused(`${where}, lora`, `linear maps of a block: ${Lora.targets.join(", ")}`, problem.got, problem.advice)
  }
  if (told.lora !== undefined && inEncoder.length > 0) {
    throw refused(
      where,
      "heads only to train beside adapters, which stand for the encoder's own weights",
      Problem.list(inEncoder),
      `Write train: ["heads"], or leave out lora.`,
    )
  }
}

const rehearsals = (
  told: Told,
  trainedHeads: ReadonlyArray<string>,
  encoderMoves: boolean,
  where: string,
): Roles["rehearsed"] =>
  Object.entries(told.rehearse)
    .map(([task, rate]) => {
      if (trainedHeads.includes(task)) {
        throw refused(
          `${where}, rehearse`,
          `a task with a frozen head`,
          `${JSON.stringify(task)}, whose head trains`,
          "It is drawn as the mix says.",
        )
      }
      if (!encoderMoves) {
        throw refused(
          `${where}, rehearse`,
          "an encoder that moves",
          `${JSON.stringify(task)} over a frozen encoder`,
          "Nothing that the task's loss reaches would train; leave it out.",
        )
      }
      return { task, rate }
    })
    .sort((a, b) => (a.task < b.task ? -1 : 1))

const checkRates = (
  told: Told,
  trainable: ReadonlyArray<Group.Group>,
  { blocks, tasks }: World,
  where: string,
): void => {
  const own = adapters(told, blocks)
  const trains = new Set([...own, ...trainable])
  const all = [...Group.all(blocks, tasks), ...Lora.groups(blocks)]
  for (const group of Object.keys(told.rates.groups ?? {})) {
    if (trains.has(group)) continue
    throw all.includes(group)
      ? refused(
          `${where}, rates`,
          "rates of groups that train",
          `one of ${group}, which is ${idleAs(group)}`,
          hintFor(group, own),
        )
      : refused(
          `${where}, rates`,
          "rates of groups of the network",
          JSON.stringify(group),
          Problem.suggestion(group, all),
        )
  }
  if (told.rates.heads !== undefined && trainable.every((group) => Group.taskOf(group) === undefined)) {
    throw refused(
      `${where}, rates`,
      "rates of groups that train",
      "one of the heads, which are frozen",
      "Take the rate out, or let a head train.",
    )
  }
}

/** What a group is that does not train. */
const idleAs = (group: Group.Group): string => (Group.isAdapters(group) ? "not there" : "frozen")

/** What to do about a rate of a group that does not train, where these adapters do. */
export const hintFor = (group: Group.Group, trained: ReadonlyArray<Group.Group>): string => {
  if (Group.isAdapters(group)) return "Take the rate out, or train adapters with Freeze.lora()."
  const own = Group.adapters(group)
  return trained.includes(own)
    ? `Name ${JSON.stringify(own)}, which trains in its place.`
    : "Take the rate out, or let the group train."
}

const refused = (where: string, expected: string, got: string, advice = "") =>
  new PipelineInvalid({ where, expected, got, advice })
