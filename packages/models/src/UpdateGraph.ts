/** What graphs that make a part of an update have in common: outputs for losses, state that is replaced, what they change. */
import type * as Value from "@thaw/onnx/Value"
import type * as Group from "./Group.ts"
import type * as Objective from "./Objective.ts"
import * as Optimizer from "./Optimizer.ts"
import type * as Parameter from "./Parameter.ts"

/** Outputs `loss.<task>`. */
export const losses = ({ losses }: Pick<Objective.Objective, "losses">): Readonly<Record<string, Value.Value>> =>
  Object.fromEntries(Object.entries(losses).map(([task, loss]) => [`loss.${task}`, loss]))

/** `next.<name>` for each name. */
export const replacing = (next: Readonly<Record<string, Value.Value>>) => ({
  outputs: Object.fromEntries(Object.entries(next).map(([name, value]) => [`next.${name}`, value])),
  state: Object.fromEntries(Object.keys(next).map((name) => [name, `next.${name}`])),
})

/** The parameters that are changed, their groups bottom to top, and the inputs for weights that decay toward a start. */
export const changing = (
  changed: ReadonlyArray<{ readonly parameter: Parameter.Parameter }>,
  settings: Optimizer.Settings,
): {
  readonly parameters: ReadonlyArray<Parameter.Parameter>
  readonly groups: ReadonlyArray<Group.Group>
  readonly starts: ReadonlyArray<string>
} => {
  const parameters = changed.map(({ parameter }) => parameter)
  return {
    parameters,
    groups: [...new Set(parameters.map(({ group }) => group))],
    starts: parameters
      .filter(({ group }) => Optimizer.returns(settings, group))
      .map(({ name }) => Optimizer.start(name)),
  }
}
