/**
 * Weights as `torch.save` writes them (PyTorch 1.6 and later), read without Python and without running anything:
 *
 * ```
 * <archive>/data.pkl       a pickle: names and, for each, storage, offset, shape and strides
 * <archive>/data/<key>     a storage's numbers, row-major, little-endian
 * <archive>/byteorder      "little"; absent in older files
 * ```
 *
 * The pickle may hold tensors, dictionaries and plain values. It may name what those are made of and nothing else.
 */
import * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect, type Scope } from "effect"
import { TorchFileBroken } from "../Errors.ts"
import * as Archive from "./Archive.ts"
import * as Pickle from "./Pickle.ts"

export interface TorchFile {
  readonly names: ReadonlyArray<string>
  readonly read: (name: string) => Effect.Effect<Tensor.Tensor, TorchFileBroken>
}

interface Storage {
  readonly key: string
  readonly dtype: Safetensors.Stored
  readonly elements: number
}

/** Where a tensor's numbers lie in its storage. */
interface Layout {
  readonly storage: Storage
  readonly offset: number
  readonly shape: ReadonlyArray<number>
  readonly strides: ReadonlyArray<number>
}

/** Pickles name every tensor, not its numbers. */
const mostPickleBytes = 100_000_000

const storages = {
  "torch.DoubleStorage": "F64",
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
} as const satisfies Readonly<Record<string, Safetensors.Stored>>

const made = (value: unknown): Pickle.Data => ({ _tag: "Made", value })
const madeBy = <T>(data: Pickle.Data | undefined, is: (value: unknown) => value is T): T | undefined =>
  typeof data === "object" && data !== null && data._tag === "Made" && is(data.value) ? data.value : undefined

class StorageOf implements Storage {
  readonly key: string
  readonly dtype: Safetensors.Stored
  readonly elements: number
  constructor(key: string, dtype: Safetensors.Stored, elements: number) {
    this.key = key
    this.dtype = dtype
    this.elements = elements
  }
}

