/**
 * Reads an encoder's weights as the world writes them: with or without the family's prefix, with LayerNorm's old
 * spelling gamma and beta, with heads and buffers we do not need beside them.
 */
import * as Problem from "@thaw/core/Problem"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import type * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect, type Scope } from "effect"
import type { EncoderConfig } from "./EncoderConfig.ts"
import { EncoderInvalid, type TorchFileBroken } from "./Errors.ts"
import * as Family from "./Family.ts"
import type * as MaskedHead from "./MaskedHead.ts"
import * as Network from "./Network.ts"
import type * as UpstreamHead from "./UpstreamHead.ts"
import * as WeightFiles from "./WeightFiles.ts"

/** One spelling for a name in a file: the family's prefix, `weight` and `bias`. */
const canonical = (name: string, { prefix, brought }: Family.Family): string => {
  const modern = name.replace(/\.gamma$/, ".weight").replace(/\.beta$/, ".bias")
  const isWhole = [prefix, ...brought.map((part) => part.name)].some((start) => modern.startsWith(`${start}.`))
  return isWhole ? modern : `${prefix}.${modern}`
}

/** What is read with the encoder. */
export interface Beside {
  /** Parameters of a task's head, which has to be there. */
  readonly head: ReadonlyArray<UpstreamHead.Named>
  /** The head for hidden tokens, where the file has it whole. */
  readonly masked: ReadonlyArray<MaskedHead.Brought>
}

/** A tensor's name as a file has it, and the file. */
interface Place {
  readonly name: string
  readonly reader: WeightFiles.Reader
}

/**
 * The encoder's tensors, and what heads may start from where the file has it whole: a pooler, and the head for hidden
 * tokens. They have the names of the family's parameters. Half-precision tensors are widened.
 *
 * @param files one, or its shards; `where` is how messages name each
 * @param where how messages name all of them
 */
export const read = Effect.fnUntraced(function* (
  files: ReadonlyArray<{ readonly path: string; readonly where: string }>,
  { family, dimensions }: EncoderConfig,
  where: string,
  { head, masked }: Beside,
): Effect.fn.Return<Safetensors.Tensors, EncoderInvalid | SafetensorsBroken | TorchFileBroken, Scope.Scope> {
  const named = new Map<string, Place>()
  for (const file of files) {
    const reader = yield* WeightFiles.open(file.path, file.where)
    for (const name of reader.names) {
      const own = canonical(name, family)
      const other = named.get(own)
      if (other !== undefined) {
        return yield* new EncoderInvalid({
          where,
          expected: `one tensor for ${own}`,
          got: Problem.list([other.name, name]),
          advice: "",
        })
      }
      named.set(own, { name, reader })
    }
  }
  const own = Network.parameters(family.network(dimensions))
  const wanted = new Map(own.map(({ name, shape }) => [name, { read: name, shape }]))
  for (const { name, upstream, shape } of head) wanted.set(name, { read: canonical(upstream, family), shape })
  const refused = (got: string, advice: string) =>
    new EncoderInvalid({
      where,
      expected: `${wanted.size} tensors of a ${family.modelType} encoder${head.length === 0 ? "" : " and its head"}`,
      got,
      advice,
    })
  const missing = [...wanted.values()].map(({ read: name }) => name).filter((name) => !named.has(name))
  if (missing.length > 0) {
    const advice = Problem.suggestion(missing[0]!, named.keys())
    return yield* refused(`a file without ${Problem.list(missing, 3)}`, advice)
  }
  const besides = foreign(named.keys(), new Set(own.map(({ name }) => name)))
  if (besides.length > 0) return yield* refused(`${Problem.list(besides, 3)} besides`, computesElse)
  for (const parts of Family.broughtShapes(family, dimensions).values()) {
    if (parts.every(([name]) => named.has(name)))
      for (const [name, shape] of parts) wanted.set(name, { read: name, shape })
  }
  const found = masked.map(({ name, spellings, shape }) => {
    const read = spellings.map((each) => canonical(each, family)).find((each) => named.has(each))
    return { name, read, shape }
  })
  if (found.every(({ read: name }) => name !== undefined)) {
    for (const { name, read: spelt, shape } of found) wanted.set(name, { read: spelt!, shape })
  }
  const tensors: Record<string, Tensor.Tensor> = {}
  for (const [name, { read: own, shape }] of wanted) {
    const { name: written, reader } = named.get(own)!
    tensors[name] = yield* tensor(reader, written, shape, where)
  }
  return tensors
}, Effect.scoped)

const computesElse =
  "An encoder without them computes something else: config.json may say fewer blocks, or adapters were not merged."

/** What upstream keeps beside weights and computes anew. */
const buffer = /\.(position_ids|token_type_ids|inv_freq)$/u

/**
 * Names of tensors that lie in modules of the encoder and are none of its parameters. What lies elsewhere, such as a
 * head, is somebody else's business.
 */
const foreign = (names: Iterable<string>, own: ReadonlySet<string>): ReadonlyArray<string> => {
  const moduleOf = (name: string) => name.split(".").slice(0, 2).join(".")
  const modules = new Set([...own].filter((name) => name.split(".").length > 2).map(moduleOf))
  return [...names].filter((name) => modules.has(moduleOf(name)) && !own.has(name) && !buffer.test(name))
}

/** A tensor of a file, which has the shape that the config says, and numbers. Half precision is widened. */
export const tensor = Effect.fnUntraced(function* <E>(
  reader: { readonly read: (name: string) => Effect.Effect<Tensor.Tensor, E> },
  name: string,
  shape: ReadonlyArray<number>,
  where: string,
): Effect.fn.Return<Tensor.Tensor, EncoderInvalid | E> {
  const found = yield* reader.read(name)
  if (found.dtype === "float32" && found.shape.join() === shape.join()) {
    yield* requireFinite(found, `${where}, ${name}`)
    return found
  }
  return yield* new EncoderInvalid({
    where: `${where}, ${name}`,
    expected: `floating-point numbers [${shape.join(", ")}], as config.json says`,
    got: `${found.dtype} [${found.shape.join(", ")}]`,
    advice: "The config and the weights may be of two different encoders.",
  })
})

/** Fails on a weight that is no number or infinite: every answer would be none. */
export const requireFinite = (tensor: Tensor.Tensor, where: string): Effect.Effect<void, EncoderInvalid> => {
  if (tensor.dtype !== "float32") return Effect.void
  const at = tensor.data.findIndex((number) => !Number.isFinite(number))
  if (at < 0) return Effect.void
  return Effect.fail(
    new EncoderInvalid({
      where,
      expected: "finite numbers",
      got: `${tensor.data[at]} at element ${at} of [${tensor.shape.join(", ")}]`,
      advice: "The training that made it may have diverged; take another checkpoint.",
    }),
  )
}
