/**
 * The Dag of a pipeline: its step calls in an order in which every step comes after what it needs.
 *
 * Wiring is checked here for authors whose compiler did not: unknown and missing arguments, values their schema
 * refuses, a wire of another kind than the input takes.
 */
import { resolve } from "node:path"
import { Effect, Exit, Cause, Schema } from "effect"
import * as Artifact from "./Artifact.ts"
import { PipelineInvalid } from "./Errors.ts"
import type { Pipeline } from "./Pipeline.ts"
import * as Problem from "./Problem.ts"
import * as Seed from "./Seed.ts"
import type * as Source from "./Source.ts"
import * as Step from "./Step.ts"
import * as Wire from "./Wire.ts"

/** An argument that another step gives. */
export interface Need {
  /** Field name, `field.name` inside a record. */
  readonly field: string
  readonly from: Node
  readonly output: string
}

/** One step call, checked. */
export interface Node {
  /** Unique in the pipeline; how plans, events and `thaw why` call it. */
  readonly label: string
  readonly step: Step.Any
  readonly needs: ReadonlyArray<Need>
  /** Arguments given as values for artifact inputs, by field (`field.name` inside a record). */
  // oxlint-disable-next-line typescript/no-explicit-any -- kinds are invariant, and each value has its own
  readonly values: Readonly<Record<string, { readonly kind: Artifact.Kind<any>; readonly value: unknown }>>
  /** Encoded parameters by field: JSON. */
  readonly parameters: Readonly<Record<string, Schema.Json>>
  /** Paths of sources as the author wrote them, by field. */
  readonly sources: Readonly<Record<string, string>>
  /** Seeds the author gave, by field. */
  readonly seeds: Readonly<Record<string, number>>
  /** What is known of its outputs before it runs; undefined where nothing is. */
  readonly forecast: unknown
}

export interface Dag {
  readonly pipeline: Pipeline
  readonly nodes: ReadonlyArray<Node>
  readonly outputs: Readonly<Record<string, { readonly node: Node; readonly output: string }>>
}

/** Parameters to replace, by `<label>.<field>`: what `--set` asks for. Values are encoded JSON. */
export type Overrides = Readonly<Record<string, Schema.Json>>

/**
 * Throws `PipelineInvalid`.
 *
 * @param folder where relative paths of sources start: forecasts look at them
 */
