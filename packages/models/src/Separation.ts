/**
 * An update that keeps the gradients of its tasks apart until it is decided how they are combined:
 *
 * ```
 * add      a micro-batch, units.<task>, weights, gradient.<task>.<weight>
 *            ──► loss.<task>, next.gradient.<task>.<weight>
 * gram     gradient.<task>.<weight>
 *            ──► gram.<group>: products of the tasks' gradients                next.gradient.<task>.<weight> = 0
 * apply    gradient.<task>.<weight>, coefficient.<task>, weight.<task>, rates.<group>, weights and moments
 *            ──► gradientNorm, next.<weight or moment>                         next.gradient.<task>.<weight> = 0
 * ```
 *
 * Gradients are of the losses as they are. What trains below the heads gets Σ coefficient.<task> · gradient.<task>, a head
 * its own task's gradient times weight.<task>; then all are clipped together.
 */
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Clipping from "./Clipping.ts"
import * as Group from "./Group.ts"
import * as Objective from "./Objective.ts"
import * as Optimizer from "./Optimizer.ts"
import type * as Parameter from "./Parameter.ts"
import type * as TrainingModel from "./TrainingModel.ts"
import * as UpdateGraph from "./UpdateGraph.ts"

export interface Separation {
  /** Sorted. */
  readonly tasks: ReadonlyArray<string>
  /** Takes a micro-batch of these tasks. Losses are shares, as in an accumulation. */
  readonly add: TrainingModel.Add
  readonly gram: Gram
  /** Takes no batch. */
  readonly apply: TrainingModel.Update
}

export interface Gram {
  /** Outputs `gram.<group>`, see `products`. */
  readonly graph: Graph.Graph
  /** Groups that train, bottom to top, heads among them. */
  readonly groups: ReadonlyArray<Group.Group>
  /** Sums of gradients: graph input → the output that sets it to 0, for gradients that are only looked at. */
  readonly state: Readonly<Record<string, string>>
}

/** Name of a task's gradient for a parameter. */
const gradient = (task: string, name: string): string => `gradient.${task}.${name}`

export const gram = (group: Group.Group): string => `gram.${group}`

/** Graph inputs that say how much each task's gradient counts: below the heads, and in the task's own head. */
export const coefficients = (
  shared: Readonly<Record<string, number>>,
  heads: Readonly<Record<string, number>>,
): Readonly<Record<string, Tensor.Tensor>> =>
  Object.fromEntries([
    ...Object.entries(shared).map(([task, count]) => [`coefficient.${task}`, Tensor.scalar("float32", count)]),
    ...Object.entries(heads).map(([task, count]) => [Objective.weight(task), Tensor.scalar("float32", count)]),
  ])

/**
 * The products of the tasks' gradients in a group, [task][task] in the order of the separation's tasks, from the output
 * `gram.<group>`, which has those with itself and every later one, task by task.
 */
export const products = (output: Tensor.Tensor, tasks: number): ReadonlyArray<ReadonlyArray<number>> => {
  const numbers = Tensor.numbers(output)
  const rows = Array.from({ length: tasks }, () => Array<number>(tasks).fill(0))
  let at = 0
  for (let i = 0; i < tasks; i++) for (let j = i; j < tasks; j++) rows[i]![j] = rows[j]![i] = numbers[at++]!
  return rows
}

/** Parameters with the tasks whose losses reach them; names of the sums that `add` keeps of their gradients. */
export const sums = (
  parameters: ReadonlyArray<Parameter.Parameter>,
  tasks: ReadonlyArray<string>,
): ReadonlyArray<{ readonly name: string; readonly shape: ReadonlyArray<number> }> =>
  parameters.flatMap(({ name, shape, group }) => {
    const own = Group.taskOf(group)
    const reaching = own === undefined ? tasks : tasks.filter((task) => task === own)
    return reaching.map((task) => ({ name: gradient(task, name), shape }))
  })

