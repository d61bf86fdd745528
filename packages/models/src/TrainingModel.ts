/**
 * What trains in a phase, as ONNX graphs: one that computes what the frozen bottom of the encoder gives, and one per set
 * of tasks in a batch that goes forward, back, clips and applies the optimizer.
 *
 * ```
 * prefix   input_ids, attention_mask, token_type_ids ──► what crosses the boundary          weights inside
 * update   that or input_ids, …, labels.<task>, weight.<task>, rates.<group>, weights and moments
 *            ──► loss.<task>, loss, gradientNorm, next.<weight or moment>                   frozen weights inside
 * ```
 *
 * or, where one update sums the gradients of several micro-batches, that graph in two parts:
 *
 * ```
 * add      as update, units.<task>, weights, accumulated.<weight>
 *            ──► loss.<task>, loss, next.accumulated.<weight>                               frozen weights inside
 * apply    accumulated.<weight>, rates.<group>, weights and moments
 *            ──► gradientNorm, next.<weight or moment>, next.accumulated.<weight> = 0
 * ```
 *
 * Where an update looks at the gradient of each task before it combines them, see `Separation`.
 *
 * A parameter that gets no gradient from the tasks of a batch is neither input nor output of that update: no decay, no
 * moments, no count.
 */
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Problem from "@thaw/core/Problem"
import * as Boundary from "./Boundary.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import { TrainingInvalid } from "./Errors.ts"
import * as Group from "./Group.ts"
import * as Head from "./Head.ts"
import type { HeadNetwork } from "./heads/HeadNetwork.ts"
import * as Dropout from "./Dropout.ts"
import * as Inputs from "./Inputs.ts"
import * as Lora from "./Lora.ts"
import * as Network from "./Network.ts"
import * as Objective from "./Objective.ts"
import * as Optimizer from "./Optimizer.ts"
import * as Parameter from "./Parameter.ts"
import * as Pooling from "./Pooling.ts"
import * as Separation from "./Separation.ts"
import * as UpdateGraph from "./UpdateGraph.ts"

/** A phase: what trains and how. */
export interface Phase extends Objective.Settings, Optimizer.Settings {}

export interface TrainingModel {
  /** Everything that trains in this phase. */
  readonly parameters: ReadonlyArray<Parameter.Parameter>
  /** What updates take from the frozen bottom; undefined when the embeddings train. */
  readonly boundary: Boundary.Boundary | undefined
  /** Gives what crosses the boundary for a batch; undefined when the embeddings train. */
  readonly prefix: Graph.Graph | undefined
  /**
   * The update for batches with labels of just these tasks.
   *
   * @throws TrainingInvalid when a task is not in the phase or nothing trains for these tasks
   */
  readonly update: (tasks: ReadonlyArray<string>) => Update
  /**
   * The same update for the sum of several micro-batches, in two parts. Micro-batches of one update may have labels of
   * different tasks: each goes through `add` of its own tasks, then the update is made by `apply` of all their tasks.
   *
   * @throws TrainingInvalid as `update` does
   */
  readonly accumulation: (tasks: ReadonlyArray<string>) => Accumulation
  /**
   * The update of these tasks with the gradient of each for itself, until coefficients combine them.
   *
   * @throws TrainingInvalid as `update` does
   */
  readonly separation: (tasks: ReadonlyArray<string>) => Separation.Separation
  /**
   * The inputs `units.<task>` of all micro-batches of an update: how many labels of the task they have together, each
   * counted as its class weighs. A task's loss is the mean over these, as if the micro-batches were one batch.
   *
   * @param microBatches inputs of graphs, with `labels.<task>`
   */
  readonly units: (
    microBatches: Iterable<Readonly<Record<string, Tensor.Tensor>>>,
  ) => Readonly<Record<string, Tensor.Tensor>>
}

export interface Update {
  readonly graph: Graph.Graph
  /** Parameters that this update changes. */
  readonly parameters: ReadonlyArray<Parameter.Parameter>
  /** Their groups, bottom to top: each needs `rates.<group>` and counts one more update. */
  readonly groups: ReadonlyArray<Group.Group>
  /** Weights and moments, and accumulators where there are any: graph input → the output that replaces it. */
  readonly state: Readonly<Record<string, string>>
  /** Inputs `start.<name>`: weights that the phase started with, toward which these parameters decay. */
  readonly starts: ReadonlyArray<string>
}

export interface Accumulation {
  readonly add: Add
  /** Takes no batch. It sets the accumulators it has used to 0. */
  readonly apply: Update
}

/** Adds the gradients of a micro-batch to the accumulators. */
export interface Add {
  /**
   * Each task needs `units.<task>`, see `TrainingModel`. The outputs `loss.<task>` and `loss` are shares: over the micro-batches
   * of an update they add up to its losses.
   */
  readonly graph: Graph.Graph
  /** Accumulators, see `freshAccumulators`: graph input → the output that replaces it. */
  readonly state: Readonly<Record<string, string>>
  /** Weights, which it reads and leaves alone. */
  readonly weights: ReadonlyArray<string>
}