export const make = (pipeline: Pipeline, overrides: Overrides = {}, folder = "."): Dag => {
  const nodes: Array<Node> = []
  const byCall = new Map<Wire.Call, Node>()
  const expanded = new Map<Wire.Call, Wire.Wire<unknown>>()
  const labels = new Set<string>()
  const calls = new Map<string, number>()
  const used = new Set<string>()

  const uniqueLabel = (title: string): string => {
    let count = calls.get(title) ?? 0
    let label: string
    do label = ++count === 1 ? title : `${title} (${count})`
    while (labels.has(label))
    calls.set(title, count)
    labels.add(label)
    return label
  }

  const add = (call: Wire.Call, wires: ReturnType<typeof wiresOf>): void => {
    const needs = wires.map(({ field, wire }) => ({ field, from: byCall.get(wire.call)!, output: outputOf(wire) }))
    const written = parametersOf(call)
    const label = uniqueLabel(call.step.title?.(written) ?? call.step.name)
    const parameters = { ...written }
    for (const [path, value] of Object.entries(overrides)) {
      if (!path.startsWith(`${label}.`)) continue
      const field = path.slice(label.length + 1)
      if (!settable(call, field)) continue
      used.add(path)
      parameters[field] = normalised(call.step, field, call.step.input[field] as Schema.Codec<unknown, unknown>, value)
    }
    const sources = pick(call, isSource) as Record<string, string>
    const node: Node = {
      label,
      step: call.step,
      needs,
      values: valuesOf(call),
      parameters,
      sources,
      seeds: pick(call, isSeed) as Record<string, number>,
      forecast: forecast(call.step, {
        parameters,
        sources: Object.fromEntries(
          Object.entries(sources).map(([field, written]) => {
            const { form } = call.step.input[field] as Source.Source
            return [field, { path: form === "address" ? written : resolve(folder, written), written }]
          }),
        ),
        inputs: Object.fromEntries(needs.map((need) => [need.field, need.from.forecast])),
      }),
    }
    byCall.set(call, node)
    nodes.push(node)
  }

  /** A call that stands for others has the output that they end in. */
  const outputOf = (wire: Wire.Wire<unknown>): string => {
    let last = wire
    for (let next = expanded.get(last.call); next !== undefined; next = expanded.get(last.call)) last = next
    return last.output
  }

  /** The call that a later part waits for, or nothing when it has become a node. */
  const expand = (call: Wire.Call, { from, expand: make }: Wire.Later): Wire.Call | undefined => {
    const source = byCall.get(from.call)
    if (source === undefined) return from.call
    const wire = expanded.get(call) ?? make(source.forecast)
    expanded.set(call, wire)
    const node = byCall.get(wire.call)
    if (node === undefined) return wire.call
    byCall.set(call, node)
    return undefined
  }

  // Everything a call needs is added before it: that is the order in which labels are given and steps are listed. A
  // stack of our own, since a chain of steps may be longer than JavaScript's.
  const visit = (wanted: Wire.Call): Node => {
    const opened = new Map<Wire.Call, ReturnType<typeof wiresOf>>()
    const stack = [wanted]
    for (let call = stack.at(-1); call !== undefined; call = stack.at(-1)) {
      const wires = opened.get(call)
      if (byCall.has(call)) stack.pop()
      else if (call.later !== undefined) {
        const next = expand(call, call.later)
        if (next !== undefined) stack.push(next)
      } else if (wires === undefined) {
        opened.set(call, wiresOf(call))
        stack.push(...needed(opened.get(call)!, byCall))
      } else if (needed(wires, byCall).length > 0) {
        throw invalid(call.step, "its arguments", "results of earlier steps", "its own result")
      } else add(call, wires)
    }
    return byCall.get(wanted)!
  }

  const outputs = Object.fromEntries(
    Object.entries(pipeline.outputs).map(([name, wire]) => [name, { node: visit(wire.call), output: outputOf(wire) }]),
  )
  for (const path of Object.keys(overrides)) {
    if (!used.has(path)) {
      const known = nodes.flatMap((node) => {
        const wired = new Set(node.needs.map((need) => need.field))
        return Object.keys(node.step.input)
          .filter((field) => Schema.isSchema(node.step.input[field]) && !wired.has(field))
          .map((field) => `${node.label}.${field}`)
      })
      throw new PipelineInvalid({
        where: `--set ${path}`,
        expected: "<step>.<parameter> of this pipeline",
        got: JSON.stringify(path),
        advice: Problem.suggestion(path, known),
      })
    }
  }
  return { pipeline, nodes, outputs }
}

/** A forecast that fails says nothing: the step itself will say what is wrong. */
const forecast = (step: Step.Any, known: Step.Known): unknown => {
  try {
    return step.forecast?.(known)
  } catch {
    return undefined
  }
}

/** Calls that are not in the Dag yet, the first last: so the first is the next on the stack. */
const needed = (wires: ReturnType<typeof wiresOf>, done: ReadonlyMap<Wire.Call, Node>): ReadonlyArray<Wire.Call> =>
  wires
    .map(({ wire }) => wire.call)
    .filter((call) => !done.has(call))
    .reverse()

/** Whether the field takes a parameter that is not wired to another step's result. */
const settable = (call: Wire.Call, field: string): boolean =>
  Object.hasOwn(call.step.input, field) &&
  Schema.isSchema(call.step.input[field]) &&
  !Wire.isWire(call.arguments[field])

