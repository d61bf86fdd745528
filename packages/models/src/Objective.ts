/**
 * What an update makes smaller: the losses of some tasks, their weighted sum, and the gradients of what trains. How much
 * each loss counts is an input of the graph, so that it may change from update to update.
 *
 * A head that is frozen has its weights inside the graph; its task's loss counts all the same, so that it moves what
 * trains below.
 */
import * as Gradient from "@thaw/autodiff/Gradient"
import * as Problem from "@thaw/core/Problem"
import * as Op from "@thaw/onnx/Op"
import type * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Boundary from "./Boundary.ts"
import type * as Checkpoint from "./Checkpoint.ts"
import * as Dropout from "./Dropout.ts"
import type { EncoderConfig } from "./EncoderConfig.ts"
import { TrainingInvalid } from "./Errors.ts"
import * as Group from "./Group.ts"
import * as Head from "./Head.ts"
import type { Asked, HeadNetwork } from "./heads/HeadNetwork.ts"
import * as Inputs from "./Inputs.ts"
import * as Network from "./Network.ts"
import type { Changed } from "./Optimizer.ts"
import * as Parameter from "./Parameter.ts"
import * as Pooling from "./Pooling.ts"

export interface Settings {
  readonly config: EncoderConfig
  readonly heads: Readonly<Record<string, Checkpoint.Head>>
  readonly trainable: ReadonlyArray<Group.Group>
  /** Numbers of the parameters that do not train, by name. */
  readonly frozen: Readonly<Record<string, Tensor.Tensor>>
  /** How much the units of each class count in a task's loss, in the order of its labels; all alike where absent. */
  readonly classWeights?: Readonly<Record<string, ReadonlyArray<number>>> | undefined
  /** Label smoothing of each task's loss, in [0, 1); 0 where absent. */
  readonly labelSmoothing?: Readonly<Record<string, number>> | undefined
  /** Dropout in what trains; none where absent. Graphs with it have the input `microBatch`. */
  readonly dropout?: Dropout.Settings | undefined
}

/** What the graphs of a phase are made from. */
export interface Parts {
  readonly settings: Settings
  readonly network: Network.Network
  /** Groups of the encoder that updates compute. */
  readonly above: ReadonlyArray<Group.Group>
  /** What comes from below them; undefined: there is nothing below. */
  readonly crossing: Boundary.Form | undefined
}

export interface Objective {
  /** In order of their names. */
  readonly tasks: ReadonlyArray<string>
  readonly losses: Readonly<Record<string, Value.Value>>
  /** The weighted sum of the losses. */
  readonly total: Value.Value
  /** What trains and gets a gradient. */
  readonly changed: ReadonlyArray<Changed>
}

/** Name of the input that says how much a task's loss counts, a scalar. */
export const weight = (task: string): string => `weight.${task}`

/** What a task's loss is divided by; undefined: the labelled units of the batch. */
export type Units = (task: string) => Value.Value | undefined

/** @throws TrainingInvalid when a task is not in the phase or nothing trains for these tasks */
export const of = (parts: Parts, given: ReadonlyArray<string>, units: Units = () => undefined): Objective => {
  const tasks = [...new Set(given)].sort()
  const { losses, total, parameters, weights } = forward(parts, tasks, units)
  return { tasks, losses, total, changed: changedBy(total, parameters, weights) }
}

export interface Separated extends Pick<Objective, "tasks" | "losses"> {
  /** By task: what trains and gets a gradient from the task's own loss, which counts as it is. */
  readonly changed: Readonly<Record<string, ReadonlyArray<Changed>>>
}

/**
 * The gradients of every task's loss for itself, through one forward pass.
 *
 * @throws TrainingInvalid as `of` does
 */
export const separate = (parts: Parts, given: ReadonlyArray<string>, units: Units = () => undefined): Separated => {
  const tasks = [...new Set(given)].sort()
  const { losses, parameters, weights } = forward(parts, tasks, units)
  const changed = tasks.map((task) => [task, changedBy(losses[task]!, parameters, weights)])
  return { tasks, losses, changed: Object.fromEntries(changed) as Separated["changed"] }
}