class LayoutOf implements Layout {
  readonly storage: Storage
  readonly offset: number
  readonly shape: ReadonlyArray<number>
  readonly strides: ReadonlyArray<number>
  constructor({ storage, offset, shape, strides }: Layout) {
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}
const isStorage = (value: unknown): value is StorageOf => value instanceof StorageOf
const isLayout = (value: unknown): value is LayoutOf => value instanceof LayoutOf

const isCount = (value: Pickle.Data | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0
const counts = (data: Pickle.Data | undefined): ReadonlyArray<number> | undefined =>
  typeof data === "object" && data !== null && data._tag === "Tuple" && data.items.every(isCount)
    ? data.items
    : undefined

const rebuild = ([storage, offset, shape, strides]: ReadonlyArray<Pickle.Data>): Pickle.Data | undefined => {
  const layout = { storage: madeBy(storage, isStorage), offset, shape: counts(shape), strides: counts(strides) }
  if (layout.storage === undefined || !isCount(layout.offset)) return undefined
  if (layout.shape === undefined || layout.strides?.length !== layout.shape.length) return undefined
  return made(new LayoutOf(layout as Layout))
}

const callable = (name: string, call: Pickle.Known["call"]): readonly [string, Pickle.Known] => [
  name,
  { _tag: "Known", name, call },
]

const known = new Map([
  callable("collections.OrderedDict", (parameters) =>
    parameters.length === 0 ? { _tag: "Dictionary", entries: new Map() } : undefined,
  ),
  callable("torch._utils._rebuild_tensor_v2", rebuild),
  callable("torch._utils._rebuild_parameter", ([data]) => (madeBy(data, isLayout) === undefined ? undefined : data)),
  ...Object.keys(storages).map((name) => callable(name, () => undefined)),
])

/** `("storage", type, key, device, elements)` */
const storageOf = (id: Pickle.Data): Pickle.Data | undefined => {
  if (typeof id !== "object" || id === null || id._tag !== "Tuple") return undefined
  const [kind, type, key, , elements] = id.items
  if (kind !== "storage" || typeof type !== "object" || type?._tag !== "Known") return undefined
  const dtype = (storages as Readonly<Record<string, Safetensors.Stored | undefined>>)[type.name]
  return dtype === undefined || typeof key !== "string" || !isCount(elements)
    ? undefined
    : made(new StorageOf(key, dtype, elements))
}

/** @param where how messages name the file */
export const open = (path: string, where: string): Effect.Effect<TorchFile, TorchFileBroken, Scope.Scope> =>
  Effect.gen(function* () {
    const archive = yield* Archive.open(path, where)
    const main = [...archive.sizes.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name))
    if (main === undefined) return yield* broken(where, "a file of torch.save", "a zip archive without data.pkl")
    const folder = main.slice(0, -"data.pkl".length)
    if (archive.sizes.get(main)! > mostPickleBytes) {
      return yield* broken(`${where}, ${main}`, `at most ${mostPickleBytes} bytes`, `${archive.sizes.get(main)}`)
    }
    if (archive.sizes.has(`${folder}byteorder`)) {
      const order = new TextDecoder().decode(yield* archive.read(`${folder}byteorder`))
      if (order !== "little") return yield* broken(where, "little-endian numbers", JSON.stringify(order))
    }
    const layouts = yield* tensorsOf(yield* archive.read(main), where)
    return {
      names: [...layouts.keys()],
      read: Effect.fnUntraced(function* (name) {
        const layout = layouts.get(name)
        if (layout === undefined) return yield* broken(where, `a tensor ${JSON.stringify(name)}`, "none")
        const { key, dtype, elements } = layout.storage
        const place = `${where}, ${name}`
        const size = archive.sizes.get(`${folder}data/${key}`)
        if (size !== elements * Safetensors.sizeOf(dtype)) {
          return yield* broken(place, `a storage of ${elements} numbers ${dtype}`, `${size ?? "no"} bytes`)
        }
        yield* requireWithin(layout, place)
        return taken(layout, (yield* archive.read(`${folder}data/${key}`)).buffer)
      }),
    }
  })

const tensorsOf = (pickle: Uint8Array, where: string): Effect.Effect<ReadonlyMap<string, Layout>, TorchFileBroken> => {
  const loaded = Pickle.load(pickle, { known, persistent: storageOf })
  if (loaded._tag === "Refused") {
    return Effect.fail(
      new TorchFileBroken({
        where: `${where}, data.pkl`,
        ...loaded.problem,
        advice: "Files that hold more than tensors can run programs and are not read. Ask for safetensors.",
      }),
    )
  }
  const { data } = loaded
  if (typeof data !== "object" || data?._tag !== "Dictionary") {
    return Effect.fail(broken(`${where}, data.pkl`, "tensors by their names", "something else"))
  }
  const layouts = new Map<string, Layout>()
  for (const [name, value] of data.entries) {
    const layout = madeBy(value, isLayout)
    if (typeof name !== "string" || layout === undefined) {
      const what = typeof name === "string" ? JSON.stringify(name) : "a key that is no name"
      return Effect.fail(broken(`${where}, data.pkl`, "tensors by their names", `${what}, which is no tensor`))
    }
    layouts.set(name, layout)
  }
  return Effect.succeed(layouts)
}

const product = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, number) => sum * number, 1)

/** Strides may reach everywhere in the storage and no further, and a tensor is no larger than what holds it. */
const requireWithin = ({ storage, offset, shape, strides }: Layout, where: string) => {
  const length = product(shape)
  const last = shape.reduce((sum, count, axis) => sum + (count - 1) * strides[axis]!, offset)
  return length <= storage.elements && (length === 0 || last < storage.elements)
    ? Effect.void
    : Effect.fail(
        broken(
          where,
          `a tensor within the ${storage.elements} numbers of its storage`,
          `[${shape.join(", ")}] at ${offset}`,
        ),
      )
}

const taken = ({ storage, offset, shape, strides }: Layout, bytes: ArrayBuffer): Tensor.Tensor => {
  const size = Safetensors.sizeOf(storage.dtype)
  const length = product(shape)
  const rowMajor = shape.map((_, axis) => product(shape.slice(axis + 1)))
  const isRowMajor = shape.every((count, axis) => count === 1 || strides[axis] === rowMajor[axis])
  if (isRowMajor)
    return Safetensors.tensorOf(storage.dtype, shape, bytes.slice(offset * size, (offset + length) * size))
  const from = new Uint8Array(bytes)
  const to = new Uint8Array(length * size)
  for (let at = 0; at < length; at++) {
    let place = offset
    for (const [axis, count] of shape.entries()) place += (Math.floor(at / rowMajor[axis]!) % count) * strides[axis]!
    to.set(from.subarray(place * size, (place + 1) * size), at * size)
  }
  return Safetensors.tensorOf(storage.dtype, shape, to.buffer)
}

const broken = (where: string, expected: string, got: string) =>
  new TorchFileBroken({ where, expected, got, advice: "" })