/** The node with this label; near misses are suggested. */
export const find = (dag: Dag, label: string): Node => {
  const node = dag.nodes.find((candidate) => candidate.label === label)
  if (node !== undefined) return node
  throw new PipelineInvalid({
    where: `pipeline ${dag.pipeline.name}`,
    expected: "the label of one of its steps",
    got: JSON.stringify(label),
    advice: Problem.suggestion(
      label,
      dag.nodes.map((candidate) => candidate.label),
    ),
  })
}

/** A parameter as the step's `run` takes it. */
export const parameter = (node: Node, field: string, value: Schema.Json): unknown =>
  Schema.decodeUnknownSync(node.step.input[field] as Schema.Codec<unknown, unknown>)(value)

/**
 * What a wire brought, as the step's `run` takes it. Throws `PipelineInvalid` where the field's schema refuses it.
 */
export const accepted = (node: Node, need: Need, value: unknown): unknown => {
  const field = node.step.input[need.field]
  if (!Schema.isSchema(field)) return value
  const exit = Effect.runSyncExit(
    Schema.decodeUnknownEffect(Schema.toType(field as Schema.Codec<unknown, unknown>))(value),
  )
  if (Exit.isSuccess(exit)) return exit.value
  const expected = Problem.expectation((Cause.squash(exit.cause) as Error).message)
  throw invalid(node.step, need.field, expected, `the ${need.output} of ${need.from.label}: ${describe(value)}`)
}

const isKind = (field: Step.Field): field is Artifact.Kind<unknown> => tag(field) === "ArtifactKind"
const isRecord = (field: Step.Field): field is Artifact.RecordOf<unknown> => tag(field) === "ArtifactRecord"
const isSource = (field: Step.Field): field is Source.Source => tag(field) === "Source"
const isSeed = (field: Step.Field): boolean => tag(field) === "SeedFromRun"
const tag = (field: Step.Field): unknown => (field as { _tag?: unknown })._tag

/** Fields of the wanted sort that the author gave. */
const pick = (call: Wire.Call, wanted: (field: Step.Field) => boolean): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(call.step.input)
      .filter(([name, field]) => wanted(field) && call.arguments[name] !== undefined)
      .map(([name]) => [name, call.arguments[name]]),
  )

const invalid = (step: Step.Any, field: string, expected: string, got: string, advice = "") =>
  new PipelineInvalid({ where: `${step.name}, ${field}`, expected, got, advice })

/** Arguments that are artifacts, one entry each, records opened. */
const artifactArguments = (
  call: Wire.Call,
): ReadonlyArray<{ readonly field: string; readonly kind: Artifact.Kind<unknown>; readonly value: unknown }> =>
  Object.entries(call.step.input).flatMap(([name, field]) => {
    const value = call.arguments[name]
    if (isKind(field)) return [{ field: name, kind: field, value }]
    if (!isRecord(field)) return []
    if (typeof value !== "object" || value === null || Wire.isWire(value)) {
      throw invalid(call.step, name, `a record of ${field.of.kind}`, describe(value))
    }
    return Object.entries(value).map(([key, inner]) => ({
      field: `${name}.${key}`,
      kind: field.of,
      value: inner as unknown,
    }))
  })

const wiresOf = (call: Wire.Call): ReadonlyArray<{ readonly field: string; readonly wire: Wire.Wire<unknown> }> => {
  checkNames(call)
  const artifacts = artifactArguments(call).flatMap(({ field, kind, value }) => {
    if (!Wire.isWire(value)) return []
    const carried = carriedBy(call.step, field, value)
    if (carried !== kind.kind) {
      throw invalid(call.step, field, kind.kind, `${carried} from ${value.call.step.name}`)
    }
    return [{ field, wire: value }]
  })
  const values = Object.entries(call.step.input).flatMap(([name, field]) => {
    const value = call.arguments[name]
    if (!Schema.isSchema(field) || !Wire.isWire(value)) return []
    carriedBy(call.step, name, value)
    return [{ field: name, wire: value }]
  })
  return [...artifacts, ...values]
}