export const make = (
  parts: Objective.Parts,
  settings: Optimizer.Settings,
  given: ReadonlyArray<string>,
): Separation => {
  const units = (task: string) => Value.input(`units.${task}`, "float32", [])
  const made = Objective.separate(parts, given, units)
  const { tasks } = made
  const summed = tasks.flatMap((task) =>
    made.changed[task]!.map((changed) => {
      const name = gradient(task, changed.parameter.name)
      return { ...changed, task, name, sum: Value.input(name, "float32", changed.parameter.shape) }
    }),
  )
  const add = UpdateGraph.replacing(
    Object.fromEntries(summed.map((each) => [each.name, Op.Add(each.sum, each.gradient)])),
  )
  const zeros = Object.fromEntries(summed.map(({ name, sum }) => [name, Op.Mul(sum, 0)]))
  const clear = UpdateGraph.replacing(zeros)
  const reached = parametersOf(summed)
  const groups = [...new Set(reached.map(({ parameter }) => parameter.group))]
  const name = tasks.join(", ")

  const changed = reached.map(({ parameter, weight, of }) => ({ parameter, weight, gradient: combined(parameter, of) }))
  const { gradientNorm, next } = Optimizer.apply(settings, changed)
  const apply = UpdateGraph.replacing({ ...next, ...zeros })
  return {
    tasks,
    add: {
      graph: Graph.make({
        name: `gradients for each of ${name}`,
        outputs: { ...UpdateGraph.losses(made), ...add.outputs },
      }),
      state: add.state,
      weights: reached.map(({ parameter }) => parameter.name),
    },
    gram: {
      graph: Graph.make({
        name: `products of gradients for ${name}`,
        outputs: {
          ...Object.fromEntries(groups.map((group) => [gram(group), productsIn(group, tasks, reached)])),
          ...clear.outputs,
        },
      }),
      groups,
      state: clear.state,
    },
    apply: {
      graph: Graph.make({
        name: `update by combined gradients for ${name}`,
        outputs: { gradientNorm, ...apply.outputs },
      }),
      ...UpdateGraph.changing(changed, settings),
      state: apply.state,
    },
  }
}

/** A task's sum of gradients for a parameter. */
interface Summed extends Optimizer.Changed {
  readonly task: string
  readonly sum: Value.Value
}

interface Reached extends Pick<Optimizer.Changed, "parameter" | "weight"> {
  /** By task: the sum of its gradients. */
  readonly of: ReadonlyMap<string, Value.Value>
}

/** Each parameter once, bottom to top. */
const parametersOf = (summed: ReadonlyArray<Summed>): ReadonlyArray<Reached> => {
  const found = new Map<string, { readonly reached: Reached; readonly of: Map<string, Value.Value> }>()
  for (const { parameter, weight, task, sum } of summed) {
    const of = found.get(parameter.name)?.of ?? new Map<string, Value.Value>()
    if (of.size === 0) found.set(parameter.name, { reached: { parameter, weight, of }, of })
    of.set(task, sum)
  }
  const all = [...found.values()].map(({ reached }) => reached)
  const isHead = ({ parameter }: Reached) => Group.taskOf(parameter.group) !== undefined
  return [...all.filter((each) => !isHead(each)), ...all.filter(isHead)]
}

const combined = ({ group }: Parameter.Parameter, of: ReadonlyMap<string, Value.Value>): Value.Value => {
  const count = Group.taskOf(group) === undefined ? (task: string) => `coefficient.${task}` : Objective.weight
  return Array.from(of, ([task, sum]) => Op.Mul(sum, Value.input(count(task), "float32", []))).reduce((all, each) =>
    Op.Add(all, each),
  )
}

/** [tasks·(tasks + 1)/2] */
const productsIn = (group: Group.Group, tasks: ReadonlyArray<string>, reached: ReadonlyArray<Reached>): Value.Value => {
  const inGroup = reached.filter(({ parameter }) => parameter.group === group)
  const product = (a: string, b: string): Value.Value => {
    const parts = inGroup.flatMap(({ of }) => {
      const [one, other] = [of.get(a), of.get(b)]
      return one === undefined || other === undefined ? [] : [Clipping.sum(Op.Mul(one, other))]
    })
    return parts.length === 0 ? Value.scalar("float32", 0) : parts.reduce((sum, each) => Op.Add(sum, each))
  }
  const pairs = tasks.flatMap((a, at) => tasks.slice(at).map((b) => Op.Unsqueeze(product(a, b), { axes: [0] })))
  return Op.Concat(pairs, { axis: 0 })
}
