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
import * as Network from "./Network.ts"
import type * as UpstreamHead from "./UpstreamHead.ts"
import * as WeightFiles from "./WeightFiles.ts"

/** One spelling for a name in a file: the family's prefix, `weight` and `bias`. */
const canonical = (name: string, { prefix, brought }: Family.Family): string => {
  const modern = name.replace(/\.gamma$/, ".weight").replace(/\.beta$/, ".bias")
  const isWhole = [prefix, ...brought.map((part) => part.name)].some((start) => modern.startsWith(`${start}.`))
  return isWhole ? modern : `${prefix}.${modern}`
}

/** A tensor's name as a file has it, and the file. */
interface Place {
  readonly name: string
  readonly reader: WeightFiles.Reader
}

/**
 * The encoder's tensors, and what the family brings beside it where the file has it, under the names of the family's
 * parameters. Half-precision tensors are widened.
 *
 * @param files one, or its shards; `where` is how messages name each
 * @param where how messages name all of them
 * @param head parameters of a head that are read with it
 */
export const read = Effect.fnUntraced(function* (
  files: ReadonlyArray<{ readonly path: string; readonly where: string }>,
  { family, dimensions }: EncoderConfig,
  where: string,
  head: ReadonlyArray<UpstreamHead.Named> = [],
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
  const wanted = new Map(
    Network.parameters(family.network(dimensions)).map(({ name, shape }) => [name, { read: name, shape }]),
  )
  for (const { name, upstream, shape } of head) wanted.set(name, { read: canonical(upstream, family), shape })
  const missing = [...wanted.values()].map(({ read: name }) => name).filter((name) => !named.has(name))
  if (missing.length > 0) {
    return yield* new EncoderInvalid({
      where,
      expected: `${wanted.size} tensors of a ${family.modelType} encoder${head.length === 0 ? "" : " and its head"}`,
      got: `a file without ${Problem.list(missing, 3)}`,
      advice: Problem.suggestion(missing[0]!, named.keys()),
    })
  }
  for (const parts of Family.broughtShapes(family, dimensions).values()) {
    if (parts.every(([name]) => named.has(name)))
      for (const [name, shape] of parts) wanted.set(name, { read: name, shape })
  }
  const tensors: Record<string, Tensor.Tensor> = {}
  for (const [name, { read: own, shape }] of wanted) {
    const { name: written, reader } = named.get(own)!
    tensors[name] = yield* tensor(reader, written, shape, where)
  }
  return tensors
}, Effect.scoped)

/** A tensor of a file, which has the shape that the config says. Half precision is widened. */
export const tensor = Effect.fnUntraced(function* <E>(
  reader: { readonly read: (name: string) => Effect.Effect<Tensor.Tensor, E> },
  name: string,
  shape: ReadonlyArray<number>,
  where: string,
): Effect.fn.Return<Tensor.Tensor, EncoderInvalid | E> {
  const found = yield* reader.read(name)
  if (found.dtype === "float32" && found.shape.join() === shape.join()) return found
  return yield* new EncoderInvalid({
    where: `${where}, ${name}`,
    expected: `floating-point numbers [${shape.join(", ")}], as config.json says`,
    got: `${found.dtype} [${found.shape.join(", ")}]`,
    advice: "The config and the weights may be of two different encoders.",
  })
})
