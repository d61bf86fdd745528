/**
 * A pipeline: the wires somebody wants, under names, and the seed of the run. Everything that leads to them is found
 * by following the wires back.
 */
import { PipelineInvalid } from "./Errors.ts"
import * as Problem from "./Problem.ts"
import * as Seed from "./Seed.ts"
import * as Wire from "./Wire.ts"

export interface Pipeline {
  readonly _tag: "Pipeline"
  readonly name: string
  readonly seed: number
  readonly outputs: Readonly<Record<string, Wire.Wire<unknown>>>
}

/**
 * Throws `PipelineInvalid` on a name that cannot be a folder's, a seed that is no unsigned 32-bit integer, or no outputs.
 */
export const make = (
  name: string,
  definition: { readonly seed: number; readonly outputs: Readonly<Record<string, Wire.Wire<unknown>>> },
): Pipeline => {
  const where = `pipeline ${JSON.stringify(name)}`
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new PipelineInvalid({
      where,
      expected: "a name of letters, digits, '.', '_' and '-' that starts with a letter or digit",
      got: JSON.stringify(name),
      advice: "Results are kept in a folder of that name.",
    })
  }
  if (!Seed.isValue(definition.seed)) {
    throw new PipelineInvalid({
      where: `${where}, seed`,
      expected: Seed.valueForm,
      got: String(definition.seed),
      advice: "",
    })
  }
  if (Object.keys(definition.outputs ?? {}).length === 0) {
    throw new PipelineInvalid({
      where: `${where}, outputs`,
      expected: "at least one named output",
      got: "none",
      advice: "Name what the pipeline is for, e.g. outputs: { scores }.",
    })
  }
  for (const [output, wire] of Object.entries(definition.outputs)) {
    if (!Wire.isWire(wire)) {
      throw new PipelineInvalid({
        where: `${where}, outputs.${output}`,
        expected: "what a step call returned",
        got: describe(wire),
        advice: "A step with several outputs returns a record: name one of them, e.g. split.train.",
      })
    }
  }
  return { _tag: "Pipeline", name, seed: definition.seed, outputs: definition.outputs }
}

const describe = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value
  const wires = Object.keys(value).filter((name) => Wire.isWire((value as Readonly<Record<string, unknown>>)[name]))
  return wires.length > 0 ? `a record of ${Problem.list(wires)}` : "an object"
}

export const isPipeline = (value: unknown): value is Pipeline =>
  typeof value === "object" && value !== null && (value as { _tag?: unknown })._tag === "Pipeline"