export const moments = Optimizer.moments

/**
 * The input that says which micro-batch of the phase this is, from 0: graphs with dropout have it. Micro-batches of all
 * updates are counted on, so that each gets a mask of its own.
 */
export const microBatch = (count: number): Readonly<Record<string, Tensor.Tensor>> => ({
  [Dropout.microBatch]: Tensor.scalar("int32", count),
})

/** Name of a parameter's accumulator. */
const accumulator = (name: string): string => `accumulated.${name}`

/** Moments of a parameter that never trained. */
export const freshMoments = (
  optimizer: Optimizer.Optimizer,
  parameters: ReadonlyArray<Parameter.Parameter>,
): Readonly<Record<string, Tensor.Tensor>> =>
  Object.fromEntries(
    parameters.flatMap(({ name, shape }) =>
      moments(optimizer, name).map((moment) => [
        moment,
        Tensor.float32(shape, new Float32Array(Tensor.elements(shape))),
      ]),
    ),
  )

/** All-zero accumulators, as they are before an update's first micro-batch and after its `apply`. */
export const freshAccumulators = (
  parameters: ReadonlyArray<Parameter.Parameter>,
): Readonly<Record<string, Tensor.Tensor>> =>
  Object.fromEntries(
    parameters.map(({ name, shape }) => [
      accumulator(name),
      Tensor.float32(shape, new Float32Array(Tensor.elements(shape))),
    ]),
  )

const unitsOf = (
  heads: Readonly<Record<string, HeadNetwork>>,
  classWeights: Phase["classWeights"] = {},
): TrainingModel["units"] => {
  const counted = (task: string, labels: Tensor.Tensor) => heads[task]!.counted(labels, classWeights[task])
  return (microBatches) => {
    const counts = new Map<string, number>()
    for (const feeds of microBatches) {
      for (const [name, labels] of Object.entries(feeds)) {
        if (!name.startsWith("labels.")) continue
        const task = name.slice("labels.".length)
        counts.set(task, (counts.get(task) ?? 0) + counted(task, labels))
      }
    }
    return Object.fromEntries(
      Array.from(counts, ([task, count]) => [`units.${task}`, Tensor.scalar("float32", count > 0 ? count : 1)]),
    )
  }
}

/** Graph inputs `weight.<task>`: how much the loss of each of these tasks counts. */
export const weights = (counts: Readonly<Record<string, number>>): Readonly<Record<string, Tensor.Tensor>> =>
  Object.fromEntries(
    Object.entries(counts).map(([task, count]) => [Objective.weight(task), Tensor.scalar("float32", count)]),
  )

/** Graph inputs with the rates of these groups, each for its own `count`-th update (from 1). */
export const rates = (
  settings: Optimizer.Rating,
  groups: Iterable<{ readonly group: Group.Group; readonly learningRate: number; readonly count: number }>,
): Readonly<Record<string, Tensor.Tensor>> =>
  Object.fromEntries(
    Array.from(groups, ({ group, learningRate, count }) => {
      const numbers = Optimizer.ratesOf(settings, group, learningRate, count)
      return [`rates.${group}`, Tensor.float32([numbers.length], numbers)]
    }),
  )

/** Every parameter of an encoder and its heads, bottom to top. */
export const allParameters = ({
  config,
  heads,
}: Pick<Phase, "config" | "heads">): ReadonlyArray<Parameter.Parameter> => [
  ...Network.parameters(EncoderConfig.network(config)),
  ...Object.keys(heads)
    .sort()
    .flatMap((task) => Objective.headOf({ config, heads }, task).parameters),
]

/** The parameters whose numbers a phase needs in `frozen`. */
export const frozenParameters = (phase: Omit<Phase, "frozen">): ReadonlyArray<Parameter.Parameter> =>
  allParameters(phase).filter(({ group }) => !phase.trainable.includes(group))