const changedBy = (
  loss: Value.Value,
  parameters: ReadonlyArray<Parameter.Parameter>,
  weights: Parameter.Weights,
): ReadonlyArray<Changed> => {
  const gradients = Gradient.of(loss, parameters.map(weights))
  return parameters.flatMap((parameter, at) => {
    const gradient = gradients[at]
    return gradient === undefined ? [] : [{ parameter, weight: weights(parameter), gradient }]
  })
}

export const headOf = ({ config, heads }: Pick<Settings, "config" | "heads">, task: string): HeadNetwork =>
  Head.networkOf(heads[task]!, task, config)

const knownHead = (settings: Settings, task: string): HeadNetwork => {
  if (settings.heads[task] !== undefined) return headOf(settings, task)
  throw new TrainingInvalid({
    where: "update",
    expected: "tasks that have a head",
    got: JSON.stringify(task),
    advice: Problem.suggestion(task, Object.keys(settings.heads)),
  })
}

const nothingTrains = (tasks: ReadonlyArray<string>, frozen: ReadonlyArray<Group.Group>) =>
  new TrainingInvalid({
    where: `update for ${Problem.list(tasks)}`,
    expected: "something that trains",
    got: `frozen ${Problem.list(frozen)}`,
    advice: "Do not draw a task whose head is frozen while the encoder is frozen too.",
  })

/** Losses of the tasks, their weighted sum, and what of the network trains. */
const forward = ({ settings, network, above, crossing }: Parts, tasks: ReadonlyArray<string>, units: Units) => {
  const isTrainable = ({ group }: Parameter.Parameter) => settings.trainable.includes(group)
  const weights = Parameter.choose(isTrainable, Parameter.inputs(), Parameter.initializers(settings.frozen))
  const inputs = Inputs.make()
  const drop = settings.dropout === undefined ? Dropout.none : Dropout.make(settings.dropout, settings.trainable)
  const headsOf = tasks.map((task) => [task, knownHead(settings, task)] as const)
  const asked = above.length === 0 ? "tokens" : Pooling.askedBy(headsOf.map(([, { reads }]) => reads))
  const crosses = (reading: Pooling.Reading) => Boundary.input(reading, network.dimensions.hidden)
  const hidden =
    crossing === undefined || crossing.includes("tokens")
      ? Network.forward(
          network,
          above,
          weights,
          inputs,
          crossing === undefined ? undefined : crosses("tokens"),
          drop,
          asked,
        )
      : undefined
  const read = (task: string, reading: Pooling.Reading): Value.Value => {
    if (hidden !== undefined) return asked === "cls" ? hidden : Pooling.read[reading](hidden, inputs)
    // The form serves every head that trains.
    if (crossing?.includes(reading) !== true) throw nothingTrains([task], [...above, Group.head(task)])
    return crosses(reading)
  }
  const losses: Record<string, Value.Value> = {}
  const headParameters: Array<Parameter.Parameter> = []
  let total: Value.Value | undefined
  for (const [task, head] of headsOf) {
    headParameters.push(...head.parameters)
    const given: Asked = {
      input: (name, dtype, shape) => Value.input(`${name}.${task}`, dtype, shape),
      smoothing: settings.labelSmoothing?.[task],
      classWeights: settings.classWeights?.[task],
      units: units(task),
    }
    const loss = head.loss(weights, read(task, head.reads), given, drop)
    losses[task] = loss
    const weighted = Op.Mul(loss, Value.input(weight(task), "float32", []))
    total = total === undefined ? weighted : Op.Add(total, weighted)
  }
  if (total === undefined) {
    throw new TrainingInvalid({ where: "update", expected: "at least one task", got: "none", advice: "" })
  }
  const ofEncoder = Network.parametersOf(network, above)
  const parameters = [...ofEncoder, ...headParameters].filter(isTrainable)
  if (parameters.length === 0) throw nothingTrains(tasks, [...above, ...tasks.map(Group.head)])
  return { losses, total, parameters, weights }
}