/** Kind of what the wire carries. */
const carriedBy = (step: Step.Any, field: string, { call, output }: Wire.Wire<unknown>): string => {
  const outputs = Step.outputsOf(call.step)
  if (Object.hasOwn(outputs, output)) return outputs[output]!.kind
  const advice = Problem.suggestion(output, Object.keys(outputs))
  throw invalid(step, field, `an output of ${call.step.name}`, JSON.stringify(output), advice)
}

const checkNames = (call: Wire.Call): void => {
  const known = Object.keys(call.step.input)
  for (const name of Object.keys(call.arguments)) {
    if (!known.includes(name)) {
      throw invalid(call.step, name, "an argument of the step", JSON.stringify(name), Problem.suggestion(name, known))
    }
  }
  for (const [name, field] of Object.entries(call.step.input)) {
    const value = call.arguments[name]
    if (value === undefined && !isSeed(field) && !isOptional(field)) {
      throw invalid(call.step, name, "a value", "nothing")
    }
    if (value !== undefined && isSource(field) && (typeof value !== "string" || value === "" || value.includes("\0"))) {
      const expected = field.form === "address" ? "an address" : "the path of a file or folder"
      throw invalid(call.step, name, expected, describe(value))
    }
    if (typeof value === "string" && isSource(field) && field.form === "address") field.check(value)
    if (value !== undefined && isSeed(field) && !Seed.isValue(value)) {
      throw invalid(call.step, name, `a seed, ${Seed.valueForm}`, describe(value))
    }
  }
}

const isOptional = (field: Step.Field): boolean =>
  Schema.isSchema(field) && (field as { ast: { context?: { isOptional?: boolean } } }).ast.context?.isOptional === true

const valuesOf = (call: Wire.Call): Node["values"] =>
  Object.fromEntries(
    artifactArguments(call)
      .filter(({ value }) => !Wire.isWire(value))
      .map(({ field, kind, value }) => {
        if (value === undefined) throw invalid(call.step, field, kind.kind, "nothing")
        return [field, { kind, value }]
      }),
  )

const parametersOf = (call: Wire.Call): Record<string, Schema.Json> =>
  Object.fromEntries(
    Object.entries(call.step.input).flatMap(([name, field]) => {
      const value = call.arguments[name]
      if (!Schema.isSchema(field) || value === undefined || Wire.isWire(value)) return []
      return [[name, encoded(call.step, name, field as Schema.Codec<unknown, unknown>, value)]]
    }),
  )

/**
 * The value as JSON. What cannot be written as JSON cannot be hashed, and is refused. Keys are sorted as they are for the
 * hash: a step sees nothing that its key does not.
 */
const encoded = (step: Step.Any, name: string, schema: Schema.Codec<unknown, unknown>, value: unknown): Schema.Json =>
  checked(step, name, Schema.encodeUnknownEffect(schema)(value), value)

/** A JSON value given from outside, brought to the form its schema encodes to. */
const normalised = (step: Step.Any, name: string, schema: Schema.Codec<unknown, unknown>, value: Schema.Json) =>
  checked(
    step,
    name,
    Schema.decodeUnknownEffect(schema)(value).pipe(Effect.flatMap(Schema.encodeUnknownEffect(schema))),
    value,
  )

const checked = (
  step: Step.Any,
  name: string,
  effect: Effect.Effect<unknown, Schema.SchemaError>,
  value: unknown,
): Schema.Json => {
  const exit = Effect.runSyncExit(effect)
  if (Exit.isFailure(exit)) {
    throw invalid(step, name, Problem.expectation((Cause.squash(exit.cause) as Error).message), describe(value))
  }
  const json = Exit.isSuccess(Effect.runSyncExit(Schema.decodeUnknownEffect(Schema.Json)(exit.value)))
  if (!json) throw invalid(step, name, "a value that can be written as JSON, so that it can be hashed", describe(value))
  return JSON.parse(Artifact.canonicalJson(exit.value)) as Schema.Json
}

const describe = (value: unknown): string =>
  Wire.isWire(value) ? `the ${value.output} of ${value.call.step.name}` : Problem.shown(value)