export const make = (phase: Phase): TrainingModel => {
  const { config, heads, trainable } = phase
  const { blocks } = config.dimensions
  const known = [...Group.all(blocks, Object.keys(heads)), ...(config.lora === undefined ? [] : Lora.groups(blocks))]
  const unknown = trainable.filter((group) => !known.includes(group))
  if (unknown.length > 0) {
    throw new TrainingInvalid({
      where: "phase",
      expected: "groups of the encoder and its heads to train",
      got: Problem.list(unknown),
      advice: Problem.suggestion(unknown[0]!, known),
    })
  }
  const network = EncoderConfig.network(config)
  const encoderGroups = Group.ofEncoder(blocks)
  const moving = new Set(trainable.map(Group.hostOf))
  const lowest = encoderGroups.findIndex((group) => moving.has(group))
  const below = lowest < 0 ? encoderGroups : encoderGroups.slice(0, lowest)
  const above = encoderGroups.slice(below.length)
  const boundary = boundaryOf(phase, below, above)
  const parts: Objective.Parts = { settings: phase, network, above, crossing: boundary?.form }
  return {
    parameters: allParameters(phase).filter(({ group }) => trainable.includes(group)),
    boundary,
    prefix: boundary === undefined ? undefined : makePrefix(phase, network, below, boundary.form),
    update: perTasks((tasks) => makeUpdate(Objective.of(parts, tasks), phase)),
    accumulation: perTasks((tasks) => makeAccumulation(parts, phase, tasks)),
    separation: perTasks((tasks) => Separation.make(parts, phase, tasks)),
    units: unitsOf(
      Object.fromEntries(Object.keys(heads).map((task) => [task, Objective.headOf(phase, task)])),
      phase.classWeights,
    ),
  }
}

/** Made once for each set of tasks. */
const perTasks = <A>(make: (tasks: ReadonlyArray<string>) => A) => {
  const made = new Map<string, A>()
  return (tasks: ReadonlyArray<string>): A => {
    const key = JSON.stringify(tasks.toSorted())
    const known = made.get(key) ?? make(tasks)
    made.set(key, known)
    return known
  }
}

const boundaryOf = (
  phase: Pick<Phase, "config" | "heads" | "trainable">,
  below: ReadonlyArray<Group.Group>,
  above: ReadonlyArray<Group.Group>,
): Boundary.Boundary | undefined => {
  const group = below.at(-1)
  if (group === undefined) return undefined
  const training = Object.keys(phase.heads).filter(
    (task) => phase.trainable.includes(Group.head(task)) && Head.hasWeights(phase.heads[task]!),
  )
  const readings = training.map((task) => Objective.headOf(phase, task).reads)
  return { group, form: above.length > 0 ? ["tokens"] : Boundary.formFor(readings) }
}

const makePrefix = (
  phase: Phase,
  network: Network.Network,
  below: ReadonlyArray<Group.Group>,
  form: Boundary.Form,
): Graph.Graph => {
  const inputs = Inputs.make()
  const asked = below.length === 1 ? "tokens" : Pooling.askedBy(form)
  const weights = Parameter.initializers(phase.frozen)
  const hidden = Network.forward(network, below, weights, inputs, undefined, Dropout.none, asked)
  const read = (reading: Pooling.Reading) => (asked === "cls" ? hidden : Pooling.read[reading](hidden, inputs))
  return Graph.make({
    name: `below ${below.length} groups`,
    outputs: Object.fromEntries(form.map((reading) => [Boundary.nameOf[reading], read(reading)])),
  })
}

const makeUpdate = (made: Objective.Objective, settings: Optimizer.Settings): Update => {
  const { gradientNorm, next } = Optimizer.apply(settings, made.changed)
  const { outputs, state } = UpdateGraph.replacing(next)
  return {
    graph: Graph.make({
      name: `update for ${made.tasks.join(", ")}`,
      outputs: { ...UpdateGraph.losses(made), loss: made.total, gradientNorm, ...outputs },
    }),
    ...UpdateGraph.changing(made.changed, settings),
    state,
  }
}

const makeAccumulation = (
  parts: Objective.Parts,
  settings: Optimizer.Settings,
  tasks: ReadonlyArray<string>,
): Accumulation => {
  const made = Objective.of(parts, tasks, (task) => Value.input(`units.${task}`, "float32", []))
  const accumulated = ({ name, shape }: Parameter.Parameter) => Value.input(accumulator(name), "float32", shape)
  const sums = made.changed.map(({ parameter, gradient }) => [
    accumulator(parameter.name),
    Op.Add(accumulated(parameter), gradient),
  ])
  const add = UpdateGraph.replacing(Object.fromEntries(sums))
  const changed = made.changed.map((each) => ({ ...each, gradient: accumulated(each.parameter) }))
  const { gradientNorm, next } = Optimizer.apply(settings, changed)
  const zeros = changed.map(({ parameter, gradient }) => [accumulator(parameter.name), Op.Mul(gradient, 0)])
  const apply = UpdateGraph.replacing({ ...next, ...Object.fromEntries(zeros) })
  const name = made.tasks.join(", ")
  return {
    add: {
      graph: Graph.make({
        name: `gradients for ${name}`,
        outputs: { ...UpdateGraph.losses(made), loss: made.total, ...add.outputs },
      }),
      state: add.state,
      weights: changed.map(({ parameter }) => parameter.name),
    },
    apply: {
      graph: Graph.make({ name: `update of what ${name} change`, outputs: { gradientNorm, ...apply.outputs } }),
      ...UpdateGraph.changing(made.changed, settings),
      state: apply.state,
    },
  }
}
