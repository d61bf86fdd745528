/**
 * What some values need: their nodes, inputs and constants, each once.
 *
 * Nodes are pure, so two of one operator with the same inputs and attributes are one node, and two small constants with
 * the same contents are one constant: gradient rules and shape arithmetic may ask for the same thing many times.
 */
import type { AttributeValue } from "../Attribute.ts"
import type { Node } from "../Node.ts"
import * as Tensor from "../Tensor.ts"
import * as Type from "../Type.ts"
import type * as Value from "../Value.ts"

export interface Reached {
  /** Every node after the nodes it reads. */
  readonly nodes: ReadonlyArray<ReachedNode>
  /** Inputs and initializers in the order they are first reached; one value for each origin. */
  readonly leaves: ReadonlyArray<Value.Value>
  /** The origin that stands for all equal ones. */
  readonly standsFor: (origin: Value.Origin) => Value.Origin
  /** Whether a node or an output reads what this origin stands for. */
  readonly isUsed: (origin: Value.Origin) => boolean
  /** The first hint anyone gave to a value. */
  readonly hint: (origin: Value.Origin) => string | undefined
}

/** A node seen generically. */
export interface ReachedNode {
  readonly operator: Node["operator"]
  readonly inputs: ReadonlyArray<Value.Value | undefined>
  readonly attributes: Readonly<Record<string, AttributeValue>>
  readonly outputs: ReadonlyArray<Value.Value>
}

/** Constants up to this size are compared by content. */
const mostSharedBytes = 256

export const from = (outputs: ReadonlyArray<Value.Value>): Reached => {
  const leaves: Array<Value.Value> = []
  const nodes: Array<ReachedNode> = []
  const standIns = new Map<Value.Origin, Value.Origin>()
  const byContent = new Map<string, ReadonlyArray<Value.Origin>>()
  const ids = new Map<Value.Origin, number>()
  const used = new Set<Value.Origin>()
  const hints = new Map<Value.Origin, string>()

  const standsFor = (origin: Value.Origin): Value.Origin => standIns.get(origin) ?? origin
  /** The first origins with this content; the given ones when there were none, which are then the first. */
  const first = (content: string, origins: ReadonlyArray<Value.Origin>): boolean => {
    const earlier = byContent.get(content)
    for (const [index, origin] of origins.entries()) standIns.set(origin, earlier?.[index] ?? origin)
    if (earlier !== undefined) return false
    byContent.set(content, origins)
    for (const origin of origins) ids.set(origin, ids.size)
    return true
  }

  for (const step of walk(outputs)) {
    if ("origin" in step) {
      if (first(leafContent(step.origin, ids.size), [step.origin])) leaves.push(step)
      continue
    }
    const read = step.inputs.map((input) => (input === undefined ? "" : ids.get(standsFor(input.origin))))
    const attributes = Object.entries(step.attributes).map(([name, value]) => `${name}=${attributeContent(value)}`)
    const origins = step.outputs.map(({ origin }) => origin)
    if (first(`${step.operator}(${read.join(",")}) ${attributes.join(" ")}`, origins)) nodes.push(step)
  }
  for (const value of [...nodes.flatMap(({ inputs }) => inputs), ...outputs]) {
    if (value === undefined) continue
    const origin = standsFor(value.origin)
    used.add(origin)
    if (value.hint !== undefined && !hints.has(origin)) hints.set(origin, value.hint)
  }
  return {
    nodes,
    leaves,
    standsFor,
    isUsed: (origin) => used.has(standsFor(origin)),
    hint: (origin) => hints.get(standsFor(origin)),
  }
}

/** Leaves when first reached and nodes after everything they read; a stack of its own, since graphs are deep. */
function* walk(outputs: ReadonlyArray<Value.Value>): Generator<Value.Value | ReachedNode> {
  const seen = new Set<Value.Origin | Node>()
  for (const output of outputs) {
    const stack: Array<{ readonly value: Value.Value; next: number }> = [{ value: output, next: 0 }]
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const { origin } = frame.value
      const what = origin.kind === "node" ? origin.node : origin
      // A node's generic view: its typed inputs, attributes and outputs are lists and records like any other's.
      const node = origin.kind === "node" ? (origin.node as ReachedNode) : undefined
      if (frame.next === 0 && seen.has(what)) {
        stack.pop()
      } else if (node === undefined || frame.next === node.inputs.length) {
        seen.add(what)
        yield node ?? frame.value
        stack.pop()
      } else {
        seen.add(what)
        const input = node.inputs[frame.next++]
        if (input !== undefined) stack.push({ value: input, next: 0 })
      }
    }
  }
}

/** Inputs are equal by name (Graph.make checks that their types are), constants by contents when they are small. */
const leafContent = (origin: Value.Origin, unique: number): string => {
  if (
    origin.kind === "initializer" &&
    origin.name === undefined &&
    Tensor.sizeBytes(origin.tensor) <= mostSharedBytes
  ) {
    return `constant ${tensorContent(origin.tensor)}`
  }
  return `leaf ${unique}`
}

const tensorContent = (tensor: Tensor.Tensor): string =>
  `${Type.text(tensor)} ${Buffer.from(Tensor.bytes(tensor)).toString("hex")}`

const attributeContent = (value: AttributeValue): string =>
  typeof value === "object" && "dtype" in value ? tensorContent(value) : JSON.stringify(value)
